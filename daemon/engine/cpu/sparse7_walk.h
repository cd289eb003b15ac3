/* sparse7_walk: the one walk along a network's layers that makes a plan, in
 * sparse7_plan.c up to the pool and in sparse7_dense.c behind it.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE7_WALK_H
#define SPARSED_ENGINE_CPU_SPARSE7_WALK_H

#include "engine/cpu/sparse7.h"

#include <stdlib.h>

/* The walk: layers not yet taken, and what flows into the next one. */
struct sparse7_walk {
    struct sparse7_plan *p;
    const struct layer *next, *end;
    struct sparse7_range range;
};

static inline const struct layer *sparse7_walk_take(struct sparse7_walk *w, enum layer_class class)
{
    return w->next < w->end && w->next->class == class ? w->next++ : NULL;
}

/* Relus and quantizers up to the next layer of another kind. */
static inline bool sparse7_walk_steps(struct sparse7_walk *w, struct sparse7_steps *s)
{
    while (w->next < w->end && (w->next->class == LAYER_RELU || w->next->class == LAYER_QUANTIZE)) {
        if (!sparse7_steps_layer(s, &w->range, w->next++)) {
            return false;
        }
    }
    return sparse7_steps_end(s, &w->range);
}

static inline bool sparse7_walk_range(struct sparse7_walk *w, size_t lanes, size_t stride,
                                      size_t used, int fraction, int64_t lo, int64_t hi)
{
    sparse7_range_fini(&w->range);
    return sparse7_range_init(&w->range, lanes, stride, used, fraction, lo, hi);
}

static inline int64_t sparse7_walk_lo(const struct sparse7_walk *w)
{
    int64_t lo = 0;
    for (size_t i = 0; i < w->range.lanes; i++) {
        lo = w->range.lo[i] < lo ? w->range.lo[i] : lo;
    }
    return lo;
}

static inline int64_t sparse7_walk_hi(const struct sparse7_walk *w)
{
    int64_t hi = 0;
    for (size_t i = 0; i < w->range.lanes; i++) {
        hi = w->range.hi[i] > hi ? w->range.hi[i] : hi;
    }
    return hi;
}

/* `raw` moved from one grid to another, if that is exact and below 2^30. */
static inline bool sparse7_walk_regrid(int64_t raw, int from, int to, int32_t *out)
{
    int s = to - from;
    int64_t limit = INT64_C(1) << 30;
    if (raw == 0) {
        *out = 0;
        return true;
    }
    if (s > 30 || s < -30 || llabs(raw) > limit) {
        return false;
    }
    int64_t v = s >= 0 ? raw * (INT64_C(1) << s) : raw >> -s;
    *out = (int32_t)v;
    return llabs(v) < limit && (s >= 0 || v * (INT64_C(1) << -s) == raw);
}

/* The dense layers and the output: the walk's last part. False: not such a network,
 * or not proven. */
bool sparse7_dense_plan(struct sparse7_walk *w);

#endif
