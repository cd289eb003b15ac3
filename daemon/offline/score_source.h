/* score_source: events out of one file, whatever is in it, for sparse-score.
 *
 *     wire_table                   OpenSamples, and what the recorder wrote: samples
 *     preprocessing, pixel_table   a pixel file: what is left of the samples
 *     images                       ready-made images
 *
 * With event_table comes the truth: a neutrino or none, and where its vertex is. HDF5 is
 * used by one thread: the one that opened it.
 */
#ifndef SPARSED_OFFLINE_SCORE_SOURCE_H
#define SPARSED_OFFLINE_SCORE_SOURCE_H

#include "base/error.h"
#include "data/fragment.h"
#include "data/geometry.h"
#include "model/model_set.h"
#include "recorded/images.h"
#include "recorded/opensamples.h"
#include "recorded/pixels.h"
#include "recorded/truth.h"

enum score_kind { SCORE_WIRES, SCORE_PIXELS, SCORE_IMAGES };

enum { SCORE_TRUTH_PLANES = 3 }; /* nu_vtx_wire_pos has one wire a plane, by plane id */

struct score_source {
    enum score_kind kind;
    const char *path;          /* borrowed */
    struct opensamples *wires; /* one of these three */
    struct pixels *pixels;
    struct images *images;
    size_t count; /* events */
    bool has_times;
    struct truth truth;
    int nu_pdg, vertex_wire, vertex_x; /* columns of the truth, or -1 */
    bool has_detector;
    struct detector detector; /* what the file says of it, if has_detector */
};

/* One event as it was read. Zeroed before the first read, which grows its memory. */
struct score_input {
    struct identity id;
    uint64_t time_ns;
    enum sample_type sample_type;
    struct opensamples_wires wires;
    struct pixels_event pixels;
    void *image;
    bool neutrino, has_vertex;
    int64_t vertex_wire[SCORE_TRUTH_PLANES]; /* negative: none */
    double vertex_tick;
};

/* Opens `path`; `dataset` names the images (NULL: images). First in a child process, since
 * libhdf5 does not survive every damaged file. Errors (DATA) name file, table and column;
 * score_source_close in any case. */
bool score_source_open(struct score_source *s, const char *path, const char *dataset,
                       struct error *err);
void score_source_close(struct score_source *s);

/* Whether the file is of this detector and was made for these models; every difference is
 * an error that names both values. */
bool score_source_check(const struct score_source *s, const struct geometry *g,
                        const struct model_set *models, struct error *err);

bool score_source_has_vertex(const struct score_source *s);
bool score_source_has_neutrino_bins(const struct score_source *s);

/* Reads event `index`. */
bool score_source_read(struct score_source *s, size_t index, struct score_input *in,
                       struct error *err);
void score_input_fini(struct score_input *in);

#endif
