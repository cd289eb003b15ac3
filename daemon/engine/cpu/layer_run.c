/* How: as the formulas stand, slot by slot and channel by channel. The only
 * liberty taken is to leave out terms that are exactly 0: a slot or a channel
 * whose value is 0 adds 0 to a sum already on its grid. Sums follow the order of
 * the firmware, because a sum that is rounded or clipped on the way depends on it.
 */
#include "engine/cpu/layer_run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* cast(a / 2^fa + b / 2^fb), the sum exact. */
static int64_t add(int64_t a, int fa, int64_t b, int fb, const struct fixed_type *to)
{
    int f = fa > fb ? fa : fb;
    return fixed_cast(a * (INT64_C(1) << (f - fa)) + b * (INT64_C(1) << (f - fb)), f, to);
}

static size_t size_of(const struct tensor_shape *s)
{
    return (size_t)(s->sparse ? s->slots : s->height * s->width) * s->channels;
}

/* ---- input ---- */

/* The dense image, for models that do not begin with a reduction. */
static void run_input(const struct layer *l, struct tensors *t)
{
    const struct window *w = t->window;
    uint32_t channels = l->out.channels;
    memset(t->out, 0, size_of(&l->out) * sizeof *t->out);
    for (uint32_t i = 0; i < w->n_listed; i++) {
        assert(w->place[i].row < l->out.height && w->place[i].col < l->out.width);
        size_t at = ((size_t)w->place[i].row * l->out.width + w->place[i].col) * channels;
        for (uint32_t c = 0; c < channels; c++) {
            t->out[at + c] = w->value[(size_t)i * channels + c];
        }
    }
}

/* The window's list already is the reduction; unused slots are 0 at (1, 1). */
static void run_sparse_input_reduce(const struct layer *l, struct tensors *t)
{
    const struct window *w = t->window;
    uint32_t channels = l->out.channels;
    assert(w->n_listed <= l->out.slots);
    for (uint32_t p = 0; p < l->out.slots; p++) {
        bool used = p < w->n_listed;
        t->occupied[p] = used;
        t->place[p] = used ? (struct place){w->place[p].row + 1U, w->place[p].col + 1U}
                           : (struct place){1, 1};
        for (uint32_t c = 0; c < channels; c++) {
            size_t at = (size_t)p * channels + c;
            t->out[at] = used ? fixed_cast(w->value[at], l->in_t.fraction, &l->out_t) : 0;
        }
    }
}

/* ---- element by element ---- */

static int64_t quantize_element(const struct layer *l, int64_t x, const struct fixed_type *type)
{
    if (type->width == 0) {
        return 0;
    }
    /* out_t holds every element's type: the second cast is exact */
    return fixed_cast(fixed_cast(x, l->in_t.fraction, type), type->fraction, &l->out_t);
}

static void run_quantize(const struct layer *l, struct tensors *t)
{
    uint32_t channels = l->in.channels;
    if (!l->in.sparse) {
        for (size_t i = 0; i < size_of(&l->in); i++) {
            t->out[i] = quantize_element(l, t->in[i], &l->element_t[i]);
        }
        return;
    }
    for (uint32_t p = 0; p < l->in.slots; p++) {
        const struct fixed_type *type = l->element_t;
        bool inside = t->place[p].row <= l->element_h && t->place[p].col <= l->element_w;
        if (l->element_per_pixel && inside) {
            type += ((size_t)(t->place[p].row - 1) * l->element_w + t->place[p].col - 1) * channels;
        }
        for (uint32_t c = 0; c < channels; c++) {
            size_t at = (size_t)p * channels + c;
            bool known = inside || !l->element_per_pixel;
            t->out[at] = known ? quantize_element(l, t->in[at], &type[c]) : 0;
        }
    }
}

static void run_relu(const struct layer *l, struct tensors *t)
{
    for (size_t i = 0; i < size_of(&l->in); i++) {
        t->out[i] = t->in[i] > 0 ? fixed_cast(t->in[i], l->in_t.fraction, &l->out_t) : 0;
    }
}

/* ---- the sparse part ---- */

static bool any_channel(const int64_t *x, uint32_t channels)
{
    for (uint32_t c = 0; c < channels; c++) {
        if (x[c] != 0) {
            return true;
        }
    }
    return false;
}

/* One neighbour's contribution: channels in ascending order, a cast after each. */
static int64_t neighbour(const struct layer *l, const int64_t *x, const int64_t *weight, uint32_t f)
{
    int product_fraction = l->in_t.fraction + l->weight_t.fraction;
    int64_t sum = 0;
    for (uint32_t c = 0; c < l->in.channels; c++) {
        if (x[c] != 0) {
            sum = add(sum, l->accum_t.fraction, weight[(size_t)c * l->out.channels + f] * x[c],
                      product_fraction, &l->accum_t);
        }
    }
    return sum;
}

static void conv_slot(const struct layer *l, const struct tensors *t, uint32_t p, int64_t *out)
{
    uint32_t filters = l->out.channels;
    int rh = (int)l->kernel_h / 2;
    int rw = (int)l->kernel_w / 2;
    memset(out, 0, filters * sizeof *out);
    for (uint32_t q = 0; q < l->in.slots; q++) {
        const int64_t *x = t->in + (size_t)q * l->in.channels;
        int dh = (int)t->place[p].row - (int)t->place[q].row;
        int dw = (int)t->place[p].col - (int)t->place[q].col;
        if (abs(dh) > rh || abs(dw) > rw || !any_channel(x, l->in.channels)) {
            continue;
        }
        size_t field = (size_t)(rh - dh) * l->kernel_w + (size_t)(rw - dw);
        const int64_t *weight = l->weight + field * l->in.channels * filters;
        for (uint32_t f = 0; f < filters; f++) {
            out[f] =
                fixed_cast(out[f] + neighbour(l, x, weight, f), l->accum_t.fraction, &l->accum_t);
        }
    }
    for (uint32_t f = 0; f < filters; f++) {
        /* a sum of exactly 0 gets no bias: in Keras it is a pixel that saw nothing */
        if (out[f] != 0 && l->bias[f] != 0) {
            out[f] = add(out[f], l->accum_t.fraction, l->bias[f], l->bias_t.fraction, &l->accum_t);
        }
        out[f] = fixed_cast(out[f], l->accum_t.fraction, &l->out_t);
    }
}

static void run_sparse_conv2d(const struct layer *l, struct tensors *t)
{
    uint32_t filters = l->out.channels;
    for (uint32_t p = 0; p < l->in.slots; p++) {
        const int64_t *x = t->in + (size_t)p * l->in.channels;
        bool computed = l->mask_slot ? t->occupied[p] : any_channel(x, l->in.channels);
        if (computed) {
            conv_slot(l, t, p, t->out + (size_t)p * filters);
        } else {
            memset(t->out + (size_t)p * filters, 0, filters * sizeof *t->out);
        }
    }
}

static bool same_place(struct place a, struct place b)
{
    return a.row == b.row && a.col == b.col;
}

/* Moves all slots, unused ones too, to the pooled grid. A slot keeps being
 * occupied if it is the first of its place and the place is whole. */
static void pool_places(const struct layer *l, struct tensors *t)
{
    for (uint32_t p = 0; p < l->in.slots; p++) {
        t->place[p].row = (t->place[p].row - 1) / l->pool_h + 1;
        t->place[p].col = (t->place[p].col - 1) / l->pool_w + 1;
    }
}

/* Whether slot p carries its pooled place's value: no earlier slot is there, and
 * the window is not a partial one at the edge. */
static bool carries(const struct layer *l, const struct tensors *t, uint32_t p)
{
    if (t->place[p].row > l->out.height || t->place[p].col > l->out.width) {
        return false;
    }
    for (uint32_t q = 0; q < p; q++) {
        if (same_place(t->place[p], t->place[q])) {
            return false;
        }
    }
    return true;
}

static int64_t average_of(const struct layer *l, const struct tensors *t, uint32_t p, uint32_t c)
{
    int64_t sum = 0;
    int fraction = l->accum_t.fraction;
    for (uint32_t q = p; q < l->in.slots; q++) {
        int64_t x = t->in[(size_t)q * l->in.channels + c];
        if (x != 0 && same_place(t->place[p], t->place[q])) {
            sum = add(sum, fraction, x, l->in_t.fraction, &l->accum_t);
        }
    }
    const int64_t factor[] = {l->recip_h_raw, l->recip_w_raw};
    for (int i = 0; i < 2; i++) {
        if (factor[i] != 0) {
            sum *= factor[i];
            fraction += l->recip_t.fraction;
        }
    }
    return fixed_cast(sum, fraction, &l->out_t);
}

static int64_t largest_of(const struct layer *l, const struct tensors *t, uint32_t p, uint32_t c)
{
    int64_t most = 0;
    for (uint32_t q = p; q < l->in.slots; q++) {
        int64_t x = t->in[(size_t)q * l->in.channels + c];
        if (x > most && same_place(t->place[p], t->place[q])) {
            most = x;
        }
    }
    return fixed_cast(most, l->in_t.fraction, &l->out_t);
}

static void pool(const struct layer *l, struct tensors *t,
                 int64_t (*value_of)(const struct layer *, const struct tensors *, uint32_t p,
                                     uint32_t c))
{
    pool_places(l, t);
    for (uint32_t p = 0; p < l->in.slots; p++) {
        bool first = carries(l, t, p);
        t->occupied[p] = t->occupied[p] && first;
        for (uint32_t c = 0; c < l->in.channels; c++) {
            t->out[(size_t)p * l->in.channels + c] = first ? value_of(l, t, p, c) : 0;
        }
    }
}

static void run_sparse_avg_pool2d(const struct layer *l, struct tensors *t)
{
    pool(l, t, average_of);
}

static void run_sparse_max_pool2d(const struct layer *l, struct tensors *t)
{
    pool(l, t, largest_of);
}

static void run_sparse_flatten(const struct layer *l, struct tensors *t)
{
    uint32_t channels = l->in.channels;
    memset(t->out, 0, size_of(&l->out) * sizeof *t->out);
    for (uint32_t p = 0; p < l->in.slots; p++) {
        if (t->place[p].row > l->in.height || t->place[p].col > l->in.width) {
            continue; /* a partial window: its features are 0 */
        }
        size_t at = (size_t)(t->place[p].row - 1) * l->in.width + t->place[p].col - 1;
        for (uint32_t c = 0; c < channels; c++) {
            int64_t x = t->in[(size_t)p * channels + c];
            if (x != 0) {
                t->out[at * channels + c] = fixed_cast(x, l->in_t.fraction, &l->out_t);
            }
        }
    }
}

/* ---- the dense part ---- */

/* acc + cast(x * w), cast again; each product on its own. */
static int64_t multiply_add(const struct layer *l, int64_t acc, int64_t x, int64_t w)
{
    int64_t m = fixed_cast(x * w, l->in_t.fraction + l->weight_t.fraction, &l->accum_t);
    return fixed_cast(acc + m, l->accum_t.fraction, &l->accum_t);
}

static void run_dense(const struct layer *l, struct tensors *t)
{
    uint32_t n_out = l->out.channels;
    for (uint32_t j = 0; j < n_out; j++) {
        int64_t acc = fixed_cast(l->bias[j], l->bias_t.fraction, &l->accum_t);
        for (uint32_t i = 0; i < l->in.channels; i++) {
            if (t->in[i] != 0) {
                acc = multiply_add(l, acc, t->in[i], l->weight[(size_t)i * n_out + j]);
            }
        }
        t->out[j] = fixed_cast(acc, l->accum_t.fraction, &l->out_t);
    }
}

/* ---- the standard CNN ---- */

static void run_zero_pad2d(const struct layer *l, struct tensors *t)
{
    size_t row = (size_t)l->in.width * l->in.channels;
    memset(t->out, 0, size_of(&l->out) * sizeof *t->out);
    for (uint32_t h = 0; h < l->in.height; h++) {
        size_t at = ((size_t)(h + l->pad_top) * l->out.width + l->pad_left) * l->in.channels;
        for (size_t i = 0; i < row; i++) {
            t->out[at + i] = fixed_cast(t->in[h * row + i], l->in_t.fraction, &l->out_t);
        }
    }
}

/* The sum over the field (kh, kw, channel) whose corner is (top, left). */
static int64_t conv_element(const struct layer *l, const int64_t *in, uint32_t top, uint32_t left,
                            uint32_t f)
{
    int64_t acc = fixed_cast(l->bias[f], l->bias_t.fraction, &l->accum_t);
    const int64_t *weight = l->weight + f;
    for (uint32_t kh = 0; kh < l->kernel_h; kh++) {
        const int64_t *x = in + ((size_t)(top + kh) * l->in.width + left) * l->in.channels;
        for (uint32_t i = 0; i < l->kernel_w * l->in.channels; i++) {
            if (x[i] != 0) {
                acc = multiply_add(l, acc, x[i], *weight);
            }
            weight += l->out.channels;
        }
    }
    return fixed_cast(acc, l->accum_t.fraction, &l->out_t);
}

static void run_conv2d(const struct layer *l, struct tensors *t)
{
    int64_t *out = t->out;
    for (uint32_t h = 0; h < l->out.height; h++) {
        for (uint32_t w = 0; w < l->out.width; w++) {
            for (uint32_t f = 0; f < l->out.channels; f++) {
                *out++ = conv_element(l, t->in, h * l->stride, w * l->stride, f);
            }
        }
    }
}

static int64_t pool_element(const struct layer *l, const int64_t *in, uint32_t top, uint32_t left,
                            uint32_t c)
{
    int64_t sum = 0;
    for (uint32_t h = top; h < top + l->pool_h; h++) {
        for (uint32_t w = left; w < left + l->pool_w; w++) {
            int64_t x = in[((size_t)h * l->in.width + w) * l->in.channels + c];
            x = fixed_cast(x, l->in_t.fraction, &l->accum_t);
            sum = fixed_cast(sum + x, l->accum_t.fraction, &l->accum_t);
        }
    }
    /* C's integer division goes toward zero, as the firmware's */
    int64_t mean = sum / ((int64_t)l->pool_h * l->pool_w);
    return fixed_cast(mean, l->accum_t.fraction, &l->out_t);
}

static void run_avg_pool2d(const struct layer *l, struct tensors *t)
{
    int64_t *out = t->out;
    for (uint32_t h = 0; h < l->out.height; h++) {
        for (uint32_t w = 0; w < l->out.width; w++) {
            for (uint32_t c = 0; c < l->out.channels; c++) {
                *out++ = pool_element(l, t->in, h * l->pool_h, w * l->pool_w, c);
            }
        }
    }
}

static void run_flatten(const struct layer *l, struct tensors *t)
{
    for (size_t i = 0; i < size_of(&l->in); i++) {
        t->out[i] = fixed_cast(t->in[i], l->in_t.fraction, &l->out_t);
    }
}

/* ---- output ---- */

/* x in steps of 1/64, toward zero. */
static int64_t sigmoid_step(int64_t x, int fraction)
{
    const struct fixed_type whole = {.width = 63,
                                     .integer = 63,
                                     .is_signed = true,
                                     .quantization = FIXED_TRN_ZERO,
                                     .overflow = FIXED_SAT};
    return fixed_cast(x * 64, fraction, &whole);
}

static void run_sigmoid_table(const struct layer *l, struct tensors *t)
{
    for (uint32_t i = 0; i < l->in.channels; i++) {
        int64_t step = sigmoid_step(t->in[i], l->in_t.fraction);
        int64_t at = step < -512 ? 0 : step > 511 ? 1023 : step + 512;
        t->out[i] = fixed_cast(l->table[at], l->table_t.fraction, &l->out_t);
    }
}

/* The entry of a value's ten highest bits. */
static size_t top_bits(int64_t x, const struct fixed_type *type)
{
    return (size_t)((x >> (type->width - 10)) & 1023);
}

/* exp_table of how far an input lies below the largest one. */
static int64_t exp_entry(const struct layer *l, int64_t x, int64_t most)
{
    int64_t low = -(INT64_C(1) << (l->in_t.width - 1));
    int64_t below = x - most < low ? low : x - most;
    return l->table[top_bits(below, &l->in_t)];
}

static void run_softmax_table(const struct layer *l, struct tensors *t)
{
    uint32_t n = l->in.channels;
    int64_t most = t->in[0];
    for (uint32_t i = 1; i < n; i++) {
        most = t->in[i] > most ? t->in[i] : most;
    }
    int64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum = fixed_cast(sum + exp_entry(l, t->in[i], most), l->table_t.fraction, &l->table_t);
    }
    int64_t inverse = l->inv_table[top_bits(sum, &l->table_t)];
    for (uint32_t i = 0; i < n; i++) {
        t->out[i] = fixed_cast(exp_entry(l, t->in[i], most) * inverse,
                               l->table_t.fraction + l->inv_table_t.fraction, &l->out_t);
    }
}

/* Computed in double by model_scores; the last integers pass through. */
static void run_sigmoid(const struct layer *l, struct tensors *t)
{
    memcpy(t->out, t->in, size_of(&l->out) * sizeof *t->out);
}

static void run_softmax(const struct layer *l, struct tensors *t)
{
    run_sigmoid(l, t);
}

void layer_run(const struct layer *l, struct tensors *t)
{
    static void (*const run[])(const struct layer *, struct tensors *) = {
#define X(NAME, name) [LAYER_##NAME] = run_##name,
        LAYER_CLASSES(X)
#undef X
    };
    run[l->class](l, t);
}
