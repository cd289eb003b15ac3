/* layer_read: pieces of a layer's group that several classes share (inside model/).
 *
 *     layer_load.c        the table of classes, a loader for each
 *      |      |
 *      |   layer_quantize.c    the loader whose types are one for each element
 *      v      v
 *     layer_read.c        weights, kernels, pools      layer_needs.c, bound.c: checks
 *         |
 *     h5_read.c           one attribute or data set, not trusted
 *
 * All return false with one sentence in s->err that names the attribute.
 */
#ifndef SPARSED_MODEL_LAYER_READ_H
#define SPARSED_MODEL_LAYER_READ_H

#include "base/error.h"
#include "model/h5_read.h"
#include "model/model.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a layer comes from. */
struct layer_source {
    hid_t group;
    const struct layer *before; /* NULL for the first layer */
    uint64_t *parameters;       /* numbers of the model so far */
    struct error *err;
};

enum { LAYER_MAX_KERNEL = 255 }; /* side of a kernel, and a stride, in pixels */

/* A data set of exactly the shape `needed`, every number inside `type` (NULL: any).
 * *to is the caller's to free, after a failure too. */
bool layer_read_array(const struct layer_source *s, const char *name, const struct h5_shape *needed,
                      const struct fixed_type *type, int64_t **to);

/* out_t */
bool layer_read_out(const struct layer_source *s, struct layer *l);

/* Types of a sum of products: accum_t, weight_t, bias_t; and out_t. */
bool layer_read_sum(const struct layer_source *s, struct layer *l);

/* Weights of this shape, and a bias for each of its last axis; after layer_read_sum. */
bool layer_read_weights(const struct layer_source *s, struct layer *l,
                        const struct h5_shape *shape);

/* All of a convolution that sparse and dense ones share; *filters go out. */
bool layer_read_kernel(const struct layer_source *s, struct layer *l, uint32_t *filters);

/* pool_h, pool_w and out_t; sets l->out. */
bool layer_read_pool(const struct layer_source *s, struct layer *l);

#endif
