/* How: an output's interval is that of its largest places, at most `slots` of them,
 * since no more can hold a pixel. Sums that wrap in the reference may wrap here,
 * because the low 32 bits are all that its type keeps.
 */
#include "engine/cpu/sparse7.h"
#include "engine/cpu/sparse7_walk.h"

#include <stdlib.h>

static int compare_down(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The largest sum of at most `slots` places' contributions. */
static int64_t largest_sum(int64_t *place, uint32_t places, uint32_t slots)
{
    qsort(place, places, sizeof *place, compare_down);
    int64_t sum = 0;
    for (uint32_t i = 0; i < places && i < slots; i++) {
        sum += place[i];
    }
    return sum;
}

/* Output j: its weights, and its interval into *lo, *hi. */
static bool plan_output(struct sparse7_walk *w, const struct layer *l, uint32_t j, int64_t *lo,
                        int64_t *hi)
{
    struct sparse7_plan *p = w->p;
    int64_t up[SPARSE7_CELLS] = {0}, down[SPARSE7_CELLS] = {0};
    for (uint32_t i = 0; i < l->in.channels; i++) {
        uint32_t cell = i / SPARSE7_FILTERS, f = i % SPARSE7_FILTERS;
        int64_t x_lo = w->range.lo[cell * 4 + f], x_hi = w->range.hi[cell * 4 + f];
        int32_t v;
        if (!sparse7_walk_regrid(l->weight[(size_t)i * l->out.channels + j],
                                 l->in_t.fraction + l->weight_t.fraction, l->accum_t.fraction,
                                 &v) ||
            v < INT16_MIN || v > INT16_MAX || x_lo < INT16_MIN || x_hi > INT16_MAX) {
            return false;
        }
        p->dense1[cell][f / 2][j][f % 2] = (int16_t)v;
        up[cell] += v < 0 ? v * x_lo : v * x_hi;
        down[cell] -= v < 0 ? v * x_hi : v * x_lo;
    }
    int64_t bias = fixed_cast(l->bias[j], l->bias_t.fraction, &l->accum_t);
    p->dense1_bias[j] = (int32_t)bias;
    *hi = bias + largest_sum(up, p->cells, p->slots);
    *lo = bias - largest_sum(down, p->cells, p->slots);
    return bias >= INT32_MIN && bias <= INT32_MAX;
}

/* Sums that saturate depend on their order; sums that wrap do not. */
static bool sums_freely(const struct fixed_type *t, int64_t lo, int64_t hi)
{
    return t->overflow == FIXED_WRAP || (lo >= fixed_min(t) && hi <= fixed_max(t));
}

static bool plan_dense1(struct sparse7_walk *w)
{
    struct sparse7_plan *p = w->p;
    const struct layer *l = sparse7_walk_take(w, LAYER_DENSE);
    if (l == NULL || l->out.channels > SPARSE7_HIDDEN ||
        l->in.channels != p->cells * SPARSE7_FILTERS) {
        return false;
    }
    int64_t lo[SPARSE7_HIDDEN], hi[SPARSE7_HIDDEN];
    for (uint32_t j = 0; j < l->out.channels; j++) {
        if (!plan_output(w, l, j, &lo[j], &hi[j]) || !sums_freely(&l->accum_t, lo[j], hi[j])) {
            return false;
        }
    }
    if (!sparse7_walk_range(w, 16, 16, l->out.channels, l->accum_t.fraction, 0, 0)) {
        return false;
    }
    for (uint32_t j = 0; j < l->out.channels; j++) {
        w->range.lo[j] = lo[j] < 0 ? lo[j] : 0;
        w->range.hi[j] = hi[j] > 0 ? hi[j] : 0;
    }
    return sparse7_steps_cast(&p->hidden, &w->range, &l->accum_t) &&
           sparse7_steps_cast(&p->hidden, &w->range, &l->out_t) &&
           sparse7_walk_steps(w, &p->hidden);
}

static bool plan_dense2(struct sparse7_walk *w)
{
    struct sparse7_plan *p = w->p;
    const struct layer *l = sparse7_walk_take(w, LAYER_DENSE);
    if (l == NULL || l->out.channels != 1 || l->in.channels > SPARSE7_HIDDEN) {
        return false;
    }
    int product = l->in_t.fraction + l->weight_t.fraction;
    int shift = product - l->accum_t.fraction;
    p->dense2_shift = shift > 0 ? shift : 0;
    int64_t lo = fixed_cast(l->bias[0], l->bias_t.fraction, &l->accum_t), hi = lo;
    p->dense2_bias = (int32_t)lo;
    if (p->dense2_shift > 30 || lo < INT32_MIN || lo > INT32_MAX ||
        (shift > 0 && l->accum_t.quantization != FIXED_TRN)) {
        return false;
    }
    for (uint32_t i = 0; i < l->in.channels; i++) {
        int32_t v;
        if (!sparse7_walk_regrid(l->weight[i], product, shift > 0 ? product : l->accum_t.fraction,
                                 &v)) {
            return false;
        }
        p->dense2[i] = v;
        int64_t a = v < 0 ? v * w->range.hi[i] : v * w->range.lo[i];
        int64_t b = v < 0 ? v * w->range.lo[i] : v * w->range.hi[i];
        if (a < INT32_MIN || b > INT32_MAX) {
            return false;
        }
        lo += a >> p->dense2_shift;
        hi += b >> p->dense2_shift;
    }
    return sums_freely(&l->accum_t, lo, hi) &&
           sparse7_walk_range(w, 16, 1, 1, l->accum_t.fraction, lo, hi) &&
           sparse7_steps_cast(&p->last, &w->range, &l->accum_t) &&
           sparse7_steps_cast(&p->last, &w->range, &l->out_t) && sparse7_walk_steps(w, &p->last);
}

static bool plan_output_layer(struct sparse7_walk *w)
{
    struct sparse7_plan *p = w->p;
    const struct layer *l = sparse7_walk_take(w, LAYER_SIGMOID_TABLE);
    if (l != NULL) {
        p->has_table = true;
        p->table_shift = l->in_t.fraction - 6;
        for (size_t i = 0; i < MODEL_TABLE_ENTRIES; i++) {
            p->table[i] = fixed_cast(l->table[i], l->table_t.fraction, &l->out_t);
        }
        if (p->table_shift < -24 || p->table_shift > 30) {
            return false;
        }
    } else {
        (void)sparse7_walk_take(w, LAYER_SIGMOID);
    }
    return w->next == w->end;
}

bool sparse7_dense_plan(struct sparse7_walk *w)
{
    return plan_dense1(w) && plan_dense2(w) && plan_output_layer(w);
}

/* ---- at the end of a window ---- */

int64_t sparse7_finish(const struct sparse7_plan *p, int32_t x)
{
    if (!p->has_table) {
        return x;
    }
    /* steps of 1/64, toward zero, without a division; 1024 of them around 0 */
    int64_t step = x;
    if (p->table_shift > 0) {
        int64_t below = (INT64_C(1) << p->table_shift) - 1;
        step = (step + (step < 0 ? below : 0)) >> p->table_shift;
    } else {
        step *= INT64_C(1) << -p->table_shift;
    }
    int64_t at = step + MODEL_TABLE_ENTRIES / 2;
    at = at < 0 ? 0 : at >= MODEL_TABLE_ENTRIES ? MODEL_TABLE_ENTRIES - 1 : at;
    return p->table[at];
}
