/* self_test: windows with known answers, made from a seed: what a card has to get right
 * before it is trusted. Lists of every length, values over the input's whole range,
 * corners and neighbours included. The answers are the CPU kernel's.
 */
#ifndef SPARSED_ENGINE_SELF_TEST_H
#define SPARSED_ENGINE_SELF_TEST_H

#include "base/error.h"
#include "engine/cpu/kernel.h"
#include "engine/xrt/offload.h"
#include "model/model.h"

#include <stdbool.h>

struct self_test {
    struct offload_test test; /* what it is made for */
    struct window *window;
    struct pixel *place;
    int32_t *value;
    int64_t *raw;
};

/* OFFLOAD_TEST_WINDOWS windows for `m`, answered by `kernel`. Error (SYSTEM): no memory. */
bool self_test_init(struct self_test *t, const struct model *m, const struct kernel *kernel,
                    void *state, struct error *err);
void self_test_fini(struct self_test *t);

#endif
