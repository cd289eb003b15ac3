/* layer_quantize: the layer class with a type for each element (inside model/).
 *
 * Quantizers that were trained (HGQ) give every channel, or every pixel and channel,
 * bits of its own: three data sets of the same shape, `width`, `integer`, `signed`,
 * become l->element_t. Width 0: the element is always 0. out_t holds them all,
 * exactly, so that nothing is rounded twice.
 */
#ifndef SPARSED_MODEL_LAYER_QUANTIZE_H
#define SPARSED_MODEL_LAYER_QUANTIZE_H

#include "model/layer_read.h"

/* The class's loader, as those of layer_load.c: l->in and l->in_t are set, l->out and
 * the rest is read. False: s->err. */
bool layer_quantize_load(const struct layer_source *s, struct layer *l);

#endif
