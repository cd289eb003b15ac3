/* Kernels of the standard CNN against the reference, on networks drawn at random. */
#include "random_chain.h"

/* Paddings that differ on each side, even kernels, filters beyond a group, images
 * wider than the 64 columns whose changes are followed, unsigned values of 16 bits:
 * and window after window on one state, because a block that was computed for one
 * window must be put back for the next. */
static void random_cnns_equal_the_reference(void **state)
{
    (void)state;
    static struct random_chain r;
    uint32_t matched[16] = {0};
    for (uint64_t seed = 1; seed <= 600; seed++) {
        random_chain_cnn(&r, seed);
        random_chain_judge(&r, 8, matched);
        random_chain_fini(&r);
    }
    random_chain_enough(matched, "-cnn", 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_cnns_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
