/* Model files that are wrong in one place, a row each, with the sentence that must say so; and
 * odd ones that are right. Layers that fit each other, types that hold what goes through them and
 * tables that can be addressed are what every kernel trusts without looking again. */
#include "model/model.h"

#include "cmocka_all.h"
#include "model_examples.h"

#include <unistd.h>

enum { MOST_CHANGES = 4, MOST_ITEMS = 128 };

struct row {
    const char *says; /* NULL: it is taken */
    struct item change[MOST_CHANGES];
};

#define CLASS(layer, class) TEXT(layer, "class", class)
#define WIDE                "ap_fixed<64,30,AP_TRN,AP_WRAP>"
#define WIDTH(value)        FILLED(L2, "width", value, 3, 8, 9, 1)
#define INTEGER(value)      FILLED(L2, "integer", value, 3, 8, 9, 1)
#define SIGNED(value)       FILLED(L2, "signed", value, 3, 8, 9, 1)

static const struct row sparse_rows[] = {
    /* what stands where */
    {"000_input: attribute class = \"relu\": the first must be input", {CLASS(L0, "relu")}},
    {"004_relu: attribute class = \"gelu\": no such class", {CLASS(L4, "gelu")}},
    {"004_relu: class input must be the first layer", {CLASS(L4, "input")}},
    {"002_iq: class sparse_input_reduce must follow the input", {CLASS(L2, "sparse_input_reduce")}},
    {"003_conv: class conv2d needs an image, but 002_iq gives none", {CLASS(L3, "conv2d")}},
    {"004_relu: class zero_pad2d needs an image, but 003_conv", {CLASS(L4, "zero_pad2d")}},
    {"005_avg: class avg_pool2d needs an image", {CLASS(L5, "avg_pool2d")}},
    {"007_flatten: class flatten needs an image", {CLASS(L7, "flatten")}},
    {"007_flatten: class dense needs one axis, but 006_max gives more", {CLASS(L7, "dense")}},
    {"006_max: class sigmoid_table needs one axis", {CLASS(L6, "sigmoid_table")}},
    {"006_max: class softmax_table needs one axis", {CLASS(L6, "softmax_table")}},
    {"006_max: class sigmoid needs one axis", {CLASS(L6, "sigmoid")}},
    {"006_max: class softmax needs one axis", {CLASS(L6, "softmax")}},
    /* shapes */
    {"003_conv: attribute in_channels = 2: needs 1 after 002_iq", {WHOLE(L3, "in_channels", 2)}},
    {"003_conv: attribute kernel_h = 2: must be odd",
     {WHOLE(L3, "kernel_h", 2), FILLED(L3, "weight", 1, 4, 2, 5, 1, 2)}},
    {"003_conv: bias is (3), needs (2) after 002_iq", {FILLED(L3, "bias", 1, 1, 3)}},
    {"003_conv: weight is (30), needs (3, 5, 1, 2)", {FILLED(L3, "weight", 1, 1, 30)}},
    {"005_avg: attribute pool_h = 100: 004_relu gives only 8", {WHOLE(L5, "pool_h", 100)}},
    {"006_max: attribute pool_w = 100: 005_avg gives only 4", {WHOLE(L6, "pool_w", 100)}},
    {"007_flatten: attribute height = 3: needs 2 after 006_max", {WHOLE(L7, "height", 3)}},
    {"007_flatten: attribute width = 3: needs 2 after 006_max", {WHOLE(L7, "width", 3)}},
    {"007_flatten: attribute channels = 3: needs 2", {WHOLE(L7, "channels", 3)}},
    {"003_conv: the output has 67108864 values",
     {WHOLE(L1, "n_max_pixels", 16384), WHOLE(L3, "filters", 4096),
      FILLED(L3, "weight", 1, 4, 3, 5, 1, 4096), FILLED(L3, "bias", 1, 1, 4096)}},
    /* numbers */
    {"weight holds 1000 at 0: outside its type, -128 .. 127",
     {FILLED(L3, "weight", 1000, 4, 3, 5, 1, 2)}},
    {"weight holds -1000 at 0: outside its type", {FILLED(L8, "weight", -1000, 2, 8, 2)}},
    {"bias holds 128 at 0: outside its type", {FILLED(L8, "bias", 128, 1, 2)}},
    {"recip_h_raw = 512", {WHOLE(L5, "recip_h_raw", 512)}},
    {"recip_w_raw = -513", {WHOLE(L5, "recip_w_raw", -513)}},
    /* types of elements */
    {"attribute quantization = \"AP_ODD\": no such mode", {TEXT(L2, "quantization", "AP_ODD")}},
    {"attribute overflow = \"AP_ODD\": no such mode", {TEXT(L2, "overflow", "AP_ODD")}},
    {"width holds -1 at 0: must be 0 .. 64", {WIDTH(-1)}},
    {"width holds 65 at 0: must be 0 .. 64", {WIDTH(65)}},
    {"integer holds 2000 at 0: must be -1024 .. 1024", {INTEGER(2000)}},
    {"integer holds -2000 at 0: must be -1024 .. 1024", {INTEGER(-2000)}},
    {"signed holds 2 at 0: must be 0 or 1", {SIGNED(2)}},
    {"signed holds -1 at 0: must be 0 or 1", {SIGNED(-1)}},
    {"out_t does not hold element 0, which is ap_ufixed<6,1",
     {TEXT(L2, "out_t", "ap_ufixed<8,0,AP_TRN,AP_WRAP>")}},
    {"out_t does not hold element 0, which is ap_fixed<6,1", {SIGNED(1)}},
    {"002_iq: width is (1, 9, 1), needs (8, 9, 1)", {FILLED(L2, "width", 6, 3, 1, 9, 1)}},
    {"attribute mask = \"all\": must be feature or slot", {TEXT(L3, "mask", "all")}},
    /* exact values */
    {"003_conv: attribute bias_t is too wide",
     {TEXT(L3, "bias_t", "ap_fixed<8,-60,AP_TRN,AP_WRAP>")}},
    {"005_avg: attribute accum_t is too wide",
     {WHOLE(L5, "recip_h_raw", 0), WHOLE(L5, "recip_w_raw", 0),
      TEXT(L5, "accum_t", "ap_fixed<63,-10,AP_TRN,AP_WRAP>")}},
    {"009_out: attribute exp_table_t has 9 bits, needs at least 10",
     {TEXT(L9, "exp_table_t", "ap_fixed<9,8,AP_RND,AP_SAT>")}},
    {"009_out: attribute out_t of the layer before has 9 bits",
     {TEXT(L8, "out_t", "ap_fixed<9,8,AP_RND,AP_SAT>")}},
    {"009_out: attribute out_t of the layer before is too wide", {TEXT(L8, "out_t", WIDE)}},
    {"009_out: attribute exp_table_t is too wide", {TEXT(L9, "exp_table_t", WIDE)}},
    {"009_out: attribute inv_table_t is too wide", {TEXT(L9, "inv_table_t", WIDE)}},
    /* preprocessing */
    {"preprocessing: attribute pixel_scale = 0: must be above 0",
     {REAL("preprocessing", "pixel_scale", 0)}},
    {"preprocessing: attribute bin_clip = 5: below bin_floor = 10",
     {REAL("preprocessing", "bin_clip", 5)}},
    {"preprocessing: attribute image_height = 11: a window has 10 rows",
     {WHOLE("preprocessing", "image_height", 11)}},
    {"preprocessing: attribute image_width = 10: a window has 9 columns",
     {WHOLE("preprocessing", "image_width", 10)}},
    {"image_height", {WHOLE("preprocessing", "image_height", 7)}},
    {"image_width", {WHOLE("preprocessing", "image_width", 8)}},
    /* odd, and right */
    {NULL, {TEXT(L3, "mask", "feature")}},
    {NULL, {FILLED(L3, "bias", -4, 1, 2)}},
    {NULL, {FILLED(L3, "bias", 0, 1, 2), TEXT(L3, "bias_t", "ap_fixed<8,-60,AP_TRN,AP_WRAP>")}},
    {NULL, {WHOLE(L5, "recip_h_raw", 0), WHOLE(L5, "recip_w_raw", 511)}},
    {NULL, {WIDTH(0)}},
    {NULL,
     {FILLED(L2, "width", 6, 1, 1), FILLED(L2, "integer", 1, 1, 1), FILLED(L2, "signed", 0, 1, 1)}},
    {NULL,
     {SIGNED(1), TEXT(L2, "overflow", "AP_SAT_SYM"),
      TEXT(L2, "out_t", "ap_fixed<8,2,AP_TRN,AP_WRAP>")}},
    /* a threshold above all that its type can be: nothing is active, as in training */
    {NULL, {REAL(L1, "threshold", 100), WHOLE(L1, "threshold_raw", 255)}},
};

static const struct row dense_rows[] = {
    {"001_pad: class sparse_conv2d needs slots, but 000_input gives none",
     {CLASS(D1, "sparse_conv2d")}},
    {"003_pool: class sparse_avg_pool2d needs slots", {CLASS(D3, "sparse_avg_pool2d")}},
    {"003_pool: class sparse_max_pool2d needs slots", {CLASS(D3, "sparse_max_pool2d")}},
    {"004_flatten: class sparse_flatten needs slots", {CLASS(D4, "sparse_flatten")}},
    {"class sigmoid must be the last layer, but 005_table is before this", {CLASS(D5, "sigmoid")}},
    {"class softmax must be the last layer, but 005_table is before this", {CLASS(D5, "softmax")}},
    {"002_conv: attribute kernel_h = 7: 001_pad gives only 6",
     {WHOLE(D2, "kernel_h", 7), FILLED(D2, "weight", 1, 4, 7, 3, 1, 1)}},
    {"002_conv: attribute kernel_w = 7: 001_pad gives only 6",
     {WHOLE(D2, "kernel_w", 7), FILLED(D2, "weight", 1, 4, 3, 7, 1, 1)}},
    {"001_pad: the output has 268599321 values",
     {WHOLE(D1, "pad_top", 16384), WHOLE(D1, "pad_left", 16384)}},
    {"002_conv: attribute weight_t is too wide",
     {TEXT(D2, "weight_t", "ap_fixed<60,30,AP_TRN,AP_WRAP>")}},
    {"002_conv: attribute accum_t is too wide", {TEXT(D2, "accum_t", WIDE)}},
    {"003_pool: attribute accum_t is too wide", {TEXT(D3, "accum_t", WIDE)}},
    {"005_table: attribute out_t of the layer before is too wide", {TEXT(D4, "out_t", WIDE)}},
    {"005_table: attribute out_t of the layer before is too wide",
     {TEXT(D4, "out_t", "ap_fixed<50,60,AP_TRN,AP_WRAP>")}},
    {"000_input: attribute out_t: pixels are kept in 32 bits",
     {TEXT(L0, "out_t", "ap_fixed<33,1,AP_TRN,AP_WRAP>")}},
    {NULL, {CLASS("layers/006_sigmoid", "softmax")}},
    {NULL, {WHOLE(D2, "stride", 3), {"/", "labels", ITEM_TEXTS, "label", 1, 0, {0}, NULL, 0, 0}}},
};

static char path[64];

/* `items` with the row's changes: each in the place of the item of its name. */
static size_t change(const struct item *good, size_t n, const struct row *row, struct item *items)
{
    memcpy(items, good, n * sizeof *items);
    for (size_t k = 0; k < MOST_CHANGES && row->change[k].group != NULL; k++) {
        size_t i = 0;
        while (i < n && (strcmp(items[i].group, row->change[k].group) != 0 ||
                         strcmp(items[i].name, row->change[k].name) != 0))
            i++;
        assert_true(i < n);
        items[i] = row->change[k];
    }
    return n;
}

static void try_row(const struct item *good, size_t n_good, const struct row *row)
{
    struct item items[MOST_ITEMS];
    struct error err = {0};
    size_t n = change(good, n_good, row, items);
    model_file_write(path, items, n, NULL);
    struct model *m = model_load(path, &err);
    if (row->says == NULL && m == NULL)
        fail_msg("refused: %s", err.text);
    if (row->says != NULL && (m != NULL || strstr(err.text, row->says) == NULL))
        fail_msg("should have said \"%s\": %s", row->says, m != NULL ? "accepted" : err.text);
    model_destroy(&m);
}

static void slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sparse_rows / sizeof *sparse_rows; i++)
        try_row(sparse_model, sizeof sparse_model / sizeof *sparse_model, &sparse_rows[i]);
}

static void images(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dense_rows / sizeof *dense_rows; i++)
        try_row(dense_model, sizeof dense_model / sizeof *dense_model, &dense_rows[i]);
}

int main(void)
{
    (void)snprintf(path, sizeof path, "/tmp/test_model_refused.%d.h5", (int)getpid());
    const struct CMUnitTest tests[] = {cmocka_unit_test(slots), cmocka_unit_test(images)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
