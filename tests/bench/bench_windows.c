/* engine: windows to scores with every kernel that can run the model, from the list
 * of active pixels to the last integers, on one core, against the 665 ns of the
 * paper's FPGA (arXiv 2512.06208, 133 cycles of 5 ns) and the scalar reference.
 *
 * The windows are those of the vectors file beside the model: NAME.model.h5 or
 * NAME.h5 has NAME.vectors.h5. bench_engine.c measures. */
#include "bench/bench.h"
#include "bench/bench_engine.h"
#include "model/dense_window.h"
#include "offline/verify_vectors.h"

#include <stdlib.h>
#include <string.h>

#define PAPER_NS 665.0

/* Windows as the kernels take them. */
struct windows {
    uint32_t n;
    struct window *window;
    struct pixel *place;
    int32_t *value;
};

static void vectors_path(const char *model, char *path, size_t bytes)
{
    static const char *const ends[] = {".model.h5", ".h5"};
    size_t length = strlen(model);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);
        if (length > end && strcmp(model + length - end, ends[i]) == 0) {
            length -= end;
            break;
        }
    }
    (void)snprintf(path, bytes, "%.*s.vectors.h5", (int)length, model);
}

static bool make_windows(struct windows *w, const struct model *m, const struct verify_vectors *v)
{
    size_t pixels = (size_t)m->height * m->width * m->channels;
    w->n = (uint32_t)v->events;
    w->window = calloc(w->n, sizeof *w->window);
    w->place = calloc((size_t)w->n * m->max_listed, sizeof *w->place);
    w->value = calloc((size_t)w->n * m->max_listed * m->channels, sizeof *w->value);
    if (!w->window || !w->place || !w->value)
        return false;
    for (uint32_t i = 0; i < w->n; i++) {
        size_t first = (size_t)i * m->max_listed;
        dense_window_make(m, v->input + i * pixels, w->place + first,
                          w->value + first * m->channels, &w->window[i]);
    }
    return true;
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
        bool steady = row[i].median_ns <= row[i].min_ns * (1 + BENCH_LARGEST_SPREAD);
        bench_object(
            o, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:o, s:o}", "table", "engine", "model",
                         m->name, "name", row[i].kernel->name, "best_ns", row[i].min_ns,
                         "median_ns", row[i].median_ns, "slowest_ns", row[i].slowest_ns, "of_paper",
                         steady ? json_real(row[i].min_ns / PAPER_NS) : json_null(), "of_scalar",
                         steady ? json_real(row[i].min_ns / scalar->min_ns) : json_null()));
        if (o->json)
            continue;
        printf("%-34s %9.1f %9.1f %9.1f", row[i].kernel->name, row[i].min_ns, row[i].median_ns,
               row[i].slowest_ns);
        if (steady)
            printf("   %9.3f %9.3f\n", row[i].min_ns / PAPER_NS, row[i].min_ns / scalar->min_ns);
        else
            printf("   no ratio: the median is %.0f %% above the best\n",
                   100 * (row[i].median_ns / row[i].min_ns - 1));
    }
}

int bench_windows(const struct bench_options *o)
{
    struct error err = {0};
    struct windows w = {0};
    struct bench_engine_row row[BENCH_ENGINE_KERNELS];
    char path[1024];
    if (o->model == NULL) {
        (void)fprintf(stderr, "engine: no model: give one with --model FILE\n");
        return 1;
    }
    vectors_path(o->model, path, sizeof path);
    struct model *m = model_load(o->model, &err);
    struct verify_vectors *v = m ? verify_vectors_read(m, path, &err) : NULL;
    uint32_t n = 0;
    if (v != NULL && make_windows(&w, m, v))
        n = bench_engine(m, w.window, w.n, o->rounds, row, &err);
    if (n > 0)
        show(o, m, w.n, row, n);
    else
        (void)fprintf(stderr, "engine: %s\n", err.text[0] ? err.text : "no memory");
    free(w.window);
    free(w.place);
    free(w.value);
    verify_vectors_destroy(&v);
    if (m != NULL)
        model_destroy(&m);
    return n > 0 ? 0 : 1;
}
