/* Every fast kernel against the scalar reference, bit by bit, on networks and
 * windows made at random. The seeds are fixed: a failure names its network and
 * comes again. */
#include "engine/cpu/kernel.h"
#include "engine/cpu/reference.h"
#include "engine/cpu/sparse7.h"

#include "random_sparse7.h"

#include "cmocka_all.h"

#include <fenv.h>

enum { NETWORKS = 120, WINDOWS = 40 };

/* How many networks a family computed with a kernel of its own. */
struct tally {
    uint32_t networks, matched[16];
};

static void compare_windows(struct random_sparse7 *r, const struct kernel *k, void *state,
                            struct reference *judge)
{
    for (uint32_t i = 0; i < WINDOWS; i++) {
        struct window w;
        random_window_init(r, &w);
        int64_t expected, raw = INT64_MIN;
        reference_run(judge, &w, &expected);
        k->run(state, &w, &raw);
        if (raw != expected) {
            print_error("%s: %s, window %u with %u pixels: %lld, the reference has %lld\n", k->name,
                        r->model.name, i, w.n_listed, (long long)raw, (long long)expected);
        }
        assert_int_equal(raw, expected);
        random_window_fini(&w);
    }
}

/* Kernels whose name holds `which`. */
static void compare_networks(uint32_t generation, int bits, const char *which, struct tally *t)
{
    for (uint64_t seed = 0; seed < NETWORKS; seed++) {
        struct random_sparse7 r;
        struct error err = {0};
        random_sparse7_init(&r, seed + 1000 * (uint64_t)bits, generation, bits);
        struct reference *judge = reference_create(&r.model, &err);
        assert_non_null(judge);
        t->networks++;
        for (size_t i = 0; kernel_table[i] != &reference_kernel; i++) {
            if (strstr(kernel_table[i]->name, which) == NULL ||
                !kernel_usable(kernel_table[i], &r.model)) {
                continue;
            }
            t->matched[i]++;
            void *state = kernel_table[i]->create(&r.model, &err);
            assert_non_null(state);
            compare_windows(&r, kernel_table[i], state, judge);
            kernel_table[i]->destroy(state);
        }
        reference_destroy(&judge);
        random_sparse7_fini(&r);
    }
}

/* A comparison that no network reached would pass: each kernel made for this shape
 * takes at least a third of the networks, on a processor that has it. */
static void assert_compared(const struct tally *t)
{
    for (size_t i = 0; kernel_table[i] != &reference_kernel; i++) {
        const struct kernel *k = kernel_table[i];
        print_message("%-18s %u of %u networks\n", k->name, t->matched[i], t->networks);
        bool supported = false;
        for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
            supported = supported || (strcmp(f->name, k->family) == 0 && f->supported());
        }
        if (supported && strstr(k->name, "sparse7") != NULL) {
            assert_true(3 * t->matched[i] >= t->networks);
        }
    }
}

/* Each product rounded on its own, ties to even, negative ones gone, sums that end
 * at the largest value: a float kernel that rounds once too often shows here. */
static void the_first_generation_is_the_same(void **state)
{
    (void)state;
    struct tally t = {0};
    compare_networks(0, 16, "", &t);
    compare_networks(0, 8, "", &t);
    compare_networks(0, 11, "", &t);
    assert_compared(&t);
}

/* Wide sums, with activations up to the sixteenth bit: taken for signed, 65535 is
 * -1. */
static void the_second_generation_is_the_same(void **state)
{
    (void)state;
    struct tally t = {0};
    compare_networks(1, 16, "", &t);
    compare_networks(1, 8, "", &t);
    assert_compared(&t);
}

/* Quantizers by channel and by element, each rounding and overflow mode, types of
 * width 0, accumulators that are just too narrow. */
static void exported_networks_are_the_same(void **state)
{
    (void)state;
    struct tally t = {0};
    compare_networks(2, 16, "", &t);
    compare_networks(2, 8, "", &t);
    compare_networks(2, 12, "", &t);
    assert_compared(&t);
}

static int descending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Makes a convolution's sum just wide enough for the largest products of as many
 * pixels as the list holds, as the exporter does. */
static void narrow(struct layer *l, uint32_t slots)
{
    uint32_t taps = l->kernel_h * l->kernel_w;
    int64_t most = -fixed_min(&l->in_t), worst = 1; /* all weights may be 0 */
    most = fixed_max(&l->in_t) > most ? fixed_max(&l->in_t) : most;
    for (uint32_t f = 0; f < l->out.channels; f++) {
        int64_t size[64];
        for (uint32_t k = 0; k < taps; k++)
            size[k] = llabs(l->weight[k * l->out.channels + f]);
        qsort(size, taps, sizeof *size, descending);
        int64_t sum = llabs(l->bias[f]) << (l->accum_t.fraction - l->bias_t.fraction);
        for (uint32_t k = 0; k < taps && k < slots; k++)
            sum += size[k] * most;
        worst = sum > worst ? sum : worst;
    }
    l->accum_t.width = 65 - __builtin_clzll((uint64_t)worst);
    l->out_t = l->accum_t;
}

/* The bound on a sum was that of 49 pixels under the kernel, where the list holds 20:
 * no network that was trained and exported here proved safe, and all ran seven times
 * slower than they could. */
static void a_sum_as_narrow_as_the_exporter_makes_it_is_taken(void **state)
{
    (void)state;
    uint32_t taken = 0;
    for (uint64_t seed = 0; seed < 2 * NETWORKS; seed++) {
        struct random_sparse7 r;
        struct error err = {0};
        random_sparse7_init(&r, seed, 2, 12);
        bool few = r.model.max_listed <= 20;
        if (few && sparse7_portable_kernel.matches(&r.model)) {
            for (uint32_t i = 0; i < r.model.n_layers; i++) {
                if (r.layer[i].class == LAYER_SPARSE_CONV2D)
                    narrow(&r.layer[i], r.model.max_listed);
            }
            struct reference *judge = reference_create(&r.model, &err);
            assert_true(sparse7_portable_kernel.matches(&r.model));
            for (size_t i = 0; kernel_table[i] != &reference_kernel; i++) {
                if (!kernel_usable(kernel_table[i], &r.model))
                    continue;
                void *kernel = kernel_table[i]->create(&r.model, &err);
                compare_windows(&r, kernel_table[i], kernel, judge);
                kernel_table[i]->destroy(kernel);
            }
            reference_destroy(&judge);
            taken++;
        }
        random_sparse7_fini(&r);
    }
    assert_true(taken >= 20);
}

/* A library that changes the thread's rounding mode must not change a decision. */
static void the_threads_rounding_mode_does_not_matter(void **state)
{
    (void)state;
    struct tally t = {0};
    assert_int_equal(fesetround(FE_UPWARD), 0);
    compare_networks(0, 12, "sparse7", &t);
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_compared(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_generation_is_the_same),
        cmocka_unit_test(the_second_generation_is_the_same),
        cmocka_unit_test(exported_networks_are_the_same),
        cmocka_unit_test(a_sum_as_narrow_as_the_exporter_makes_it_is_taken),
        cmocka_unit_test(the_threads_rounding_mode_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
