/* How: layer by layer, with the range of what flows. A convolution or a pool
 * begins a stage; a layer that works on each value by itself is put behind the
 * stage before, and a padding widens the border of its buffer. All such layers
 * keep a 0, so that their order with the padding does not matter.
 */
#include "engine/cpu/cnn_chain.h"

#include <stdlib.h>

static const int64_t enough = INT64_C(1) << 60; /* a sum this large fits nothing */

enum { MAX_BUFFER_NUMBERS = 1 << 22, MAX_POOL_AREA = 1 << 19 };

struct planner {
    struct cnn_chain *chain;
    struct dense_range range; /* of what flows */
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- what is done to each value by itself ---- */

/* Whether the cast of numbers of `range` can be done in 32 bits. */
static bool cast_in_32(const struct dense_cast *c, struct dense_range range)
{
    if (c->identity) {
        return dense_cast_fits(range, 32);
    }
    struct dense_range shifted = {range.low * (INT64_C(1) << c->left),
                                  range.high * (INT64_C(1) << c->left)};
    struct dense_range added = {shifted.low + smaller(0, c->add_negative),
                                shifted.high + c->add + c->parity};
    return dense_cast_fits(range, 32) && c->left < 31 && c->right < 31 && c->up < 31 &&
           dense_cast_fits(dense_cast_join(shifted, added), 32) && c->mask <= INT32_MAX &&
           c->low >= INT32_MIN && c->high <= INT32_MAX;
}

static struct cnn_post *new_post(struct planner *p, uint32_t casts)
{
    struct cnn_buffer *b = &p->chain->buffer[p->chain->n_stages];
    if (b->n_posts == CNN_MAX_POSTS) {
        return NULL;
    }
    struct cnn_post *post = &b->post[b->n_posts];
    *post = (struct cnn_post){.each_channel = casts > 1};
    post->cast = calloc(casts, sizeof *post->cast);
    if (post->cast == NULL) {
        return NULL;
    }
    b->n_posts++;
    return post;
}

/* Leaves out what does nothing. */
static void drop_idle_post(struct planner *p)
{
    struct cnn_buffer *b = &p->chain->buffer[p->chain->n_stages];
    struct cnn_post *post = &b->post[b->n_posts - 1];
    if (!post->relu && !post->each_channel && post->cast->identity) {
        free(post->cast);
        *post = (struct cnn_post){0};
        b->n_posts--;
    }
}

static bool plan_cast(struct planner *p, int fraction, const struct fixed_type *to, bool relu)
{
    struct cnn_post *post = new_post(p, 1);
    if (post == NULL) {
        return false;
    }
    post->relu = relu && p->range.low < 0;
    if (relu) {
        p->range = (struct dense_range){larger(p->range.low, 0), larger(p->range.high, 0)};
    }
    struct dense_range before = p->range;
    bool good = dense_cast_plan(post->cast, &p->range, fraction, to) &&
                cast_in_32(post->cast, before) && dense_cast_fits(p->range, 32);
    p->range = dense_cast_join(p->range, (struct dense_range){0, 0});
    drop_idle_post(p);
    return good;
}

static bool same_type(const struct fixed_type *a, const struct fixed_type *b)
{
    return a->width == b->width && (a->width == 0 || fixed_equal(a, b));
}

/* Whether every pixel of a channel has the same type; the border does not count. */
static bool same_for_all_pixels(const struct layer *l, const struct cnn_buffer *b)
{
    for (uint32_t row = b->top; row < b->top + b->height; row++) {
        for (uint32_t col = b->left; col < b->left + b->width; col++) {
            for (uint32_t c = 0; c < b->channels; c++) {
                size_t first = ((size_t)b->top * l->in.width + b->left) * b->channels + c;
                size_t at = ((size_t)row * l->in.width + col) * b->channels + c;
                if (!same_type(&l->element_t[at], &l->element_t[first])) {
                    return false;
                }
            }
        }
    }
    return true;
}

static bool plan_quantize(struct planner *p, const struct layer *l)
{
    const struct cnn_buffer *b = &p->chain->buffer[p->chain->n_stages];
    struct cnn_post *post = same_for_all_pixels(l, b) ? new_post(p, b->channels) : NULL;
    if (post == NULL) {
        return false;
    }
    struct dense_range all = {0, 0};
    size_t first = ((size_t)b->top * l->in.width + b->left) * b->channels;
    for (uint32_t c = 0; c < b->channels; c++) {
        struct dense_range r = p->range;
        if (!dense_cast_plan_element(&post->cast[c], &r, l->in_t.fraction, &l->element_t[first + c],
                                     &l->out_t) ||
            !cast_in_32(&post->cast[c], p->range) || !dense_cast_fits(r, 32)) {
            return false;
        }
        all = dense_cast_join(all, r);
    }
    p->range = all;
    return true;
}

/* ---- stages ---- */

/* Begins a stage: closes the buffer it reads, which gets its strides, and opens
 * the one it writes. */
static struct cnn_stage *new_stage(struct planner *p, const struct layer *l)
{
    struct cnn_chain *chain = p->chain;
    if (chain->n_stages == CNN_MAX_STAGES || l->out.channels > CNN_MAX_CHANNELS) {
        return NULL;
    }
    struct cnn_stage *s = &chain->stage[chain->n_stages++];
    *s = (struct cnn_stage){.layer = l};
    chain->buffer[chain->n_stages] = (struct cnn_buffer){
        .channels = l->out.channels, .height = l->out.height, .width = l->out.width};
    return s;
}

static int64_t weight_of(const struct layer *l, uint32_t tap, uint32_t channel, uint32_t filter)
{
    return l->weight[((size_t)tap * l->in.channels + channel) * l->out.channels + filter];
}

/* All partial sums of a filter, in any order, with or without the bias. */
static struct dense_range sums_of(const struct layer *l, struct dense_range x, int64_t bias,
                                  uint32_t filter)
{
    struct dense_range sum = {smaller(bias, 0), larger(bias, 0)};
    for (uint32_t tap = 0; tap < l->kernel_h * l->kernel_w; tap++) {
        for (uint32_t c = 0; c < l->in.channels; c++) {
            int64_t w = weight_of(l, tap, c, filter);
            sum.low = larger(-enough, sum.low + smaller(0, smaller(w * x.low, w * x.high)));
            sum.high = smaller(enough, sum.high + larger(0, larger(w * x.low, w * x.high)));
        }
    }
    return sum;
}

/* The accumulator on the grid of the products, where its wrapping is the same. */
static bool regrid(const struct layer *l, struct fixed_type *accum)
{
    *accum = l->accum_t;
    accum->fraction = l->in_t.fraction + l->weight_t.fraction;
    accum->width -= l->accum_t.fraction - accum->fraction;
    return accum->fraction <= l->accum_t.fraction && accum->width >= 1;
}

static bool plan_sums(struct planner *p, struct cnn_stage *s, const struct fixed_type *accum)
{
    const struct layer *l = s->layer;
    int finer = l->accum_t.fraction - accum->fraction;
    struct dense_range all = {0, 0};
    s->start = calloc(l->out.channels, sizeof *s->start);
    if (s->start == NULL || finer > 30) {
        return false;
    }
    for (uint32_t f = 0; f < l->out.channels; f++) {
        int64_t bias = fixed_cast(l->bias[f], l->bias_t.fraction, &l->accum_t);
        if (bias % (INT64_C(1) << finer) != 0 || bias > enough || bias < -enough) {
            return false;
        }
        bias /= INT64_C(1) << finer;
        all = dense_cast_join(all, sums_of(l, p->range, bias, f));
        s->start[f] = (int32_t)bias;
    }
    struct dense_range type = dense_cast_range(accum);
    bool inside = all.low >= type.low && all.high <= type.high;
    p->range = all;
    return dense_cast_fits(all, 32) && (inside || accum->overflow == FIXED_WRAP);
}

/* How values are multiplied: in pairs of 16 bits, or in 32. */
static bool choose_pairs(const struct layer *l, struct dense_range x, struct cnn_stage *s)
{
    size_t n = (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels;
    s->pairs = dense_cast_fits(x, 16) || (x.low >= 0 && x.high <= UINT16_MAX);
    for (size_t i = 0; i < n; i++) {
        if (l->weight[i] > INT32_MAX || l->weight[i] < -INT32_MAX) {
            return false;
        }
        s->pairs = s->pairs && l->weight[i] <= INT16_MAX && l->weight[i] >= INT16_MIN;
    }
    s->offset = s->pairs && !dense_cast_fits(x, 16) ? 1U << 15 : 0;
    s->row_steps = s->pairs ? (l->kernel_h + 1) / 2 : l->kernel_h;
    return dense_cast_fits(x, 32);
}

/* The weight, or two of two rows, for one step of the kernel's rows. */
static int32_t packed(const struct cnn_stage *s, uint32_t step, uint32_t kw, uint32_t c, uint32_t f)
{
    const struct layer *l = s->layer;
    if (!s->pairs) {
        return (int32_t)weight_of(l, step * l->kernel_w + kw, c, f);
    }
    int64_t low = weight_of(l, 2 * step * l->kernel_w + kw, c, f);
    bool odd = 2 * step + 1 == l->kernel_h;
    int64_t high = odd ? 0 : weight_of(l, (2 * step + 1) * l->kernel_w + kw, c, f);
    return (int32_t)((uint32_t)(uint16_t)low | (uint32_t)(uint16_t)high << 16);
}

static bool pack_weights(struct cnn_stage *s)
{
    const struct layer *l = s->layer;
    uint32_t filters = l->out.channels;
    s->weight =
        calloc((size_t)filters * l->in.channels * s->row_steps * l->kernel_w, sizeof *s->weight);
    if (s->weight == NULL) {
        return false;
    }
    int32_t *to = s->weight;
    for (uint32_t first = 0; first < filters; first += CNN_GROUP) {
        uint32_t end = first + CNN_GROUP < filters ? first + CNN_GROUP : filters;
        for (uint32_t c = 0; c < l->in.channels; c++) {
            for (uint32_t step = 0; step < s->row_steps * l->kernel_w; step++) {
                for (uint32_t f = first; f < end; f++) {
                    *to++ = packed(s, step / l->kernel_w, step % l->kernel_w, c, f);
                }
            }
        }
    }
    return true;
}

/* What the offset takes off every product comes back with the start, modulo 2^32. */
static void add_offset(struct cnn_stage *s)
{
    const struct layer *l = s->layer;
    for (uint32_t f = 0; f < l->out.channels; f++) {
        uint32_t sum = (uint32_t)s->start[f];
        for (uint32_t tap = 0; tap < l->kernel_h * l->kernel_w; tap++) {
            for (uint32_t c = 0; c < l->in.channels; c++) {
                sum += s->offset * (uint32_t)weight_of(l, tap, c, f);
            }
        }
        s->start[f] = (int32_t)sum;
    }
}

static bool plan_conv(struct planner *p, const struct layer *l)
{
    struct cnn_stage *s = l->stride == 1 ? new_stage(p, l) : NULL;
    struct fixed_type accum;
    if (s == NULL || !regrid(l, &accum)) {
        return false;
    }
    s->kernel_h = l->kernel_h;
    s->kernel_w = l->kernel_w;
    if (!choose_pairs(l, p->range, s) || !plan_sums(p, s, &accum) || !pack_weights(s)) {
        return false;
    }
    add_offset(s);
    return plan_cast(p, accum.fraction, &accum, false) &&
           plan_cast(p, accum.fraction, &l->out_t, false);
}

static bool plan_pool(struct planner *p, const struct layer *l)
{
    struct cnn_stage *s = new_stage(p, l);
    uint64_t area = (uint64_t)l->pool_h * l->pool_w;
    if (s == NULL || area > MAX_POOL_AREA) {
        return false;
    }
    s->pools = true;
    s->pool_h = l->pool_h;
    s->pool_w = l->pool_w;
    s->inverse = 1.0 / (double)area;
    struct dense_range before = p->range;
    if (!dense_cast_plan(&s->value, &p->range, l->in_t.fraction, &l->accum_t) ||
        !cast_in_32(&s->value, before)) {
        return false;
    }
    struct dense_range value = dense_cast_join(p->range, (struct dense_range){0, 0});
    struct dense_range sum = {value.low * (int64_t)area, value.high * (int64_t)area};
    struct dense_range type = dense_cast_range(&l->accum_t);
    bool inside = sum.low >= type.low && sum.high <= type.high;
    if (!dense_cast_fits(value, 32) || !dense_cast_fits(sum, 32) ||
        (!inside && l->accum_t.overflow != FIXED_WRAP)) {
        return false;
    }
    p->range = sum;
    if (!dense_cast_plan(&s->wrapped, &p->range, l->accum_t.fraction, &l->accum_t) ||
        !dense_cast_fits(p->range, 32)) {
        return false;
    }
    p->range.low = p->range.low / (int64_t)area;
    p->range.high = p->range.high / (int64_t)area;
    return plan_cast(p, l->accum_t.fraction, &l->out_t, false);
}

/* ---- the chain ---- */

static bool plan_pad(struct planner *p, const struct layer *l)
{
    struct cnn_buffer *b = &p->chain->buffer[p->chain->n_stages];
    b->top += l->pad_top;
    b->left += l->pad_left;
    b->bottom += l->pad_bottom;
    b->right += l->pad_right;
    return plan_cast(p, l->in_t.fraction, &l->out_t, false);
}

static bool plan_layer(struct planner *p, const struct layer *l)
{
    switch (l->class) {
    case LAYER_QUANTIZE:
        return plan_quantize(p, l);
    case LAYER_RELU:
        return plan_cast(p, l->in_t.fraction, &l->out_t, true);
    case LAYER_ZERO_PAD2D:
        return plan_pad(p, l);
    case LAYER_CONV2D:
        return plan_conv(p, l);
    case LAYER_AVG_POOL2D:
        return plan_pool(p, l);
    default:
        return false;
    }
}

static uint32_t up_to(uint32_t n, uint32_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* Rows with room for whole vectors read from every column of the next kernel and
 * written at every block; one more row, the second of the last pair. */
static bool set_strides(struct cnn_chain *chain, uint32_t lanes)
{
    for (uint32_t i = 0; i <= chain->n_stages; i++) {
        struct cnn_buffer *b = &chain->buffer[i];
        uint32_t kernel_w = i < chain->n_stages ? chain->stage[i].kernel_w : 0;
        uint64_t width = (uint64_t)b->left + up_to(b->width, lanes) + b->right + kernel_w + lanes;
        uint64_t stride = (width + lanes - 1) / lanes * lanes;
        uint64_t plane = stride * ((uint64_t)b->top + b->height + b->bottom + 1);
        if (plane * b->channels > MAX_BUFFER_NUMBERS) {
            return false;
        }
        b->stride = (uint32_t)stride;
        b->plane = (uint32_t)plane;
        chain->skips = chain->skips && b->width <= 64;
    }
    return true;
}

/* True also where the last buffer has a border, which flatten does not see: then
 * it is not taken. */
static bool plan_layers(struct cnn_chain *chain, uint32_t lanes)
{
    const struct model *m = chain->model;
    struct planner p = {.chain = chain, .range = {fixed_min(m->input_t), fixed_max(m->input_t)}};
    p.range = dense_cast_join(p.range, (struct dense_range){0, 0});
    chain->buffer[0] =
        (struct cnn_buffer){.channels = m->channels, .height = m->height, .width = m->width};
    uint32_t i = 1;
    while (i < m->n_layers && m->layer[i].class != LAYER_FLATTEN) {
        if (!plan_layer(&p, &m->layer[i++])) {
            return false;
        }
    }
    const struct cnn_buffer *last = &chain->buffer[chain->n_stages];
    bool bordered = last->top + last->left + last->bottom + last->right != 0;
    return chain->n_stages > 0 && !bordered && set_strides(chain, lanes) &&
           dense_tail_plan(&chain->tail, m, i, p.range);
}

bool cnn_chain_plan(struct cnn_chain *chain, const struct model *m, uint32_t lanes)
{
    *chain = (struct cnn_chain){.model = m, .skips = true};
    if (m->reduce != NULL || m->n_layers < 3 || m->channels > CNN_MAX_CHANNELS) {
        return false;
    }
    if (plan_layers(chain, lanes)) {
        return true;
    }
    cnn_chain_fini(chain);
    return false;
}

void cnn_chain_fini(struct cnn_chain *chain)
{
    for (uint32_t i = 0; i <= chain->n_stages; i++) {
        for (uint32_t k = 0; k < chain->buffer[i].n_posts; k++) {
            free(chain->buffer[i].post[k].cast);
        }
    }
    for (uint32_t i = 0; i < chain->n_stages; i++) {
        free(chain->stage[i].weight);
        free(chain->stage[i].start);
    }
    dense_tail_fini(&chain->tail);
    *chain = (struct cnn_chain){0};
}
