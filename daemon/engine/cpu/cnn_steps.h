/* cnn_steps: a stage of cnn_chain at work: values by themselves, convolution, pool;
 * for the instruction set of the file that includes it.
 *
 * How a convolution is done: output columns stand in lanes. For each step of the
 * kernel the weights of up to three filters are broadcast and multiplied with up
 * to four vectors of the input row, read from where the step begins:
 *
 *     sum[filter][block] += weight[step][filter] * row[block's column + kernel column]
 *
 * so a value that was read serves three filters, a weight four vectors, and no sum
 * goes across lanes. In pairs, a lane of a row holds the values of two rows one
 * above the other, which one instruction multiplies with two weights and adds.
 */
#ifndef SPARSED_ENGINE_CPU_CNN_STEPS_H
#define SPARSED_ENGINE_CPU_CNN_STEPS_H

#include "engine/cpu/cnn_chain.h"
#include "engine/cpu/dense_lanes.h"
#include "engine/cpu/dense_tail_run.h"

struct cnn_memory {
    int32_t *value;          /* [channel][row][stride], with the border */
    int32_t *rest;           /* the same for an empty image */
    int32_t *pair;           /* value[row] and value[row + 1], 16 bits each */
    uint64_t *dirty, *stale; /* [image row]: differs now; differed before */
};

struct cnn_state {
    struct cnn_chain chain;
    struct cnn_memory memory[CNN_MAX_STAGES + 1];
    bool everything; /* compute all blocks */
    int32_t *column; /* [stride]: sums of a pool's columns */
    struct dense_list list;
};

/* ---- values by themselves ---- */

static inline lanes_i32 cast_32(const struct dense_cast *c, lanes_i32 x)
{
    if (c->identity) {
        return x;
    }
    x = (lanes_i32)((lanes_u32)x << c->left);
    if (c->right != 0) {
        lanes_i32 add = lanes_splat_i32((int32_t)c->add);
        if (c->parity != 0) {
            add += (x >> (int32_t)c->right) & (int32_t)c->parity;
        }
        if (c->add_negative != 0) {
            add += (x < 0) & (int32_t)c->add_negative;
        }
        x = (x + add) >> (int32_t)c->right;
    }
    if (c->overflow == DENSE_WRAPS) {
        x = ((x & (int32_t)c->mask) ^ (int32_t)c->sign) - (int32_t)c->sign;
    } else if (c->overflow == DENSE_SATURATES) {
        x = lanes_max_i32(x, lanes_splat_i32((int32_t)c->low));
        x = lanes_min_i32(x, lanes_splat_i32((int32_t)c->high));
    }
    return (lanes_i32)((lanes_u32)x << c->up);
}

static inline lanes_i32 finish(const struct cnn_buffer *b, uint32_t channel, lanes_i32 x)
{
    for (uint32_t i = 0; i < b->n_posts; i++) {
        const struct cnn_post *post = &b->post[i];
        x = post->relu ? lanes_max_i32(x, (lanes_i32){0}) : x;
        x = cast_32(&post->cast[post->each_channel ? channel : 0], x);
    }
    return x;
}

static inline int64_t finish_one(const struct cnn_buffer *b, uint32_t channel, int64_t x)
{
    for (uint32_t i = 0; i < b->n_posts; i++) {
        const struct cnn_post *post = &b->post[i];
        x = post->relu && x < 0 ? 0 : x;
        x = dense_cast_one(&post->cast[post->each_channel ? channel : 0], x);
    }
    return x;
}

/* The lanes below n, all bits set. */
static inline lanes_i32 lanes_below(uint32_t n)
{
    lanes_i32 index;
    for (int i = 0; i < LANES_32; i++) {
        index[i] = i;
    }
    return index < lanes_splat_i32(n < LANES_32 ? (int32_t)n : LANES_32);
}

static inline int32_t *row_of(int32_t *from, const struct cnn_buffer *b, uint32_t channel,
                              uint32_t row)
{
    return from + (size_t)channel * b->plane + (size_t)row * b->stride;
}

/* Where the image's pixel (row, 0) lies. */
static inline int32_t *image_row(int32_t *from, const struct cnn_buffer *b, uint32_t channel,
                                 uint32_t row)
{
    return row_of(from, b, channel, row + b->top) + b->left;
}

/* Writes a block of an image's row; beyond the image it stays 0. */
static inline void put_block(const struct cnn_buffer *b, int32_t *row, uint32_t channel,
                             uint32_t col, lanes_i32 x)
{
    x = finish(b, channel, x) & lanes_below(b->width - col);
    lanes_store_i32(row + col, x);
}

/* ---- which pixels changed, a bit each ---- */

static inline uint64_t first_bits(uint32_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Rows of the image below that the output row's field of `height` rows covers. */
static inline uint64_t rows_above(const struct cnn_buffer *in, const uint64_t *dirty,
                                  uint32_t first, uint32_t height)
{
    uint64_t bits = 0;
    uint32_t row = first > in->top ? first - in->top : 0;
    uint32_t end = first + height > in->top ? first + height - in->top : 0;
    end = end < in->height ? end : in->height;
    for (; row < end; row++) {
        bits |= dirty[row];
    }
    return bits;
}

/* ---- convolution ---- */

static inline void make_pairs(struct cnn_state *t, uint32_t i)
{
    const struct cnn_stage *s = &t->chain.stage[i];
    const struct cnn_buffer *b = &t->chain.buffer[i];
    struct cnn_memory *memory = &t->memory[i];
    uint32_t rows = b->top + b->height + b->bottom;
    lanes_i32 offset = lanes_splat_i32((int32_t)s->offset);
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t changed =
            rows_above(b, memory->dirty, row, 2) | rows_above(b, memory->stale, row, 2);
        if (changed == 0 && !t->everything) {
            continue;
        }
        for (uint32_t c = 0; c < b->channels; c++) {
            const int32_t *from = row_of(memory->value, b, c, row);
            int32_t *to = row_of(memory->pair, b, c, row);
            for (uint32_t col = 0; col < b->stride; col += LANES_32) {
                lanes_i32 low = lanes_load_i32(from + col) - offset;
                lanes_i32 high = lanes_load_i32(from + b->stride + col) - offset;
                low = (low & 0xffff) | (lanes_i32)((lanes_u32)high << 16U);
                lanes_store_i32(to + col, low);
            }
        }
    }
}

/* Sums of so many filters and blocks, both constants where this is called. `from`
 * is the input's row where the kernel begins, `by` from one step to the next. */
static inline __attribute__((always_inline)) void
conv_blocks(const struct cnn_stage *s, const struct cnn_buffer *in, const int32_t *from,
            uint32_t by, const int32_t *weight, const uint32_t *col,
            lanes_i32 sum[CNN_GROUP][CNN_BLOCKS], int filters, int blocks)
{
    for (uint32_t c = 0; c < in->channels; c++, from += in->plane) {
        const int32_t *row = from;
        for (uint32_t step = 0; step < s->row_steps; step++, row += by) {
            for (uint32_t kw = 0; kw < s->kernel_w; kw++, weight += filters) {
                lanes_i32 w[CNN_GROUP];
                for (int f = 0; f < filters; f++) {
                    w[f] = lanes_splat_i32(weight[f]);
                }
                for (int k = 0; k < blocks; k++) {
                    lanes_i32 x = lanes_load_i32(row + col[k] + kw);
                    for (int f = 0; f < filters; f++) {
                        sum[f][k] = s->pairs ? lanes_dot_pairs(sum[f][k], x, w[f])
                                             : (lanes_i32)((lanes_u32)sum[f][k] +
                                                           (lanes_u32)x * (lanes_u32)w[f]);
                    }
                }
            }
        }
    }
}

static inline __attribute__((always_inline)) void
conv_group(struct cnn_state *t, uint32_t i, uint32_t row, uint32_t first, const int32_t *weight,
           const uint32_t *col, int filters, int blocks)
{
    const struct cnn_stage *s = &t->chain.stage[i];
    const struct cnn_buffer *in = &t->chain.buffer[i];
    const struct cnn_buffer *out = &t->chain.buffer[i + 1];
    lanes_i32 sum[CNN_GROUP][CNN_BLOCKS];
    for (int f = 0; f < filters; f++) {
        for (int k = 0; k < blocks; k++) {
            sum[f][k] = lanes_splat_i32(s->start[first + (uint32_t)f]);
        }
    }
    const int32_t *from = row_of(s->pairs ? t->memory[i].pair : t->memory[i].value, in, 0, row);
    conv_blocks(s, in, from, s->pairs ? 2 * in->stride : in->stride, weight, col, sum, filters,
                blocks);
    for (int f = 0; f < filters; f++) {
        uint32_t channel = first + (uint32_t)f;
        int32_t *to = image_row(t->memory[i + 1].value, out, channel, row);
        for (int k = 0; k < blocks; k++) {
            put_block(out, to, channel, col[k], sum[f][k]);
        }
    }
}

static inline __attribute__((always_inline)) void
conv_filters(struct cnn_state *t, uint32_t i, uint32_t row, uint32_t first, const int32_t *weight,
             const uint32_t *col, uint32_t blocks, int filters)
{
    switch (blocks) {
    case 1:
        conv_group(t, i, row, first, weight, col, filters, 1);
        break;
    case 2:
        conv_group(t, i, row, first, weight, col, filters, 2);
        break;
    case 3:
        conv_group(t, i, row, first, weight, col, filters, 3);
        break;
    default:
        conv_group(t, i, row, first, weight, col, filters, CNN_BLOCKS);
        break;
    }
}

static inline void conv_columns(struct cnn_state *t, uint32_t i, uint32_t row, const uint32_t *col,
                                uint32_t blocks)
{
    const struct cnn_stage *s = &t->chain.stage[i];
    uint32_t filters = t->chain.buffer[i + 1].channels;
    size_t taps = (size_t)t->chain.buffer[i].channels * s->row_steps * s->kernel_w;
    for (uint32_t first = 0; first < filters; first += CNN_GROUP) {
        const int32_t *weight = s->weight + first * taps;
        uint32_t n = filters - first;
        if (n == 1) {
            conv_filters(t, i, row, first, weight, col, blocks, 1);
        } else if (n == 2) {
            conv_filters(t, i, row, first, weight, col, blocks, 2);
        } else {
            conv_filters(t, i, row, first, weight, col, blocks, CNN_GROUP);
        }
    }
}

static inline void run_conv(struct cnn_state *t, uint32_t i)
{
    const struct cnn_buffer *out = &t->chain.buffer[i + 1];
    const uint64_t *dirty = t->memory[i + 1].dirty;
    if (t->chain.stage[i].pairs) {
        make_pairs(t, i);
    }
    for (uint32_t row = 0; row < out->height; row++) {
        uint32_t col[CNN_BLOCKS];
        uint32_t blocks = 0;
        for (uint32_t at = 0; at < out->width; at += LANES_32) {
            bool wanted = t->everything || (dirty[row] >> (at & 63) & first_bits(LANES_32)) != 0;
            col[blocks] = at;
            blocks += wanted;
            if (blocks == CNN_BLOCKS) {
                conv_columns(t, i, row, col, blocks);
                blocks = 0;
            }
        }
        if (blocks != 0) {
            conv_columns(t, i, row, col, blocks);
        }
    }
}

/* ---- pool ---- */

/* The mean of each place of a row, toward zero: an integer and a half, over the
 * area, is never nearer to another integer than double can tell. */
static inline void pool_row(struct cnn_state *t, uint32_t i, uint32_t channel, uint32_t row)
{
    const struct cnn_stage *s = &t->chain.stage[i];
    const struct cnn_buffer *in = &t->chain.buffer[i];
    const struct cnn_buffer *out = &t->chain.buffer[i + 1];
    const int32_t *from = row_of(t->memory[i].value, in, channel, row * s->pool_h);
    for (uint32_t col = 0; col < out->width * s->pool_w; col += LANES_32) {
        lanes_i32 sum = {0};
        for (uint32_t k = 0; k < s->pool_h; k++) {
            sum += cast_32(&s->value, lanes_load_i32(from + (size_t)k * in->stride + col));
        }
        lanes_store_i32(t->column + col, sum);
    }
    int32_t *to = image_row(t->memory[i + 1].value, out, channel, row);
    const int32_t *column = t->column;
    for (uint32_t col = 0; col < out->width; col++, column += s->pool_w) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < s->pool_w; k++) {
            sum += column[k];
        }
        double whole = (double)dense_cast_one(&s->wrapped, sum);
        to[col] = (int32_t)((whole < 0 ? whole - 0.5 : whole + 0.5) * s->inverse);
    }
    for (uint32_t col = 0; col < out->width; col += LANES_32) {
        put_block(out, to, channel, col, lanes_load_i32(to + col));
    }
}

static inline void run_pool(struct cnn_state *t, uint32_t i)
{
    const struct cnn_buffer *out = &t->chain.buffer[i + 1];
    for (uint32_t row = 0; row < out->height; row++) {
        if (!t->everything && t->memory[i + 1].dirty[row] == 0) {
            continue;
        }
        for (uint32_t c = 0; c < out->channels; c++) {
            pool_row(t, i, c, row);
        }
    }
}

#endif
