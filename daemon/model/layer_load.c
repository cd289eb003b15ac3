/* How: the attribute `class` picks a row of LAYER_CLASSES, whose load_<name>
 * reads the rest. Each sets l->out; the caller has set l->in and l->in_t from the
 * layer before.
 */
#include "model/layer_load.h"

#include "model/bound.h"
#include "model/h5_read.h"
#include "model/layer_needs.h"
#include "model/layer_quantize.h"
#include "model/layer_read.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t layer_elements(const struct tensor_shape *shape)
{
    uint64_t places = shape->sparse ? shape->slots : (uint64_t)shape->height * shape->width;
    return places * shape->channels;
}

/* Products are cast to accum_t one by one, then added to it. */
static bool fits_products(const struct layer_source *s, const struct layer *l)
{
    return bound_fits(bound_times(bound_of(&l->in_t), bound_of(&l->weight_t)), "weight_t",
                      s->err) &&
           bound_fits(bound_times(2, bound_of(&l->accum_t)), "accum_t", s->err);
}

/* ---- the classes, in the order of the table ---- */

static bool load_input(const struct layer_source *s, struct layer *l)
{
    if (s->before != NULL) {
        return error_set(s->err, ERROR_MODEL, "class input must be the first layer");
    }
    if (!h5_read_uint(s->group, "height", 1, LAYER_MAX_SIDE, &l->out.height, s->err) ||
        !h5_read_uint(s->group, "width", 1, LAYER_MAX_SIDE, &l->out.width, s->err) ||
        !h5_read_uint(s->group, "channels", 1, MODEL_MAX_CHANNELS, &l->out.channels, s->err) ||
        !layer_read_out(s, l)) {
        return false;
    }
    if (fixed_min(&l->out_t) < INT32_MIN || fixed_max(&l->out_t) > INT32_MAX) {
        return error_set(s->err, ERROR_MODEL,
                         "attribute out_t: pixels are kept in 32 bits, at most ap_fixed<32,...> or "
                         "ap_ufixed<31,...> is taken");
    }
    l->in = l->out;
    l->in_t = l->out_t;
    return layer_needs_small(s, &l->out);
}

static bool load_quantize(const struct layer_source *s, struct layer *l)
{
    return layer_quantize_load(s, l);
}

/* threshold_raw is floor(threshold * 2^F), at most the input type's maximum: two
 * numbers that disagree would select other pixels than the training did. */
static bool check_threshold(const struct layer_source *s, const struct layer *l, double threshold)
{
    double exact = floor(ldexp(threshold, l->in_t.fraction));
    double most = (double)fixed_max(&l->in_t);
    double needed = exact > most ? most : exact;
    return (double)l->threshold_raw == needed ||
           error_set(s->err, ERROR_MODEL,
                     "attribute threshold_raw = %" PRId64 ": needs %.0f for threshold = %g",
                     l->threshold_raw, needed, threshold);
}

static bool load_sparse_input_reduce(const struct layer_source *s, struct layer *l)
{
    if (s->before->class != LAYER_INPUT) {
        return error_set(s->err, ERROR_MODEL, "class sparse_input_reduce must follow the input");
    }
    double threshold;
    if (!h5_read_uint(s->group, "n_max_pixels", 1, LAYER_MAX_SLOTS, &l->n_max_pixels, s->err) ||
        !h5_read_double(s->group, "threshold", &threshold, s->err) ||
        !h5_read_int(s->group, "threshold_raw", INT64_MIN, INT64_MAX, &l->threshold_raw, s->err) ||
        !check_threshold(s, l, threshold) || !layer_read_out(s, l)) {
        return false;
    }
    l->out = l->in;
    l->out.sparse = true;
    l->out.slots = l->n_max_pixels;
    return layer_needs_small(s, &l->out);
}

static bool read_mask(const struct layer_source *s, struct layer *l)
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

static bool load_sparse_conv2d(const struct layer_source *s, struct layer *l)
{
    uint32_t filters;
    if (!layer_needs_sparse(s, l) || !layer_read_kernel(s, l, &filters) || !read_mask(s, l)) {
        return false;
    }
    if (l->kernel_h % 2 == 0 || l->kernel_w % 2 == 0) {
        return error_set(s->err, ERROR_MODEL, "attribute %s = %u: must be odd",
                         l->kernel_h % 2 == 0 ? "kernel_h" : "kernel_w",
                         l->kernel_h % 2 == 0 ? l->kernel_h : l->kernel_w);
    }
    uint64_t bias = 0;
    for (uint32_t f = 0; f < filters; f++) {
        uint64_t size = bound_of_raw(l->bias[f]);
        bias = size > bias ? size : bias;
    }
    uint64_t sum = bound_of(&l->accum_t);
    l->out = l->in;
    l->out.channels = filters;
    return layer_needs_small(s, &l->out) && fits_products(s, l) &&
           bound_fits(bound_sum(sum, l->accum_t.fraction,
                                bound_times(bound_of(&l->in_t), bound_of(&l->weight_t)),
                                l->in_t.fraction + l->weight_t.fraction),
                      "accum_t", s->err) &&
           (bias == 0 || bound_fits(bound_sum(sum, l->accum_t.fraction, bias, l->bias_t.fraction),
                                    "bias_t", s->err));
}

static bool load_relu(const struct layer_source *s, struct layer *l)
{
    l->out = l->in;
    return layer_read_out(s, l);
}

static bool load_sparse_avg_pool2d(const struct layer_source *s, struct layer *l)
{
    if (!layer_needs_sparse(s, l) || !layer_read_pool(s, l) ||
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
    uint64_t bound = bound_of(&l->accum_t);
    const int64_t factor[] = {l->recip_h_raw, l->recip_w_raw};
    for (int i = 0; i < 2; i++) {
        if (factor[i] != 0) {
            bound = bound_times(bound, bound_of_raw(factor[i]));
        }
    }
    return bound_fits(bound, "recip_t", s->err) &&
           bound_fits(bound_sum(bound_of(&l->accum_t), l->accum_t.fraction, bound_of(&l->in_t),
                                l->in_t.fraction),
                      "accum_t", s->err);
}

static bool load_sparse_max_pool2d(const struct layer_source *s, struct layer *l)
{
    return layer_needs_sparse(s, l) && layer_read_pool(s, l);
}

static void make_flat(struct layer *l, uint32_t n)
{
    l->out = (struct tensor_shape){.flat = true, .height = 1, .width = 1, .channels = n};
}

static bool load_sparse_flatten(const struct layer_source *s, struct layer *l)
{
    struct tensor_shape grid = {0};
    if (!layer_needs_sparse(s, l) ||
        !h5_read_uint(s->group, "height", 1, LAYER_MAX_SIDE, &grid.height, s->err) ||
        !h5_read_uint(s->group, "width", 1, LAYER_MAX_SIDE, &grid.width, s->err) ||
        !h5_read_uint(s->group, "channels", 1, MODEL_MAX_CHANNELS, &grid.channels, s->err) ||
        !layer_needs_equal(s, "height", grid.height, l->in.height) ||
        !layer_needs_equal(s, "width", grid.width, l->in.width) ||
        !layer_needs_equal(s, "channels", grid.channels, l->in.channels) ||
        !layer_needs_small(s, &grid) || !layer_read_out(s, l)) {
        return false;
    }
    make_flat(l, (uint32_t)layer_elements(&grid));
    return true;
}

static bool load_dense(const struct layer_source *s, struct layer *l)
{
    uint32_t n_in;
    uint32_t n_out;
    if (!layer_needs_flat(s, l) ||
        !h5_read_uint(s->group, "n_in", 1, LAYER_MAX_ELEMENTS, &n_in, s->err) ||
        !h5_read_uint(s->group, "n_out", 1, LAYER_MAX_ELEMENTS, &n_out, s->err) ||
        !layer_needs_equal(s, "n_in", n_in, l->in.channels) || !layer_read_sum(s, l) ||
        !layer_read_weights(s, l, &(struct h5_shape){2, {n_in, n_out}})) {
        return false;
    }
    make_flat(l, n_out);
    return fits_products(s, l);
}

static bool load_zero_pad2d(const struct layer_source *s, struct layer *l)
{
    if (!layer_needs_image(s, l) ||
        !h5_read_uint(s->group, "pad_top", 0, LAYER_MAX_SIDE, &l->pad_top, s->err) ||
        !h5_read_uint(s->group, "pad_bottom", 0, LAYER_MAX_SIDE, &l->pad_bottom, s->err) ||
        !h5_read_uint(s->group, "pad_left", 0, LAYER_MAX_SIDE, &l->pad_left, s->err) ||
        !h5_read_uint(s->group, "pad_right", 0, LAYER_MAX_SIDE, &l->pad_right, s->err) ||
        !layer_read_out(s, l)) {
        return false;
    }
    l->out = l->in;
    l->out.height += l->pad_top + l->pad_bottom;
    l->out.width += l->pad_left + l->pad_right;
    return layer_needs_small(s, &l->out);
}

static bool load_conv2d(const struct layer_source *s, struct layer *l)
{
    uint32_t filters;
    if (!layer_needs_image(s, l) || !layer_read_kernel(s, l, &filters) ||
        !h5_read_uint(s->group, "stride", 1, LAYER_MAX_KERNEL, &l->stride, s->err)) {
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
    return layer_needs_small(s, &l->out) && fits_products(s, l);
}

static bool load_avg_pool2d(const struct layer_source *s, struct layer *l)
{
    return layer_needs_image(s, l) && layer_read_pool(s, l) &&
           h5_read_type(s->group, "accum_t", &l->accum_t, s->err) &&
           bound_fits(bound_times(2, bound_of(&l->accum_t)), "accum_t", s->err);
}

static bool load_flatten(const struct layer_source *s, struct layer *l)
{
    make_flat(l, (uint32_t)layer_elements(&l->in));
    return layer_needs_image(s, l) && layer_read_out(s, l);
}

static bool read_table(const struct layer_source *s, const char *type_name, const char *name,
                       struct fixed_type *type, int64_t **to)
{
    return h5_read_type(s->group, type_name, type, s->err) &&
           layer_read_array(s, name, &(struct h5_shape){1, {MODEL_TABLE_ENTRIES}}, type, to);
}

static bool load_sigmoid_table(const struct layer_source *s, struct layer *l)
{
    l->out = l->in;
    return layer_needs_flat(s, l) && read_table(s, "table_t", "table", &l->table_t, &l->table) &&
           layer_read_out(s, l) &&
           bound_fits(bound_finer(bound_times(64, bound_of(&l->in_t)), -l->in_t.fraction),
                      "out_t of the layer before", s->err);
}

/* The tables are addressed with the ten highest bits. */
static bool needs_ten_bits(const struct layer_source *s, const char *attribute,
                           const struct fixed_type *t)
{
    return t->width >= 10 ||
           error_set(s->err, ERROR_MODEL, "attribute %s has %d bits, needs at least 10", attribute,
                     t->width);
}

static bool load_softmax_table(const struct layer_source *s, struct layer *l)
{
    l->out = l->in;
    return layer_needs_flat(s, l) &&
           read_table(s, "exp_table_t", "exp_table", &l->table_t, &l->table) &&
           read_table(s, "inv_table_t", "inv_table", &l->inv_table_t, &l->inv_table) &&
           layer_read_out(s, l) && needs_ten_bits(s, "out_t of the layer before", &l->in_t) &&
           needs_ten_bits(s, "exp_table_t", &l->table_t) &&
           bound_fits(bound_times(2, bound_of(&l->in_t)), "out_t of the layer before", s->err) &&
           bound_fits(bound_times(2, bound_of(&l->table_t)), "exp_table_t", s->err) &&
           bound_fits(bound_times(bound_of(&l->table_t), bound_of(&l->inv_table_t)), "inv_table_t",
                      s->err);
}

/* Computed in double from the last integers, which pass through unchanged. */
static bool load_sigmoid(const struct layer_source *s, struct layer *l)
{
    l->out = l->in;
    l->out_t = l->in_t;
    return layer_needs_flat(s, l);
}

static bool load_softmax(const struct layer_source *s, struct layer *l)
{
    return load_sigmoid(s, l);
}

static const struct {
    const char *name;
    bool (*load)(const struct layer_source *s, struct layer *l);
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
    struct layer_source s = {group, before, parameters, err};
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
