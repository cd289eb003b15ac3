/* chains: the generic kernels on jets, MNIST and the standard CNN, all sizes, each
 * beside the scalar reference in the same rounds.
 *
 * Windows are those of the vectors files. A standard CNN is measured twice: with
 * them, where blocks like an empty image's are left out, and with every pixel lit,
 * where there is nothing to leave out. */
#include "bench/bench.h"
#include "engine/cpu/kernel.h"
#include "model/dense_window.h"
#include "offline/verify_vectors.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PASSES = 10, MAX_KERNELS = 8 };

static const char *const names[] = {
    "jet-sparse_t-16b",         "jet-sparse_s-16b",         "jet-sparse_m-16b",
    "jet-sparse_l-16b",         "jet-sparse_t-8b",          "jet-sparse_s-8b",
    "jet-sparse_m-8b",          "jet-sparse_l-8b",          "hgq-jet",
    "sparsemnist-sparse_t-16b", "sparsemnist-sparse_s-16b", "sparsemnist-sparse_m-16b",
    "sparsemnist-sparse_l-16b", "sparsemnist-sparse_t-8b",  "sparsemnist-sparse_s-8b",
    "sparsemnist-sparse_m-8b",  "sparsemnist-sparse_l-8b",  "sparsemnist-full-16b",
    "sparsemnist-full-8b",      "neutrino-full-16b",        "neutrino-full-8b",
};

/* A kernel at work: `n` windows, `passes` times. */
struct worker {
    const struct kernel *kernel;
    void *state;
    const struct window *window;
    uint32_t n, passes;
    volatile int64_t sink;
};

static uint64_t work(void *state)
{
    /* an order of its own for each pass: one and the same is learnt by heart */
    static const uint32_t step[PASSES] = {3, 7, 9, 11, 13, 17, 19, 21, 23, 27};
    struct worker *k = state;
    int64_t raw[MODEL_MAX_OUTPUTS];
    int64_t sum = 0;
    struct timespec start;
    struct timespec end;
    /* the time this thread had, so that a busy machine matters less */
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (uint32_t pass = 0; pass < k->passes; pass++) {
        for (uint32_t i = 0; i < k->n; i++) {
            k->kernel->run(k->state, &k->window[i * step[pass] % k->n], raw);
            sum += raw[0];
        }
    }
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    k->sink = sum;
    return (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000U + (uint64_t)end.tv_nsec -
           (uint64_t)start.tv_nsec;
}

static double ns_of(const struct bench_series *s, uint64_t ns)
{
    return (double)ns / s->work;
}

/* The scalar reference is the last row of the table and of the series. */
static void show(const struct bench_options *o, const char *name, double listed,
                 const struct bench_series *series, uint32_t n)
{
    const struct bench_series *scalar = &series[n - 1];
    for (uint32_t i = 0; i + 1 < n; i++) {
        double best = ns_of(&series[i], bench_min_ns(&series[i]));
        double median = ns_of(&series[i], bench_median_ns(&series[i]));
        double least = ns_of(scalar, bench_min_ns(scalar));
        bench_object(o, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "table", "chains",
                                  "model", name, "kernel", series[i].name, "listed", listed,
                                  "best_ns", best, "median_ns", median, "scalar_best_ns", least,
                                  "times_scalar", least / best));
        if (!o->json) {
            printf("%-26s %-16s %7.1f %10.0f %10.0f %12.0f %8.1f\n", name, series[i].name, listed,
                   best, median, least, least / best);
        }
    }
}

static bool measure(const struct bench_options *o, const char *name, const struct model *m,
                    const struct window *window, uint32_t n)
{
    struct worker worker[MAX_KERNELS];
    struct bench_series series[MAX_KERNELS];
    uint32_t kernels = 0;
    struct error err = {0};
    uint64_t listed = 0;
    for (uint32_t i = 0; i < n; i++) {
        listed += window[i].n_listed;
    }
    for (size_t i = 0; kernel_table[i]->name != NULL && kernels < MAX_KERNELS; i++) {
        const struct kernel *k = kernel_table[i];
        bool reference = kernel_table[i + 1]->name == NULL;
        if (!kernel_usable(k, m)) {
            continue;
        }
        struct worker *to = &worker[kernels];
        *to = (struct worker){.kernel = k,
                              .state = k->create(m, &err),
                              .window = window,
                              .n = n,
                              .passes = reference ? 1 : PASSES};
        series[kernels++] = (struct bench_series){
            .name = k->name, .run = work, .state = to, .work = to->n * to->passes};
    }
    bool good = bench_measure(series, kernels, o->rounds);
    if (good) {
        show(o, name, (double)listed / n, series, kernels);
    }
    for (uint32_t i = 0; i < kernels; i++) {
        worker[i].kernel->destroy(worker[i].state);
    }
    return good;
}

/* Every pixel above 0, no two neighbours alike. */
static void light_up(const struct model *m, int32_t *image)
{
    for (uint32_t i = 0; i < m->height * m->width * m->channels; i++) {
        image[i] = 1 + (int32_t)(i * 2654435761U >> 24) % 100;
    }
}

static bool measure_images(const struct bench_options *o, const char *name, const struct model *m,
                           const int32_t *image, uint32_t n)
{
    size_t pixels = (size_t)m->height * m->width * m->channels;
    struct window *window = calloc(n, sizeof *window);
    struct pixel *place = calloc((size_t)n * m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)n * m->max_listed * m->channels, sizeof *value);
    bool good = window != NULL && place != NULL && value != NULL;
    for (uint32_t i = 0; good && i < n; i++) {
        size_t first = (size_t)i * m->max_listed;
        dense_window_make(m, image + i * pixels, place + first, value + first * m->channels,
                          &window[i]);
    }
    good = good && measure(o, name, m, window, n);
    free(window);
    free(place);
    free(value);
    return good;
}

static bool measure_model(const struct bench_options *o, const char *name, struct error *err)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/golden/%s.model.h5", SPARSED_SHARED, name);
    struct model *m = model_load(path, err);
    (void)snprintf(path, sizeof path, "%s/golden/%s.vectors.h5", SPARSED_SHARED, name);
    struct verify_vectors *v = m == NULL ? NULL : verify_vectors_read(m, path, err);
    bool good = v != NULL && measure_images(o, name, m, v->input, (uint32_t)v->events);
    if (good && m->reduce == NULL) {
        light_up(m, v->input);
        good = measure_images(o, "  the same, every pixel lit", m, v->input, 1);
    }
    verify_vectors_destroy(&v);
    model_destroy(&m);
    return good;
}

int bench_chains(const struct bench_options *o)
{
    struct error err = {0};
    if (!o->json) {
        printf("\nchains: ns a window, one core, beside the scalar reference\n"
               "%-26s %-16s %7s %10s %10s %12s %8s\n",
               "", "kernel", "pixels", "best", "median", "scalar best", "times");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!measure_model(o, names[i], &err)) {
            (void)fprintf(stderr, "chains: %s\n", err.text[0] ? err.text : "no memory");
            return 1;
        }
    }
    return 0;
}
