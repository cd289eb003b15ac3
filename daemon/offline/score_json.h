/* score_json: decisions as JSON lines, the same objects as sparse-decisions --json has, each
 * with "truth": null where the source has none, else an object of event_table's columns and
 *
 *     vertex_windows   which of "windows" hold the neutrino's vertex (indices)
 *     neutrino_bins    labelled time bins in each of "windows"
 *
 * the last two where the source tells. Times of day and durations are 0.
 */
#ifndef SPARSED_OFFLINE_SCORE_JSON_H
#define SPARSED_OFFLINE_SCORE_JSON_H

#include "base/error.h"
#include "offline/score_lane.h"
#include "output/run_info.h"

struct score_json;

/* "-": standard output. NULL: `err` (STORAGE) names the file. */
struct score_json *score_json_create(const char *path, const struct run_info *info,
                                     struct error *err);

/* The truth of event `index`, which was just read; a new reference. */
json_t *score_json_truth(const struct score_source *s, size_t index);

/* Writes a decided event; takes l->truth. */
bool score_json_append(struct score_json *j, struct score_lane *l, const struct score_source *s,
                       struct error *err);
bool score_json_close(struct score_json **j, struct error *err);

#endif
