/* sparse_chain_run: the work of sparse_chain, for the instruction set of the file
 * that includes it; that file ends with a row SPARSE_CHAIN_KERNEL.
 *
 * How a convolution is done: the values are laid on a grid with a border. Around
 * each slot, one row of the kernel is one vector (two where it is wider): as many
 * multiplications as there are slots, rows and filters, however large the image
 * and however many neighbours there are. Then the grid is wiped, slot by slot.
 * What follows (bias, casts) has slots in lanes, 64 bits each.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE_CHAIN_RUN_H
#define SPARSED_ENGINE_CPU_SPARSE_CHAIN_RUN_H

#include "engine/cpu/dense_lanes.h"
#include "engine/cpu/dense_tail_run.h"
#include "engine/cpu/kernel.h"
#include "engine/cpu/sparse_chain.h"

#include <stdlib.h>

enum { SLOTS = SPARSE_MAX_SLOTS };

struct sparse_state {
    struct sparse_chain chain;
    uint32_t n; /* slots that are left */
    uint32_t row[SLOTS], col[SLOTS];
    uint32_t at[SLOTS], todo[SLOTS];
    int32_t sum[SPARSE_GROUP][SLOTS];
    int64_t *value, *next; /* [channel][SLOTS] */
    int32_t *grid;         /* int32 or the bits of float32; 0 between two convolutions */
    uint16_t *first;       /* [pooled place], 1 + slot; 0 between two pools */
    struct dense_list list;
};

static inline int64_t *channel_of(int64_t *value, uint32_t c)
{
    return value + (size_t)c * SLOTS;
}

/* ---- casts ---- */

static inline void cast_channel(const struct dense_cast *cast, bool relu, int64_t *x, uint32_t n)
{
    if (cast->identity && !relu) {
        return;
    }
    for (uint32_t p = 0; p < n; p += LANES_64) {
        lanes_i64 y = lanes_load_i64(x + p);
        y = relu ? (y > 0) & y : y;
        y = lanes_cast(cast, y);
        lanes_store_i64(x + p, y);
    }
}

static inline void cast_pixels(struct sparse_state *t, const struct sparse_step *s)
{
    for (uint32_t p = 0; p < t->n; p++) {
        const struct dense_cast *cast =
            s->cast + ((size_t)t->row[p] * s->width + t->col[p]) * s->channels_in;
        for (uint32_t c = 0; c < s->channels_in; c++) {
            int64_t *x = channel_of(t->value, c) + p;
            *x = dense_cast_one(&cast[c], *x);
        }
    }
}

static inline void run_cast(struct sparse_state *t, const struct sparse_step *s)
{
    if (s->cast_each_pixel) {
        cast_pixels(t, s);
        return;
    }
    for (uint32_t c = 0; c < s->channels_in; c++) {
        cast_channel(&s->cast[s->cast_each_channel ? c : 0], s->kind == SPARSE_RELU,
                     channel_of(t->value, c), t->n);
    }
}

/* ---- convolution ---- */

static inline void lay_out(struct sparse_state *t, const struct sparse_step *s)
{
    uint32_t border = s->layer->kernel_h / 2 * s->stride + s->layer->kernel_w / 2;
    for (uint32_t p = 0; p < t->n; p++) {
        t->at[p] = t->row[p] * s->stride + t->col[p];
    }
    for (uint32_t c = 0; c < s->channels_in; c++) {
        const int64_t *x = channel_of(t->value, c);
        int32_t *to = t->grid + (size_t)c * s->plane + border;
        for (uint32_t p = 0; p < t->n; p++) {
            if (s->rounds) {
                float value = (float)x[p];
                memcpy(&to[t->at[p]], &value, sizeof value);
            } else {
                to[t->at[p]] = (int32_t)x[p];
            }
        }
    }
}

static inline void wipe(struct sparse_state *t, const struct sparse_step *s)
{
    uint32_t border = s->layer->kernel_h / 2 * s->stride + s->layer->kernel_w / 2;
    for (uint32_t c = 0; c < s->channels_in; c++) {
        int32_t *to = t->grid + (size_t)c * s->plane + border;
        for (uint32_t p = 0; p < t->n; p++) {
            to[t->at[p]] = 0;
        }
    }
}

/* Lists the slots that are computed: those that the mask lets through. */
static inline uint32_t list_todo(struct sparse_state *t, const struct sparse_step *s)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < t->n; p++) {
        int64_t any = s->mask_slot;
        for (uint32_t c = 0; c < s->channels_in; c++) {
            any |= channel_of(t->value, c)[p];
        }
        t->todo[n] = p;
        n += any != 0;
    }
    return n;
}

/* Sums of `filters` filters around one place of the grid. The parameters from
 * `channels` on are constants where this is called for a common form. */
static inline __attribute__((always_inline)) void
conv_place(const struct sparse_step *s, const int32_t *grid, const int32_t *weight, lanes_u32 *sum,
           uint32_t channels, uint32_t chunks, int filters, bool rounds, bool clips)
{
    const lanes_f32 zero = (float)SPARSE_SUM_BIAS - (lanes_f32){0};
    const lanes_f32 most = s->most - (lanes_f32){0};
    for (uint32_t kh = 0; kh < s->kernel_h; kh++, grid += s->stride) {
        for (uint32_t k = 0; k < chunks; k++) {
            lanes_f32 partial[SPARSE_GROUP] = {zero, zero, zero, zero};
            for (uint32_t c = 0; c < channels; c++) {
                lanes_i32 x = lanes_load_i32(grid + (size_t)c * s->plane + k * LANES_32);
                for (int f = 0; f < filters; f++, weight += LANES_32) {
                    lanes_i32 w = lanes_load_i32(weight);
                    if (!rounds) {
                        sum[f] += (lanes_u32)x * (lanes_u32)w;
                        continue;
                    }
                    partial[f] = lanes_fma((lanes_f32)w, (lanes_f32)x, partial[f]);
                    if (clips) {
                        partial[f] = lanes_clip(partial[f], zero, most);
                    }
                }
            }
            for (int f = 0; rounds && f < filters; f++) {
                sum[f] += (lanes_u32)partial[f];
            }
        }
    }
}

static inline __attribute__((always_inline)) void
conv_places(struct sparse_state *t, const struct sparse_step *s, const int32_t *weight, uint32_t n,
            uint32_t channels, uint32_t chunks, int filters, bool rounds, bool clips)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t p = t->todo[i];
        lanes_u32 sum[SPARSE_GROUP] = {{0}};
        conv_place(s, t->grid + t->at[p], weight, sum, channels, chunks, filters, rounds, clips);
        for (int f = 0; f < filters; f++) {
            uint32_t total = lanes_sum((lanes_i32)sum[f]);
            t->sum[f][p] = (int32_t)(rounds ? total - s->sum_bias : total);
        }
    }
}

/* The common forms: a row of the kernel in one vector, one or three channels. */
static inline __attribute__((always_inline)) void conv_form(struct sparse_state *t,
                                                            const struct sparse_step *s,
                                                            const int32_t *weight, uint32_t n,
                                                            int filters, bool rounds, bool clips)
{
    if (s->chunks == 1 && s->channels_in == 1) {
        conv_places(t, s, weight, n, 1, 1, filters, rounds, clips);
    } else if (s->chunks == 1 && s->channels_in == 3) {
        conv_places(t, s, weight, n, 3, 1, filters, rounds, clips);
    } else {
        conv_places(t, s, weight, n, s->channels_in, s->chunks, filters, rounds, clips);
    }
}

static inline __attribute__((always_inline)) void conv_filters(struct sparse_state *t,
                                                               const struct sparse_step *s,
                                                               const int32_t *weight, uint32_t n,
                                                               int filters)
{
    for (int f = 0; f < filters; f++) {
        memset(t->sum[f], 0, t->n * sizeof t->sum[f][0]);
    }
    if (!s->rounds) {
        conv_form(t, s, weight, n, filters, false, false);
    } else if (s->clips) {
        conv_form(t, s, weight, n, filters, true, true);
    } else {
        conv_form(t, s, weight, n, filters, true, false);
    }
}

/* From sums to values of filter f: accumulator, bias where the sum is not 0, out. */
static inline void conv_finish(struct sparse_state *t, const struct sparse_step *s, uint32_t f)
{
    const int32_t *sum = t->sum[f % SPARSE_GROUP];
    int64_t *out = channel_of(t->next, f);
    for (uint32_t p = 0; p < t->n; p += LANES_64) {
        lanes_i64 x = lanes_cast(&s->accum, lanes_widen(sum + p));
        if (s->bias[f] != 0) {
            lanes_i64 y = (lanes_i64)((lanes_u64)x << (uint64_t)s->bias_left) + s->bias[f];
            x = (x != 0) & lanes_cast(&s->biased, y);
        }
        x = lanes_cast(s->cast, x);
        lanes_store_i64(out + p, x);
    }
}

static inline void swap_values(struct sparse_state *t)
{
    int64_t *spare = t->value;
    t->value = t->next;
    t->next = spare;
}

static inline void run_conv(struct sparse_state *t, const struct sparse_step *s)
{
    uint32_t n = list_todo(t, s);
    size_t group_numbers =
        (size_t)s->kernel_h * s->chunks * s->channels_in * SPARSE_GROUP * LANES_32;
    const int32_t *weight = s->weight;
    lay_out(t, s);
    for (uint32_t first = 0; first < s->channels_out; first += SPARSE_GROUP) {
        uint32_t filters = s->channels_out - first;
        filters = filters < SPARSE_GROUP ? filters : SPARSE_GROUP;
        switch (filters) {
        case 1:
            conv_filters(t, s, weight, n, 1);
            break;
        case 2:
            conv_filters(t, s, weight, n, 2);
            break;
        case 3:
            conv_filters(t, s, weight, n, 3);
            break;
        default:
            conv_filters(t, s, weight, n, SPARSE_GROUP);
            break;
        }
        for (uint32_t f = first; f < first + filters; f++) {
            conv_finish(t, s, f);
        }
        weight += group_numbers;
    }
    wipe(t, s);
    swap_values(t);
}

/* ---- pools ---- */

static inline int64_t pool_add(const struct sparse_step *s, int64_t sum, int64_t x)
{
    if (s->kind == SPARSE_LARGEST) {
        return x > sum ? x : sum;
    }
    return dense_cast_one(&s->sum, (int64_t)((uint64_t)sum << s->sum_left) +
                                       (int64_t)((uint64_t)x << s->value_left));
}

/* Slots of one pooled place become one, where the first of them was in the order;
 * those of a partial window vanish. */
static inline void pool_merge(struct sparse_state *t, const struct sparse_step *s)
{
    uint32_t kept = 0;
    for (uint32_t p = 0; p < t->n; p++) {
        uint32_t row = (uint32_t)(t->row[p] * s->inverse_h >> 32);
        uint32_t col = (uint32_t)(t->col[p] * s->inverse_w >> 32);
        if (row >= s->pooled_h || col >= s->pooled_w) {
            continue;
        }
        uint16_t *first = &t->first[(size_t)row * s->pooled_w + col];
        bool is_new = *first == 0;
        kept += is_new;
        *first = is_new ? (uint16_t)kept : *first;
        uint32_t to = *first - 1U;
        t->row[to] = row;
        t->col[to] = col;
        for (uint32_t c = 0; c < s->channels_in; c++) {
            int64_t *x = channel_of(t->value, c);
            int64_t value = x[p];
            x[to] = pool_add(s, is_new ? 0 : x[to], value);
        }
    }
    t->n = kept;
    for (uint32_t p = 0; p < kept; p++) {
        t->first[(size_t)t->row[p] * s->pooled_w + t->col[p]] = 0;
    }
}

static inline void run_pool(struct sparse_state *t, const struct sparse_step *s)
{
    pool_merge(t, s);
    for (uint32_t c = 0; c < s->channels_in; c++) {
        int64_t *x = channel_of(t->value, c);
        for (uint32_t p = 0; s->kind == SPARSE_AVERAGE && p < t->n; p++) {
            x[p] *= s->factor;
        }
        cast_channel(s->cast, false, x, t->n);
    }
}

/* ---- the chain ---- */

static inline void take_window(struct sparse_state *t, const struct window *w)
{
    uint32_t channels = t->chain.model->channels;
    t->n = w->n_listed;
    for (uint32_t p = 0; p < t->n; p++) {
        t->row[p] = w->place[p].row;
        t->col[p] = w->place[p].col;
    }
    for (uint32_t c = 0; c < channels; c++) {
        int64_t *x = channel_of(t->value, c);
        for (uint32_t p = 0; p < t->n; p++) {
            x[p] = w->value[(size_t)p * channels + c];
        }
    }
}

static inline void give_list(struct sparse_state *t, const struct layer *flatten)
{
    uint32_t channels = flatten->in.channels;
    uint32_t n = 0;
    for (uint32_t p = 0; p < t->n; p++) {
        uint32_t at = (t->row[p] * flatten->in.width + t->col[p]) * channels;
        for (uint32_t c = 0; c < channels; c++) {
            t->list.at[n] = at + c;
            t->list.value[n] = channel_of(t->value, c)[p];
            n += t->list.value[n] != 0;
        }
    }
    t->list.n = n;
}

static void sparse_chain_run(void *state, const struct window *w, int64_t *raw)
{
    struct sparse_state *t = state;
    take_window(t, w);
    for (uint32_t i = 0; i < t->chain.n_steps; i++) {
        const struct sparse_step *s = &t->chain.step[i];
        if (s->kind == SPARSE_CONV) {
            run_conv(t, s);
        } else if (s->kind == SPARSE_AVERAGE || s->kind == SPARSE_LARGEST) {
            run_pool(t, s);
        } else {
            run_cast(t, s);
        }
    }
    give_list(t, t->chain.tail.step[0].layer);
    tail_run(&t->chain.tail, &t->list, raw);
}

/* ---- as a kernel ---- */

static bool sparse_chain_matches(const struct model *m)
{
    struct sparse_chain chain;
    bool good = sparse_chain_plan(&chain, m, LANES_32);
    if (good) {
        sparse_chain_fini(&chain);
    }
    return good;
}

static void sparse_chain_destroy(void *state)
{
    struct sparse_state *t = state;
    if (t == NULL) {
        return;
    }
    sparse_chain_fini(&t->chain);
    free(t->value);
    free(t->next);
    free(t->grid);
    free(t->first);
    free(t->list.at);
    free(t->list.value);
    free(t);
}

static bool take_memory(struct sparse_state *t)
{
    size_t values = (size_t)t->chain.max_channels * SLOTS;
    t->value = calloc(values, sizeof *t->value);
    t->next = calloc(values, sizeof *t->next);
    t->grid = calloc(t->chain.grid_numbers + 1, sizeof *t->grid);
    t->first = calloc(t->chain.pooled_places + 1, sizeof *t->first);
    t->list.at = calloc(values + 1, sizeof *t->list.at);
    t->list.value = calloc(values + 1, sizeof *t->list.value);
    return t->value != NULL && t->next != NULL && t->grid != NULL && t->first != NULL &&
           t->list.at != NULL && t->list.value != NULL;
}

static void *sparse_chain_create(const struct model *m, struct error *err)
{
    struct sparse_state *t = calloc(1, sizeof *t);
    if (t != NULL && sparse_chain_plan(&t->chain, m, LANES_32) && take_memory(t)) {
        return t;
    }
    (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
    sparse_chain_destroy(t);
    return NULL;
}

#endif
