/* sparse_chain: a plan for any chain of sparse layers in the common forms, worked
 * out when a model is loaded.
 *
 *     input, sparse_input_reduce,
 *     any of: sparse_conv2d, relu, quantize, sparse_avg_pool2d, sparse_max_pool2d,
 *     sparse_flatten, and what dense_tail takes
 *
 * What makes it exact, whatever the window holds:
 * - A slot that is not used, and one that a pool has emptied, is 0 for ever and
 *   neither gives nor gets anything. They are left out, so the list of slots only
 *   shrinks, no two of its slots share a place, and all of them are occupied.
 * - Generation 1 (the accumulator rounds and clips below at 0 after each channel):
 *   a contribution is worked out in float32 at 2^23, where the one rounding of a
 *   fused multiply-add is to the next whole number, ties to even. Contributions
 *   are >= 0, so the sum over neighbours may be clipped once, at its end.
 * - Generation 2 (the accumulator holds every product): sums are proven from the
 *   real weights to fit 32 bits, and wrap or never overflow.
 * Anything else does not match; the reference runs it.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE_CHAIN_H
#define SPARSED_ENGINE_CPU_SPARSE_CHAIN_H

#include "engine/cpu/dense_cast.h"
#include "engine/cpu/dense_tail.h"
#include "engine/cpu/kernel.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SPARSE_MAX_SLOTS = 128,
    SPARSE_MAX_CHANNELS = 64,
    SPARSE_GROUP = 4,         /* filters that are worked out together */
    SPARSE_SUM_BIAS = 1 << 23 /* where float32 holds whole numbers only */
};

enum sparse_step_kind {
    SPARSE_CAST,
    SPARSE_RELU,
    SPARSE_CONV,
    SPARSE_AVERAGE,
    SPARSE_LARGEST,
};

struct sparse_step {
    enum sparse_step_kind kind;
    const struct layer *layer;
    uint32_t channels_in, channels_out;
    uint32_t height, width; /* of the grid that comes in */
    /* CAST, RELU: 1, `channels` or `height * width * channels` casts.
     * CONV, AVERAGE, LARGEST: 1, of the result. */
    struct dense_cast *cast;
    bool cast_each_channel, cast_each_pixel;
    /* CONV: a grid with a border of half a kernel, one plane a channel */
    bool rounds; /* generation 1, in float32 */
    bool clips;  /* after each channel, not only at the end */
    bool mask_slot;
    uint32_t kernel_h, chunks; /* a row of the kernel is so many vectors */
    uint32_t stride, plane;    /* of the grid, in numbers of 4 bytes */
    void *weight;      /* float or int32_t [group][kernel_h][chunks][channel][filter][lanes] */
    float most;        /* rounds: 2^23 + the accumulator's largest */
    uint32_t sum_bias; /* rounds: what the lanes' 2^23 add up to, modulo 2^32 */
    struct dense_cast accum;  /* the sum to the accumulator */
    int64_t *bias;            /* [channels_out], at the larger F of both */
    uint32_t bias_left;       /* that brings the sum there */
    struct dense_cast biased; /* and their sum to the accumulator */
    /* POOLS */
    uint32_t pooled_h, pooled_w;
    uint64_t inverse_h, inverse_w; /* 2^32 / pool + 1: x / pool is x * inverse >> 32 */
    uint32_t sum_left, value_left; /* that bring sum and value to one grid */
    struct dense_cast sum;         /* after each addition */
    int64_t factor;                /* both reciprocals */
};

struct sparse_chain {
    const struct model *model;
    uint32_t n_steps;
    struct sparse_step *step;
    struct dense_tail tail;
    uint32_t max_channels;
    uint32_t grid_numbers, pooled_places; /* the largest of any step */
};

/* Plans the model for vectors of `lanes` numbers of 32 bits. False: not proven, or
 * no memory; then there is nothing to free. The model must outlive the plan. */
bool sparse_chain_plan(struct sparse_chain *chain, const struct model *m, uint32_t lanes);
void sparse_chain_fini(struct sparse_chain *chain);

extern const struct kernel sparse_chain_avx512_kernel, sparse_chain_avx2_kernel;

#endif
