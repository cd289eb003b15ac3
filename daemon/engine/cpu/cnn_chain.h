/* cnn_chain: a plan for the standard CNN, worked out when a model is loaded.
 *
 *     input, any of: quantize, zero_pad2d, conv2d (stride 1), relu, avg_pool2d;
 *     flatten, and what dense_tail takes
 *
 * Layers are joined to stages, each a convolution or a pool with all casts behind
 * it, and between two stages lies a buffer that already has the next one's border:
 *
 *     buffer 0 -> conv, accumulator, relu, cast -> buffer 1 -> conv ... -> flatten
 *
 * What makes it exact:
 * - Sums are proven from the real weights to fit 32 bits; a narrower accumulator
 *   wraps, once at the end as well as at each step, or never overflows.
 * - Values of 16 bits are multiplied in pairs, two rows of the kernel at once.
 *   Unsigned ones are shifted by 2^15, and the sum by 2^15 times the weights.
 * - Only what can differ from an empty image's is computed (`skips`): a value all
 *   of whose field is as in the empty image is as in the empty image, which was
 *   computed once with the same code. An image full of pixels skips nothing.
 * Anything else does not match; the reference runs it.
 */
#ifndef SPARSED_ENGINE_CPU_CNN_CHAIN_H
#define SPARSED_ENGINE_CPU_CNN_CHAIN_H

#include "engine/cpu/dense_cast.h"
#include "engine/cpu/dense_tail.h"
#include "engine/cpu/kernel.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CNN_MAX_STAGES = 32,
    CNN_MAX_CHANNELS = 64,
    CNN_MAX_POSTS = 8,
    CNN_GROUP = 3,  /* filters that are worked out together */
    CNN_BLOCKS = 4, /* and vectors of columns */
};

/* Something done to each value by itself. */
struct cnn_post {
    bool relu; /* before the cast */
    bool each_channel;
    struct dense_cast *cast; /* 1 or [channels] */
};

/* An image with a border, a plane a channel. */
struct cnn_buffer {
    uint32_t channels, height, width;  /* of the image */
    uint32_t top, left, bottom, right; /* the border, which is 0 */
    uint32_t stride, plane;            /* in numbers of 32 bits; rows have slack */
    uint32_t n_posts;                  /* done to what is written here */
    struct cnn_post post[CNN_MAX_POSTS];
};

struct cnn_stage {
    const struct layer *layer;
    bool pools;
    /* convolution */
    bool pairs; /* 16 bits, two rows at once */
    uint32_t kernel_h, kernel_w, row_steps;
    uint32_t offset; /* pairs: taken off every value before */
    int32_t *weight; /* [group][channel][row_step][kernel_w][filter] */
    int32_t *start;  /* [filters]: the bias, and what the offset takes off */
    /* pool */
    uint32_t pool_h, pool_w;
    double inverse;            /* 1 / area */
    struct dense_cast value;   /* to the accumulator */
    struct dense_cast wrapped; /* of the sum */
};

struct cnn_chain {
    const struct model *model;
    uint32_t n_stages;
    struct cnn_stage stage[CNN_MAX_STAGES];
    struct cnn_buffer buffer[CNN_MAX_STAGES + 1]; /* stage i: buffer i to i + 1 */
    bool skips;
    struct dense_tail tail;
};

/* Plans the model for vectors of `lanes` numbers of 32 bits. False: not proven, or
 * no memory; then there is nothing to free. The model must outlive the plan. */
bool cnn_chain_plan(struct cnn_chain *chain, const struct model *m, uint32_t lanes);
void cnn_chain_fini(struct cnn_chain *chain);

extern const struct kernel cnn_chain_avx512_kernel, cnn_chain_avx2_kernel;

#endif
