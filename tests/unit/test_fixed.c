/* The cast is the one place where every network's bits are made. */
#include "model/fixed.h"

#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>

static struct fixed_type type(const char *text)
{
    struct fixed_type t = {0};
    if (!fixed_parse(text, &t)) {
        fail_msg("%s", text);
    }
    return t;
}

static void only_whole_types_are_read(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ap_fixed",
        "ap_fixed<16,6>",
        "ap_fixed<0,0,AP_TRN,AP_WRAP>",
        "ap_fixed<65,6,AP_TRN,AP_WRAP>",
        "ap_fixed<16,6,TRN,AP_WRAP>",
        "ap_fixed<16,6,AP_TRN,AP_WRAP> ",
        "ap_fixed<16, 6,AP_TRN,AP_WRAP>",
        "ap_fixed<99999999999,6,AP_TRN,AP_WRAP>",
        "ap_fixed<16,6,AP_SAT,AP_TRN>",
        "ap_fixed<16,,AP_TRN,AP_WRAP>",
        "ap_int<16,6,AP_TRN,AP_WRAP>",
        "ap_fixed<16,6,AP_RND_CONVERGENT,AP_WRAP>",
        "ap_fixed<16,6,AP_TRN,AP_WRAP",
    };
    struct fixed_type t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (fixed_parse(bad[i], &t)) {
            fail_msg("accepted %s", bad[i]);
        }
    }
    static const char good[] = "ap_ufixed<8,-2,AP_RND_MIN_INF,AP_SAT_SYM>";
    char text[64];
    t = type(good);
    assert_int_equal(t.fraction, 10);
    fixed_format(&t, text, sizeof text);
    assert_string_equal(text, good);
}

/* Modes differ in their ties, and in nothing else but truncation. */
static void every_mode_rounds_its_ties(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        int64_t of[8]; /* of -1.5, -0.75, -0.5, -0.25, 0.25, 0.5, 1.5, 2.5 */
    } row[] = {
        {"AP_TRN", {-2, -1, -1, -1, 0, 0, 1, 2}},
        {"AP_TRN_ZERO", {-1, 0, 0, 0, 0, 0, 1, 2}},
        {"AP_RND", {-1, -1, 0, 0, 0, 1, 2, 3}},
        {"AP_RND_CONV", {-2, -1, 0, 0, 0, 0, 2, 2}},
        {"AP_RND_ZERO", {-1, -1, 0, 0, 0, 0, 1, 2}},
        {"AP_RND_INF", {-2, -1, -1, 0, 0, 1, 2, 3}},
        {"AP_RND_MIN_INF", {-2, -1, -1, 0, 0, 0, 1, 2}},
    };
    static const int64_t quarters[8] = {-6, -3, -2, -1, 1, 2, 6, 10};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "ap_fixed<16,16,%s,AP_WRAP>", row[i].mode);
        struct fixed_type t = type(text);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(fixed_cast(quarters[k], 2, &t), row[i].of[k]);
            assert_int_equal(fixed_from_double((double)quarters[k] / 4, &t), row[i].of[k]);
        }
    }
}

static void overflow_comes_after_rounding(void **state)
{
    (void)state;
    struct fixed_type wrap = type("ap_fixed<4,4,AP_RND,AP_WRAP>");
    struct fixed_type sat = type("ap_fixed<4,4,AP_RND,AP_SAT>");
    struct fixed_type sym = type("ap_fixed<4,4,AP_RND,AP_SAT_SYM>");
    struct fixed_type u = type("ap_ufixed<4,4,AP_RND,AP_SAT_SYM>");
    assert_int_equal(fixed_cast(15, 1, &wrap), -8); /* 7.5 -> 8 -> -8 */
    assert_int_equal(fixed_cast(15, 1, &sat), 7);
    assert_int_equal(fixed_cast(-20, 1, &sat), -8);
    assert_int_equal(fixed_cast(-20, 1, &sym), -7);
    assert_int_equal(fixed_cast(-20, 1, &u), 0);
    assert_int_equal(fixed_cast(99, 1, &u), 15);
    struct fixed_type uw = type("ap_ufixed<4,4,AP_TRN,AP_WRAP>");
    assert_int_equal(fixed_cast(-1, 0, &uw), 15);
}

/* A shift by 64 is no shift at all on x86: grids far apart once gave the value
 * unchanged. */
static void grids_far_apart_are_cast_rightly(void **state)
{
    (void)state;
    static const int64_t x[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    struct fixed_type trn = type("ap_fixed<64,64,AP_TRN,AP_SAT>");
    struct fixed_type inf = type("ap_fixed<64,64,AP_RND_INF,AP_SAT>");
    struct fixed_type wrap = type("ap_fixed<64,64,AP_TRN,AP_WRAP>");
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        for (int f = 65; f < 2000; f += 31) {
            assert_int_equal(fixed_cast(x[i], f, &trn), x[i] < 0 ? -1 : 0);
            assert_int_equal(fixed_cast(x[i], f, &inf), 0);
            assert_int_equal(fixed_cast(x[i], -f, &wrap), 0);
            int64_t limit = x[i] < 0 ? INT64_MIN : x[i] > 0 ? INT64_MAX : 0;
            assert_int_equal(fixed_cast(x[i], -f, &trn), limit);
        }
    }
    assert_int_equal(fixed_cast(INT64_MIN, 64, &inf), -1); /* exactly -0.5 */
    assert_int_equal(fixed_cast(INT64_MIN + 1, 64, &inf), 0);
    assert_int_equal(fixed_cast(INT64_MAX, 63, &inf), 1);
    assert_int_equal(fixed_cast(INT64_MIN, 63, &inf), -1);
    assert_int_equal(fixed_cast(-1, 0, &wrap), -1);
}

static void ranges_hold_at_both_ends(void **state)
{
    (void)state;
    struct fixed_type one = type("ap_fixed<1,1,AP_TRN,AP_SAT>");
    assert_int_equal(fixed_min(&one), -1);
    assert_int_equal(fixed_max(&one), 0);
    struct fixed_type s64 = type("ap_fixed<64,1,AP_TRN,AP_SAT>");
    assert_int_equal(fixed_min(&s64), INT64_MIN);
    assert_int_equal(fixed_max(&s64), INT64_MAX);
    struct fixed_type u64 = type("ap_ufixed<64,1,AP_TRN,AP_SAT>");
    assert_int_equal(fixed_max(&u64), INT64_MAX);
    struct fixed_type u63 = type("ap_ufixed<63,1,AP_TRN,AP_SAT>");
    assert_int_equal(fixed_max(&u63), INT64_MAX);
    struct fixed_type u8 = type("ap_ufixed<8,1,AP_TRN,AP_SAT>");
    assert_int_equal(fixed_max(&u8), 255);
}

/* x - floor(x) is not exact just below a tie; with it the largest double below
 * one half rounded to 1. */
static void doubles_are_rounded_exactly(void **state)
{
    (void)state;
    struct fixed_type inf = type("ap_fixed<8,8,AP_RND_INF,AP_SAT>");
    struct fixed_type down = type("ap_fixed<8,8,AP_RND_MIN_INF,AP_SAT>");
    struct fixed_type trn = type("ap_fixed<8,8,AP_TRN,AP_SAT>");
    struct fixed_type wrap = type("ap_ufixed<8,1,AP_TRN,AP_WRAP>");
    double below = nextafter(0.5, 0);
    assert_int_equal(fixed_from_double(below, &inf), 0);
    assert_int_equal(fixed_from_double(-below, &inf), 0);
    assert_int_equal(fixed_from_double(-below, &down), 0);
    assert_int_equal(fixed_from_double(-1e-300, &trn), -1);
    assert_int_equal(fixed_from_double((double)INFINITY, &trn), 127);
    assert_int_equal(fixed_from_double(-(double)INFINITY, &trn), -128);
    assert_int_equal(fixed_from_double((double)NAN, &trn), 0);
    assert_int_equal(fixed_from_double((double)INFINITY, &wrap), 0);
    assert_int_equal(fixed_from_double(1e300, &wrap), 0);
    assert_int_equal(fixed_from_double(2.5, &wrap), 64); /* 320 mod 256 */
    assert_int_equal(fixed_from_double(-1.0 / 128, &wrap), 255);
    assert_int_equal(fixed_from_double(1e300, &trn), 127);
    assert_true(fixed_to_double(64, &wrap) == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_types_are_read),
        cmocka_unit_test(every_mode_rounds_its_ties),
        cmocka_unit_test(overflow_comes_after_rounding),
        cmocka_unit_test(grids_far_apart_are_cast_rightly),
        cmocka_unit_test(ranges_hold_at_both_ends),
        cmocka_unit_test(doubles_are_rounded_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
