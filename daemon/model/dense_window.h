/* dense_window: a dense image of raws becomes a window, as an engine takes it.
 *
 * For ready-made images, sparse-verify, sparse-score, tests and benches; on the
 * trigger's way windows are cut from pooled pixels (engine/windows.h) by the same
 * rule: active is channel 0 > threshold_raw, strictly, on the quantised value.
 */
#ifndef SPARSED_MODEL_DENSE_WINDOW_H
#define SPARSED_MODEL_DENSE_WINDOW_H

#include "data/window.h"
#include "model/model.h"

#include <stdint.h>

/* Lists the pixels of image[height][width][channels] (raws of the model's input
 * type) into place[m->max_listed] and value[m->max_listed * channels], which
 * stay the caller's, and points *w to them. Other fields of *w become 0. */
void dense_window_make(const struct model *m, const int32_t *image, struct pixel *place,
                       int32_t *value, struct window *w);

#endif
