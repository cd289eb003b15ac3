/* Kernels of sparse chains against the reference, on networks drawn at random. */
#include "random_chain.h"

/* A kernel is right for the networks that its author had in mind. This draws ones
 * that nobody has: kernels wider than a vector, more filters than are worked out
 * together, biases finer than accumulators, pools with partial windows, types that
 * wrap; and values at both ends of their types. */
static void random_chains_equal_the_reference(void **state)
{
    (void)state;
    static struct random_chain r;
    uint32_t matched[16] = {0};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        random_chain_sparse(&r, seed);
        random_chain_judge(&r, 6, matched);
        random_chain_fini(&r);
    }
    random_chain_enough(matched, "-chain", 300);
}

/* Two neighbours of one pixel whose products lie at a tie: 0.5 goes to 0, 1.5 to 2,
 * and with three channels the tie is that of the running sum. */
static void ties_go_to_even_of_the_running_sum(void **state)
{
    (void)state;
    static struct random_chain r;
    uint32_t matched[16] = {0};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        begin_network(&r, seed, 6);
        r.model.channels = r.layer[0].out.channels = 1 + draw(&r, 3);
        assert_true(fixed_init(&r.layer[0].out_t, 3, 2, false, FIXED_TRN, FIXED_WRAP));
        r.layer[0].in_t = r.layer[0].out_t;
        struct layer *l = add_layer(&r, LAYER_SPARSE_INPUT_REDUCE);
        l->n_max_pixels = r.model.max_listed = 36;
        l->out.sparse = true;
        l->out.slots = 36;
        r.model.reduce = l;
        add_sparse_conv(&r);
        l = &r.layer[2];
        size_t weights = (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels;
        assert_true(fixed_init(&l->weight_t, 4, 3, true, FIXED_TRN, FIXED_WRAP));
        assert_true(fixed_init(&l->accum_t, 8, 8, false, FIXED_RND_CONV, FIXED_SAT));
        l->out_t = l->accum_t;
        for (size_t i = 0; i < weights; i++) {
            l->weight[i] = draw_raw(&r, &l->weight_t);
        }
        add_flatten(&r, LAYER_SPARSE_FLATTEN);
        add_end(&r);
        random_chain_judge(&r, 6, matched);
        random_chain_fini(&r);
    }
    random_chain_enough(matched, "-chain", 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_chains_equal_the_reference),
        cmocka_unit_test(ties_go_to_even_of_the_running_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
