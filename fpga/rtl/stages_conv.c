/* How: a convolution's weights are shifted so that the last bit of what the stage leaves is
 * always bit RTL_SHIFT of a product; the kernel then rounds at one place, whatever the types.
 * Second generation sums must be exact: their range is followed, and one that might wrap or
 * need more bits than the kernel has is refused. */
#include "stages.h"

#include <stdlib.h>

static const enum rtl_unit weight_unit[] = {UNIT_A_WEIGHT, UNIT_B_WEIGHT};
static const enum rtl_unit setup_unit[] = {UNIT_A_SETUP, UNIT_B_SETUP};
static const enum rtl_unit pool_unit[] = {UNIT_POOL_A, UNIT_POOL_B};

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* First generation: every product is rounded and clipped in the accumulator's type. */
static bool rounds_products(const struct layer *l)
{
    const struct fixed_type *t = &l->accum_t;
    return !t->is_signed && t->quantization == FIXED_RND_CONV && t->overflow == FIXED_SAT &&
           fixed_equal(t, &l->out_t);
}

/* The kernel's address of a tap (conv_tap.sv). */
static uint32_t tap_address(uint32_t row, uint32_t col)
{
    return row >= 8 ? 64 + col : col >= 8 ? 80 + row : row * 8 + col;
}

static int64_t weight_of(const struct layer *l, uint32_t tap, uint32_t c, uint32_t f)
{
    return l->weight[((size_t)tap * l->in.channels + c) * l->out.channels + f];
}

static bool check_shape(const struct stages *s, int stage, struct error *err)
{
    const struct layer *l = s->conv[stage];
    if (l->kernel_h > RTL_KERNEL || l->kernel_w > RTL_KERNEL)
        return stages_refuse(s, l, err, "kernel %u x %u, at most %d x %d fit", l->kernel_h,
                             l->kernel_w, RTL_KERNEL, RTL_KERNEL);
    if (l->out.channels > RTL_CHANNELS || l->in.channels > RTL_CHANNELS)
        return stages_refuse(s, l, err, "%u channels and %u filters, at most %d fit",
                             l->in.channels, l->out.channels, RTL_CHANNELS);
    if (l->in.channels > 1 && (stage == STAGE_A || l->out.channels > 1))
        return stages_refuse(s, l, err,
                             "%u channels and %u filters; the kernel takes 1 channel, or in the "
                             "second convolution 1 filter",
                             l->in.channels, l->out.channels);
    if (stage == STAGE_A && s->pool[stage] != NULL && l->out.channels > 1)
        return stages_refuse(s, s->pool[stage], err,
                             "pools %u channels; between the convolutions the kernel pools 1",
                             l->out.channels);
    if (stage == STAGE_A && l->out.channels > s->build.filters)
        return stages_refuse(s, l, err, "%u filters, this kernel was built with %u here",
                             l->out.channels, s->build.filters);
    return true;
}

/* Fraction bits of the finest product. */
static int product_fraction(const struct stages *s, int stage)
{
    const struct layer *l = s->conv[stage];
    int finest = s->into[stage][0].fraction;
    for (uint32_t c = 1; c < l->in.channels; c++)
        finest = finest > s->into[stage][c].fraction ? finest : s->into[stage][c].fraction;
    return finest + l->weight_t.fraction;
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The sum of the `n` largest of `tap`, which is sorted. */
static int64_t largest(int64_t *tap, size_t taps, size_t n)
{
    int64_t sum = 0;
    qsort(tap, taps, sizeof *tap, descending);
    for (size_t i = 0; i < taps && i < n; i++)
        sum += tap[i];
    return sum;
}

/* Range of a filter's exact sum: every tap has at most one neighbour, and there are no more
 * neighbours than pixels. */
static void sum_range(const struct stages *s, int stage, uint32_t f, int64_t *low, int64_t *high)
{
    const struct layer *l = s->conv[stage];
    int finest = product_fraction(s, stage);
    int64_t below[RTL_KERNEL * RTL_KERNEL] = {0};
    int64_t above[RTL_KERNEL * RTL_KERNEL] = {0};
    uint32_t taps = l->kernel_h * l->kernel_w;
    for (uint32_t tap = 0; tap < taps; tap++) {
        for (uint32_t c = 0; c < l->in.channels; c++) {
            const struct cast_chain *x = &s->into[stage][c];
            int up = finest - x->fraction - l->weight_t.fraction; /* channels' grids differ */
            int64_t w = weight_of(l, tap, c, f) * (INT64_C(1) << lesser(up, 20));
            below[tap] -= lesser(0, lesser(w * x->low, w * x->high));
            above[tap] += greater(0, greater(w * x->low, w * x->high));
        }
    }
    *low = -largest(below, taps, l->in.slots);
    *high = largest(above, taps, l->in.slots);
}

/* Whether exact sums fit the kernel's accumulator, with room for the rounding. */
static bool fits_sum(const struct stages *s, const struct layer *l, uint32_t f,
                     const struct cast_chain *exact, int up, struct error *err)
{
    double most = (double)greater(-exact->low, exact->high);
    if (__builtin_ldexp(most, up) <
        __builtin_ldexp(1, RTL_ACC_BITS - 1) - __builtin_ldexp(1, RTL_SHIFT))
        return true;
    return stages_refuse(s, l, err,
                         "filter %u: sums of %lld to %lld steps of 2^%d, moved up by %d bits, need "
                         "more than %d bits",
                         f, (long long)exact->low, (long long)exact->high, -exact->fraction, up,
                         RTL_ACC_BITS);
}

/* The cast behind a filter, and what its sums may be. */
static bool cast_of(const struct stages *s, int stage, uint32_t f, const struct layer *until,
                    struct cast_chain *out, struct error *err)
{
    const struct layer *l = s->conv[stage];
    int product = product_fraction(s, stage);
    int64_t low;
    int64_t high;
    if (rounds_products(l)) {
        const struct fixed_type *t = &l->accum_t;
        *out = cast_chain_begin(t->fraction, 0, fixed_max(t));
        out->casts = true;
        out->type = *t;
        return stages_casts(s, out, l, until, 0, f, err);
    }
    sum_range(s, stage, f, &low, &high);
    int up = l->bias_t.fraction - product;
    if (l->bias[f] != 0 && up > 0) { /* the bias is finer than a product */
        if (up > 16)
            return stages_refuse(s, l, err, "bias_t is %d bits finer than a product, 16 fit", up);
        low *= INT64_C(1) << up;
        high *= INT64_C(1) << up;
        product += up;
        up = 0;
    }
    int64_t bias = l->bias[f] == 0 || up < -40 ? l->bias[f] : l->bias[f] * (INT64_C(1) << -up);
    *out = cast_chain_begin(product, low + lesser(bias, 0), high + greater(bias, 0));
    if (!cast_chain_cast(out, &l->accum_t) || out->casts)
        return stages_refuse(
            s, l, err,
            "filter %u: sums of %lld to %lld steps of 2^%d may not fit accum_t; the "
            "kernel takes sums that are exact, or unsigned ones of AP_RND_CONV and "
            "AP_SAT in out_t",
            f, (long long)low, (long long)high, -product);
    struct cast_chain exact = *out;
    return stages_casts(s, out, l, until, 0, f, err) &&
           fits_sum(s, l, f, &exact, RTL_SHIFT + out->fraction - product, err);
}

static bool put_weights(const struct stages *s, int stage, uint32_t f, uint32_t c, uint32_t lane,
                        int fraction, struct image *im, struct error *err)
{
    const struct layer *l = s->conv[stage];
    int drop = s->into[stage][c].fraction + l->weight_t.fraction - fraction;
    for (uint32_t tap = 0; tap < l->kernel_h * l->kernel_w; tap++) {
        uint64_t field;
        if (!stages_weight(weight_of(l, tap, c, f), RTL_CONV_WEIGHT_BITS, RTL_SHIFT, drop, &field))
            return stages_refuse(s, l, err,
                                 "weight %lld is dropped by %d bits; the kernel has %d bits for "
                                 "weight << (%d - drop)",
                                 (long long)weight_of(l, tap, c, f), drop, RTL_CONV_WEIGHT_BITS,
                                 RTL_SHIFT);
        image_put(im, weight_unit[stage],
                  lane << 7 | tap_address(tap / l->kernel_w, tap % l->kernel_w), field);
    }
    return true;
}

/* Lanes that a chain of fewer channels leaves over add 0. */
static void put_idle_lanes(const struct stages *s, int stage, struct image *im)
{
    const struct layer *l = s->conv[stage];
    for (uint32_t lane = l->in.channels; l->in.channels > 1 && lane < RTL_CHANNELS; lane++) {
        for (uint32_t tap = 0; tap < 128; tap++)
            image_put(im, weight_unit[stage], lane << 7 | tap, 0);
    }
}

static bool put_filter(const struct stages *s, int stage, uint32_t f, const struct cast_chain *out,
                       int bits, struct image *im, struct error *err)
{
    const struct layer *l = s->conv[stage];
    bool chain = l->in.channels > 1;
    uint64_t word;
    if (!cast_chain_word(out, bits, 0, &word))
        return stages_refuse(s, l, err, "filter %u leaves features of more than %d bits", f, bits);
    int up = RTL_SHIFT + out->fraction - l->bias_t.fraction;
    int64_t bias = l->bias[f];
    if (bias != 0 && (up < 0 || up > 24))
        return stages_refuse(s, l, err, "bias_t's last bit is %d bits from the sum's, 0 to 24 fit",
                             up);
    if (bias != 0)
        bias *= INT64_C(1) << up;
    for (uint32_t lane = f; lane < (chain ? RTL_CHANNELS : f + 1); lane++) {
        image_put(im, setup_unit[stage], 4 + 2 * lane,
                  (uint64_t)bias & ((UINT64_C(1) << RTL_ACC_BITS) - 1));
        image_put(im, setup_unit[stage], 5 + 2 * lane, word);
    }
    for (uint32_t c = 0; c < l->in.channels; c++) {
        if (!put_weights(s, stage, f, c, chain ? c : f, out->fraction, im, err))
            return false;
    }
    return true;
}

/* ---- the pool behind ---- */

static void put_places(const struct stages *s, int stage, struct image *im)
{
    const struct layer *l = s->pool[stage];
    uint32_t ph = l == NULL ? 1 : l->pool_h;
    uint32_t pw = l == NULL ? 1 : l->pool_w;
    const struct tensor_shape *to = l == NULL ? &s->conv[stage]->out : &l->out;
    uint32_t pitch = stage == STAGE_A ? RTL_SIDE : to->width;
    for (uint32_t i = 0; i < RTL_SIDE; i++) {
        bool row = i / ph < to->height;
        bool col = i / pw < to->width;
        image_put(im, pool_unit[stage], 64 + i, (uint64_t)row << 12 | (row ? i / ph * pitch : 0));
        image_put(im, pool_unit[stage], 128 + i, (uint64_t)col << 12 | (col ? i / pw : 0));
    }
}

/* recip_h * recip_w, and its fraction bits. */
static int64_t reciprocal(const struct layer *l, int *fraction)
{
    *fraction = ((l->recip_h_raw != 0) + (l->recip_w_raw != 0)) * l->recip_t.fraction;
    return (l->recip_h_raw == 0 ? 1 : l->recip_h_raw) * (l->recip_w_raw == 0 ? 1 : l->recip_w_raw);
}

/* The reciprocal as the kernel has it: the last kept bit of an average at RTL_POOL_SHIFT. */
static bool put_reciprocal(const struct stages *s, int stage, int drop, struct image *im,
                           struct error *err)
{
    int fraction;
    int64_t r = reciprocal(s->pool[stage], &fraction);
    int shift = RTL_POOL_SHIFT - drop;
    if (r <= 0 || shift < 0 || shift > RTL_POOL_SHIFT ||
        r >= INT64_C(1) << (RTL_RECIP_BITS - shift))
        return stages_refuse(s, s->pool[stage], err,
                             "drops %d bits of a sum times its reciprocal; the kernel has %d bits "
                             "for reciprocal << (%d - dropped)",
                             drop, RTL_RECIP_BITS, RTL_POOL_SHIFT);
    image_put(im, pool_unit[stage], 0, (uint64_t)r << shift);
    return true;
}

/* The sum of a place: exact, or saturating in an unsigned type. Leaves its range. */
static bool put_sum(const struct stages *s, int stage, const struct cast_chain *x,
                    struct cast_chain *sum, struct image *im, struct error *err)
{
    const struct layer *l = s->pool[stage];
    const struct fixed_type *t = &l->accum_t;
    uint32_t area = l->pool_h * l->pool_w;
    int64_t n = area < l->in.slots ? area : l->in.slots;
    int64_t low = 0;
    int64_t high = 0;
    for (uint32_t c = 0; c < l->in.channels; c++) {
        if (x[c].fraction != x[0].fraction)
            return stages_refuse(s, l, err, "its channels have different grids");
        low = lesser(low, n * x[c].low);
        high = greater(high, n * x[c].high);
    }
    *sum = cast_chain_begin(x[0].fraction, low, high);
    bool exact = cast_chain_cast(sum, t) && !sum->casts;
    bool saturates = !exact && !t->is_signed && t->overflow == FIXED_SAT && low >= 0 &&
                     t->fraction == x[0].fraction && t->width < RTL_SUM_BITS;
    if (!exact && !saturates)
        return stages_refuse(s, l, err, "accum_t rounds, or sums up to %lld steps of 2^%d wrap",
                             (long long)high, -x[0].fraction);
    if (high >= INT64_C(1) << (RTL_SUM_BITS - 1) || low < -(INT64_C(1) << (RTL_SUM_BITS - 1)))
        return stages_refuse(s, l, err, "its sums need more than %d bits", RTL_SUM_BITS);
    uint64_t mask = saturates ? (uint64_t)fixed_max(t) : 0;
    image_put(im, pool_unit[stage], 2, 1 | (uint64_t)saturates << 1 | mask << 8);
    *sum = cast_chain_begin(x[0].fraction, low, saturates ? fixed_max(t) : high);
    return true;
}

/* Range of the averages, in the steps of a sum times the reciprocal; false where that needs more
 * than 64 bits. */
static bool averages(const struct layer *l, const struct cast_chain *sum, struct cast_chain *out)
{
    int fraction;
    int64_t low;
    int64_t high;
    int64_t r = reciprocal(l, &fraction);
    if (__builtin_mul_overflow(sum->low, r, &low) || __builtin_mul_overflow(sum->high, r, &high))
        return false;
    *out = cast_chain_begin(sum->fraction + fraction, low, high);
    return cast_chain_cast(out, &l->out_t);
}

/* Between the convolutions, the cast behind the pool is the pool's: it must be the only one that
 * changes something. Behind them only the pool's own is made here. */
static bool put_pool(struct stages *s, int stage, struct cast_chain *x, const struct layer *next,
                     struct image *im, struct error *err)
{
    const struct layer *l = s->pool[stage];
    int bits = stage == STAGE_A ? RTL_X_BITS : RTL_SUM_BITS;
    struct cast_chain sum;
    struct cast_chain out;
    uint64_t word;
    if (!put_sum(s, stage, x, &sum, im, err))
        return false;
    int recip_fraction;
    (void)reciprocal(l, &recip_fraction);
    if (!averages(l, &sum, &out)) {
        out = cast_chain_begin(l->out_t.fraction, fixed_min(&l->out_t), fixed_max(&l->out_t));
        out.casts = true;
        out.type = l->out_t;
    }
    if (stage == STAGE_A && !stages_casts(s, &out, l, next, 0, 0, err))
        return false;
    if (out.relu || !cast_chain_word(&out, bits, 0, &word))
        return stages_refuse(s, l, err, "its averages need more than %d bits", bits);
    if (!put_reciprocal(s, stage, sum.fraction + recip_fraction - out.fraction, im, err))
        return false;
    image_put(im, pool_unit[stage], 1, word);
    for (uint32_t c = 0; c < l->in.channels; c++)
        x[c] = cast_chain_begin(out.fraction, out.low, out.high);
    return true;
}

/* No pool: each slot is a place of its own, and passes. */
static void put_no_pool(int stage, struct image *im)
{
    struct fixed_type all = {.width = RTL_SUM_BITS, .is_signed = true};
    image_put(im, pool_unit[stage], 0, UINT64_C(1) << RTL_POOL_SHIFT);
    image_put(im, pool_unit[stage], 1, cast_chain_type_word(&all, 0, false));
    image_put(im, pool_unit[stage], 2, 0);
}

bool stages_conv(struct stages *s, int stage, struct image *im, struct error *err)
{
    const struct layer *l = s->conv[stage];
    const struct layer *pool = s->pool[stage];
    const struct layer *next = stage == STAGE_A ? s->conv[STAGE_B] : s->dense[0];
    const struct layer *until = pool != NULL ? pool : stage == STAGE_A ? next : s->flatten;
    struct cast_chain out[RTL_CHANNELS];
    if (!check_shape(s, stage, err))
        return false;
    image_put(im, setup_unit[stage], 0,
              l->kernel_h | (uint64_t)l->kernel_w << 4 | (uint64_t)rounds_products(l) << 8 |
                  (uint64_t)l->mask_slot << 9 | (uint64_t)(l->in.channels > 1) << 10);
    for (uint32_t f = 0; f < RTL_CHANNELS; f++) {
        image_put(im, setup_unit[stage], 4 + 2 * f, 0);
        image_put(im, setup_unit[stage], 5 + 2 * f, 0); /* a type without bits: 0 */
    }
    put_idle_lanes(s, stage, im);
    int bits = stage == STAGE_A && pool == NULL ? RTL_X_BITS : RTL_Y_BITS;
    for (uint32_t f = 0; f < l->out.channels; f++) {
        if (!cast_of(s, stage, f, until, &out[f], err) ||
            !put_filter(s, stage, f, &out[f], bits, im, err))
            return false;
    }
    put_places(s, stage, im);
    if (pool == NULL)
        put_no_pool(stage, im);
    else if (!put_pool(s, stage, out, next, im, err))
        return false;
    for (uint32_t c = 0; c < l->out.channels; c++) {
        struct cast_chain x = cast_chain_begin(out[c].fraction, out[c].low, out[c].high);
        if (stage == STAGE_A) {
            s->into[STAGE_B][c] = x;
        } else {
            for (uint32_t place = 0; place < RTL_PLACES; place++)
                s->into_dense[place][c] = x;
        }
    }
    return true;
}
