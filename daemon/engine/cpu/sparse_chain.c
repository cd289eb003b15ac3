/* How: layer by layer; each step gets its numbers and hands on the range of what
 * it gives. A range always holds 0, which is what a slot without a value has.
 */
#include "engine/cpu/sparse_chain.h"

#include <math.h>
#include <stdlib.h>

static const int64_t float_exact = INT64_C(1) << 24; /* whole numbers in float32 */
static const int64_t enough = INT64_C(1) << 60;      /* a sum this large fits nothing */

enum { MAX_GRID_NUMBERS = 1 << 22, MAX_POOLED_PLACES = 1 << 20 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct dense_range with_zero(struct dense_range r)
{
    return dense_cast_join(r, (struct dense_range){0, 0});
}

/* ---- relu, quantize, the reduction's cast ---- */

static bool plan_cast(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    s->cast = calloc(1, sizeof *s->cast);
    s->kind = l->class == LAYER_RELU ? SPARSE_RELU : SPARSE_CAST;
    if (s->kind == SPARSE_RELU) {
        *range = (struct dense_range){larger(range->low, 0), larger(range->high, 0)};
    }
    bool good = s->cast != NULL && dense_cast_plan(s->cast, range, l->in_t.fraction, &l->out_t);
    *range = with_zero(*range);
    return good;
}

static bool plan_quantize(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    s->kind = SPARSE_CAST;
    s->cast_each_pixel = l->element_per_pixel;
    s->cast_each_channel = !l->element_per_pixel;
    s->cast = calloc(l->element_count, sizeof *s->cast);
    struct dense_range all = {0, 0};
    for (uint32_t i = 0; s->cast != NULL && i < l->element_count; i++) {
        struct dense_range r = *range;
        if (!dense_cast_plan_element(&s->cast[i], &r, l->in_t.fraction, &l->element_t[i],
                                     &l->out_t)) {
            return false;
        }
        all = dense_cast_join(all, r);
    }
    *range = all;
    return s->cast != NULL;
}

/* ---- convolution ---- */

static int64_t weight_of(const struct layer *l, uint32_t tap, uint32_t channel, uint32_t filter)
{
    return l->weight[((size_t)tap * l->in.channels + channel) * l->out.channels + filter];
}

/* All partial sums of a filter, in any order: no place holds more than one value,
 * so a tap counts once. */
static struct dense_range sums_of(const struct layer *l, struct dense_range x, uint32_t filter)
{
    struct dense_range sum = {0, 0};
    for (uint32_t tap = 0; tap < l->kernel_h * l->kernel_w; tap++) {
        for (uint32_t c = 0; c < l->in.channels; c++) {
            int64_t w = weight_of(l, tap, c, filter);
            sum.low = larger(-enough, sum.low + smaller(w * x.low, w * x.high));
            sum.high = smaller(enough, sum.high + larger(w * x.low, w * x.high));
        }
    }
    return sum;
}

static bool weights_fit(const struct layer *l, int64_t most)
{
    size_t n = (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels;
    for (size_t i = 0; i < n; i++) {
        if (l->weight[i] > most || l->weight[i] < -most) {
            return false;
        }
    }
    return true;
}

/* Whether the sums are exact integers of 32 bits; then *range is theirs, on the
 * accumulator's grid. */
static bool sums_exact(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    int finer = l->accum_t.fraction - l->in_t.fraction - l->weight_t.fraction;
    if (finer < 0 || finer > 28 || !dense_cast_fits(*range, 31) || !weights_fit(l, INT16_MAX + 1)) {
        return false;
    }
    struct dense_range all = {0, 0};
    for (uint32_t f = 0; f < l->out.channels; f++) {
        all = dense_cast_join(all, sums_of(l, *range, f));
    }
    if (!dense_cast_fits(all, 32)) {
        return false;
    }
    int64_t scale = INT64_C(1) << finer;
    struct dense_range scaled = {all.low * scale, all.high * scale};
    struct dense_range type = dense_cast_range(&l->accum_t);
    bool inside = scaled.low >= type.low && scaled.high <= type.high;
    if (!inside && l->accum_t.overflow != FIXED_WRAP) {
        return false;
    }
    int product_fraction = l->accum_t.fraction - finer;
    *range = all;
    return dense_cast_plan(&s->accum, range, product_fraction, &l->accum_t);
}

/* Whether it is generation 1: each contribution is a whole number 0 .. max. */
static bool sums_rounded(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    const struct fixed_type *t = &l->accum_t;
    int shift = l->in_t.fraction + l->weight_t.fraction - t->fraction;
    if (t->is_signed || t->overflow == FIXED_WRAP || fixed_max(t) >= SPARSE_SUM_BIAS ||
        (shift > 0 && t->quantization != FIXED_RND_CONV) || shift > 60 || shift < -20 ||
        range->low <= -float_exact || range->high >= float_exact ||
        !weights_fit(l, float_exact - 1)) {
        return false;
    }
    double largest_product = 0;
    for (size_t i = 0; i < (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels;
         i++) {
        double product = ldexp((double)l->weight[i] * (double)range->high, -shift);
        largest_product = product > largest_product ? product : largest_product;
    }
    s->rounds = true;
    s->clips = l->in.channels > 1 || range->low < 0 || largest_product >= SPARSE_SUM_BIAS - 1;
    s->most = (float)(SPARSE_SUM_BIAS + fixed_max(t));
    *range = (struct dense_range){0, INT32_MAX};
    return dense_cast_plan(&s->accum, range, t->fraction, t);
}

static bool plan_bias(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    int fb = l->bias_t.fraction;
    int fa = l->accum_t.fraction;
    int f = fa > fb ? fa : fb;
    s->bias = calloc(l->out.channels, sizeof *s->bias);
    struct dense_range bias = {0, 0};
    for (uint32_t i = 0; s->bias != NULL && i < l->out.channels; i++) {
        if (l->bias[i] == 0) {
            continue;
        }
        if (f - fb > 40 || f - fa > 28 ||
            !dense_cast_fits((struct dense_range){l->bias[i], l->bias[i]}, 60 - (f - fb))) {
            return false;
        }
        s->bias[i] = l->bias[i] * (INT64_C(1) << (f - fb));
        s->bias_left = (uint32_t)(f - fa);
        bias = dense_cast_join(bias, (struct dense_range){s->bias[i], s->bias[i]});
    }
    if (s->bias == NULL || !dense_cast_fits(*range, 60 - (int)s->bias_left)) {
        return false;
    }
    if (bias.low == 0 && bias.high == 0) {
        s->biased = (struct dense_cast){.identity = true};
        return true;
    }
    struct dense_range sum = {range->low * (INT64_C(1) << s->bias_left) + bias.low,
                              range->high * (INT64_C(1) << s->bias_left) + bias.high};
    if (!dense_cast_plan(&s->biased, &sum, f, &l->accum_t)) {
        return false;
    }
    *range = with_zero(sum);
    return true;
}

/* Rows of the kernel as whole vectors, padded with weights of 0, which add
 * nothing: 0 x + 2^23 is 2^23. */
static bool pack_weights(struct sparse_step *s, const struct layer *l, uint32_t lanes)
{
    uint32_t groups = (l->out.channels + SPARSE_GROUP - 1) / SPARSE_GROUP;
    size_t row = (size_t)s->chunks * l->in.channels * SPARSE_GROUP * lanes;
    s->weight = calloc(groups * l->kernel_h * row, 4);
    if (s->weight == NULL) {
        return false;
    }
    int shift = l->in_t.fraction + l->weight_t.fraction - l->accum_t.fraction;
    uint32_t filters = l->out.channels;
    for (uint32_t tap = 0; tap < l->kernel_h * l->kernel_w; tap++) {
        uint32_t kh = tap / l->kernel_w;
        uint32_t kw = tap % l->kernel_w;
        for (uint32_t c = 0; c < l->in.channels; c++) {
            for (uint32_t f = 0; f < filters; f++) {
                uint32_t first = f / SPARSE_GROUP * SPARSE_GROUP;
                uint32_t in_group = filters - first < SPARSE_GROUP ? filters - first : SPARSE_GROUP;
                size_t vector =
                    (((size_t)kh * s->chunks + kw / lanes) * l->in.channels + c) * in_group +
                    f % SPARSE_GROUP;
                size_t at = (f / SPARSE_GROUP * l->kernel_h * row) + vector * lanes + kw % lanes;
                int64_t w = weight_of(l, tap, c, f);
                if (!s->rounds) {
                    ((int32_t *)s->weight)[at] = (int32_t)w;
                } else {
                    /* a weight below 0 gives 0 where nothing is below 0 */
                    double scaled = ldexp((double)(s->clips ? w : larger(w, 0)), -shift);
                    ((float *)s->weight)[at] = (float)scaled;
                }
            }
        }
    }
    return true;
}

static bool plan_conv(struct sparse_step *s, const struct layer *l, uint32_t lanes,
                      struct dense_range *range)
{
    s->kind = SPARSE_CONV;
    s->mask_slot = l->mask_slot;
    s->kernel_h = l->kernel_h;
    s->chunks = (l->kernel_w + lanes - 1) / lanes;
    s->stride = (s->width + s->chunks * lanes + lanes - 1) / lanes * lanes;
    uint64_t plane = (uint64_t)(s->height + s->kernel_h) * s->stride;
    if (plane * s->channels_in > MAX_GRID_NUMBERS) {
        return false;
    }
    s->plane = (uint32_t)plane;
    s->sum_bias = UINT32_C(0x4b000000) * (lanes * s->chunks * s->kernel_h);
    s->cast = calloc(1, sizeof *s->cast);
    return s->cast != NULL && (sums_exact(s, l, range) || sums_rounded(s, l, range)) &&
           plan_bias(s, l, range) && pack_weights(s, l, lanes) &&
           dense_cast_plan(s->cast, range, l->accum_t.fraction, &l->out_t);
}

/* ---- pools ---- */

/* The sums of a place: bounded by the accumulator's type, and by what so many
 * values can add up to. */
static bool plan_sum(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    int f = l->accum_t.fraction > l->in_t.fraction ? l->accum_t.fraction : l->in_t.fraction;
    int sum_left = f - l->accum_t.fraction;
    int value_left = f - l->in_t.fraction;
    if (sum_left > 28 || value_left > 28 || !dense_cast_fits(*range, 60 - 7 - value_left)) {
        return false;
    }
    s->sum_left = (uint32_t)sum_left;
    s->value_left = (uint32_t)value_left;
    int64_t value = INT64_C(1) << value_left;
    struct dense_range all = {range->low * value * SPARSE_MAX_SLOTS,
                              range->high * value * SPARSE_MAX_SLOTS};
    struct dense_range type = dense_cast_range(&l->accum_t);
    if (sum_left != 0 || all.low < type.low || all.high > type.high) {
        if (!dense_cast_fits(type, 60 - sum_left)) {
            return false;
        }
        int64_t sum = INT64_C(1) << sum_left;
        all = (struct dense_range){type.low * sum + range->low * value,
                                   type.high * sum + range->high * value};
    }
    *range = all;
    bool good = dense_cast_plan(&s->sum, range, f, &l->accum_t);
    *range = with_zero(*range);
    return good;
}

static bool plan_average(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    const int64_t factor[] = {l->recip_h_raw, l->recip_w_raw};
    int fraction = l->accum_t.fraction;
    s->factor = 1;
    for (int i = 0; i < 2; i++) {
        if (factor[i] == 0) {
            continue;
        }
        fraction += l->recip_t.fraction;
        if (__builtin_mul_overflow(s->factor, factor[i], &s->factor)) {
            return false;
        }
    }
    int64_t a;
    int64_t b;
    if (!plan_sum(s, l, range) || __builtin_mul_overflow(range->low, s->factor, &a) ||
        __builtin_mul_overflow(range->high, s->factor, &b)) {
        return false;
    }
    *range = (struct dense_range){smaller(a, b), larger(a, b)};
    bool good = dense_cast_plan(s->cast, range, fraction, &l->out_t);
    *range = with_zero(*range);
    return good;
}

static bool plan_pool(struct sparse_step *s, const struct layer *l, struct dense_range *range)
{
    s->inverse_h = (UINT64_C(1) << 32) / l->pool_h + 1;
    s->inverse_w = (UINT64_C(1) << 32) / l->pool_w + 1;
    s->pooled_h = l->out.height;
    s->pooled_w = l->out.width;
    s->cast = calloc(1, sizeof *s->cast);
    if (s->cast == NULL || (uint64_t)s->pooled_h * s->pooled_w > MAX_POOLED_PLACES) {
        return false;
    }
    if (l->class == LAYER_SPARSE_AVG_POOL2D) {
        s->kind = SPARSE_AVERAGE;
        return plan_average(s, l, range);
    }
    s->kind = SPARSE_LARGEST;
    *range = (struct dense_range){0, larger(range->high, 0)};
    bool good = dense_cast_plan(s->cast, range, l->in_t.fraction, &l->out_t);
    *range = with_zero(*range);
    return good;
}

/* ---- the chain ---- */

static bool plan_step(struct sparse_step *s, const struct layer *l, uint32_t lanes,
                      struct dense_range *range)
{
    s->layer = l;
    s->channels_in = l->in.channels;
    s->channels_out = l->out.channels;
    s->height = l->in.height;
    s->width = l->in.width;
    switch (l->class) {
    case LAYER_SPARSE_INPUT_REDUCE:
    case LAYER_RELU:
        return plan_cast(s, l, range);
    case LAYER_QUANTIZE:
        return plan_quantize(s, l, range);
    case LAYER_SPARSE_CONV2D:
        return plan_conv(s, l, lanes, range);
    case LAYER_SPARSE_AVG_POOL2D:
    case LAYER_SPARSE_MAX_POOL2D:
        return plan_pool(s, l, range);
    default:
        return false;
    }
}

static uint32_t count_steps(const struct model *m)
{
    uint32_t n = 0;
    while (1 + n < m->n_layers && m->layer[1 + n].class != LAYER_SPARSE_FLATTEN) {
        n++;
    }
    return n;
}

/* What a listed pixel may hold. */
static struct dense_range input_range(const struct model *m)
{
    struct dense_range range = {fixed_min(m->input_t), fixed_max(m->input_t)};
    if (m->channels == 1) {
        range.low = larger(range.low, m->reduce->threshold_raw + 1);
    }
    return with_zero(range);
}

static bool plan_steps(struct sparse_chain *chain, uint32_t lanes)
{
    const struct model *m = chain->model;
    struct dense_range range = input_range(m);
    chain->max_channels = m->channels;
    for (uint32_t i = 0; i < chain->n_steps; i++) {
        struct sparse_step *s = &chain->step[i];
        const struct layer *l = &m->layer[1 + i];
        if (l->out.channels > SPARSE_MAX_CHANNELS || !plan_step(s, l, lanes, &range)) {
            return false;
        }
        uint32_t grid = s->plane * s->channels_in;
        uint32_t places = s->pooled_h * s->pooled_w;
        chain->grid_numbers = grid > chain->grid_numbers ? grid : chain->grid_numbers;
        chain->pooled_places = places > chain->pooled_places ? places : chain->pooled_places;
        if (s->channels_out > chain->max_channels) {
            chain->max_channels = s->channels_out;
        }
    }
    return dense_tail_plan(&chain->tail, m, 1 + chain->n_steps, range);
}

bool sparse_chain_plan(struct sparse_chain *chain, const struct model *m, uint32_t lanes)
{
    *chain = (struct sparse_chain){.model = m};
    if (m->reduce == NULL || m->n_layers < 3 || m->channels > SPARSE_MAX_CHANNELS ||
        m->reduce->n_max_pixels > SPARSE_MAX_SLOTS) {
        return false;
    }
    chain->n_steps = count_steps(m);
    chain->step = calloc(chain->n_steps, sizeof *chain->step);
    if (chain->step != NULL && plan_steps(chain, lanes)) {
        return true;
    }
    sparse_chain_fini(chain);
    return false;
}

void sparse_chain_fini(struct sparse_chain *chain)
{
    for (uint32_t i = 0; chain->step != NULL && i < chain->n_steps; i++) {
        free(chain->step[i].cast);
        free(chain->step[i].weight);
        free(chain->step[i].bias);
    }
    free(chain->step);
    dense_tail_fini(&chain->tail);
    *chain = (struct sparse_chain){0};
}
