/* dense_tail_run: the work of dense_tail, for the instruction set of the file that
 * includes it.
 *
 * How: outputs stand in lanes, and inputs that are not 0 are broadcast one after
 * the other; no sum goes across lanes.
 */
#ifndef SPARSED_ENGINE_CPU_DENSE_TAIL_RUN_H
#define SPARSED_ENGINE_CPU_DENSE_TAIL_RUN_H

#include "engine/cpu/dense_lanes.h"
#include "engine/cpu/dense_tail.h"
#include "engine/cpu/layer_run.h"

/* The flattened image: what is not 0 in it, places ascending or not. */
struct dense_list {
    uint32_t n;
    uint32_t *at;
    int64_t *value;
};

/* relu and casts before the first dense layer, which keep a 0. */
static inline void tail_before(const struct dense_step *s, struct dense_list *list)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        int64_t x = list->value[i];
        if (s->kind == DENSE_STEP_RELU && x < 0) {
            continue;
        }
        x = dense_cast_one(&s->cast[s->cast_each ? list->at[i] : 0], x);
        list->at[kept] = list->at[i];
        list->value[kept] = x;
        kept += x != 0;
    }
    list->n = kept;
}

static inline void tail_finish(const struct dense_step *s, lanes_i64 sum, int64_t *out)
{
    sum = lanes_cast(s->cast, lanes_cast(&s->accum, sum));
    lanes_store_i64(out, sum);
}

static inline const int32_t *weight_row(const struct dense_step *s, const struct dense_list *list,
                                        uint32_t i, uint32_t first)
{
    size_t row = list->at == NULL ? i : list->at[i];
    return s->weight + row * s->padded_out + first;
}

/* A vector of outputs. */
static inline void tail_sum_narrow(const struct dense_step *s, const struct dense_list *list,
                                   uint32_t first, int64_t *out)
{
    lanes_u32 sum = {0};
    for (uint32_t i = 0; i < list->n; i++) {
        lanes_u32 x = (lanes_u32)lanes_splat_i32((int32_t)list->value[i]);
        sum += x * (lanes_u32)lanes_load_i32(weight_row(s, list, i, first));
    }
    int32_t sums[LANES_32];
    lanes_store_i32(sums, (lanes_i32)sum);
    for (int k = 0; k < LANES_32; k += LANES_64) {
        lanes_i64 bias = lanes_load_i64(s->bias + first + k);
        tail_finish(s, bias + lanes_widen(sums + k), out + k);
    }
}

/* Two vectors of outputs. */
static inline void tail_sum_wide(const struct dense_step *s, const struct dense_list *list,
                                 uint32_t first, int64_t *out)
{
    lanes_u64 low = {0};
    lanes_u64 high = {0};
    for (uint32_t i = 0; i < list->n; i++) {
        const int32_t *w = weight_row(s, list, i, first);
        lanes_i64 x = lanes_splat_i64(list->value[i]);
        low += (lanes_u64)lanes_cast(&s->product, lanes_multiply(x, lanes_widen(w)));
        high += (lanes_u64)lanes_cast(&s->product, lanes_multiply(x, lanes_widen(w + LANES_64)));
    }
    low += (lanes_u64)lanes_load_i64(s->bias + first);
    high += (lanes_u64)lanes_load_i64(s->bias + first + LANES_64);
    tail_finish(s, (lanes_i64)low, out);
    tail_finish(s, (lanes_i64)high, out + LANES_64);
}

static inline void tail_dense(const struct dense_step *s, const struct dense_list *list,
                              int64_t *out)
{
    for (uint32_t first = 0; first < s->n_out; first += LANES_32) {
        if (s->narrow) {
            tail_sum_narrow(s, list, first, out + first);
        } else {
            tail_sum_wide(s, list, first, out + first);
        }
    }
}

/* relu and casts of a whole vector; what pads it is of no matter. */
static inline void tail_cast(const struct dense_step *s, int64_t *value)
{
    if (s->cast_each) {
        for (uint32_t i = 0; i < s->n_out; i++) {
            value[i] = dense_cast_one(&s->cast[i], value[i]);
        }
        return;
    }
    for (uint32_t i = 0; i < s->n_out; i += LANES_64) {
        lanes_i64 x = lanes_load_i64(value + i);
        x = s->kind == DENSE_STEP_RELU ? (x > 0) & x : x;
        x = lanes_cast(s->cast, x);
        lanes_store_i64(value + i, x);
    }
}

/* Uses up the list. raw[n_outputs]. */
static inline void tail_run(const struct dense_tail *t, struct dense_list *list, int64_t *raw)
{
    for (uint32_t i = 0; i < t->n_before; i++) {
        tail_before(&t->step[i], list);
    }
    struct dense_list in = *list;
    int64_t *now = t->value[0];
    int64_t *next = t->value[1];
    for (uint32_t i = t->n_before; i < t->n_steps; i++) {
        const struct dense_step *s = &t->step[i];
        if (s->kind == DENSE_STEP_CAST || s->kind == DENSE_STEP_RELU) {
            tail_cast(s, now);
            continue;
        }
        if (s->kind == DENSE_STEP_DENSE) {
            tail_dense(s, &in, next);
        } else {
            struct tensors tensors = {.in = now, .out = next};
            layer_run(s->layer, &tensors);
        }
        int64_t *spare = now;
        now = next;
        next = spare;
        in = (struct dense_list){.n = s->n_out, .at = NULL, .value = now};
    }
    memcpy(raw, now, t->n_outputs * sizeof *raw);
}

#endif
