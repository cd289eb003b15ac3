/* pixels: events out of a pixel file (`sparse-simulate --windows`): not samples but what
 * is left of them, the pooled pixels above threshold, and what is known of them.
 *
 *     /preprocessing    attributes: how pixels were made, those of a model file
 *     /detector         attributes: see recorded/detector.h
 *     event_table/      every event, see recorded/event_index.h and recorded/truth.h
 *     pixel_table/      planes ascending, in each by row, then column
 *       local_plane     [row][1]
 *       row, col        [row][1]   pooled time, pooled wires
 *       value           [row][1]   units, before the division by pixel_scale
 *       neutrino        [row][1]   optional: labelled time bins in the pixel; where there are
 *                                  some, the pixel is listed below the threshold too
 *       event_id, event_id.seq_cnt
 *
 * Memory is one event and the index; not thread-safe.
 */
#ifndef RECORDED_PIXELS_H
#define RECORDED_PIXELS_H

#include "recorded/detector.h"
#include "recorded/event_index.h"

/* X(attribute of /preprocessing) */
#define PIXELS_RECIPE(X)                                                                           \
    X(time_rebin)                                                                                  \
    X(bin_floor)                                                                                   \
    X(bin_clip)                                                                                    \
    X(pool_time)                                                                                   \
    X(pool_wires)                                                                                  \
    X(pixel_threshold)                                                                             \
    X(pixel_scale)                                                                                 \
    X(window_time_bins)                                                                            \
    X(window_wires)                                                                                \
    X(image_height)                                                                                \
    X(image_width)

struct pixels_recipe {
#define X(name) double name;
    PIXELS_RECIPE(X)
#undef X
};

struct pixels;

struct pixels_row {
    uint16_t row, col;
    uint8_t plane, neutrino;
    float value;
};

/* One event's pixels. Zero it before the first pixels_read, which grows it; free with
 * pixels_event_fini. */
struct pixels_event {
    uint32_t count;
    struct pixels_row *row; /* [count] */
    size_t capacity;
};

/* NULL: failure. */
struct pixels *pixels_open(const char *path, struct failure *f);
void pixels_close(struct pixels **p);

const struct event_index *pixels_index(const struct pixels *p);
const struct pixels_recipe *pixels_recipe(const struct pixels *p);
const struct detector *pixels_detector(const struct pixels *p);
bool pixels_has_neutrino(const struct pixels *p);

/* The pixels of event `index`, checked: inside their plane, in order, each once, a number. */
bool pixels_read(struct pixels *p, size_t index, struct pixels_event *e, struct failure *f);
void pixels_event_fini(struct pixels_event *e);

#endif
