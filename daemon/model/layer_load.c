/* How: the attribute `class` picks a row of LAYER_CLASSES, whose load_<name>
 * reads the rest. Each sets l->out; the caller has set l->in and l->in_t from the
 * layer before. Bounds of exact values are magnitudes in uint64_t that stick at
 * UINT64_MAX, so that a chain of them needs one comparison at its end.
 */
#include "model/layer_load.h"

#include "model/h5_read.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct source {
    hid_t group;
    const struct layer *before; /* NULL for the first layer */
    uint64_t *parameters;
    struct error *err;
};

enum { MAX_KERNEL = 255 };

uint64_t layer_elements(const struct tensor_shape *shape)
{
    uint64_t places = shape->sparse ? shape->slots : (uint64_t)shape->height * shape->width;
    return places * shape->channels;
}

/* ---- bounds of exact values ---- */

static uint64_t largest(const struct fixed_type *t)
{
    if (t->is_signed) {
        return UINT64_C(1) << (t->width - 1);
    }
    return UINT64_MAX >> (64 - t->width);
}

static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* A magnitude rewritten with `bits` more fraction bits. */
static uint64_t finer(uint64_t a, int bits)
{
    if (a == 0 || bits <= 0) {
        return a;
    }
    return bits > 63 || a > UINT64_MAX >> bits ? UINT64_MAX : a << bits;
}

/* a / 2^fa + b / 2^fb, at the larger of the two. */
static uint64_t sum_of(uint64_t a, int fa, uint64_t b, int fb)
{
    return plus(finer(a, fb - fa), finer(b, fa - fb));
}

static bool fits(uint64_t bound, const char *attribute, struct error *err)
{
    return bound <= INT64_MAX ||
           error_set(err, ERROR_MODEL,
                     "attribute %s is too wide: an exact value before a cast would need more than "
                     "63 bits",
                     attribute);
}

/* ---- what must come before ---- */

static bool needs_sparse(const struct source *s, const struct layer *l)
{
    return l->in.sparse || error_set(s->err, ERROR_MODEL, "class %s needs slots, but %s gives none",
                                     layer_class_name(l->class), s->before->name);
}

static bool needs_flat(const struct source *s, const struct layer *l)
{
    return l->in.flat ||
           error_set(s->err, ERROR_MODEL, "class %s needs one axis, but %s gives more",
                     layer_class_name(l->class), s->before->name);
}

static bool needs_image(const struct source *s, const struct layer *l)
{
    return (!l->in.flat && !l->in.sparse) ||
           error_set(s->err, ERROR_MODEL, "class %s needs an image, but %s gives none",
                     layer_class_name(l->class), s->before->name);
}

static bool needs_equal(const struct source *s, const char *attribute, uint32_t value,
                        uint32_t needed)
{
    return value == needed || error_set(s->err, ERROR_MODEL, "attribute %s = %u: needs %u after %s",
                                        attribute, value, needed, s->before->name);
}

static bool needs_small(const struct source *s, const struct tensor_shape *shape)
{
    return layer_elements(shape) <= LAYER_MAX_ELEMENTS ||
           error_set(s->err, ERROR_MODEL, "the output has %" PRIu64 " values, at most %d are taken",
                     layer_elements(shape), LAYER_MAX_ELEMENTS);
}

/* ---- pieces that several classes share ---- */

static bool read_out(const struct source *s, struct layer *l)
{
    return h5_read_type(s->group, "out_t", &l->out_t, s->err);
}

/* A data set of exactly this shape, every number inside `type` (NULL: any). */
static bool read_array(const struct source *s, const char *name, const struct h5_shape *needed,
                       const struct fixed_type *type, int64_t **to)
{
    struct h5_shape shape;
    if (!h5_read_shape(s->group, name, &shape, s->err)) {
        return false;
    }
    bool same = shape.rank == needed->rank;
    for (int i = 0; same && i < shape.rank; i++) {
        same = shape.axis[i] == needed->axis[i];
    }
    if (!same) {
        char is[96];
        char needs[96];
        h5_read_format_shape(&shape, is, sizeof is);
        h5_read_format_shape(needed, needs, sizeof needs);
        return error_set(s->err, ERROR_MODEL, "%s is %s, needs %s after %s", name, is, needs,
                         s->before->name);
    }
    uint64_t n = h5_read_elements(&shape);
    *s->parameters = plus(*s->parameters, n);
    if (n == 0 || *s->parameters > LAYER_MAX_PARAMETERS) {
        return error_set(s->err, ERROR_MODEL, "%s: a model may hold 1 .. %d numbers", name,
                         LAYER_MAX_PARAMETERS);
    }
    *to = h5_read_integers(s->group, name, &shape, s->err);
    if (*to == NULL) {
        return false;
    }
    for (uint64_t i = 0; type != NULL && i < n; i++) {
        if ((*to)[i] < fixed_min(type) || (*to)[i] > fixed_max(type)) {
            return error_set(s->err, ERROR_MODEL,
                             "%s holds %" PRId64 " at %" PRIu64 ": outside its type, %" PRId64
                             " .. %" PRId64,
                             name, (*to)[i], i, fixed_min(type), fixed_max(type));
        }
    }
    return true;
}

static bool read_accumulator(const struct source *s, struct layer *l)
{
    return h5_read_type(s->group, "accum_t", &l->accum_t, s->err) &&
           h5_read_type(s->group, "weight_t", &l->weight_t, s->err) &&
           h5_read_type(s->group, "bias_t", &l->bias_t, s->err) && read_out(s, l);
}

static bool read_weights(const struct source *s, struct layer *l, const struct h5_shape *shape)
{
    struct h5_shape bias = {1, {shape->axis[shape->rank - 1]}};
    return read_array(s, "weight", shape, &l->weight_t, &l->weight) &&
           read_array(s, "bias", &bias, &l->bias_t, &l->bias);
}

static bool read_kernel(const struct source *s, struct layer *l, uint32_t *filters)
{
    uint32_t channels;
    return h5_read_uint(s->group, "kernel_h", 1, MAX_KERNEL, &l->kernel_h, s->err) &&
           h5_read_uint(s->group, "kernel_w", 1, MAX_KERNEL, &l->kernel_w, s->err) &&
           h5_read_uint(s->group, "in_channels", 1, MODEL_MAX_CHANNELS, &channels, s->err) &&
           h5_read_uint(s->group, "filters", 1, MODEL_MAX_CHANNELS, filters, s->err) &&
           needs_equal(s, "in_channels", channels, l->in.channels) && read_accumulator(s, l) &&
           read_weights(s, l,
                        &(struct h5_shape){4, {l->kernel_h, l->kernel_w, channels, *filters}});
}

/* Products are cast to accum_t one by one, then added to it. */
static bool fits_products(const struct source *s, const struct layer *l)
{
    return fits(times(largest(&l->in_t), largest(&l->weight_t)), "weight_t", s->err) &&
           fits(times(2, largest(&l->accum_t)), "accum_t", s->err);
}

static bool read_pool(const struct source *s, struct layer *l)
{
    if (!h5_read_uint(s->group, "pool_h", 1, LAYER_MAX_SIDE, &l->pool_h, s->err) ||
        !h5_read_uint(s->group, "pool_w", 1, LAYER_MAX_SIDE, &l->pool_w, s->err)) {
        return false;
    }
    l->out = l->in;
    l->out.height = l->in.height / l->pool_h;
    l->out.width = l->in.width / l->pool_w;
    if (l->out.height == 0 || l->out.width == 0) {
        bool high = l->out.height == 0;
        return error_set(s->err, ERROR_MODEL, "attribute %s = %u: %s gives only %u",
                         high ? "pool_h" : "pool_w", high ? l->pool_h : l->pool_w, s->before->name,
                         high ? l->in.height : l->in.width);
    }
    return read_out(s, l);
}

/* ---- the classes, in the order of the table ---- */

static bool load_input(const struct source *s, struct layer *l)
{
    if (s->before != NULL) {
        return error_set(s->err, ERROR_MODEL, "class input must be the first layer");
    }
    if (!h5_read_uint(s->group, "height", 1, LAYER_MAX_SIDE, &l->out.height, s->err) ||
        !h5_read_uint(s->group, "width", 1, LAYER_MAX_SIDE, &l->out.width, s->err) ||
        !h5_read_uint(s->group, "channels", 1, MODEL_MAX_CHANNELS, &l->out.channels, s->err) ||
        !read_out(s, l)) {
        return false;
    }
    if (fixed_min(&l->out_t) < INT32_MIN || fixed_max(&l->out_t) > INT32_MAX) {
        return error_set(s->err, ERROR_MODEL,
                         "attribute out_t: pixels are kept in 32 bits, at most ap_fixed<32,...> or "
                         "ap_ufixed<31,...> is taken");
    }
    l->in = l->out;
    l->in_t = l->out_t;
    return needs_small(s, &l->out);
}

/* The lowest raw a cast to `t` gives. */
static int64_t lowest(const struct fixed_type *t)
{
    return t->is_signed && t->overflow == FIXED_SAT_SYM ? -fixed_max(t) : fixed_min(t);
}

/* out_t must hold every value of an element's type, exactly. */
static bool holds(const struct fixed_type *out, const struct fixed_type *element)
{
    int shift = out->fraction - element->fraction;
    uint64_t high = finer((uint64_t)fixed_max(element), shift);
    uint64_t low = finer(UINT64_C(0) - (uint64_t)lowest(element), shift);
    return shift >= 0 && high <= (uint64_t)fixed_max(out) &&
           low <= UINT64_C(0) - (uint64_t)fixed_min(out);
}

static bool make_elements(const struct source *s, struct layer *l, const int64_t *width,
                          const int64_t *integer, const int64_t *is_signed,
                          enum fixed_quantization q, enum fixed_overflow o)
{
    l->element_t = calloc(l->element_count, sizeof *l->element_t);
    if (l->element_t == NULL) {
        return error_set(s->err, ERROR_SYSTEM, "no memory");
    }
    for (uint32_t i = 0; i < l->element_count; i++) {
        struct fixed_type *t = &l->element_t[i];
        if (is_signed[i] < 0 || is_signed[i] > 1) {
            return error_set(s->err, ERROR_MODEL, "signed holds %" PRId64 " at %u: must be 0 or 1",
                             is_signed[i], i);
        }
        if (width[i] == 0) {
            continue; /* always 0 */
        }
        if (width[i] < 0 || width[i] > 64) {
            return error_set(s->err, ERROR_MODEL, "width holds %" PRId64 " at %u: must be 0 .. 64",
                             width[i], i);
        }
        if (integer[i] < -1024 || integer[i] > 1024 ||
            !fixed_init(t, (int)width[i], (int)integer[i], is_signed[i] == 1, q, o)) {
            return error_set(s->err, ERROR_MODEL,
                             "integer holds %" PRId64 " at %u: must be -1024 .. 1024", integer[i],
                             i);
        }
        if (!holds(&l->out_t, t)) {
            char text[64];
            fixed_format(t, text, sizeof text);
            return error_set(s->err, ERROR_MODEL,
                             "attribute out_t does not hold element %u, which is %s", i, text);
        }
    }
    return true;
}

static bool read_modes(const struct source *s, enum fixed_quantization *q, enum fixed_overflow *o)
{
    char text[64];
    if (!h5_read_string(s->group, "quantization", text, sizeof text, s->err)) {
        return false;
    }
    if (!fixed_parse_quantization(text, q)) {
        return error_set(s->err, ERROR_MODEL, "attribute quantization = \"%s\": no such mode",
                         text);
    }
    if (!h5_read_string(s->group, "overflow", text, sizeof text, s->err)) {
        return false;
    }
    return fixed_parse_overflow(text, o) ||
           error_set(s->err, ERROR_MODEL, "attribute overflow = \"%s\": no such mode", text);
}

/* (channels) for all slots alike, or the full shape. */
static bool quantize_shape(const struct source *s, struct layer *l, struct h5_shape *shape)
{
    if (!h5_read_shape(s->group, "width", shape, s->err)) {
        return false;
    }
    l->element_per_pixel = !l->in.flat && !(l->in.sparse && shape->rank == 1);
    if (l->element_per_pixel) {
        *shape = (struct h5_shape){3, {l->in.height, l->in.width, l->in.channels}};
        l->element_h = l->in.height;
        l->element_w = l->in.width;
    } else {
        *shape = (struct h5_shape){1, {l->in.channels}};
    }
    l->element_count = (uint32_t)h5_read_elements(shape);
    return true;
}

static bool load_quantize(const struct source *s, struct layer *l)
{
    enum fixed_quantization q;
    enum fixed_overflow o;
    struct h5_shape shape;
    if (!read_modes(s, &q, &o) || !read_out(s, l) || !quantize_shape(s, l, &shape)) {
        return false;
    }
    l->out = l->in;
    int64_t *width = NULL;
    int64_t *integer = NULL;
    int64_t *is_signed = NULL;
    bool good = read_array(s, "width", &shape, NULL, &width) &&
                read_array(s, "integer", &shape, NULL, &integer) &&
                read_array(s, "signed", &shape, NULL, &is_signed) &&
                make_elements(s, l, width, integer, is_signed, q, o);
    free(width);
    free(integer);
    free(is_signed);
    return good;
}

/* threshold_raw is floor(threshold * 2^F), at most the input type's maximum: two
 * numbers that disagree would select other pixels than the training did. */
static bool check_threshold(const struct source *s, const struct layer *l, double threshold)
{
    double exact = floor(ldexp(threshold, l->in_t.fraction));
    double most = (double)fixed_max(&l->in_t);
    double needed = exact > most ? most : exact;
    return (double)l->threshold_raw == needed ||
           error_set(s->err, ERROR_MODEL,
                     "attribute threshold_raw = %" PRId64 ": needs %.0f for threshold = %g",
                     l->threshold_raw, needed, threshold);
}

static bool load_sparse_input_reduce(const struct source *s, struct layer *l)
{
    if (s->before->class != LAYER_INPUT) {
        return error_set(s->err, ERROR_MODEL, "class sparse_input_reduce must follow the input");
    }
    double threshold;
    if (!h5_read_uint(s->group, "n_max_pixels", 1, LAYER_MAX_SLOTS, &l->n_max_pixels, s->err) ||
        !h5_read_double(s->group, "threshold", &threshold, s->err) ||
        !h5_read_int(s->group, "threshold_raw", INT64_MIN, INT64_MAX, &l->threshold_raw, s->err) ||
        !check_threshold(s, l, threshold) || !read_out(s, l)) {
        return false;
    }
    l->out = l->in;
    l->out.sparse = true;
    l->out.slots = l->n_max_pixels;
    return needs_small(s, &l->out);
}

static bool read_mask(const struct source *s, struct layer *l)
{
    if (!h5_read_has_attribute(s->group, "mask")) {
        return true;
    }
    char text[64];
    if (!h5_read_string(s->group, "mask", text, sizeof text, s->err)) {
        return false;
    }
    l->mask_slot = strcmp(text, "slot") == 0;
    return l->mask_slot || strcmp(text, "feature") == 0 ||
           error_set(s->err, ERROR_MODEL, "attribute mask = \"%s\": must be feature or slot", text);
}

static bool load_sparse_conv2d(const struct source *s, struct layer *l)
{
    uint32_t filters;
    if (!needs_sparse(s, l) || !read_kernel(s, l, &filters) || !read_mask(s, l)) {
        return false;
    }
    if (l->kernel_h % 2 == 0 || l->kernel_w % 2 == 0) {
        return error_set(s->err, ERROR_MODEL, "attribute %s = %u: must be odd",
                         l->kernel_h % 2 == 0 ? "kernel_h" : "kernel_w",
                         l->kernel_h % 2 == 0 ? l->kernel_h : l->kernel_w);
    }
    uint64_t bias = 0;
    for (uint32_t f = 0; f < filters; f++) {
        uint64_t size = l->bias[f] < 0 ? UINT64_C(0) - (uint64_t)l->bias[f] : (uint64_t)l->bias[f];
        bias = size > bias ? size : bias;
    }
    uint64_t sum = largest(&l->accum_t);
    l->out = l->in;
    l->out.channels = filters;
    return needs_small(s, &l->out) && fits_products(s, l) &&
           fits(sum_of(sum, l->accum_t.fraction, times(largest(&l->in_t), largest(&l->weight_t)),
                       l->in_t.fraction + l->weight_t.fraction),
                "accum_t", s->err) &&
           (bias == 0 ||
            fits(sum_of(sum, l->accum_t.fraction, bias, l->bias_t.fraction), "bias_t", s->err));
}

static bool load_relu(const struct source *s, struct layer *l)
{
    l->out = l->in;
    return read_out(s, l);
}

static bool load_sparse_avg_pool2d(const struct source *s, struct layer *l)
{
    if (!needs_sparse(s, l) || !read_pool(s, l) ||
        !h5_read_type(s->group, "accum_t", &l->accum_t, s->err) ||
        !h5_read_type(s->group, "recip_t", &l->recip_t, s->err)) {
        return false;
    }
    int64_t low = fixed_min(&l->recip_t);
    int64_t high = fixed_max(&l->recip_t);
    if (!h5_read_int(s->group, "recip_h_raw", low, high, &l->recip_h_raw, s->err) ||
        !h5_read_int(s->group, "recip_w_raw", low, high, &l->recip_w_raw, s->err)) {
        return false;
    }
    uint64_t bound = largest(&l->accum_t);
    const int64_t factor[] = {l->recip_h_raw, l->recip_w_raw};
    for (int i = 0; i < 2; i++) {
        if (factor[i] != 0) {
            bound = times(bound,
                          factor[i] < 0 ? UINT64_C(0) - (uint64_t)factor[i] : (uint64_t)factor[i]);
        }
    }
    return fits(bound, "recip_t", s->err) && fits(sum_of(largest(&l->accum_t), l->accum_t.fraction,
                                                         largest(&l->in_t), l->in_t.fraction),
                                                  "accum_t", s->err);
}

static bool load_sparse_max_pool2d(const struct source *s, struct layer *l)
{
    return needs_sparse(s, l) && read_pool(s, l);
}

static void make_flat(struct layer *l, uint32_t n)
{
    l->out = (struct tensor_shape){.flat = true, .height = 1, .width = 1, .channels = n};
}

static bool load_sparse_flatten(const struct source *s, struct layer *l)
{
    struct tensor_shape grid = {0};
    if (!needs_sparse(s, l) ||
        !h5_read_uint(s->group, "height", 1, LAYER_MAX_SIDE, &grid.height, s->err) ||
        !h5_read_uint(s->group, "width", 1, LAYER_MAX_SIDE, &grid.width, s->err) ||
        !h5_read_uint(s->group, "channels", 1, MODEL_MAX_CHANNELS, &grid.channels, s->err) ||
        !needs_equal(s, "height", grid.height, l->in.height) ||
        !needs_equal(s, "width", grid.width, l->in.width) ||
        !needs_equal(s, "channels", grid.channels, l->in.channels) || !needs_small(s, &grid) ||
        !read_out(s, l)) {
        return false;
    }
    make_flat(l, (uint32_t)layer_elements(&grid));
    return true;
}

static bool load_dense(const struct source *s, struct layer *l)
{
    uint32_t n_in;
    uint32_t n_out;
    if (!needs_flat(s, l) ||
        !h5_read_uint(s->group, "n_in", 1, LAYER_MAX_ELEMENTS, &n_in, s->err) ||
        !h5_read_uint(s->group, "n_out", 1, LAYER_MAX_ELEMENTS, &n_out, s->err) ||
        !needs_equal(s, "n_in", n_in, l->in.channels) || !read_accumulator(s, l) ||
        !read_weights(s, l, &(struct h5_shape){2, {n_in, n_out}})) {
        return false;
    }
    make_flat(l, n_out);
    return fits_products(s, l);
}

static bool load_zero_pad2d(const struct source *s, struct layer *l)
{
    if (!needs_image(s, l) ||
        !h5_read_uint(s->group, "pad_top", 0, LAYER_MAX_SIDE, &l->pad_top, s->err) ||
        !h5_read_uint(s->group, "pad_bottom", 0, LAYER_MAX_SIDE, &l->pad_bottom, s->err) ||
        !h5_read_uint(s->group, "pad_left", 0, LAYER_MAX_SIDE, &l->pad_left, s->err) ||
        !h5_read_uint(s->group, "pad_right", 0, LAYER_MAX_SIDE, &l->pad_right, s->err) ||
        !read_out(s, l)) {
        return false;
    }
    l->out = l->in;
    l->out.height += l->pad_top + l->pad_bottom;
    l->out.width += l->pad_left + l->pad_right;
    return needs_small(s, &l->out);
}

static bool load_conv2d(const struct source *s, struct layer *l)
{
    uint32_t filters;
    if (!needs_image(s, l) || !read_kernel(s, l, &filters) ||
        !h5_read_uint(s->group, "stride", 1, MAX_KERNEL, &l->stride, s->err)) {
        return false;
    }
    if (l->kernel_h > l->in.height || l->kernel_w > l->in.width) {
        bool high = l->kernel_h > l->in.height;
        return error_set(s->err, ERROR_MODEL, "attribute %s = %u: %s gives only %u",
                         high ? "kernel_h" : "kernel_w", high ? l->kernel_h : l->kernel_w,
                         s->before->name, high ? l->in.height : l->in.width);
    }
    l->out = l->in;
    l->out.height = (l->in.height - l->kernel_h) / l->stride + 1;
    l->out.width = (l->in.width - l->kernel_w) / l->stride + 1;
    l->out.channels = filters;
    return needs_small(s, &l->out) && fits_products(s, l);
}

static bool load_avg_pool2d(const struct source *s, struct layer *l)
{
    return needs_image(s, l) && read_pool(s, l) &&
           h5_read_type(s->group, "accum_t", &l->accum_t, s->err) &&
           fits(times(2, largest(&l->accum_t)), "accum_t", s->err);
}

static bool load_flatten(const struct source *s, struct layer *l)
{
    make_flat(l, (uint32_t)layer_elements(&l->in));
    return needs_image(s, l) && read_out(s, l);
}

static bool read_table(const struct source *s, const char *type_name, const char *name,
                       struct fixed_type *type, int64_t **to)
{
    return h5_read_type(s->group, type_name, type, s->err) &&
           read_array(s, name, &(struct h5_shape){1, {MODEL_TABLE_ENTRIES}}, type, to);
}

static bool load_sigmoid_table(const struct source *s, struct layer *l)
{
    l->out = l->in;
    return needs_flat(s, l) && read_table(s, "table_t", "table", &l->table_t, &l->table) &&
           read_out(s, l) &&
           fits(finer(times(64, largest(&l->in_t)), -l->in_t.fraction), "out_t of the layer before",
                s->err);
}

/* The tables are addressed with the ten highest bits. */
static bool needs_ten_bits(const struct source *s, const char *attribute,
                           const struct fixed_type *t)
{
    return t->width >= 10 ||
           error_set(s->err, ERROR_MODEL, "attribute %s has %d bits, needs at least 10", attribute,
                     t->width);
}

static bool load_softmax_table(const struct source *s, struct layer *l)
{
    l->out = l->in;
    return needs_flat(s, l) && read_table(s, "exp_table_t", "exp_table", &l->table_t, &l->table) &&
           read_table(s, "inv_table_t", "inv_table", &l->inv_table_t, &l->inv_table) &&
           read_out(s, l) && needs_ten_bits(s, "out_t of the layer before", &l->in_t) &&
           needs_ten_bits(s, "exp_table_t", &l->table_t) &&
           fits(times(2, largest(&l->in_t)), "out_t of the layer before", s->err) &&
           fits(times(2, largest(&l->table_t)), "exp_table_t", s->err) &&
           fits(times(largest(&l->table_t), largest(&l->inv_table_t)), "inv_table_t", s->err);
}

/* Computed in double from the last integers, which pass through unchanged. */
static bool load_sigmoid(const struct source *s, struct layer *l)
{
    l->out = l->in;
    l->out_t = l->in_t;
    return needs_flat(s, l);
}

static bool load_softmax(const struct source *s, struct layer *l)
{
    return load_sigmoid(s, l);
}

static const struct {
    const char *name;
    bool (*load)(const struct source *s, struct layer *l);
} class_table[] = {
#define X(NAME, name) [LAYER_##NAME] = {#name, load_##name},
    LAYER_CLASSES(X)
#undef X
};

const char *layer_class_name(enum layer_class class)
{
    return class_table[class].name;
}

bool layer_load(hid_t group, const struct layer *before, struct layer *l, uint64_t *parameters,
                struct error *err)
{
    char class[64];
    if (!h5_read_string(group, "class", class, sizeof class, err)) {
        return false;
    }
    int found = 0;
    while (found < LAYER_CLASS_COUNT && strcmp(class_table[found].name, class) != 0) {
        found++;
    }
    if (found == LAYER_CLASS_COUNT) {
        return error_set(err, ERROR_MODEL, "attribute class = \"%s\": no such class", class);
    }
    l->class = (enum layer_class)found;
    if (before == NULL && l->class != LAYER_INPUT) {
        return error_set(err, ERROR_MODEL, "attribute class = \"%s\": the first must be input",
                         class);
    }
    if (before != NULL && (before->class == LAYER_SIGMOID || before->class == LAYER_SOFTMAX)) {
        return error_set(err, ERROR_MODEL, "class %s must be the last layer, but %s is before this",
                         layer_class_name(before->class), before->name);
    }
    if (before != NULL) {
        l->in = before->out;
        l->in_t = before->out_t;
    }
    struct source s = {group, before, parameters, err};
    return class_table[found].load(&s, l);
}

void layer_free(struct layer *l)
{
    free(l->weight);
    free(l->bias);
    free(l->element_t);
    free(l->table);
    free(l->inv_table);
}
