/* How: as the convolutions, weights are shifted to one rounding point, here for each input and
 * output on its own, because quantizers may give each element its own grid. The first dense
 * layer's sums are exact, or wrap in one type; the second's products are floored to its
 * accumulator as the model says. */
#include "stages.h"

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static uint64_t low_bits(int64_t value, int bits)
{
    return (uint64_t)value & ((UINT64_C(1) << bits) - 1);
}

/* Outputs of the first dense layer in a pass. */
static uint32_t outputs_a_pass(const struct stages *s)
{
    return RTL_LANE_OUTPUTS / s->build.reuse;
}

/* Bits of a pass's number, and of a place's in all passes (dense_first.sv). */
static uint32_t pass_bits(const struct stages *s)
{
    return (uint32_t)__builtin_ctz(RTL_PASSES * s->build.reuse);
}

static uint32_t place_bits(const struct stages *s)
{
    return (uint32_t)__builtin_ctz(RTL_PLACES * s->build.reuse);
}

/* Fractions of an input that the kernel and the model agree on: what the chain leaves. */
static bool put_quantizers(struct stages *s, struct image *im, struct error *err)
{
    const struct layer *from = s->pool[STAGE_B] != NULL ? s->pool[STAGE_B] : s->flatten - 1;
    const struct tensor_shape *grid = &s->flatten->in;
    int modes = -1;
    for (uint32_t place = 0; place < grid->height * grid->width; place++) {
        uint64_t kinds = 0;
        for (uint32_t c = 0; c < grid->channels; c++) {
            struct cast_chain *x = &s->into_dense[place][c];
            if (!stages_casts(s, x, from, s->dense[0], place, c, err))
                return false;
            int shift = x->from - x->fraction;
            uint64_t word;
            if (shift < 0) { /* a finer grid: only overflow changes, which the kernel has not */
                return stages_refuse(s, s->dense[0], err, "its quantizer is finer than its input");
            }
            if (shift > 31 || !cast_chain_word(x, RTL_X_BITS, shift, &word))
                return stages_refuse(s, s->dense[0], err,
                                     "input %u has more than %d bits, or drops more than 31",
                                     place * grid->channels + c, RTL_X_BITS);
            int width = x->zero ? 0 : x->casts ? x->type.width : RTL_X_BITS;
            bool is_signed = width != 0 && (!x->casts || x->type.is_signed);
            int mode = (int)(word & 31);
            if (x->relu)
                return stages_refuse(s, s->dense[0], err, "a relu lies between it and the pool");
            if (x->casts && modes >= 0 && mode != modes)
                return stages_refuse(s, s->dense[0], err, "its inputs are rounded in two ways");
            if (x->casts)
                modes = mode;
            kinds |= (uint64_t)(is_signed << 10 | (width - is_signed) << 5 | shift) << (11 * c);
        }
        image_put(im, UNIT_DENSE1_QUANT, place, kinds);
    }
    image_put(im, UNIT_DENSE1_SETUP, 0, modes < 0 ? 0 : (uint64_t)modes);
    return true;
}

/* Range of output j's exact sum, at the accumulator's grid, saturated far above any limit. */
static void sum_range(const struct stages *s, uint32_t j, double *low, double *high)
{
    const struct layer *l = s->dense[0];
    uint32_t channels = s->flatten->in.channels;
    *low = *high = (double)l->bias[j] * fixed_to_double(1, &l->bias_t);
    for (uint32_t i = 0; i < l->in.channels; i++) {
        const struct cast_chain *x = &s->into_dense[i / channels][i % channels];
        double w =
            (double)l->weight[(size_t)i * l->out.channels + j] * fixed_to_double(1, &l->weight_t);
        double a = w * __builtin_ldexp((double)x->low, -x->fraction);
        double b = w * __builtin_ldexp((double)x->high, -x->fraction);
        *low += a < b ? (a < 0 ? a : 0) : (b < 0 ? b : 0);
        *high += a > b ? (a > 0 ? a : 0) : (b > 0 ? b : 0);
    }
}

/* Output j's sums as a chain of casts sees them; whether they fit the accumulator, which then
 * need not wrap. */
static bool never_wraps(const struct stages *s, uint32_t j, struct cast_chain *out)
{
    const struct fixed_type *t = &s->dense[0]->accum_t;
    double low;
    double high;
    sum_range(s, j, &low, &high);
    bool fits = low >= fixed_to_double(fixed_min(t), t) && high <= fixed_to_double(fixed_max(t), t);
    *out = cast_chain_begin(t->fraction, fixed_min(t), fixed_max(t));
    if (fits) { /* a step more each way: sums of doubles are rounded */
        out->low = greater(out->low, (int64_t)__builtin_ldexp(low, t->fraction) - 1);
        out->high = lesser(out->high, (int64_t)__builtin_ldexp(high, t->fraction) + 1);
    }
    return fits;
}

static bool put_first_weights(const struct stages *s, uint32_t j, int fraction, struct image *im,
                              struct error *err)
{
    const struct layer *l = s->dense[0];
    uint32_t channels = s->flatten->in.channels;
    uint32_t places = l->in.channels / channels;
    uint32_t o = j % outputs_a_pass(s);
    uint32_t pass = j / outputs_a_pass(s);
    for (uint32_t place = 0; place < places; place++) {
        uint64_t word = 0;
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t i = place * channels + c;
            const struct cast_chain *x = &s->into_dense[place][c];
            int64_t w = x->zero ? 0 : l->weight[(size_t)i * l->out.channels + j];
            uint64_t field;
            int drop = x->fraction + l->weight_t.fraction - fraction;
            if (!stages_weight(w, RTL_WEIGHT_BITS, RTL_SHIFT, drop, &field))
                return stages_refuse(s, l, err,
                                     "weight (%u, %u) = %lld drops %d bits; the kernel has %d bits "
                                     "for weight << (%d - drop)",
                                     i, j, (long long)w, drop, RTL_WEIGHT_BITS, RTL_SHIFT);
            word |= field << (c * RTL_WEIGHT_BITS);
        }
        image_put(im, UNIT_DENSE1_WEIGHT, o << place_bits(s) | (pass * places + place), word);
    }
    return true;
}

/* Address of output j's bias; its type word is the next one. */
static uint32_t output_address(const struct stages *s, uint32_t j)
{
    return j % outputs_a_pass(s) << (1 + pass_bits(s)) | j / outputs_a_pass(s) << 1;
}

static bool put_first(struct stages *s, struct image *im, struct error *err)
{
    const struct layer *l = s->dense[0];
    const struct fixed_type *t = &l->accum_t;
    uint64_t all = (UINT64_C(1) << RTL_D1_BITS) - 1;
    uint64_t mask = all;
    if (l->in_t.fraction + l->weight_t.fraction > t->fraction || l->bias_t.fraction > t->fraction)
        return stages_refuse(s, l, err, "accum_t rounds its products or its bias");
    for (uint32_t j = 0; j < l->out.channels; j++) {
        struct cast_chain out;
        uint64_t word;
        bool wraps = !never_wraps(s, j, &out);
        double most = (double)greater(-out.low, out.high) + 1.0;
        if (!stages_casts(s, &out, l, s->dense[1], 0, j, err))
            return false;
        int drop = t->fraction - out.fraction;
        int up = RTL_SHIFT - drop;
        if (!cast_chain_word(&out, RTL_X_BITS, 0, &word) || up < 0)
            return stages_refuse(s, l, err,
                                 "output %u drops %d bits and needs more than 0 to %d, or has more "
                                 "than %d",
                                 j, drop, RTL_SHIFT, RTL_X_BITS);
        uint64_t bits = t->width + up >= RTL_D1_BITS ? all : (UINT64_C(1) << (t->width + up)) - 1;
        if (wraps && (t->overflow != FIXED_WRAP || t->width + up >= RTL_D1_BITS || !t->is_signed ||
                      (mask != all && mask != bits) || (j > 0 && mask == all)))
            return stages_refuse(s, l, err,
                                 "output %u may overflow accum_t; the kernel wraps all outputs at "
                                 "one bit, at most %d",
                                 j, RTL_D1_BITS - 1);
        if (__builtin_ldexp(most, up) >
            __builtin_ldexp(1, RTL_D1_BITS - 1) - __builtin_ldexp(1, RTL_SHIFT))
            return stages_refuse(s, l, err, "output %u: its sums need more than %d bits", j,
                                 RTL_D1_BITS);
        mask = wraps ? bits : mask;
        uint64_t bias = (uint64_t)fixed_cast(l->bias[j], l->bias_t.fraction, t) << up;
        image_put(im, UNIT_DENSE1_OUT, output_address(s, j), bias & all);
        image_put(im, UNIT_DENSE1_OUT, output_address(s, j) | 1, word);
        if (!put_first_weights(s, j, out.fraction, im, err))
            return false;
        s->into_second[j] = out;
    }
    for (uint32_t j = l->out.channels; j < s->passes * outputs_a_pass(s); j++)
        image_put(im, UNIT_DENSE1_OUT, output_address(s, j) | 1, 0);
    image_put(im, UNIT_DENSE1_SETUP, 1, mask);
    return true;
}

static bool put_second(const struct stages *s, struct image *im, struct error *err)
{
    const struct layer *l = s->dense[1];
    const struct fixed_type *t = &l->accum_t;
    struct cast_chain same = cast_chain_begin(t->fraction, fixed_min(t), fixed_max(t));
    int nominal = l->in_t.fraction + l->weight_t.fraction;
    if (t->overflow != FIXED_WRAP || !t->is_signed || t->width > RTL_D2_BITS ||
        (t->quantization != FIXED_TRN && nominal > t->fraction))
        return stages_refuse(s, l, err,
                             "accum_t must be signed, wrap, truncate and have at most %d bits",
                             RTL_D2_BITS);
    if (!cast_chain_cast(&same, &l->out_t) || same.casts || l->out_t.fraction != t->fraction)
        return stages_refuse(s, l, err, "out_t is not accum_t");
    for (uint32_t i = 0; i < s->passes * outputs_a_pass(s); i++) {
        for (uint32_t j = 0; j < l->out.channels; j++) {
            uint64_t field = 0;
            bool there = i < l->in.channels && !s->into_second[i].zero;
            int64_t w = there ? l->weight[(size_t)i * l->out.channels + j] : 0;
            int drop = there ? s->into_second[i].fraction + l->weight_t.fraction - t->fraction : 0;
            if (!stages_weight(w, RTL_WEIGHT_BITS, RTL_D2_SHIFT, drop, &field))
                return stages_refuse(s, l, err,
                                     "weight (%u, %u) = %lld drops %d bits; the kernel has %d bits "
                                     "for weight << (%d - drop)",
                                     i, j, (long long)w, drop, RTL_WEIGHT_BITS, RTL_D2_SHIFT);
            image_put(im, UNIT_DENSE2_WEIGHT,
                      i % outputs_a_pass(s) << (4 + pass_bits(s)) | i / outputs_a_pass(s) << 4 | j,
                      field);
        }
    }
    image_put(im, UNIT_DENSE2_SETUP, 0, (UINT64_C(1) << t->width) - 1);
    for (uint32_t j = 0; j < l->out.channels; j++)
        image_put(im, UNIT_DENSE2_SETUP, 16 + j,
                  low_bits(fixed_cast(l->bias[j], l->bias_t.fraction, t), RTL_D2_BITS));
    return true;
}

bool stages_dense(struct stages *s, struct image *im, struct error *err)
{
    const struct layer *l = s->dense[0];
    const struct tensor_shape *grid = &s->flatten->in;
    uint32_t most_passes = RTL_PASSES * s->build.reuse;
    uint32_t most_places = RTL_PLACES * s->build.reuse;
    uint32_t places = grid->height * grid->width;
    s->passes = (l->out.channels + outputs_a_pass(s) - 1) / outputs_a_pass(s);
    if (s->passes > most_passes || places > RTL_PLACES || places * s->passes > most_places)
        return stages_refuse(s, l, err,
                             "%u outputs of %u places; the kernel holds %u outputs a pass, %u "
                             "passes, and %u places in all passes, %d in one",
                             l->out.channels, places, outputs_a_pass(s), most_passes, most_places,
                             RTL_PLACES);
    if (s->dense[1]->out.channels > RTL_OUTPUTS)
        return stages_refuse(s, s->dense[1], err, "%u outputs, at most %d fit",
                             s->dense[1]->out.channels, RTL_OUTPUTS);
    uint32_t steps = s->build.slots / s->build.at_once;
    if (s->passes > 1 && s->dense[1]->out.channels > steps)
        return stages_refuse(s, s->dense[1], err,
                             "%u outputs; this kernel's passes have %u cycles, one for each",
                             s->dense[1]->out.channels, steps);
    if (steps * s->passes > RTL_MOST_PACE)
        return stages_refuse(
            s, l, err,
            "%u passes of %u cycles for its %u outputs; windows of this kernel are "
            "at most %d cycles apart",
            s->passes, steps, l->out.channels, RTL_MOST_PACE);
    for (uint32_t p = 0; p < most_passes; p++)
        image_put(im, UNIT_DENSE1_SETUP, 2 + p, p < s->passes ? p * places : 0);
    image_put(im, UNIT_GLOBAL, GLOBAL_PASSES, s->passes);
    return put_quantizers(s, im, err) && put_first(s, im, err) && put_second(s, im, err);
}

/* ---- scores ---- */

enum { TABLE_BITS = 18 };

/* Entries, cast to `to` if that is given; those of which no index is made may be anything. */
static bool put_table(const struct stages *s, const int64_t *table, uint32_t at,
                      const struct fixed_type *from, const struct fixed_type *to,
                      bool (*used)(uint32_t), int64_t least, struct image *im, struct error *err)
{
    for (uint32_t i = 0; i < MODEL_TABLE_ENTRIES; i++) {
        int64_t entry = to != NULL ? fixed_cast(table[i], from->fraction, to) : table[i];
        entry = used(i) ? entry : 0;
        if (entry < least || entry >= INT64_C(1) << (TABLE_BITS - 1))
            return stages_refuse(s, s->output, err, "entry %u needs more than %d bits", i,
                                 TABLE_BITS);
        image_put(im, UNIT_TABLE, at + i, low_bits(entry, TABLE_BITS));
    }
    return true;
}

static bool always(uint32_t i)
{
    (void)i;
    return true;
}

/* No score lies above the largest one. */
static bool not_above(uint32_t i)
{
    return i == 0 || i >= MODEL_TABLE_ENTRIES / 2;
}

/* A sum of exponentials is not negative: where its type is signed, half of the entries rest. */
static bool not_negative(uint32_t i)
{
    return i < MODEL_TABLE_ENTRIES / 2;
}

static bool put_softmax(const struct stages *s, const struct fixed_type *in, struct image *im,
                        struct error *err)
{
    const struct layer *l = s->output;
    const struct fixed_type *e = &l->table_t;
    int drop = e->fraction + l->inv_table_t.fraction - l->out_t.fraction;
    if (in->width < 10 || in->width > 41 || e->width < 10 || e->width > TABLE_BITS ||
        e->overflow != FIXED_SAT || drop < 0 || drop > 31 || l->out_t.width > TABLE_BITS)
        return stages_refuse(s, l, err, "its types need more than %d bits", TABLE_BITS);
    image_put(im, UNIT_TABLE_SETUP, 0, 2 | (uint64_t)(in->width - 10) << 2);
    image_put(im, UNIT_TABLE_SETUP, 1,
              (uint64_t)fixed_max(e) | (uint64_t)(e->width - 10) << TABLE_BITS);
    image_put(im, UNIT_TABLE_SETUP, 2, low_bits(fixed_min(in), RTL_D2_BITS));
    image_put(im, UNIT_TABLE_SETUP, 3, cast_chain_type_word(&l->out_t, drop, false));
    return put_table(s, l->table, 0, e, NULL, not_above, 0, im, err) &&
           put_table(s, l->inv_table, MODEL_TABLE_ENTRIES, e, NULL,
                     e->is_signed ? not_negative : always, 0, im, err);
}

bool stages_output(struct stages *s, struct image *im, struct error *err)
{
    const struct layer *l = s->output;
    const struct fixed_type *in = &s->dense[1]->out_t;
    if (l != NULL && l->class == LAYER_SOFTMAX_TABLE)
        return put_softmax(s, in, im, err);
    if (l != NULL && l->class == LAYER_SIGMOID_TABLE) {
        if (in->fraction < 6 || in->fraction > 37)
            return stages_refuse(s, l, err, "its input has %d fraction bits, 6 to 37 fit",
                                 in->fraction);
        image_put(im, UNIT_TABLE_SETUP, 0, 1 | (uint64_t)(in->fraction - 6) << 2);
        return put_table(s, l->table, 0, &l->table_t, &l->out_t, always,
                         -(INT64_C(1) << (TABLE_BITS - 1)), im, err);
    }
    if (in->width > 32)
        return stages_refuse(s, s->dense[1], err, "its sums have %d bits, a score 32", in->width);
    image_put(im, UNIT_TABLE_SETUP, 0, 0);
    return true;
}
