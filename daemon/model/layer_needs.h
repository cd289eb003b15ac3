/* layer_needs: what a layer asks of the one before it (inside model/).
 *
 * Each is true, or false with one sentence in s->err that names what is missing and
 * the layer before. l->in is set: it is what flows out of that layer.
 */
#ifndef SPARSED_MODEL_LAYER_NEEDS_H
#define SPARSED_MODEL_LAYER_NEEDS_H

#include "model/layer_read.h"

bool layer_needs_sparse(const struct layer_source *s, const struct layer *l); /* slots */
bool layer_needs_flat(const struct layer_source *s, const struct layer *l);   /* one axis */
bool layer_needs_image(const struct layer_source *s, const struct layer *l);  /* neither */

/* An attribute repeats a size of the layer before: `value` is what the file says,
 * `needed` what comes in. */
bool layer_needs_equal(const struct layer_source *s, const char *attribute, uint32_t value,
                       uint32_t needed);

/* What goes out has at most LAYER_MAX_ELEMENTS values. */
bool layer_needs_small(const struct layer_source *s, const struct tensor_shape *out);

#endif
