/* engine: windows to scores with every kernel that can run the model, from the list
 * of active pixels to the last integers, on one core, against the 665 ns of the
 * paper's FPGA (arXiv 2512.06208, 133 cycles of 5 ns) and the scalar reference.
 *
 * The windows are those of the vectors file beside the model. bench_engine.c
 * measures. Without --model the networks that a goal is set for. */
#include "bench/bench_engine.h"
#include "bench/cases.h"
#include "bench/goals.h"

#include <string.h>
#include <unistd.h>

#define PAPER_NS 665.0
static const char paper[] = "665 ns, the paper's FPGA";

/* A goal of 0: none. */
static const struct engine_case {
    const char *what;
    bool ours; /* in the folder of our own models */
    const char *file;
    double avx512, avx2, portable, slowest;
} cases[] = {
    {"N = 20, 16 bits", false, "neutrino-sparse_l-16b.model.h5", 0.20, 0.40, 1.3, 0.35},
    {"N = 20, 8 bits", false, "neutrino-sparse_l-8b.model.h5", 0.15, 0.40, 1.3, 0.35},
    {"our own, N = 20, 16 bits", true, "neutrino-l-16b.model.h5", 0.15, 0, 0, 0},
    {"our own, N = 20, 8 bits", true, "neutrino-l-8b.model.h5", 0.15, 0, 0, 0},
    {"our own, N = 48, 16 bits", true, "neutrino-n48-16b.model.h5", 0.5, 0, 0, 0},
};

static bool steady(double best, double median)
{
    return median <= best * (1 + BENCH_LARGEST_SPREAD);
}

static void show(const struct bench_options *o, const struct model *m, uint32_t windows,
                 const struct bench_engine_row *row, uint32_t n)
{
    if (!o->json) {
        printf(
            "\nengine, %s: %u windows in random order, ns a window\n%-34s %9s %9s %9s   %9s %9s\n",
            m->name, windows, "", "best", "median", "slowest", "of 665 ns", "of scalar");
    }
    const struct bench_engine_row *scalar = &row[n - 1]; /* the last of the table */
    for (uint32_t i = 0; i < n; i++) {
        bool calm = steady(row[i].min_ns, row[i].median_ns);
        bench_object(
            o, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:o}", "table", "engine", "model",
                         m->name, "name", row[i].kernel->name, "best_ns", row[i].min_ns,
                         "median_ns", row[i].median_ns, "slowest_ns", row[i].slowest_ns, "of_paper",
                         calm ? json_real(row[i].min_ns / PAPER_NS) : json_null(), "of_scalar",
                         calm ? json_real(row[i].min_ns / scalar->min_ns) : json_null()));
        if (o->json)
            continue;
        printf("%-34s %9.1f %9.1f %9.1f", row[i].kernel->name, row[i].min_ns, row[i].median_ns,
               row[i].slowest_ns);
        if (calm)
            printf("   %9.3f %9.3f\n", row[i].min_ns / PAPER_NS, row[i].min_ns / scalar->min_ns);
        else
            printf("   no ratio: the median is %.0f %% above the best\n",
                   100 * (row[i].median_ns / row[i].min_ns - 1));
    }
}

/* ---- goals --------------------------------------------------------------------- */

static void add_goal(const struct bench_options *o, const char *what, const char *more, double best,
                     double median, double goal)
{
    char text[96];
    (void)snprintf(text, sizeof text, "%s: %s", what, more);
    goals_add(o->goals, &(struct goal){.what = text,
                                       .against = paper,
                                       .unit = "ns",
                                       .best = best,
                                       .median = median,
                                       .ratio = best / PAPER_NS,
                                       .spread = median / best - 1,
                                       .goal = goal,
                                       .sense = GOAL_AT_MOST,
                                       .refused = !steady(best, median)});
}

/* The first kernel of each family; the slowest window of the fastest of all. */
static void add_goals(const struct bench_options *o, const struct engine_case *c,
                      const struct bench_engine_row *row, uint32_t n)
{
    const struct {
        const char *family;
        double goal;
    } asked[] = {{"avx512", c->avx512}, {"avx2", c->avx2}, {"portable", c->portable}};
    for (size_t f = 0; f < sizeof asked / sizeof asked[0]; f++) {
        for (uint32_t i = 0; asked[f].goal > 0 && i < n; i++) {
            if (strcmp(row[i].kernel->family, asked[f].family) != 0)
                continue;
            add_goal(o, c->what, asked[f].family, row[i].min_ns, row[i].median_ns, asked[f].goal);
            break;
        }
    }
    if (c->slowest > 0) /* a minimum of each window; it has no median */
        add_goal(o, c->what, "slowest window", row[0].slowest_ns, row[0].slowest_ns, c->slowest);
}

/* ---- the subcommand ---------------------------------------------------------------- */

static bool bench_file(const struct bench_options *o, const char *path, const struct engine_case *c)
{
    struct error err = {0};
    struct bench_case opened;
    struct bench_engine_row row[BENCH_ENGINE_KERNELS];
    uint32_t n = 0;
    if (case_open(&opened, path, &err)) {
        n = bench_engine(opened.model, opened.windows.window, opened.windows.n, o->rounds, row,
                         &err);
        if (n > 0)
            show(o, opened.model, opened.windows.n, row, n);
        case_close(&opened);
    }
    if (n == 0)
        (void)fprintf(stderr, "engine: %s\n", err.text[0] ? err.text : "no memory");
    if (n > 0 && c != NULL)
        add_goals(o, c, row, n);
    if (n > 0 && c == &cases[0])
        goals_rates(o->goals)->window_ns = row[0].min_ns;
    return n > 0;
}

int bench_windows(const struct bench_options *o)
{
    if (o->model_given)
        return bench_file(o, o->model, NULL) ? 0 : 1;
    bool good = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct engine_case *c = &cases[i];
        char path[1024], what[96];
        (void)snprintf(path, sizeof path, "%s/%s", c->ours ? o->models : SPARSED_SHARED "/golden",
                       c->file);
        if (access(path, R_OK) == 0) {
            good = bench_file(o, path, c) && good;
            continue;
        }
        (void)snprintf(what, sizeof what, "%s: avx512", c->what);
        goals_add(o->goals, &(struct goal){.what = what,
                                           .against = paper,
                                           .goal = c->avx512,
                                           .absent = c->ours ? "no such model in --models"
                                                             : "no test data here"});
    }
    return good ? 0 : 1;
}
