/* chains: the generic kernels on jets, MNIST and the standard CNN, all sizes, each
 * beside the scalar reference in the same rounds.
 *
 * Windows are those of the vectors files. A standard CNN is measured twice: with
 * them, where blocks like an empty image's are left out, and with every pixel lit,
 * where there is nothing to leave out. */
#include "bench/cases.h"
#include "bench/goals.h"
#include "offline/verify_vectors.h"

#include <string.h>

enum { MAX_KERNELS = 8 };

static const char *const names[] = {
    "jet-sparse_t-16b",         "jet-sparse_s-16b",         "jet-sparse_m-16b",
    "jet-sparse_l-16b",         "jet-sparse_t-8b",          "jet-sparse_s-8b",
    "jet-sparse_m-8b",          "jet-sparse_l-8b",          "hgq-jet",
    "sparsemnist-sparse_t-16b", "sparsemnist-sparse_s-16b", "sparsemnist-sparse_m-16b",
    "sparsemnist-sparse_l-16b", "sparsemnist-sparse_t-8b",  "sparsemnist-sparse_s-8b",
    "sparsemnist-sparse_m-8b",  "sparsemnist-sparse_l-8b",  "sparsemnist-full-16b",
    "sparsemnist-full-8b",      "neutrino-full-16b",        "neutrino-full-8b",
};

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

/* Of all sizes of one task the one that gains least over the scalar reference. */
struct least {
    const char *what;
    double goal;
    bool any;
    char model[64];
    struct bench_series ours, scalar;
};

static void note_least(struct least *l, const char *name, const struct bench_series *series,
                       uint32_t n)
{
    const struct bench_series *ours = &series[0], *scalar = &series[n - 1];
    if (n < 2 || (l->any && bench_ratio(&l->ours, &l->scalar).min <= bench_ratio(ours, scalar).min))
        return;
    l->any = true;
    l->ours = *ours;
    l->scalar = *scalar;
    (void)snprintf(l->model, sizeof l->model, "%s", name + strspn(name, " "));
}

static bool measure(const struct bench_options *o, const char *name, const struct model *m,
                    const struct windows *w, struct least *least, struct error *err)
{
    struct runner runner[MAX_KERNELS];
    struct bench_series series[MAX_KERNELS];
    uint32_t kernels = 0;
    uint64_t listed = 0;
    bool good = true;
    for (uint32_t i = 0; i < w->n; i++) {
        listed += w->window[i].n_listed;
    }
    for (size_t i = 0; good && kernel_table[i]->name != NULL && kernels < MAX_KERNELS; i++) {
        const struct kernel *k = kernel_table[i];
        bool reference = kernel_table[i + 1]->name == NULL;
        if (kernel_usable(k, m)) {
            good = runner_open(&runner[kernels], &series[kernels], k, m, w,
                               reference ? 1 : RUNNER_PASSES, err);
            kernels++;
        }
    }
    good = good && bench_measure(series, kernels, o->rounds);
    if (good) {
        show(o, name, (double)listed / w->n, series, kernels);
        note_least(least, name, series, kernels);
    }
    for (uint32_t i = 0; i < kernels; i++) {
        runner_close(&runner[i]);
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
                           const int32_t *image, uint32_t n, struct least *least, struct error *err)
{
    struct windows w;
    if (!windows_make(&w, m, image, n))
        return error_set(err, ERROR_SYSTEM, "%s: no memory for its windows", name);
    bool good = measure(o, name, m, &w, least, err);
    windows_free(&w);
    return good;
}

static bool measure_model(const struct bench_options *o, const char *name, struct least *least,
                          struct error *err)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/golden/%s.model.h5", SPARSED_SHARED, name);
    struct model *m = model_load(path, err);
    (void)snprintf(path, sizeof path, "%s/golden/%s.vectors.h5", SPARSED_SHARED, name);
    struct verify_vectors *v = m == NULL ? NULL : verify_vectors_read(m, path, err);
    bool good = v != NULL && measure_images(o, name, m, v->input, (uint32_t)v->events, least, err);
    if (good && m->reduce == NULL) {
        light_up(m, v->input);
        good = measure_images(o, "  the same, every pixel lit", m, v->input, 1, least, err);
    }
    verify_vectors_destroy(&v);
    model_destroy(&m);
    return good;
}

/* The task of a network: the row of `least` that it belongs to. */
static struct least *find_task(struct least *least, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (strstr(name, least[i].what) != NULL)
            return &least[i];
    }
    return &least[n - 1];
}

static void add_goals(const struct bench_options *o, struct least *least, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char what[96];
        if (!least[i].any)
            continue;
        (void)snprintf(what, sizeof what, "%s, least: %.40s", least[i].what, least[i].model);
        least[i].scalar.name = "scalar reference";
        goals_add_series(o->goals, what, "ns", &least[i].ours, &least[i].scalar, least[i].goal);
    }
}

int bench_chains(const struct bench_options *o)
{
    struct error err = {0};
    static struct least least[4]; /* series are large */
    memset(least, 0, sizeof least);
    least[0].what = "mnist-full";
    least[1].what = "mnist";
    least[2].what = "jet";
    least[3].what = "neutrino-full";
    least[1].goal = least[2].goal = 4;
    if (!o->json) {
        printf("\nchains: ns a window, one core, beside the scalar reference\n"
               "%-26s %-16s %7s %10s %10s %12s %8s\n",
               "", "kernel", "pixels", "best", "median", "scalar best", "times");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!measure_model(o, names[i], find_task(least, 4, names[i]), &err)) {
            (void)fprintf(stderr, "chains: %s\n", err.text[0] ? err.text : "no memory");
            return 1;
        }
    }
    add_goals(o, least, 4);
    return 0;
}
