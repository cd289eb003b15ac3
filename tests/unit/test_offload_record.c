/* Records byte by byte, as fpga/hls/kernel_abi.h has them: a kernel on a card reads them with
 * no code of ours between. */
#include "cmocka_all.h"

#include "engine/xrt/record.h"

#include <string.h>

enum { GUARD = 0xA5 };

static const struct pixel place[] = {{0, 6}, {8, 1}};
static const int32_t value[] = {0x1234, -2, 5, 0x7fff}; /* two channels */

static void bytes_are(const uint8_t *found, const uint8_t *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (found[i] != expected[i])
            fail_msg("byte %zu is %02x, not %02x", i, found[i], expected[i]);
    }
}

static void a_list(void **state)
{
    (void)state;
    struct xclbin x = {.form = KERNEL_LIST,
                       .height = 9,
                       .width = 7,
                       .channels = 2,
                       .n_slots = 5,
                       .place_bytes = 1,
                       .value_bytes = 2,
                       .pixel_bytes = 8,
                       .window_bytes = 64};
    struct window w = {.n_active = 9, .n_listed = 2, .place = place, .value = value};
    uint8_t to[65];
    memset(to, GUARD, sizeof to);
    record_window(&x, &w, to);
    bytes_are(to, (uint8_t[]){2, 0, 0, 0, 0, 6, 0x34, 0x12, 0xfe, 0xff}, 10);
    bytes_are(to + 12, (uint8_t[]){8, 1, 5, 0, 0xff, 0x7f}, 6);
    assert_int_equal(to[64], GUARD);
    w.n_listed = 0;
    record_window(&x, &w, to);
    bytes_are(to, (uint8_t[]){0, 0, 0, 0}, 4); /* the pixels of before are not looked at */
}

static void a_list_of_wide_places_and_values(void **state)
{
    (void)state;
    struct xclbin x = {.form = KERNEL_LIST,
                       .height = 300,
                       .width = 300,
                       .channels = 1,
                       .n_slots = 5,
                       .place_bytes = 2,
                       .value_bytes = 4,
                       .pixel_bytes = 8,
                       .window_bytes = 64};
    const struct pixel far = {258, 7};
    const int32_t big = -70000;
    struct window w = {.n_listed = 1, .place = &far, .value = &big};
    uint8_t to[64] = {0};
    record_window(&x, &w, to);
    bytes_are(to, (uint8_t[]){1, 0, 0, 0, 2, 1, 7, 0, 0x90, 0xee, 0xfe, 0xff}, 12);
}

/* What is not listed must be 0, whatever window was in that slot before: once a stale pixel
 * stayed, it would be an active one. */
static void an_image(void **state)
{
    (void)state;
    struct xclbin x = {.form = KERNEL_IMAGE,
                       .height = 9,
                       .width = 7,
                       .channels = 2,
                       .value_bytes = 2,
                       .pixel_bytes = 4,
                       .window_bytes = 256};
    struct window w = {.n_listed = 2, .place = place, .value = value};
    uint8_t to[257], expected[252] = {0};
    memset(to, GUARD, sizeof to);
    record_window(&x, &w, to);
    memcpy(expected + (size_t)4 * 6, (uint8_t[]){0x34, 0x12, 0xfe, 0xff}, 4);
    memcpy(expected + (size_t)4 * (8 * 7 + 1), (uint8_t[]){5, 0, 0xff, 0x7f}, 4);
    bytes_are(to, expected, sizeof expected);
    assert_int_equal(to[256], GUARD);
}

static void a_result(void **state)
{
    (void)state;
    struct xclbin x = {.n_outputs = 2, .raw_bytes = 4, .result_bytes = 16};
    const uint8_t narrow[] = {7, 1, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0x80};
    int64_t raw[2];
    assert_true(record_result(&x, narrow, 263, raw));
    assert_int_equal(raw[0], -1);
    assert_int_equal(raw[1], INT64_C(-2147483639));
    x.raw_bytes = 8;
    const uint8_t wide[] = {7, 1, 0, 0,    3, 0, 0, 0, 1, 0, 0, 0,
                            0, 0, 0, 0x80, 5, 0, 0, 0, 1, 0, 0, 0};
    assert_true(record_result(&x, wide, 263, raw));
    assert_int_equal(raw[0], INT64_MIN + 1);
    assert_int_equal(raw[1], (INT64_C(1) << 32) + 5);
}

/* A launch that wrote nothing leaves the scores of the one before: right in form, of other
 * windows. Only the tag tells. */
static void a_result_of_another_launch(void **state)
{
    (void)state;
    struct xclbin x = {.n_outputs = 1, .raw_bytes = 4, .result_bytes = 12};
    const uint8_t stale[] = {7, 1, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0};
    int64_t raw[1];
    assert_false(record_result(&x, stale, 264, raw));
    assert_false(record_result(&x, stale, 7, raw));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list),
        cmocka_unit_test(a_list_of_wide_places_and_values),
        cmocka_unit_test(an_image),
        cmocka_unit_test(a_result),
        cmocka_unit_test(a_result_of_another_launch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
