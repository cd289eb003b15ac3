/* How: each layer class has a function that writes what its loader reads, takes from the stream
 * what is free, and follows the shape. */
#include "made_network.h"

#include "made_h5.h"
#include "model/model.h"

#include <stdio.h>

/* Where the network has come to. */
struct shape {
    bool sparse, flat;
    int64_t height, width, channels;
};

static const char *const plain_t = "ap_fixed<16,6,AP_TRN,AP_WRAP>";

/* ---- one function a class: writes what it needs, and what comes out ---- */

static void put_types(struct stream *s, hid_t g)
{
    made_h5_type(s, g, "accum_t", "ap_fixed<32,16,AP_TRN,AP_WRAP>");
    made_h5_type(s, g, "weight_t", "ap_fixed<8,2,AP_TRN,AP_WRAP>");
    made_h5_type(s, g, "bias_t", "ap_fixed<8,2,AP_TRN,AP_WRAP>");
    made_h5_type(s, g, "out_t", plain_t);
}

static void put_input(struct stream *s, hid_t g, struct shape *at)
{
    at->height = 1 + (int64_t)(stream_take(s, 1) + 7) % 16;
    at->width = 1 + (int64_t)(stream_take(s, 1) + 7) % 16;
    at->channels = 1 + (int64_t)stream_take(s, 1) % 3;
    made_h5_number(s, g, "height", at->height);
    made_h5_number(s, g, "width", at->width);
    made_h5_number(s, g, "channels", at->channels);
    made_h5_type(s, g, "out_t", "ap_ufixed<12,6,AP_TRN,AP_SAT>");
}

static void put_quantize(struct stream *s, hid_t g, struct shape *at)
{
    struct made_array a = {.rank = 1, .dims = {(hsize_t)at->channels}, .low = 3, .high = 9};
    if (!at->flat && (!at->sparse || (stream_take(s, 1) & 1) != 0))
        a = (struct made_array){
            .rank = 3,
            .dims = {(hsize_t)at->height, (hsize_t)at->width, (hsize_t)at->channels},
            .low = 3,
            .high = 9};
    made_h5_string(s, g, "quantization", "AP_RND");
    made_h5_string(s, g, "overflow", (stream_take(s, 1) & 1) != 0 ? "AP_SAT_SYM" : "AP_WRAP");
    made_h5_type(s, g, "out_t", "ap_fixed<28,14,AP_TRN,AP_WRAP>");
    made_h5_array(s, g, "width", &a);
    a.low = 0;
    a.high = 6;
    made_h5_array(s, g, "integer", &a);
    a.high = 1;
    made_h5_array(s, g, "signed", &a);
}

static void put_sparse_input_reduce(struct stream *s, hid_t g, struct shape *at)
{
    made_h5_number(s, g, "n_max_pixels", 1 + (int64_t)(stream_take(s, 1) + 7) % 24);
    made_h5_real(s, g, "threshold", 0);
    made_h5_number(s, g, "threshold_raw", 0);
    made_h5_type(s, g, "out_t", "ap_ufixed<12,6,AP_TRN,AP_SAT>");
    at->sparse = true;
}

/* kernel_h, kernel_w, channels, weights: what both convolutions have. */
static void put_kernel(struct stream *s, hid_t g, struct shape *at, int64_t high, int64_t wide)
{
    int64_t filters = 1 + (int64_t)stream_take(s, 1) % 4;
    made_h5_number(s, g, "kernel_h", high);
    made_h5_number(s, g, "kernel_w", wide);
    made_h5_number(s, g, "in_channels", at->channels);
    made_h5_number(s, g, "filters", filters);
    put_types(s, g);
    made_h5_array(s, g, "weight",
                  &(struct made_array){.rank = 4,
                                       .dims = {(hsize_t)high, (hsize_t)wide, (hsize_t)at->channels,
                                                (hsize_t)filters},
                                       .low = -100,
                                       .high = 100});
    made_h5_array(
        s, g, "bias",
        &(struct made_array){.rank = 1, .dims = {(hsize_t)filters}, .low = -20, .high = 20});
    at->channels = filters;
}

static void put_sparse_conv2d(struct stream *s, hid_t g, struct shape *at)
{
    int64_t high = 1 + 2 * ((int64_t)(stream_take(s, 1) + 1) % 5);
    int64_t wide = 1 + 2 * ((int64_t)(stream_take(s, 1) + 1) % 5);
    put_kernel(s, g, at, high, wide);
    uint64_t mask = stream_take(s, 1) % 3;
    if (mask > 0)
        made_h5_string(s, g, "mask", mask == 1 ? "slot" : "feature");
}

static void put_conv2d(struct stream *s, hid_t g, struct shape *at)
{
    int64_t high = 1 + (int64_t)stream_take(s, 1) % at->height;
    int64_t wide = 1 + (int64_t)stream_take(s, 1) % at->width;
    int64_t stride = 1 + (int64_t)stream_take(s, 1) % 3;
    put_kernel(s, g, at, high, wide);
    made_h5_number(s, g, "stride", stride);
    at->height = (at->height - high) / stride + 1;
    at->width = (at->width - wide) / stride + 1;
}

static void put_pool(struct stream *s, hid_t g, struct shape *at)
{
    int64_t high = 1 + (int64_t)(stream_take(s, 1) + 1) % at->height;
    int64_t wide = 1 + (int64_t)(stream_take(s, 1) + 1) % at->width;
    made_h5_number(s, g, "pool_h", high);
    made_h5_number(s, g, "pool_w", wide);
    made_h5_type(s, g, "out_t", plain_t);
    at->height /= high;
    at->width /= wide;
}

static void put_sparse_avg_pool2d(struct stream *s, hid_t g, struct shape *at)
{
    put_pool(s, g, at);
    made_h5_type(s, g, "accum_t", "ap_fixed<24,12,AP_TRN,AP_WRAP>");
    made_h5_type(s, g, "recip_t", "ap_ufixed<10,0,AP_TRN,AP_WRAP>");
    made_h5_number(s, g, "recip_h_raw", (int64_t)stream_take(s, 1));
    made_h5_number(s, g, "recip_w_raw", (int64_t)stream_take(s, 1));
}

static void put_avg_pool2d(struct stream *s, hid_t g, struct shape *at)
{
    put_pool(s, g, at);
    made_h5_type(s, g, "accum_t", "ap_fixed<24,12,AP_TRN,AP_WRAP>");
}

static void put_zero_pad2d(struct stream *s, hid_t g, struct shape *at)
{
    static const char *const side[] = {"pad_top", "pad_bottom", "pad_left", "pad_right"};
    for (int i = 0; i < 4; i++) {
        int64_t pad = (int64_t)stream_take(s, 1) % 4;
        made_h5_number(s, g, side[i], pad);
        *(i < 2 ? &at->height : &at->width) += pad;
    }
    made_h5_type(s, g, "out_t", plain_t);
}

static void put_sparse_flatten(struct stream *s, hid_t g, struct shape *at)
{
    made_h5_number(s, g, "height", at->height);
    made_h5_number(s, g, "width", at->width);
    made_h5_number(s, g, "channels", at->channels);
    made_h5_type(s, g, "out_t", plain_t);
    *at = (struct shape){false, true, 1, 1, at->height * at->width * at->channels};
}

static void put_dense(struct stream *s, hid_t g, struct shape *at)
{
    int64_t n = 1 + (int64_t)stream_take(s, 1) % 12;
    made_h5_number(s, g, "n_in", at->channels);
    made_h5_number(s, g, "n_out", n);
    put_types(s, g);
    made_h5_array(
        s, g, "weight",
        &(struct made_array){
            .rank = 2, .dims = {(hsize_t)at->channels, (hsize_t)n}, .low = -100, .high = 100});
    made_h5_array(s, g, "bias",
                  &(struct made_array){.rank = 1, .dims = {(hsize_t)n}, .low = -9, .high = 9});
    at->channels = n;
}

static const struct made_array table = {
    .rank = 1, .dims = {MODEL_TABLE_ENTRIES}, .low = 0, .high = 1023};

static void put_tables(struct stream *s, hid_t g, const struct shape *at, bool two)
{
    (void)at;
    made_h5_type(s, g, two ? "exp_table_t" : "table_t", "ap_ufixed<12,2,AP_RND,AP_SAT>");
    made_h5_array(s, g, two ? "exp_table" : "table", &table);
    if (two) {
        made_h5_type(s, g, "inv_table_t", "ap_ufixed<12,2,AP_RND,AP_SAT>");
        made_h5_array(s, g, "inv_table", &table);
    }
    made_h5_type(s, g, "out_t", plain_t);
}

static void put_layer(struct stream *s, hid_t g, enum layer_class class, struct shape *at)
{
    made_h5_string(s, g, "class", layer_class_name(class));
    switch (class) {
    case LAYER_INPUT:
        put_input(s, g, at);
        break;
    case LAYER_QUANTIZE:
        put_quantize(s, g, at);
        break;
    case LAYER_SPARSE_INPUT_REDUCE:
        put_sparse_input_reduce(s, g, at);
        break;
    case LAYER_SPARSE_CONV2D:
        put_sparse_conv2d(s, g, at);
        break;
    case LAYER_SPARSE_AVG_POOL2D:
        put_sparse_avg_pool2d(s, g, at);
        break;
    case LAYER_SPARSE_MAX_POOL2D:
        put_pool(s, g, at);
        break;
    case LAYER_SPARSE_FLATTEN:
        put_sparse_flatten(s, g, at);
        break;
    case LAYER_DENSE:
        put_dense(s, g, at);
        break;
    case LAYER_ZERO_PAD2D:
        put_zero_pad2d(s, g, at);
        break;
    case LAYER_CONV2D:
        put_conv2d(s, g, at);
        break;
    case LAYER_AVG_POOL2D:
        put_avg_pool2d(s, g, at);
        break;
    case LAYER_FLATTEN:
        made_h5_type(s, g, "out_t", plain_t);
        *at = (struct shape){false, true, 1, 1, at->height * at->width * at->channels};
        break;
    case LAYER_SIGMOID_TABLE:
    case LAYER_SOFTMAX_TABLE:
        put_tables(s, g, at, class == LAYER_SOFTMAX_TABLE);
        break;
    case LAYER_RELU:
        made_h5_type(s, g, "out_t", "ap_ufixed<14,6,AP_RND,AP_SAT>");
        break;
    case LAYER_SIGMOID:
    case LAYER_SOFTMAX:
    case LAYER_CLASS_COUNT:
        break;
    }
}

/* ---- the whole ---- */

/* A class that fits where the network has come to; now and then any other. */
static enum layer_class choose(struct stream *s, uint32_t i, const struct shape *at)
{
    static const enum layer_class sparse[] = {
        LAYER_SPARSE_FLATTEN,    LAYER_SPARSE_CONV2D,     LAYER_RELU,
        LAYER_SPARSE_AVG_POOL2D, LAYER_SPARSE_MAX_POOL2D, LAYER_QUANTIZE};
    static const enum layer_class image[] = {LAYER_FLATTEN,    LAYER_CONV2D,     LAYER_RELU,
                                             LAYER_AVG_POOL2D, LAYER_ZERO_PAD2D, LAYER_QUANTIZE};
    static const enum layer_class flat[] = {LAYER_DENSE,   LAYER_RELU,          LAYER_SIGMOID,
                                            LAYER_SOFTMAX, LAYER_SIGMOID_TABLE, LAYER_SOFTMAX_TABLE,
                                            LAYER_QUANTIZE};
    uint64_t byte = stream_take(s, 1);
    if (made_h5_odd(s))
        return (enum layer_class)(byte % LAYER_CLASS_COUNT);
    if (i == 0)
        return LAYER_INPUT;
    if (i == 1 && byte < 200)
        return LAYER_SPARSE_INPUT_REDUCE;
    return at->flat     ? flat[byte % (sizeof flat / sizeof *flat)]
           : at->sparse ? sparse[byte % (sizeof sparse / sizeof *sparse)]
                        : image[byte % (sizeof image / sizeof *image)];
}

static void put_preprocessing(struct stream *s, hid_t file, const struct shape *input)
{
    hid_t g = made_h5_group(s, file, "preprocessing");
    if (g < 0)
        return;
    made_h5_number(s, g, "time_rebin", 6);
    made_h5_number(s, g, "window_time_bins", 4 * input->height);
    made_h5_number(s, g, "window_wires", 2 * input->width);
    made_h5_number(s, g, "pool_time", 4);
    made_h5_number(s, g, "pool_wires", 2);
    made_h5_number(s, g, "image_height", input->height);
    made_h5_number(s, g, "image_width", input->width);
    made_h5_real(s, g, "bin_floor", 1);
    made_h5_real(s, g, "bin_clip", 100);
    made_h5_real(s, g, "pixel_threshold", 0);
    made_h5_real(s, g, "pixel_scale", 3200);
    (void)H5Gclose(g);
}

/* "a", "b", ...: as many as the last layer gives. */
static void put_labels(struct stream *s, hid_t file, int64_t n)
{
    enum { MOST = 80, BYTES = 4 };
    char text[MOST][BYTES] = {{0}};
    hsize_t count = (hsize_t)(made_h5_odd(s) ? made_h5_near(s, n) & 63 : n);
    if (count < 1 || count > MOST)
        return;
    for (uint32_t i = 0; i < count; i++)
        (void)snprintf(text[i], BYTES, "l%u", i);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, NULL);
    (void)H5Tset_size(type, BYTES);
    hid_t a = H5Acreate2(file, "labels", type, space, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Awrite(a, type, text);
    (void)H5Aclose(a);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
}

static void put_layers(struct stream *s, hid_t layers, uint32_t n, struct shape *input,
                       struct shape *at)
{
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        enum layer_class class =
            i == n - 1 && at->flat && !made_h5_odd(s) ? LAYER_DENSE : choose(s, i, at);
        (void)snprintf(name, sizeof name, "%03u_%s", i, layer_class_name(class));
        hid_t g = made_h5_group(s, layers, name);
        if (g < 0)
            continue;
        put_layer(s, g, class, at);
        if (i == 0)
            *input = *at;
        (void)H5Gclose(g);
    }
}

void *made_network(struct stream *s, uint32_t n, size_t *bytes)
{
    hid_t file = made_h5_open();
    struct shape at = {.height = 1, .width = 1, .channels = 1}, input = at;
    made_h5_string(s, file, "format", "sparsed-model");
    made_h5_number(s, file, "version", 1);
    made_h5_string(s, file, "name", "made");
    made_h5_string(s, file, "created_by", "fuzz_network");
    bool from_wires = (stream_take(s, 1) & 3) == 3;
    hid_t layers = made_h5_group(s, file, "layers");
    if (layers >= 0) {
        put_layers(s, layers, n, &input, &at);
        (void)H5Gclose(layers);
    }
    if (from_wires)
        put_preprocessing(s, file, &input);
    put_labels(s, file, at.channels);
    return made_h5_close(file, bytes);
}
