/* The reference engine on cases small enough to work by hand: layers and windows
 * are made here, so that each shows one rule of the arithmetic. */
#include "engine/cpu/kernel.h"
#include "engine/cpu/layer_run.h"

#include "cmocka_all.h"

#include <string.h>

enum { SLOTS = 4 };

static struct fixed_type type(const char *text)
{
    struct fixed_type t = {0};
    assert_true(fixed_parse(text, &t));
    return t;
}

/* A layer on 4 slots of a 6 x 6 grid, one channel in and out, whole numbers. */
static struct layer slots_layer(enum layer_class class)
{
    struct fixed_type whole = type("ap_fixed<16,16,AP_TRN,AP_WRAP>");
    struct tensor_shape shape = {
        .sparse = true, .slots = SLOTS, .height = 6, .width = 6, .channels = 1};
    return (struct layer){.class = class,
                          .in = shape,
                          .out = shape,
                          .in_t = whole,
                          .out_t = whole,
                          .accum_t = whole,
                          .weight_t = whole,
                          .bias_t = whole};
}

struct slots {
    int64_t in[SLOTS], out[SLOTS];
    struct place place[SLOTS];
    bool occupied[SLOTS];
};

static void run(const struct layer *l, struct slots *s)
{
    struct tensors t = {.in = s->in, .out = s->out, .place = s->place, .occupied = s->occupied};
    layer_run(l, &t);
}

static void assert_out(const struct slots *s, int64_t a, int64_t b, int64_t c, int64_t d)
{
    const int64_t expected[SLOTS] = {a, b, c, d};
    for (int i = 0; i < SLOTS; i++) {
        assert_int_equal(s->out[i], expected[i]);
    }
}

/* Two neighbours of one row: weight 2 in the centre, -3 to the right of it. */
static int64_t weight[9] = {0, 0, 0, 0, 2, -3, 0, 0, 0};
static int64_t no_bias[1] = {0};

static struct layer conv_layer(void)
{
    struct layer l = slots_layer(LAYER_SPARSE_CONV2D);
    l.kernel_h = 3;
    l.kernel_w = 3;
    l.weight = weight;
    l.bias = no_bias;
    return l;
}

static struct slots two_neighbours(void)
{
    return (struct slots){.in = {5, 1, 0, 0},
                          .place = {{2, 2}, {2, 3}, {1, 1}, {1, 1}},
                          .occupied = {true, true, false, false}};
}

/* The first firmware accumulates in the unsigned output type, each product on its
 * own: 5*2 + 1*(-3) is 10 there, and 7 in the second one and in Keras. */
static void negative_products_vanish_in_the_first_generation(void **state)
{
    (void)state;
    struct slots s = two_neighbours();
    struct layer l = conv_layer();
    run(&l, &s);
    assert_out(&s, 7, 2, 0, 0);
    l.accum_t = l.out_t = type("ap_ufixed<8,8,AP_RND_CONV,AP_SAT>");
    run(&l, &s);
    assert_out(&s, 10, 2, 0, 0);
}

/* Two products of one half: in an accumulator of whole numbers each is rounded
 * before it is added, in a finer one the sum is exact. */
static void a_narrow_accumulator_rounds_every_product(void **state)
{
    (void)state;
    static int64_t halves[9] = {0, 0, 0, 0, 1, 1, 0, 0, 0};
    struct slots s = two_neighbours();
    struct layer l = conv_layer();
    l.weight = halves;
    l.weight_t = type("ap_fixed<8,7,AP_TRN,AP_WRAP>"); /* steps of 1/2 */
    s.in[0] = 1;
    l.accum_t = l.out_t = type("ap_ufixed<8,8,AP_RND,AP_SAT>");
    run(&l, &s);
    assert_out(&s, 2, 1, 0, 0); /* 0.5 and 0.5, each up */
    l.accum_t = type("ap_ufixed<9,8,AP_RND,AP_SAT>");
    run(&l, &s);
    assert_out(&s, 1, 1, 0, 0); /* 1.0; 0.5 up at the end */
}

/* A bias goes to sums that are not 0, once, after the sum. */
static void a_sum_of_zero_gets_no_bias(void **state)
{
    (void)state;
    static int64_t bias[1] = {100};
    struct slots s = two_neighbours();
    struct layer l = conv_layer();
    l.bias = bias;
    run(&l, &s);
    assert_out(&s, 107, 102, 0, 0);
    s.in[0] = 3;
    s.in[1] = 2; /* 3*2 - 2*3 = 0 */
    run(&l, &s);
    assert_out(&s, 0, 104, 0, 0);
}

/* A pixel that a relu has killed: the firmware gives 0 there, Keras computes it
 * from its neighbours. An unused slot stays 0 in both. */
static void the_mask_decides_about_a_killed_pixel(void **state)
{
    (void)state;
    struct slots s = two_neighbours();
    struct layer l = conv_layer();
    s.in[0] = 0;
    run(&l, &s);
    assert_out(&s, 0, 2, 0, 0);
    l.mask_slot = true;
    run(&l, &s);
    assert_out(&s, -3, 2, 0, 0);
}

static struct layer pool_layer(enum layer_class class)
{
    struct layer l = slots_layer(class);
    l.pool_h = l.pool_w = 4;
    l.out.height = l.out.width = 1;
    l.recip_t = type("ap_ufixed<10,0,AP_TRN,AP_WRAP>");
    l.recip_h_raw = l.recip_w_raw = 256; /* 1/4 */
    return l;
}

/* The first slot of a pooled place carries the whole sum, even if it is 0 itself;
 * the others keep the place, give 0 and are no longer occupied. */
static void the_first_slot_of_a_place_carries_it(void **state)
{
    (void)state;
    struct layer l = pool_layer(LAYER_SPARSE_AVG_POOL2D);
    struct slots s = {.in = {0, 40, 24, 0},
                      .place = {{1, 1}, {2, 2}, {4, 4}, {1, 1}},
                      .occupied = {true, true, true, false}};
    run(&l, &s);
    assert_out(&s, 4, 0, 0, 0);
    assert_true(s.occupied[0] && !s.occupied[1] && !s.occupied[2] && !s.occupied[3]);
    assert_int_equal(s.place[2].row, 1);
}

/* The last two rows of 6 fill no window of 4: they give 0 and leave the mask. */
static void a_partial_window_is_zero(void **state)
{
    (void)state;
    struct slots start = {.in = {16, 32, -8, 0},
                          .place = {{5, 1}, {1, 1}, {2, 1}, {1, 1}},
                          .occupied = {true, true, true, false}};
    struct slots s = start;
    struct layer l = pool_layer(LAYER_SPARSE_AVG_POOL2D);
    run(&l, &s);
    assert_out(&s, 0, 1, 0, 0); /* 24 / 16, floored */
    assert_true(!s.occupied[0] && s.occupied[1]);
    assert_int_equal(s.place[0].row, 2);
    s = start;
    l = pool_layer(LAYER_SPARSE_MAX_POOL2D);
    run(&l, &s);
    assert_out(&s, 0, 32, 0, 0);
    s = start;
    s.in[1] = -9; /* both below 0: floored at 0 */
    run(&l, &s);
    assert_out(&s, 0, 0, 0, 0);
}

/* A raw factor of 0 means that this axis has none, not a product of 0. */
static void a_factor_of_zero_is_no_factor(void **state)
{
    (void)state;
    struct layer l = pool_layer(LAYER_SPARSE_AVG_POOL2D);
    struct slots s = {.in = {64, 0, 0, 0},
                      .place = {{1, 1}, {1, 1}, {1, 1}, {1, 1}},
                      .occupied = {true, false, false, false}};
    l.recip_w_raw = 0;
    run(&l, &s);
    assert_out(&s, 16, 0, 0, 0);
}

/* A quantizer of its own for each pixel, found by the slot's place. */
static void a_type_per_pixel_follows_the_place(void **state)
{
    (void)state;
    struct fixed_type element[36] = {{0}};
    element[1 * 6 + 1] = type("ap_fixed<4,4,AP_TRN,AP_WRAP>");
    element[1 * 6 + 2] = type("ap_fixed<4,4,AP_TRN,AP_SAT>");
    struct layer l = slots_layer(LAYER_QUANTIZE);
    l.element_t = element;
    l.element_per_pixel = true;
    l.element_h = l.element_w = 6;
    struct slots s = {.in = {9, 9, 9, 9}, .place = {{2, 2}, {2, 3}, {1, 1}, {7, 2}}};
    run(&l, &s);
    assert_out(&s, -7, 7, 0, 0); /* width 0 and a place outside: 0 */
}

/* -1/128 lies in the step of 0: toward zero, not toward minus infinity. */
static void the_sigmoid_index_goes_toward_zero(void **state)
{
    (void)state;
    static int64_t table[MODEL_TABLE_ENTRIES];
    for (int64_t i = 0; i < MODEL_TABLE_ENTRIES; i++) {
        table[i] = i;
    }
    struct layer l = slots_layer(LAYER_SIGMOID_TABLE);
    l.in = l.out = (struct tensor_shape){.flat = true, .height = 1, .width = 1, .channels = 4};
    l.in_t = type("ap_fixed<16,9,AP_TRN,AP_WRAP>");
    l.table_t = l.out_t;
    l.table = table;
    struct slots s = {.in = {-1, -2, 32767, -32768}};
    run(&l, &s);
    assert_out(&s, 512, 511, 1023, 0);
}

static void a_kernel_is_chosen_by_name(void **state)
{
    (void)state;
    struct model m = {.name = "test"};
    struct error err = {0};
    /* a model without layers: no fast kernel takes it */
    assert_string_equal(kernel_choose("auto", &m, &err)->name, "scalar");
    assert_string_equal(kernel_choose("scalar", &m, &err)->name, "scalar");
    assert_null(kernel_choose("warp", &m, &err));
    assert_non_null(strstr(err.text, "kernel warp"));
    assert_non_null(strstr(err.text, "must be one of auto, "));
    assert_non_null(strstr(err.text, "scalar"));
}

/* A family that the processor has not got must not become scalar in silence: a
 * site would believe that it runs on AVX-512. Where the processor has it and only
 * the model has no such kernel, the reference is the answer. */
static void a_family_is_refused_or_falls_back_to_the_reference(void **state)
{
    (void)state;
    struct model m = {.name = "test"};
    for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
        struct error err = {0};
        const struct kernel *k = kernel_choose(f->name, &m, &err);
        if (f->supported()) {
            assert_non_null(k);
            assert_string_equal(k->family, "scalar");
        } else {
            assert_null(k);
            assert_non_null(strstr(err.text, f->name));
        }
    }
    for (size_t i = 0; kernel_table[i]->name != NULL; i++) {
        bool known = false;
        for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
            known = known || strcmp(f->name, kernel_table[i]->family) == 0;
        }
        assert_true(known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negative_products_vanish_in_the_first_generation),
        cmocka_unit_test(a_narrow_accumulator_rounds_every_product),
        cmocka_unit_test(a_sum_of_zero_gets_no_bias),
        cmocka_unit_test(the_mask_decides_about_a_killed_pixel),
        cmocka_unit_test(the_first_slot_of_a_place_carries_it),
        cmocka_unit_test(a_partial_window_is_zero),
        cmocka_unit_test(a_factor_of_zero_is_no_factor),
        cmocka_unit_test(a_type_per_pixel_follows_the_place),
        cmocka_unit_test(the_sigmoid_index_goes_toward_zero),
        cmocka_unit_test(a_kernel_is_chosen_by_name),
        cmocka_unit_test(a_family_is_refused_or_falls_back_to_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
