/* How: for a dense layer, Fp = F_in + F_w. Where the accumulator is finer, the
 * difference goes into the weights; where it is coarser, each product is rounded
 * by itself, as the layer has it, and the sum's order does not matter.
 */
#include "engine/cpu/dense_tail.h"

#include <stdlib.h>

static const int64_t most_32 = INT32_MAX;
static const int64_t limit = (INT64_C(1) << 61) - 1; /* as far as ranges are followed */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* All partial sums, in any order, of output j: each product is a 0 or a value of
 * w * range, rounded, with or without the bias. Beyond 2^61 a sum is only known to be large. */
static struct dense_range sums_of(const struct dense_step *s, struct dense_range x, uint32_t j)
{
    struct dense_range sum = {smaller(0, s->bias[j]), larger(0, s->bias[j])};
    for (uint32_t i = 0; i < s->n_in; i++) {
        int64_t w = s->weight[(size_t)i * s->padded_out + j];
        int64_t low = smaller(w * x.low, w * x.high);
        int64_t high = larger(w * x.low, w * x.high);
        sum.low = larger(-limit, sum.low + smaller(0, dense_cast_one(&s->product, low)));
        sum.high = smaller(limit, sum.high + larger(0, dense_cast_one(&s->product, high)));
    }
    return sum;
}

static bool fill_weights(struct dense_step *s, const struct layer *l, int left)
{
    for (uint32_t i = 0; i < s->n_in; i++) {
        for (uint32_t j = 0; j < s->n_out; j++) {
            int64_t w = l->weight[(size_t)i * s->n_out + j];
            if (w > most_32 >> left || w < -(most_32 >> left)) {
                return false;
            }
            s->weight[(size_t)i * s->padded_out + j] = (int32_t)(w * (INT64_C(1) << left));
        }
    }
    return true;
}

/* The cast of a product: rounding only. What overflows wraps, and a wrapped term
 * of a wrapped sum may as well wrap at the end. */
static bool plan_product(struct dense_step *s, const struct layer *l, struct dense_range x, int cut)
{
    s->product = (struct dense_cast){.identity = true};
    if (cut <= 0) {
        return true;
    }
    struct fixed_type wide = {.width = 63,
                              .integer = 63 - l->accum_t.fraction,
                              .fraction = l->accum_t.fraction,
                              .is_signed = true,
                              .quantization = l->accum_t.quantization,
                              .overflow = FIXED_SAT};
    int64_t most = larger(-x.low, x.high);
    struct dense_range product = {-most * (most_32 + 1), most * (most_32 + 1)};
    return cut < 62 && dense_cast_plan(&s->product, &product, cut + wide.fraction, &wide);
}

/* Which width the sums need, and what is left to do with them. */
static bool plan_sums(struct dense_step *s, const struct layer *l, struct dense_range *range)
{
    struct dense_range all = {0, 0};
    for (uint32_t j = 0; j < s->n_out; j++) {
        all = dense_cast_join(all, sums_of(s, *range, j));
    }
    s->narrow = s->product.identity && dense_cast_fits(all, 32);
    struct dense_range type = dense_cast_range(&l->accum_t);
    bool inside = all.low >= type.low && all.high <= type.high;
    bool known = all.low > -limit && all.high < limit;
    if (!inside && l->accum_t.overflow != FIXED_WRAP) {
        return false;
    }
    if (!known && l->accum_t.width > 60) {
        return false;
    }
    if (!dense_cast_plan(&s->accum, &all, l->accum_t.fraction, &l->accum_t)) {
        return false;
    }
    *range = all;
    s->cast = calloc(1, sizeof *s->cast);
    return s->cast != NULL && dense_cast_plan(s->cast, range, l->accum_t.fraction, &l->out_t);
}

static bool plan_dense(struct dense_step *s, const struct layer *l, struct dense_range *range)
{
    s->kind = DENSE_STEP_DENSE;
    s->padded_out = (s->n_out + DENSE_TAIL_PAD - 1) / DENSE_TAIL_PAD * DENSE_TAIL_PAD;
    s->weight = calloc((size_t)s->n_in * s->padded_out, sizeof *s->weight);
    s->bias = calloc(s->padded_out, sizeof *s->bias);
    int cut = l->in_t.fraction + l->weight_t.fraction - l->accum_t.fraction;
    if (s->weight == NULL || s->bias == NULL || cut < -30 || !dense_cast_fits(*range, 32) ||
        !fill_weights(s, l, cut < 0 ? -cut : 0) || !plan_product(s, l, *range, cut)) {
        return false;
    }
    for (uint32_t j = 0; j < s->n_out; j++) {
        s->bias[j] = fixed_cast(l->bias[j], l->bias_t.fraction, &l->accum_t);
        if (!dense_cast_fits((struct dense_range){s->bias[j], s->bias[j]}, 60)) {
            return false;
        }
    }
    return plan_sums(s, l, range);
}

static bool plan_quantize(struct dense_step *s, const struct layer *l, struct dense_range *range)
{
    s->kind = DENSE_STEP_CAST;
    s->cast_each = true;
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

static bool plan_cast(struct dense_step *s, const struct layer *l, struct dense_range *range)
{
    bool relu = l->class == LAYER_RELU;
    s->kind = relu ? DENSE_STEP_RELU : DENSE_STEP_CAST;
    s->cast = calloc(1, sizeof *s->cast);
    if (relu) {
        range->low = larger(range->low, 0);
        range->high = larger(range->high, 0);
    }
    bool good = s->cast != NULL && dense_cast_plan(s->cast, range, l->in_t.fraction, &l->out_t);
    *range = dense_cast_join(*range, (struct dense_range){0, 0});
    return good;
}

static bool plan_step(struct dense_step *s, const struct layer *l, struct dense_range *range)
{
    s->layer = l;
    s->n_in = l->in.channels;
    s->n_out = l->out.channels;
    s->padded_out = s->n_out;
    switch (l->class) {
    case LAYER_SPARSE_FLATTEN:
    case LAYER_FLATTEN:
        s->n_in = s->n_out;
        return plan_cast(s, l, range);
    case LAYER_RELU:
        return plan_cast(s, l, range);
    case LAYER_QUANTIZE:
        return plan_quantize(s, l, range);
    case LAYER_DENSE:
        return plan_dense(s, l, range);
    case LAYER_SIGMOID_TABLE:
    case LAYER_SOFTMAX_TABLE:
    case LAYER_SIGMOID:
    case LAYER_SOFTMAX:
        s->kind = DENSE_STEP_TABLE;
        *range = dense_cast_range(&l->out_t);
        return true;
    default:
        return false;
    }
}

static bool plan_steps(struct dense_tail *t, const struct model *m, uint32_t first,
                       struct dense_range range)
{
    for (uint32_t i = 0; i < t->n_steps; i++) {
        const struct layer *l = &m->layer[first + i];
        /* tables stand at the end, after a dense layer: they do not keep a 0 */
        if (!plan_step(&t->step[i], l, &range) ||
            (t->step[i].kind == DENSE_STEP_TABLE && t->n_before == i)) {
            return false;
        }
        if (t->n_before == i && t->step[i].kind != DENSE_STEP_DENSE) {
            t->n_before = i + 1;
        }
    }
    return t->n_before < t->n_steps;
}

static bool take_values(struct dense_tail *t)
{
    uint32_t most = DENSE_TAIL_PAD;
    for (uint32_t i = t->n_before; i < t->n_steps; i++) {
        most = t->step[i].padded_out > most ? t->step[i].padded_out : most;
    }
    most = (most + DENSE_TAIL_PAD - 1) / DENSE_TAIL_PAD * DENSE_TAIL_PAD;
    t->value[0] = calloc(most, sizeof *t->value[0]);
    t->value[1] = calloc(most, sizeof *t->value[1]);
    return t->value[0] != NULL && t->value[1] != NULL;
}

bool dense_tail_plan(struct dense_tail *t, const struct model *m, uint32_t first,
                     struct dense_range range)
{
    *t = (struct dense_tail){.n_steps = m->n_layers - first, .n_outputs = m->n_outputs};
    if (first >= m->n_layers) {
        return false;
    }
    t->n_in = m->layer[first].out.channels;
    t->step = calloc(t->n_steps, sizeof *t->step);
    if (t->step != NULL && plan_steps(t, m, first, range) && take_values(t)) {
        return true;
    }
    dense_tail_fini(t);
    return false;
}

void dense_tail_fini(struct dense_tail *t)
{
    for (uint32_t i = 0; t->step != NULL && i < t->n_steps; i++) {
        free(t->step[i].cast);
        free(t->step[i].weight);
        free(t->step[i].bias);
    }
    free(t->step);
    free(t->value[0]);
    free(t->value[1]);
    *t = (struct dense_tail){0};
}
