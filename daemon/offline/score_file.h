/* score_file: what sparse-score writes: decisions and windows as the recorder writes them,
 * and the truth beside them.
 *
 *     event_table      copied: every column of numbers of the source's, a row an event
 *     decision_table   as the recorder's; times of day and durations are 0
 *     window_table     as the recorder's scored_table, and where the source tells
 *       vertex         uint8: the neutrino's vertex is in the window's image
 *       neutrino_bins  int32: labelled time bins in it
 *
 * The file has another name until score_file_close. One thread, the one that reads.
 */
#ifndef SPARSED_OFFLINE_SCORE_FILE_H
#define SPARSED_OFFLINE_SCORE_FILE_H

#include "base/error.h"
#include "offline/score_lane.h"
#include "output/run_info.h"

struct score_file;

/* For events first .. first + count - 1 of `source`; copies their truth. NULL: `err` (STORAGE)
 * names the file. `info` is borrowed. */
struct score_file *score_file_create(const char *path, bool no_empty, struct score_source *source,
                                     size_t first, size_t count, const struct run_info *info,
                                     struct error *err);

/* Adds a decided event. */
bool score_file_append(struct score_file *f, const struct score_lane *l, struct error *err);

/* Closes it and gives it its name. */
bool score_file_close(struct score_file **f, struct error *err);

/* Closes it and takes it away; nothing where it is NULL. */
void score_file_abandon(struct score_file **f);

#endif
