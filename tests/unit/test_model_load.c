/* A model file comes from somebody's Python, through somebody's disk. Every item
 * of it is spoilt here in turn; each must be refused with a sentence that names
 * the file, the layer and the item, because that is all a user will see. */
#include "model/model.h"

#include "cmocka_all.h"
#include "model_examples.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char path[4096];

static void assert_refused(const char *what, const struct item *item)
{
    struct error err = {0};
    struct model *m = model_load(path, &err);
    const char *group = strncmp(item->group, "layers/", 7) == 0 ? item->group + 7 : item->group;
    if (m != NULL || err.code == ERROR_NONE || strstr(err.text, path) == NULL ||
        strstr(err.text, group) == NULL || strstr(err.text, item->name) == NULL ||
        strchr(err.text, '\n') != NULL) {
        fail_msg("%s %s %s: %s", item->group, item->name, what, m ? "was accepted" : err.text);
    }
}

/* The item made so that it lies outside what can be meant. False: anything goes. */
static bool put_out_of_range(struct item *item)
{
    static const char *const free_text[] = {"name", "created_by", "labels"};
    for (size_t i = 0; i < COUNT(free_text); i++) {
        if (strcmp(item->name, free_text[i]) == 0) {
            return false;
        }
    }
    item->text = "nonsense";
    item->number = item->kind == ITEM_REAL ? (double)NAN : 1e9;
    return true;
}

static void spoil_each(const struct item *good, size_t n)
{
    struct item items[COUNT(sparse_model)];
    for (size_t i = 0; i < n; i++) {
        memcpy(items, good, n * sizeof *items);
        if (strcmp(items[i].name, "mask") != 0) { /* may be left out */
            model_file_write(path, items, n, &items[i]);
            assert_refused("missing", &good[i]);
        }
        /* a real number may be written as an integer, so it becomes a string */
        items[i].spoil_as_other = 1;
        model_file_write(path, items, n, NULL);
        assert_refused("of the wrong type", &good[i]);
        items[i] = good[i];
        if (items[i].kind == ITEM_ARRAY) {
            items[i].axis[items[i].rank - 1]++;
        } else if (items[i].kind == ITEM_TEXTS) {
            items[i].number++;
        } else {
            items[i].spoil_as_list = 1;
        }
        model_file_write(path, items, n, NULL);
        assert_refused("of the wrong shape", &good[i]);
        items[i] = good[i];
        if (put_out_of_range(&items[i])) {
            model_file_write(path, items, n, NULL);
            assert_refused("out of range", &good[i]);
        }
    }
}

static void a_sparse_model_is_loaded(void **state)
{
    (void)state;
    model_file_write(path, sparse_model, COUNT(sparse_model), NULL);
    struct error err = {0};
    struct model *m = model_load(path, &err);
    assert_string_equal(err.text, "");
    assert_non_null(m);
    assert_int_equal(m->n_layers, 10);
    assert_int_equal(m->n_parameters, 3 * 5 * 2 + 2 + 8 * 2 + 2);
    assert_int_equal(m->max_listed, 5);
    assert_true(m->layer[3].mask_slot);
    assert_int_equal(m->layer[6].out.height, 2);
    assert_int_equal(model_find_label(m, "label"), 0);
    assert_int_equal(model_find_label(m, "muon"), -1);
    model_destroy(&m);
    assert_null(m);
}

static void every_item_of_a_sparse_model_is_checked(void **state)
{
    (void)state;
    spoil_each(sparse_model, COUNT(sparse_model));
}

static void every_item_of_a_standard_model_is_checked(void **state)
{
    (void)state;
    model_file_write(path, dense_model, COUNT(dense_model), NULL);
    struct error err = {0};
    struct model *m = model_load(path, &err);
    assert_string_equal(err.text, "");
    assert_non_null(m);
    model_destroy(&m);
    spoil_each(dense_model, COUNT(dense_model));
}

/* One item of the sparse model replaced, and what the sentence must say. */
static void refused(const struct item *new, size_t n_new, const char *part)
{
    struct item items[COUNT(sparse_model)];
    memcpy(items, sparse_model, sizeof items);
    for (size_t k = 0; k < n_new; k++) {
        for (size_t i = 0; i < COUNT(items); i++) {
            if (!strcmp(items[i].group, new[k].group) && !strcmp(items[i].name, new[k].name)) {
                items[i] = new[k];
            }
        }
    }
    model_file_write(path, items, COUNT(items), NULL);
    struct error err = {0};
    struct model *m = model_load(path, &err);
    assert_null(m);
    if (strstr(err.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    }
}
#define REFUSED(part, ...)                                                                         \
    refused((const struct item[]){__VA_ARGS__}, COUNT(((const struct item[]){__VA_ARGS__})), part)

/* With a threshold below 0 every empty pixel of a wire window would be active. */
static void a_negative_threshold_is_refused_with_preprocessing(void **state)
{
    (void)state;
    REFUSED("001_reduce: attribute threshold_raw = -1", REAL(L1, "threshold", -0.0078125),
            WHOLE(L1, "threshold_raw", -1));
}

/* Two numbers for one threshold: if they disagree, training chose other pixels. */
static void a_threshold_must_agree_with_its_raw(void **state)
{
    (void)state;
    REFUSED("threshold_raw = 52: needs 51", WHOLE(L1, "threshold_raw", 52));
}

static void a_sum_over_63_bits_is_refused(void **state)
{
    (void)state;
    REFUSED("003_conv: attribute weight_t is too wide",
            TEXT(L3, "weight_t", "ap_fixed<60,30,AP_TRN,AP_WRAP>"));
    REFUSED("008_dense: attribute accum_t is too wide",
            TEXT(L8, "accum_t", "ap_fixed<64,30,AP_TRN,AP_WRAP>"));
    REFUSED("003_conv: attribute accum_t is too wide",
            TEXT(L3, "accum_t", "ap_fixed<60,60,AP_TRN,AP_WRAP>"));
    REFUSED("005_avg: attribute recip_t is too wide",
            TEXT(L5, "accum_t", "ap_fixed<50,30,AP_TRN,AP_WRAP>"));
}

static void an_input_of_more_than_32_bits_is_refused(void **state)
{
    (void)state;
    REFUSED("000_input: attribute out_t: pixels are kept in 32 bits",
            TEXT(L0, "out_t", "ap_ufixed<32,1,AP_TRN,AP_WRAP>"));
}

/* A file of a few kilobytes must not be able to ask for gigabytes. */
static void huge_sizes_are_refused(void **state)
{
    (void)state;
    REFUSED("000_input: the output has 268435456 values", WHOLE(L0, "height", 16384),
            WHOLE(L0, "width", 16384));
    REFUSED("n_max_pixels = 16385", WHOLE(L1, "n_max_pixels", 16385));
}

static void a_shape_names_the_layer_before(void **state)
{
    (void)state;
    REFUSED("003_conv: weight is (3, 5, 2, 1), needs (3, 5, 1, 2) after 002_iq",
            FILLED(L3, "weight", 1, 4, 3, 5, 2, 1));
    REFUSED("008_dense: attribute n_in = 9: needs 8 after 007_flatten", WHOLE(L8, "n_in", 9));
    REFUSED("003_conv: attribute kernel_w = 4: must be odd", WHOLE(L3, "kernel_w", 4),
            FILLED(L3, "weight", 1, 4, 3, 4, 1, 2));
    REFUSED("002_iq: attribute out_t does not hold element 0",
            TEXT(L2, "out_t", "ap_ufixed<5,1,AP_TRN,AP_WRAP>"));
}

static size_t read_bytes(uint8_t *bytes, size_t most)
{
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, most, f);
    (void)fclose(f);
    return n;
}

static void write_bytes(const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    (void)fclose(f);
}

/* A copy that broke off, a file that is something else, a pipe that never ends. */
static void what_is_not_a_whole_file_is_refused(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 20];
    model_file_write(path, sparse_model, COUNT(sparse_model), NULL);
    size_t n = read_bytes(bytes, sizeof bytes);
    for (size_t keep = 0; keep < n; keep += 997) {
        write_bytes(bytes, keep);
        struct error err = {0};
        assert_null(model_load(path, &err));
        assert_non_null(strstr(err.text, path));
    }
    struct error err = {0};
    write_bytes((const uint8_t *)"{\"model\": \"not this kind\"}", 26);
    assert_null(model_load(path, &err));
    assert_non_null(strstr(err.text, "not an HDF5 file"));
    assert_null(model_load("/nowhere/x.model.h5", &err));
    assert_non_null(strstr(err.text, "/nowhere/x.model.h5: No such file"));
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(model_load(path, &err));
    assert_non_null(strstr(err.text, "not a regular file"));
    (void)unlink(path);
}

/* Two exporters' runs into one file left two layers 004; either order is a guess. */
static void two_layers_of_one_number_are_refused(void **state)
{
    (void)state;
    struct item items[COUNT(sparse_model) + 1];
    memcpy(items, sparse_model, sizeof sparse_model);
    items[COUNT(sparse_model)] = (struct item)TEXT("layers/004_again", "class", "relu");
    model_file_write(path, items, COUNT(items), NULL);
    struct error err = {0};
    assert_null(model_load(path, &err));
    assert_non_null(strstr(err.text, "layer 004_relu: has the same number as 004_again"));
}

/* `test_model_load --corpus FOLDER` writes the seeds of tests/fuzz/corpus/model. */
static int write_corpus(const char *folder)
{
    (void)snprintf(path, sizeof path, "%s/good-sparse", folder);
    model_file_write(path, sparse_model, COUNT(sparse_model), NULL);
    (void)snprintf(path, sizeof path, "%s/good-standard", folder);
    model_file_write(path, dense_model, COUNT(dense_model), NULL);
    (void)snprintf(path, sizeof path, "%s/bad-missing", folder);
    model_file_write(path, dense_model, COUNT(dense_model), &dense_model[COUNT(dense_model) - 2]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--corpus") == 0) {
        return write_corpus(argv[2]);
    }
    (void)snprintf(path, sizeof path, "/tmp/test_model_load.%d.h5", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sparse_model_is_loaded),
        cmocka_unit_test(every_item_of_a_sparse_model_is_checked),
        cmocka_unit_test(every_item_of_a_standard_model_is_checked),
        cmocka_unit_test(a_negative_threshold_is_refused_with_preprocessing),
        cmocka_unit_test(a_threshold_must_agree_with_its_raw),
        cmocka_unit_test(a_sum_over_63_bits_is_refused),
        cmocka_unit_test(an_input_of_more_than_32_bits_is_refused),
        cmocka_unit_test(huge_sizes_are_refused),
        cmocka_unit_test(a_shape_names_the_layer_before),
        cmocka_unit_test(what_is_not_a_whole_file_is_refused),
        cmocka_unit_test(two_layers_of_one_number_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
