/* cases: a model, the windows to run it on, and a kernel at work on them. */
#ifndef SPARSED_TESTS_BENCH_CASES_H
#define SPARSED_TESTS_BENCH_CASES_H

#include "base/error.h"
#include "bench/bench.h"
#include "data/window.h"
#include "engine/cpu/kernel.h"
#include "model/model.h"

/* Windows as the kernels take them. */
struct windows {
    uint32_t n;
    struct window *window;
    struct pixel *place;
    int32_t *value;
};

/* From n images of raws, [n][height][width][channels]. False: no memory. */
bool windows_make(struct windows *w, const struct model *m, const int32_t *image, uint32_t n);
void windows_free(struct windows *w);

struct bench_case {
    struct model *model;
    struct windows windows;
};

/* The model of a file, and the windows of the vectors file beside it: NAME.model.h5
 * or NAME.h5 has NAME.vectors.h5. False: `err` says why, nothing is left open. */
bool case_open(struct bench_case *c, const char *path, struct error *err);
void case_close(struct bench_case *c);

/* A kernel at work: all windows, `passes` times, each pass in an order of its own. */
struct runner {
    const struct kernel *kernel;
    void *state;
    const struct window *window;
    uint32_t n, passes; /* at most RUNNER_PASSES */
    volatile int64_t sink;
};
enum { RUNNER_PASSES = 10 };

/* A series over a runner, its work in windows. False: `err` says why. */
bool runner_open(struct runner *r, struct bench_series *s, const struct kernel *k,
                 const struct model *m, const struct windows *w, uint32_t passes,
                 struct error *err);
void runner_close(struct runner *r);

#endif
