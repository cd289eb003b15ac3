/* active: what a window costs as its active pixels grow from 0 to N, sparse beside
 * standard. Windows with k pixels are the first k of each vectors window that has
 * as many, so that they lie as real ones do. plot.py draws it from --json. */
#include "bench/cases.h"
#include "bench/goals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 9 };
#define PAPER_NS 665.0

static const struct {
    const char *what;
    bool ours; /* in the folder of our own models */
    const char *file;
    double goal; /* of windows with N pixels, in 665 ns; 0: none */
} cases[] = {
    {"sparse, N = 20", false, "neutrino-sparse_l-16b.model.h5", 0},
    {"our own, N = 20", true, "neutrino-l-16b.model.h5", 0},
    {"our own, N = 48", true, "neutrino-n48-16b.model.h5", 0.5},
    {"standard CNN", false, "neutrino-full-16b.model.h5", 0},
};

/* Of all windows with k pixels or more the first k pixels; false: there is none. */
static bool cut(const struct windows *from, uint32_t k, struct windows *to)
{
    to->n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        if (from->window[i].n_listed < k)
            continue;
        struct window *w = &to->window[to->n++];
        *w = from->window[i];
        w->n_active = w->n_listed = k;
        w->truncated = false;
    }
    return to->n > 0;
}

static void show(const struct bench_options *o, const char *what, uint32_t pixels, uint32_t windows,
                 const struct bench_series *s)
{
    double best = (double)bench_min_ns(s) / s->work, median = (double)bench_median_ns(s) / s->work;
    bench_object(o, json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f}", "table", "active", "what",
                              what, "kernel", s->name, "pixels", (int)pixels, "windows",
                              (int)windows, "best_ns", best, "median_ns", median));
    if (!o->json)
        printf("%-20s %-18s %7u %8u %10.1f %10.1f\n", what, s->name, pixels, windows, best, median);
}

static void add_goal(const struct bench_options *o, const char *what, uint32_t pixels,
                     const struct bench_series *s, double goal)
{
    char text[96];
    double best = (double)bench_min_ns(s) / s->work, median = (double)bench_median_ns(s) / s->work;
    (void)snprintf(text, sizeof text, "%s: all of %u active", what, pixels);
    goals_add(o->goals, &(struct goal){.what = text,
                                       .against = "665 ns, the paper's FPGA",
                                       .unit = "ns",
                                       .best = best,
                                       .median = median,
                                       .ratio = best / PAPER_NS,
                                       .spread = median / best - 1,
                                       .goal = goal,
                                       .sense = GOAL_AT_MOST,
                                       .refused = median > best * (1 + BENCH_LARGEST_SPREAD)});
}

/* Pixels from 0 to what the model takes, or for a standard CNN to what the windows have. */
static uint32_t largest(const struct bench_case *c)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < c->windows.n; i++) {
        uint32_t n = c->windows.window[i].n_listed;
        most = n > most ? n : most;
    }
    return most;
}

static bool measure(const struct bench_options *o, const char *what, double goal,
                    const struct bench_case *c, struct error *err)
{
    const struct kernel *k = kernel_choose("auto", c->model, err);
    uint32_t most = largest(c);
    struct windows some = {.window = calloc(c->windows.n, sizeof *some.window)};
    bool good = k != NULL && some.window != NULL;
    for (uint32_t step = 0; good && step < STEPS; step++) {
        uint32_t pixels = (most * step + (STEPS - 1) / 2) / (STEPS - 1);
        struct runner runner;
        struct bench_series series;
        if (!cut(&c->windows, pixels, &some))
            continue;
        good = runner_open(&runner, &series, k, c->model, &some, RUNNER_PASSES, err) &&
               bench_measure(&series, 1, o->rounds);
        runner_close(&runner);
        if (good)
            show(o, what, pixels, some.n, &series);
        if (good && c->model->reduce != NULL && pixels == c->model->max_listed)
            add_goal(o, what, pixels, &series, goal);
    }
    free(some.window);
    return good;
}

int bench_active(const struct bench_options *o)
{
    if (!o->json)
        printf("\nactive: ns a window, one core, the fastest kernel, windows with so many pixels\n"
               "%-20s %-18s %7s %8s %10s %10s\n",
               "", "kernel", "pixels", "windows", "best", "median");
    int status = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        struct bench_case c;
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s",
                       cases[i].ours ? o->models : SPARSED_SHARED "/golden", cases[i].file);
        if (access(path, R_OK) != 0) {
            bench_note(o, "%-20s %s is not there", cases[i].what, path);
            continue;
        }
        bool good = case_open(&c, path, &err);
        if (good) {
            good = measure(o, cases[i].what, cases[i].goal, &c, &err);
            case_close(&c);
        }
        if (!good)
            (void)fprintf(stderr, "active: %s\n", err.text[0] ? err.text : "no memory");
        status |= !good;
    }
    return status;
}
