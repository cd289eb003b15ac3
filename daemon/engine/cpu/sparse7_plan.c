/* How: one walk along the layers with the interval of what flows. Each function
 * takes the layer it knows, or says no. Bounds come from the real weights: a field
 * holds at most one pixel a tap and never more than the list, a pooled place at most its area, the
 * dense layer at most `slots` places.
 */
#include "engine/cpu/sparse7.h"
#include "engine/cpu/sparse7_walk.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

static bool plan_list(struct sparse7_walk *w, const struct model *m)
{
    const struct layer *l = m->reduce;
    if (l == NULL || m->channels != 1 || m->width > 124 || m->height > 252 ||
        l->n_max_pixels > SPARSE7_SLOTS) {
        return false;
    }
    struct sparse7_plan *p = w->p;
    p->slots = l->n_max_pixels;
    p->height = m->height;
    p->width = m->width;
    w->next = l + 1;
    return sparse7_walk_range(w, 16, 1, 1, l->in_t.fraction, l->threshold_raw + 1,
                              fixed_max(&l->in_t)) &&
           sparse7_steps_cast(&p->listed, &w->range, &l->out_t) &&
           sparse7_walk_steps(w, &p->listed);
}

/* ---- convolutions ---- */

/* The entry of the 8 x 8 table for tap (kh, kw): rows and columns apart are
 * row_p - row_q = R_h - kh, and so on (docs/model.md). */
static size_t tap_of(const struct layer *l, uint32_t kh, uint32_t kw)
{
    return (size_t)(3 + l->kernel_h / 2 - kh) * 8 + 3 + l->kernel_w / 2 - kw;
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The largest sum of at most `slots` of n numbers, which are sorted in place. The
 * exporter bounds accumulators in the same way, so that they are no wider than this. */
static int64_t largest_sum(int64_t *value, size_t n, uint32_t slots)
{
    int64_t sum = 0;
    qsort(value, n, sizeof *value, descending);
    for (size_t i = 0; i < n && i < slots && value[i] > 0; i++)
        sum += value[i];
    return sum;
}

/* The exact sum's weights on its grid, and its interval in *lo, *hi: of a window's
 * slots each is under one tap, or under none. */
static bool exact_filter(const struct layer *l, struct sparse7_conv *c, uint32_t f, uint32_t slots,
                         int64_t x_lo, int64_t x_hi, int64_t *lo, int64_t *hi)
{
    int64_t up[SPARSE7_TAPS], down[SPARSE7_TAPS];
    uint32_t taps = l->kernel_h * l->kernel_w;
    for (uint32_t k = 0; k < taps; k++) {
        int32_t w;
        if (!sparse7_walk_regrid(l->weight[(size_t)k * l->out.channels + f],
                                 l->in_t.fraction + l->weight_t.fraction, l->accum_t.fraction,
                                 &w) ||
            w < INT16_MIN || w > INT16_MAX) {
            return false;
        }
        c->weight[f][tap_of(l, k / l->kernel_w, k % l->kernel_w)] = (int16_t)w;
        up[k] = w < 0 ? w * x_lo : w * x_hi;
        down[k] = w < 0 ? -w * x_hi : -w * x_lo;
    }
    *hi = largest_sum(up, taps, slots);
    *lo = -largest_sum(down, taps, slots);
    return true;
}

/* The largest exact sum must fit the accumulator before and after the bias. */
static bool exact_conv(const struct layer *l, struct sparse7_conv *c, const struct sparse7_walk *w,
                       int64_t *lo, int64_t *hi)
{
    int64_t x_lo = sparse7_walk_lo(w), x_hi = sparse7_walk_hi(w);
    if (x_lo < INT16_MIN || x_hi > UINT16_MAX || (x_hi > INT16_MAX && x_lo < 0)) {
        return false;
    }
    for (uint32_t f = 0; f < l->out.channels; f++) {
        int64_t a, b;
        if (!exact_filter(l, c, f, w->p->slots, x_lo, x_hi, &a, &b) ||
            !sparse7_walk_regrid(l->bias[f], l->bias_t.fraction, l->accum_t.fraction,
                                 &c->bias[f])) {
            return false;
        }
        a += c->bias[f] < 0 ? c->bias[f] : 0;
        b += c->bias[f] > 0 ? c->bias[f] : 0;
        if (a < fixed_min(&l->accum_t) || b > fixed_max(&l->accum_t) || a < INT32_MIN ||
            b > INT32_MAX) {
            return false;
        }
        *lo = a < *lo ? a : *lo;
        *hi = b > *hi ? b : *hi;
    }
    return true;
}

/* The first firmware's sum. A float has 24 bits: w * x, rounded once when 2^23 is
 * added to it, is the product rounded to the sum's grid, ties to even. */
static bool rounded_conv(const struct layer *l, struct sparse7_conv *c,
                         const struct sparse7_walk *w, int64_t *hi)
{
    const struct fixed_type *t = &l->accum_t;
    int shift = l->in_t.fraction + l->weight_t.fraction - t->fraction;
    if (t->is_signed || t->quantization != FIXED_RND_CONV || t->overflow == FIXED_WRAP ||
        t->width > 22 || shift < 0 || shift > 30 || sparse7_walk_lo(w) < 0 ||
        sparse7_walk_hi(w) > UINT16_MAX) {
        return false;
    }
    for (uint32_t f = 0; f < l->out.channels; f++) {
        for (uint32_t k = 0; k < l->kernel_h * l->kernel_w; k++) {
            int64_t v = l->weight[(size_t)k * l->out.channels + f];
            v = v < 0 ? 0 : v; /* a negative product is clipped by itself */
            if (v > INT16_MAX || ((v * sparse7_walk_hi(w)) >> shift) + 1 >= 1 << 23) {
                return false;
            }
            size_t tap = tap_of(l, k / l->kernel_w, k % l->kernel_w);
            c->weight[f][tap] = (int16_t)v;
        }
        if (!sparse7_walk_regrid(l->bias[f], l->bias_t.fraction, t->fraction, &c->bias[f])) {
            return false;
        }
    }
    c->shift = shift;
    c->limit = (int32_t)fixed_max(t);
    *hi = c->limit;
    return true;
}

static bool plan_conv(struct sparse7_walk *w, const struct layer *l, struct sparse7_conv *c,
                      uint32_t filters)
{
    if (l == NULL || l->kernel_h > 7 || l->kernel_w > 7 || l->in.channels != 1 ||
        l->out.channels != filters) {
        return false;
    }
    int64_t lo = 0, hi = 0;
    bool exact =
        (c == &w->p->conv[0] || w->p->sum == SPARSE7_EXACT) && exact_conv(l, c, w, &lo, &hi);
    if (exact) {
        w->p->halves = w->p->halves || sparse7_walk_hi(w) > INT16_MAX;
    } else {
        lo = 0;
        if ((c == &w->p->conv[1] && w->p->sum == SPARSE7_EXACT) || !rounded_conv(l, c, w, &hi)) {
            return false;
        }
    }
    w->p->sum = exact ? SPARSE7_EXACT : SPARSE7_ROUNDED;
    c->mask_slot = l->mask_slot;
    size_t stride = filters == 1 ? 1 : 16;
    return sparse7_walk_range(w, 16, stride, filters, l->accum_t.fraction, lo, hi);
}

/* Every product of a tap and a value of 8 bits, as the first firmware rounds and
 * clips it. */
static bool product_tables(struct sparse7_conv *c, const struct layer *l, uint32_t filters)
{
    c->product = aligned_alloc(64, (size_t)filters * 256 * SPARSE7_TAPS);
    if (c->product == NULL) {
        return false;
    }
    int fraction = l->in_t.fraction + l->weight_t.fraction;
    for (size_t i = 0; i < (size_t)filters * 256 * SPARSE7_TAPS; i++) {
        int64_t x = (int64_t)(i / SPARSE7_TAPS % 256);
        int64_t weight = c->weight[i / SPARSE7_TAPS / 256][i % SPARSE7_TAPS];
        c->product[i] = (uint8_t)fixed_cast(weight * x, fraction, &l->accum_t);
    }
    return true;
}

static bool plan_convs(struct sparse7_walk *w)
{
    struct sparse7_plan *p = w->p;
    bool small = sparse7_walk_hi(w) <= UINT8_MAX;
    const struct layer *first = sparse7_walk_take(w, LAYER_SPARSE_CONV2D);
    if (!plan_conv(w, first, &p->conv[0], 1) ||
        !sparse7_steps_cast(&p->between, &w->range, &first->out_t) ||
        !sparse7_walk_steps(w, &p->between)) {
        return false;
    }
    small = small && sparse7_walk_hi(w) <= UINT8_MAX;
    const struct layer *second = sparse7_walk_take(w, LAYER_SPARSE_CONV2D);
    if (!plan_conv(w, second, &p->conv[1], SPARSE7_FILTERS)) {
        return false;
    }
    p->bytes = small && p->sum == SPARSE7_ROUNDED && p->conv[0].limit <= UINT8_MAX &&
               p->conv[1].limit <= UINT8_MAX;
    return sparse7_steps_cast(&p->features, &w->range, &second->out_t) &&
           sparse7_walk_steps(w, &p->features) &&
           (!p->bytes || (product_tables(&p->conv[0], first, 1) &&
                          product_tables(&p->conv[1], second, SPARSE7_FILTERS)));
}

/* ---- pooling ---- */

/* n / d for every n below 256 as n * mul >> 16. */
static bool divider(uint32_t d, uint32_t *mul)
{
    *mul = (65536 + d - 1) / d;
    for (uint32_t n = 0; n < 256; n++) {
        if (n * *mul >> 16 != n / d) {
            return false;
        }
    }
    return true;
}

static bool plan_places(struct sparse7_plan *p, const struct layer *l)
{
    uint64_t cells = (uint64_t)l->out.height * l->out.width;
    p->cells = (uint32_t)cells;
    p->pooled_height = l->out.height;
    p->pooled_width = l->out.width;
    return cells > 0 && cells <= SPARSE7_CELLS && l->pool_h < 256 && l->pool_w < 256 &&
           divider(l->pool_h, &p->cell_mul_h) && divider(l->pool_w, &p->cell_mul_w);
}

/* The sum of a place, its limit and the factor; values are never below 0 here, so
 * a sum that saturates on the way ends at the same limit. */
static bool plan_average(struct sparse7_walk *w, const struct layer *l, int64_t *hi)
{
    struct sparse7_pool *q = &w->p->pool;
    const struct fixed_type *t = &l->accum_t;
    uint32_t area = l->pool_h * l->pool_w;
    int64_t most = sparse7_walk_hi(w) * (area < w->p->slots ? area : w->p->slots);
    if (sparse7_walk_lo(w) < 0 || w->range.fraction != t->fraction || most > INT32_MAX ||
        (most > fixed_max(t) && t->overflow == FIXED_WRAP)) {
        return false;
    }
    q->limit = (int32_t)(most > fixed_max(t) ? fixed_max(t) : most);
    int64_t factor = 1, f[2] = {l->recip_h_raw, l->recip_w_raw};
    int fraction = t->fraction;
    for (int i = 0; i < 2; i++) {
        if (f[i] != 0) {
            if (f[i] < 0 || f[i] > UINT32_MAX || (factor *= f[i]) > UINT32_MAX) {
                return false;
            }
            fraction += l->recip_t.fraction;
        }
    }
    q->factor = (uint32_t)factor;
    q->shift = fraction - l->out_t.fraction;
    if (q->shift < 0 || q->shift > 60) {
        return false;
    }
    int64_t half = q->shift > 0 ? INT64_C(1) << (q->shift - 1) : 0;
    q->to_even = q->shift > 0 && l->out_t.quantization == FIXED_RND_CONV;
    q->add = q->to_even ? half - 1 : l->out_t.quantization == FIXED_RND ? half : 0;
    if (q->shift > 0 && !q->to_even && l->out_t.quantization != FIXED_RND &&
        l->out_t.quantization != FIXED_TRN) {
        return false;
    }
    int64_t exact = q->limit * factor; /* below 2^63 */
    if (exact > INT64_MAX / 2 - half) {
        return false;
    }
    q->wide = exact + half > INT32_MAX || q->shift > 30;
    *hi = (exact + half) >> q->shift;
    return *hi <= INT32_MAX;
}

static bool plan_pool(struct sparse7_walk *w)
{
    struct sparse7_plan *p = w->p;
    const struct layer *l = sparse7_walk_take(w, LAYER_SPARSE_AVG_POOL2D);
    int64_t hi;
    if (l == NULL || !plan_places(p, l) || !plan_average(w, l, &hi)) {
        return false;
    }
    struct fixed_type out = l->out_t; /* the average is on its grid already */
    size_t lanes = ((size_t)4 * (p->cells + 1) + 15) / 16 * 16;
    if (!sparse7_walk_range(w, lanes, 4, SPARSE7_FILTERS, out.fraction, 0, hi) ||
        !sparse7_steps_cast(&p->pooled, &w->range, &out) || !sparse7_walk_steps(w, &p->pooled)) {
        return false;
    }
    const struct layer *flatten = sparse7_walk_take(w, LAYER_SPARSE_FLATTEN);
    return flatten != NULL && sparse7_steps_cast(&p->pooled, &w->range, &flatten->out_t) &&
           sparse7_walk_steps(w, &p->pooled);
}

/* ---- the whole ---- */

struct sparse7_plan *sparse7_plan_create(const struct model *m)
{
    if (m->n_layers < 8) {
        return NULL;
    }
    struct sparse7_plan *p = aligned_alloc(64, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    memset(p, 0, sizeof *p);
    struct sparse7_walk w = {.p = p, .end = m->layer + m->n_layers};
    bool good = plan_list(&w, m) && plan_convs(&w) && plan_pool(&w) && sparse7_dense_plan(&w);
    sparse7_range_fini(&w.range);
    if (!good) {
        sparse7_plan_destroy(&p);
    }
    return p;
}

void sparse7_plan_destroy(struct sparse7_plan **p)
{
    if (*p == NULL) {
        return;
    }
    struct sparse7_steps *all[6] = {&(*p)->listed, &(*p)->between, &(*p)->features,
                                    &(*p)->pooled, &(*p)->hidden,  &(*p)->last};
    for (size_t i = 0; i < 6; i++) {
        sparse7_steps_fini(all[i]);
    }
    free((*p)->conv[0].product);
    free((*p)->conv[1].product);
    free(*p);
    *p = NULL;
}

bool sparse7_matches(const struct model *m)
{
    struct sparse7_plan *p = sparse7_plan_create(m);
    bool matches = p != NULL;
    sparse7_plan_destroy(&p);
    return matches;
}
