#include "bench/bench_engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each window alone: the slowest of many is shown, so each needs its own minimum of
 * many. Kernels slower than SLOW_NS take fewer rounds: they are not what is asked. */
enum { PASSES = 16, REPEATS = 16, EACH_ROUNDS = 100, SLOW_ROUNDS = 3, SLOW_NS = 5000 };

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* xorshift: an order is all it has to give. */
static uint32_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

struct bench {
    const struct model *model;
    const struct window *window;
    uint32_t n, rounds, n_kernels;
    const struct kernel *kernel[BENCH_ENGINE_KERNELS];
    void *state[BENCH_ENGINE_KERNELS];
    double *mean_ns; /* [kernel][round] */
    double *each_ns; /* [kernel][window], the minimum */
    uint32_t *order; /* [PASSES * n] */
    uint64_t random;
    volatile int64_t sink;
};

static void shuffle(struct bench *b)
{
    uint32_t total = PASSES * b->n;
    for (uint32_t i = 0; i < total; i++) {
        b->order[i] = i % b->n;
    }
    for (uint32_t i = total - 1; i > 0; i--) {
        uint32_t k = next_random(&b->random) % (i + 1), swap = b->order[i];
        b->order[i] = b->order[k];
        b->order[k] = swap;
    }
}

static double time_all(struct bench *b, uint32_t k)
{
    int64_t raw[MODEL_MAX_OUTPUTS], sum = 0;
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < PASSES * b->n; i++) {
        b->kernel[k]->run(b->state[k], &b->window[b->order[i]], raw);
        sum += raw[0];
    }
    uint64_t end = now_ns();
    b->sink = sum;
    return (double)(end - start) / (PASSES * b->n);
}

static double time_one(struct bench *b, uint32_t k, uint32_t window)
{
    int64_t raw[MODEL_MAX_OUTPUTS], sum = 0;
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < REPEATS; i++) {
        b->kernel[k]->run(b->state[k], &b->window[window], raw);
        sum += raw[0];
    }
    uint64_t end = now_ns();
    b->sink = sum;
    return (double)(end - start) / REPEATS;
}

static void each_once(struct bench *b, uint32_t k)
{
    for (uint32_t w = 0; w < b->n; w++) {
        double ns = time_one(b, k, w), *least = &b->each_ns[(size_t)k * b->n + w];
        *least = *least == 0 || ns < *least ? ns : *least;
    }
}

static void measure(struct bench *b)
{
    for (uint32_t r = 0; r < b->rounds; r++) {
        shuffle(b);
        for (uint32_t k = 0; k < b->n_kernels; k++) {
            b->mean_ns[(size_t)k * b->rounds + r] = time_all(b, k);
        }
    }
    for (uint32_t r = 0; r < EACH_ROUNDS; r++) {
        for (uint32_t k = 0; k < b->n_kernels; k++) {
            if (r < SLOW_ROUNDS || b->mean_ns[(size_t)k * b->rounds] < SLOW_NS) {
                each_once(b, k);
            }
        }
    }
}

static void summarise(struct bench *b, struct bench_engine_row *rows)
{
    for (uint32_t k = 0; k < b->n_kernels; k++) {
        double *mean = b->mean_ns + (size_t)k * b->rounds;
        qsort(mean, b->rounds, sizeof *mean, compare);
        rows[k] = (struct bench_engine_row){
            .kernel = b->kernel[k], .min_ns = mean[0], .median_ns = mean[b->rounds / 2]};
        for (uint32_t w = 0; w < b->n; w++) {
            double ns = b->each_ns[(size_t)k * b->n + w];
            if (ns > rows[k].slowest_ns) {
                rows[k].slowest_ns = ns;
                rows[k].slowest = w;
            }
        }
    }
}

uint32_t bench_engine(const struct model *m, const struct window *w, uint32_t n, uint32_t rounds,
                      struct bench_engine_row *rows, struct error *err)
{
    struct bench b = {
        .model = m, .window = w, .n = n, .rounds = rounds, .random = UINT64_C(0x9E3779B97F4A7C15)};
    bool good = n > 0 && rounds > 0;
    for (size_t i = 0; kernel_table[i]->name != NULL && b.n_kernels < BENCH_ENGINE_KERNELS; i++) {
        if (good && kernel_usable(kernel_table[i], m)) {
            b.kernel[b.n_kernels] = kernel_table[i];
            b.state[b.n_kernels] = kernel_table[i]->create(m, err);
            good = b.state[b.n_kernels] != NULL;
            b.n_kernels += good;
        }
    }
    b.mean_ns = calloc((size_t)BENCH_ENGINE_KERNELS * rounds, sizeof *b.mean_ns);
    b.each_ns = calloc((size_t)BENCH_ENGINE_KERNELS * n, sizeof *b.each_ns);
    b.order = calloc((size_t)PASSES * n, sizeof *b.order);
    good = good && b.mean_ns != NULL && b.each_ns != NULL && b.order != NULL;
    if (good) {
        measure(&b);
        summarise(&b, rows);
    }
    for (uint32_t k = 0; k < b.n_kernels; k++) {
        b.kernel[k]->destroy(b.state[k]);
    }
    free(b.mean_ns);
    free(b.each_ns);
    free(b.order);
    return good ? b.n_kernels : 0;
}
