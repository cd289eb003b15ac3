#include "cmocka_all.h"
#include "xclbin_file.h"

#include "engine/xrt/xclbin.h"

#include <stdlib.h>
#include <unistd.h>

static struct xclbin_file good(void)
{
    struct xclbin_file f = XCLBIN_FILE_GOOD;
    xclbin_file_make(&f);
    return f;
}

/* The contents in memory of exactly their size, so that a sanitizer sees a read past it. */
static bool parse(const struct xclbin_file *f, uint64_t bytes, struct xclbin *x, struct error *err)
{
    uint8_t *data = malloc(bytes > 0 ? bytes : 1);
    memcpy(data, f->data, bytes);
    bool result = xclbin_parse("a.xclbin", data, bytes, x, err);
    free(data);
    return result;
}

static void refused(const struct xclbin_file *f, const char *words)
{
    struct xclbin x;
    struct error err = {0};
    assert_false(parse(f, f->bytes, &x, &err));
    assert_int_equal(err.code, ERROR_CONFIG);
    if (strncmp(err.text, "a.xclbin: ", 10) != 0 || strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void what_a_kernel_says_of_itself(void **state)
{
    (void)state;
    struct xclbin_file f = good();
    struct xclbin x;
    struct error err = {0};
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_string_equal(x.kernel, "k");
    assert_true(x.emulation);
    assert_int_equal(x.form, KERNEL_LIST);
    assert_int_equal(x.n_units, 2);
    assert_int_equal(x.height, 9);
    assert_int_equal(x.width, 7);
    assert_int_equal(x.n_slots, 5);
    assert_int_equal(x.window_bytes, 64);
    assert_int_equal(x.result_bytes, 16);
    f.mode = 0;
    f.platform = "xilinx_u250_gen3x16_xdma_4_1_202210_1";
    xclbin_file_make(&f);
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_false(x.emulation);
}

#define LOADS_METADATA                                                                             \
    "{\"kernel_name\": \"k\", \"model_sha256\": \"\", \"form\": 0, \"height\": 0, \"width\": 0, "  \
    "\"channels\": 0, \"n_slots\": 20, \"place_bytes\": 0, \"value_bytes\": 0, \"pixel_bytes\": "  \
    "0, "                                                                                          \
    "\"window_bytes\": 0, \"n_outputs\": 0, \"raw_bytes\": 0, \"result_bytes\": 0%s}"

/* A kernel that loads its network has no sizes before it has one; taken for one that has, its
 * windows of no bytes would be written over each other. */
static void a_kernel_that_loads(void **state)
{
    (void)state;
    char text[512];
    struct xclbin_file f = XCLBIN_FILE_GOOD;
    struct xclbin x;
    struct error err = {0};
    f.metadata = text;
    (void)snprintf(text, sizeof text, LOADS_METADATA, ", \"at_once\": 1, \"filters\": 3");
    xclbin_file_make(&f);
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_true(x.loads);
    assert_int_equal(x.n_slots, 20);
    assert_int_equal(x.at_once, 1);
    assert_int_equal(x.filters, 3);
    assert_int_equal(x.reuse, 1); /* what a container says that was made before there was another */
    (void)snprintf(text, sizeof text, LOADS_METADATA,
                   ", \"at_once\": 1, \"filters\": 3, \"reuse\": 2");
    xclbin_file_make(&f);
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_int_equal(x.reuse, 2);
    (void)snprintf(text, sizeof text, LOADS_METADATA, "");
    xclbin_file_make(&f);
    refused(&f, "no usable at_once, filters, reuse");
    (void)snprintf(text, sizeof text, LOADS_METADATA,
                   ", \"at_once\": 1, \"filters\": 3, \"reuse\": \"2\"");
    xclbin_file_make(&f);
    refused(&f, "no usable at_once, filters, reuse");
}

/* Images of 8 bits have a byte a pixel. */
static void values_of_one_byte(void **state)
{
    (void)state;
    char text[512];
    struct xclbin_file f = XCLBIN_FILE_GOOD;
    struct xclbin x;
    struct error err = {0};
    f.metadata = text;
    (void)snprintf(text, sizeof text, "%s", XCLBIN_FILE_METADATA);
    *strchr(strstr(text, "\"value_bytes\""), '2') = '1';
    xclbin_file_make(&f);
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_int_equal(x.value_bytes, 1);
}

/* XRT segfaults on an empty file and ends its process on some truncated ones; a copy that
 * was interrupted is the commonest way to get one. */
static void cut_at_every_length(void **state)
{
    (void)state;
    struct xclbin_file f = good();
    for (uint64_t bytes = 0; bytes < f.bytes; bytes++) {
        struct xclbin x;
        struct error err = {0};
        assert_false(parse(&f, bytes, &x, &err));
        assert_int_equal(err.code, ERROR_CONFIG);
        /* Cut, and with a length that says it is whole. */
        struct xclbin_file cut = f;
        xclbin_file_put(&cut, 304, bytes, 8);
        (void)parse(&cut, bytes, &x, &err);
    }
}

/* XRT takes an xclbin of the wrong mode without a word, and gives rubbish. */
static void of_the_wrong_kind(void **state)
{
    (void)state;
    struct xclbin_file f = good();
    f.data[3] = 'X';
    refused(&f, "not an xclbin");
    f = good();
    f.mode = 5;
    xclbin_file_make(&f);
    refused(&f, "mode 5");
    f = good();
    f.platform = "xilinx_u250_gen3x16_xdma_4_1_202210_1";
    xclbin_file_make(&f);
    refused(&f, "emulation of platform \"xilinx_u250");
    f = good();
    memset(f.data + 352, 'x', 64); /* a platform without an end */
    refused(&f, "emulation of platform");
}

static void without_what_is_needed(void **state)
{
    (void)state;
    struct xclbin_file f = good();
    f.sections = 2;
    xclbin_file_make(&f);
    refused(&f, "no kernel in it");
    f.sections = 3;
    xclbin_file_make(&f);
    refused(&f, "no user metadata");
    f = good();
    f.kernel_unit = "other:other_1";
    xclbin_file_make(&f);
    refused(&f, "no compute unit of kernel k");
    f.kernel_unit = "kk:kk_1"; /* begins with the kernel's name */
    xclbin_file_make(&f);
    refused(&f, "no compute unit of kernel k");
    f = good();
    f.units = 0x7fffffff; /* times 80 is more than the section */
    xclbin_file_make(&f);
    refused(&f, "cut short");
    f.units = 0x80000000;
    xclbin_file_make(&f);
    refused(&f, "cut short");
    f = good();
    xclbin_file_put(&f, 448, 1025, 4);
    refused(&f, "table of sections");
}

/* Offsets and sizes that wrap around must not look as if they lay inside. */
static void sections_that_lie_elsewhere(void **state)
{
    (void)state;
    const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 7, 1ULL << 63, XCLBIN_FILE_BYTES + 1};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        for (uint32_t section = 0; section < XCLBIN_FILE_SECTIONS; section++) {
            struct xclbin x;
            struct error err = {0};
            struct xclbin_file f = good();
            xclbin_file_put(&f, 456 + section * 40U + 24, far[i], 8);
            assert_int_equal(parse(&f, f.bytes, &x, &err), section == 1); /* memory is not read */
            f = good();
            xclbin_file_put(&f, 456 + section * 40U + 32, far[i], 8);
            assert_int_equal(parse(&f, f.bytes, &x, &err), section == 1);
        }
    }
}

/* The metadata with one figure changed. */
static void figure(const char *key, const char *value, const char *words)
{
    struct xclbin_file f = XCLBIN_FILE_GOOD;
    char text[1024], name[64];
    (void)snprintf(name, sizeof name, "\"%s\": ", key);
    const char *at = strstr(XCLBIN_FILE_METADATA, name) + strlen(name);
    size_t before = (size_t)(at - XCLBIN_FILE_METADATA);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)before, XCLBIN_FILE_METADATA, value,
                   at + strcspn(at, ",}"));
    f.metadata = text;
    xclbin_file_make(&f);
    refused(&f, words);
}

/* Records are packed and read by these figures alone: one that does not fit the others would
 * write past a batch. */
static void figures_that_do_not_fit(void **state)
{
    (void)state;
    figure("height", "-1", "no usable height");
    figure("height", "1e3", "no usable height");
    figure("height", "\"9\"", "no usable height");
    figure("n_slots", "4294967301", "no usable n_slots");
    figure("form", "2", "no usable form");
    figure("kernel_name", "7", "no usable kernel_name");
    figure("model_sha256", "null", "no usable model_sha256");
    figure("n_slots", "16", "sizes do not fit"); /* 4 + 16 * 4 bytes in a window of 64 */
    figure("place_bytes", "3", "sizes do not fit");
    figure("place_bytes", "0", "sizes do not fit");
    figure("value_bytes", "8", "sizes do not fit");
    figure("pixel_bytes", "3", "sizes do not fit");
    figure("channels", "2", "sizes do not fit");
    figure("raw_bytes", "2", "sizes do not fit");
    figure("n_outputs", "3", "sizes do not fit");
    figure("height", "257", "sizes do not fit"); /* a row of 256 in one byte */
    figure("form", "1", "sizes do not fit");     /* 9 x 7 pixels in a window of 64 bytes */
}

static void metadata_that_is_no_json(void **state)
{
    (void)state;
    struct xclbin_file f = XCLBIN_FILE_GOOD;
    const char *const bad[] = {"", "{", "[1]", "nothing", "{\"kernel_name\": \"\\u0000\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        f.metadata = bad[i];
        xclbin_file_make(&f);
        refused(&f, "user metadata");
    }
}

/* A kernel of last week's network scores, and scores wrongly. */
static void of_another_model(void **state)
{
    (void)state;
    struct xclbin_file f = good();
    struct xclbin x;
    struct error err = {0};
    struct model m = {.height = 9, .width = 7, .channels = 1, .n_outputs = 2, .max_listed = 5};
    (void)snprintf(m.name, sizeof m.name, "track");
    assert_true(parse(&f, f.bytes, &x, &err));
    assert_true(xclbin_fits(&x, "a.xclbin", &m, true, &err));
    assert_false(xclbin_fits(&x, "a.xclbin", &m, false, &err));
    assert_non_null(strstr(err.text, "made for emulation, but the configuration asks for a card"));
    m.max_listed = 6;
    assert_false(xclbin_fits(&x, "a.xclbin", &m, true, &err));
    assert_non_null(strstr(err.text, "lists of 5 pixels, but model track may keep 6"));
    m.max_listed = 5;
    m.n_outputs = 1;
    assert_false(xclbin_fits(&x, "a.xclbin", &m, true, &err));
    m.n_outputs = 2;
    m.sha256[0] = 1;
    assert_false(xclbin_fits(&x, "a.xclbin", &m, true, &err));
    assert_non_null(strstr(err.text, "sha256 00000000, but model track has 01000000"));
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct xclbin x;
    struct error err = {0};
    assert_false(xclbin_read("/nowhere/a.xclbin", &x, &err));
    assert_string_equal(err.text, "/nowhere/a.xclbin: No such file or directory");
    assert_false(xclbin_read("/tmp", &x, &err));
    assert_string_equal(err.text, "/tmp: not a regular file");
    assert_false(xclbin_read("/dev/null", &x, &err));
    char path[] = "/tmp/test_xclbin_XXXXXX";
    int fd = mkstemp(path);
    assert_false(xclbin_read(path, &x, &err));
    assert_non_null(strstr(err.text, ": empty"));
    struct xclbin_file f = good();
    assert_int_equal(write(fd, f.data, f.bytes), f.bytes);
    assert_true(xclbin_read(path, &x, &err));
    (void)close(fd);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_kernel_says_of_itself),
        cmocka_unit_test(a_kernel_that_loads),
        cmocka_unit_test(values_of_one_byte),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(of_the_wrong_kind),
        cmocka_unit_test(without_what_is_needed),
        cmocka_unit_test(sections_that_lie_elsewhere),
        cmocka_unit_test(figures_that_do_not_fit),
        cmocka_unit_test(metadata_that_is_no_json),
        cmocka_unit_test(of_another_model),
        cmocka_unit_test(files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
