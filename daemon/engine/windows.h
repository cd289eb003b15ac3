/* windows: where the windows of an event are, and what is in them.
 *
 * Each plane is tiled by each of its models, in pixels: starts at 0, stride,
 * 2 strides, ... and a last one flush with the end.
 *
 *     |---- window ----|---- window ----|
 *                               |---- window ----|   <- flush with the end
 *     0                                          cols
 *
 * A window's image is its first image_height x image_width pixels. A ready-made
 * image is one window.
 */
#ifndef SPARSED_ENGINE_WINDOWS_H
#define SPARSED_ENGINE_WINDOWS_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/settings.h"
#include "model/model_set.h"

#include <stdint.h>

/* One place of the tiling. */
struct window_place {
    uint32_t model, plane;         /* indices */
    uint32_t first_row, first_col; /* pixels of the plane */
    uint32_t height, width;        /* of the image */
    uint64_t first_listed;         /* where its pixels begin in the event's lists */
    uint64_t first_value;
};

struct window_plan {
    uint32_t n_windows;
    struct window_place *place; /* [n_windows]: by model, plane, row, column */
    uint64_t max_listed;        /* pixels all lists of an event may hold */
    uint64_t max_values;        /* their values */
};

/* Errors (CONFIG): a stride that is no multiple of the pooling. */
bool window_plan_init(struct window_plan *plan, const struct engine_settings *settings,
                      const struct geometry *g, const struct model_set *models, struct error *err);
void window_plan_fini(struct window_plan *plan);

/* Cuts window `i` of the plan out of the event: writes ev->window[i] and its list
 * into place[] and value[], at the plan's offsets. */
void window_cut(const struct window_plan *plan, uint32_t i, const struct geometry *g,
                const struct model_set *models, struct event *ev, struct pixel *place,
                int32_t *value);

#endif
