/* bench_engine: what a window costs with every kernel that can run a model, from
 * its list of active pixels to the last integers, on one core.
 *
 * Kernels take turns, round after round, so that a change of the machine's clock
 * hits all of them; the scalar reference is always among them, and what counts is
 * the ratio to it. A round goes through the windows in an order of its own: in one
 * order again and again the branch predictor learns the windows by heart. The
 * minimum of many rounds is the machine without its neighbours; the median is what
 * it gave.
 */
#ifndef SPARSED_TESTS_BENCH_ENGINE_H
#define SPARSED_TESTS_BENCH_ENGINE_H

#include "base/error.h"
#include "data/window.h"
#include "engine/cpu/kernel.h"
#include "model/model.h"

#include <stdint.h>

enum { BENCH_ENGINE_KERNELS = 16 };

struct bench_engine_row {
    const struct kernel *kernel;
    double min_ns, median_ns; /* a window, mean over all windows of a round */
    double slowest_ns;        /* the slowest window, again and again; its minimum */
    uint32_t slowest;         /* which */
};

/* Measures `rounds` rounds of 16 passes over w[n]; rows[BENCH_ENGINE_KERNELS], in
 * the order of kernel_table. Returns how many, 0 on an error. Takes as long as
 * rounds x 16 x n windows of all kernels; call it from the thread that is pinned. */
uint32_t bench_engine(const struct model *m, const struct window *w, uint32_t n, uint32_t rounds,
                      struct bench_engine_row *rows, struct error *err);

#endif
