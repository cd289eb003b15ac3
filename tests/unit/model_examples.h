/* model_examples: two good model files as tables of items (model_file.h), which together have most
 * layer classes, so that a test can spoil one of them. */
#ifndef SPARSED_TESTS_MODEL_EXAMPLES_H
#define SPARSED_TESTS_MODEL_EXAMPLES_H

#include "model_file.h"

#define U8  "ap_ufixed<8,1,AP_TRN,AP_WRAP>"
#define ACT "ap_ufixed<8,2,AP_RND_CONV,AP_SAT>"
#define S16 "ap_fixed<16,8,AP_TRN,AP_WRAP>"
#define S8  "ap_fixed<8,3,AP_TRN,AP_WRAP>"

#define L0 "layers/000_input"
#define L1 "layers/001_reduce"
#define L2 "layers/002_iq"
#define L3 "layers/003_conv"
#define L4 "layers/004_relu"
#define L5 "layers/005_avg"
#define L6 "layers/006_max"
#define L7 "layers/007_flatten"
#define L8 "layers/008_dense"
#define L9 "layers/009_out"

static const struct item sparse_model[] = {
    ROOT(2),
    WHOLE("preprocessing", "time_rebin", 6),
    REAL("preprocessing", "bin_floor", 10),
    REAL("preprocessing", "bin_clip", 100),
    WHOLE("preprocessing", "window_time_bins", 40),
    WHOLE("preprocessing", "window_wires", 72),
    WHOLE("preprocessing", "pool_time", 4),
    WHOLE("preprocessing", "pool_wires", 8),
    REAL("preprocessing", "pixel_threshold", 700),
    WHOLE("preprocessing", "image_height", 8),
    WHOLE("preprocessing", "image_width", 9),
    REAL("preprocessing", "pixel_scale", 3200),
    TEXT(L0, "class", "input"),
    WHOLE(L0, "height", 8),
    WHOLE(L0, "width", 9),
    WHOLE(L0, "channels", 1),
    TEXT(L0, "out_t", U8),
    TEXT(L1, "class", "sparse_input_reduce"),
    WHOLE(L1, "n_max_pixels", 5),
    REAL(L1, "threshold", 0.4),
    WHOLE(L1, "threshold_raw", 51),
    TEXT(L1, "out_t", U8),
    TEXT(L2, "class", "quantize"),
    TEXT(L2, "quantization", "AP_RND"),
    TEXT(L2, "overflow", "AP_WRAP"),
    TEXT(L2, "out_t", U8),
    FILLED(L2, "width", 6, 3, 8, 9, 1),
    FILLED(L2, "integer", 1, 3, 8, 9, 1),
    FILLED(L2, "signed", 0, 3, 8, 9, 1),
    TEXT(L3, "class", "sparse_conv2d"),
    WHOLE(L3, "kernel_h", 3),
    WHOLE(L3, "kernel_w", 5),
    WHOLE(L3, "in_channels", 1),
    WHOLE(L3, "filters", 2),
    TEXT(L3, "mask", "slot"),
    TEXT(L3, "accum_t", ACT),
    TEXT(L3, "out_t", ACT),
    TEXT(L3, "weight_t", S8),
    TEXT(L3, "bias_t", S8),
    FILLED(L3, "weight", -3, 4, 3, 5, 1, 2),
    FILLED(L3, "bias", 4, 1, 2),
    TEXT(L4, "class", "relu"),
    TEXT(L4, "out_t", ACT),
    TEXT(L5, "class", "sparse_avg_pool2d"),
    WHOLE(L5, "pool_h", 2),
    WHOLE(L5, "pool_w", 2),
    TEXT(L5, "accum_t", ACT),
    TEXT(L5, "out_t", ACT),
    TEXT(L5, "recip_t", "ap_fixed<10,0,AP_TRN,AP_WRAP>"),
    WHOLE(L5, "recip_h_raw", -512),
    WHOLE(L5, "recip_w_raw", -512),
    TEXT(L6, "class", "sparse_max_pool2d"),
    WHOLE(L6, "pool_h", 2),
    WHOLE(L6, "pool_w", 2),
    TEXT(L6, "out_t", ACT),
    TEXT(L7, "class", "sparse_flatten"),
    WHOLE(L7, "height", 2),
    WHOLE(L7, "width", 2),
    WHOLE(L7, "channels", 2),
    TEXT(L7, "out_t", ACT),
    TEXT(L8, "class", "dense"),
    WHOLE(L8, "n_in", 8),
    WHOLE(L8, "n_out", 2),
    TEXT(L8, "accum_t", S16),
    TEXT(L8, "out_t", S16),
    TEXT(L8, "weight_t", S8),
    TEXT(L8, "bias_t", S8),
    FILLED(L8, "weight", 7, 2, 8, 2),
    FILLED(L8, "bias", 1, 1, 2),
    TEXT(L9, "class", "softmax_table"),
    TEXT(L9, "exp_table_t", "ap_fixed<18,8,AP_RND,AP_SAT>"),
    TEXT(L9, "inv_table_t", "ap_fixed<18,8,AP_RND,AP_SAT>"),
    TEXT(L9, "out_t", S16),
    FILLED(L9, "exp_table", 1, 1, 1024),
    FILLED(L9, "inv_table", 1, 1, 1024),
};

#define D1 "layers/001_pad"
#define D2 "layers/002_conv"
#define D3 "layers/003_pool"
#define D4 "layers/004_flatten"
#define D5 "layers/005_table"

static const struct item dense_model[] = {
    ROOT(4),
    TEXT(L0, "class", "input"),
    WHOLE(L0, "height", 4),
    WHOLE(L0, "width", 4),
    WHOLE(L0, "channels", 1),
    TEXT(L0, "out_t", U8),
    TEXT(D1, "class", "zero_pad2d"),
    WHOLE(D1, "pad_top", 1),
    WHOLE(D1, "pad_bottom", 1),
    WHOLE(D1, "pad_left", 1),
    WHOLE(D1, "pad_right", 1),
    TEXT(D1, "out_t", U8),
    TEXT(D2, "class", "conv2d"),
    WHOLE(D2, "kernel_h", 3),
    WHOLE(D2, "kernel_w", 3),
    WHOLE(D2, "stride", 1),
    WHOLE(D2, "in_channels", 1),
    WHOLE(D2, "filters", 1),
    TEXT(D2, "accum_t", S16),
    TEXT(D2, "out_t", S16),
    TEXT(D2, "weight_t", S8),
    TEXT(D2, "bias_t", S8),
    FILLED(D2, "weight", 2, 4, 3, 3, 1, 1),
    FILLED(D2, "bias", 1, 1, 1),
    TEXT(D3, "class", "avg_pool2d"),
    WHOLE(D3, "pool_h", 2),
    WHOLE(D3, "pool_w", 2),
    TEXT(D3, "accum_t", S16),
    TEXT(D3, "out_t", S16),
    TEXT(D4, "class", "flatten"),
    TEXT(D4, "out_t", S16),
    TEXT(D5, "class", "sigmoid_table"),
    TEXT(D5, "table_t", "ap_fixed<18,8,AP_TRN,AP_WRAP>"),
    TEXT(D5, "out_t", S16),
    FILLED(D5, "table", 9, 1, 1024),
    TEXT("layers/006_sigmoid", "class", "sigmoid"),
};

#endif
