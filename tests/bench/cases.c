#include "bench/cases.h"

#include "model/dense_window.h"
#include "offline/verify_vectors.h"

#include <stdlib.h>
#include <string.h>

/* ---- windows ------------------------------------------------------------------ */

bool windows_make(struct windows *w, const struct model *m, const int32_t *image, uint32_t n)
{
    size_t pixels = (size_t)m->height * m->width * m->channels;
    *w = (struct windows){.n = n,
                          .window = calloc(n, sizeof *w->window),
                          .place = calloc((size_t)n * m->max_listed, sizeof *w->place),
                          .value =
                              calloc((size_t)n * m->max_listed * m->channels, sizeof *w->value)};
    if (!w->window || !w->place || !w->value) {
        windows_free(w);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t first = (size_t)i * m->max_listed;
        dense_window_make(m, image + i * pixels, w->place + first, w->value + first * m->channels,
                          &w->window[i]);
    }
    return true;
}

void windows_free(struct windows *w)
{
    free(w->window);
    free(w->place);
    free(w->value);
    *w = (struct windows){0};
}

/* ---- cases -------------------------------------------------------------------- */

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

bool case_open(struct bench_case *c, const char *path, struct error *err)
{
    char vectors[1024];
    vectors_path(path, vectors, sizeof vectors);
    *c = (struct bench_case){.model = model_load(path, err)};
    struct verify_vectors *v = c->model ? verify_vectors_read(c->model, vectors, err) : NULL;
    bool good = v != NULL && windows_make(&c->windows, c->model, v->input, (uint32_t)v->events);
    if (v != NULL && !good)
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for its windows", vectors);
    verify_vectors_destroy(&v);
    if (!good)
        case_close(c);
    return good;
}

void case_close(struct bench_case *c)
{
    windows_free(&c->windows);
    if (c->model != NULL)
        model_destroy(&c->model);
}

/* ---- a kernel at work ----------------------------------------------------------- */

static int64_t pass_over(const struct runner *r, uint32_t step)
{
    int64_t raw[MODEL_MAX_OUTPUTS], sum = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        r->kernel->run(r->state, &r->window[i * step % r->n], raw);
        sum += raw[0];
    }
    return sum;
}

/* The time this thread had, so that a busy machine matters less. One and the same
 * order is learnt by heart, so each pass has its own. One that is not counted comes
 * first, where there are several: whoever had the turn before has used the caches. */
static uint64_t run(void *state)
{
    static const uint32_t step[RUNNER_PASSES] = {3, 7, 9, 11, 13, 17, 19, 21, 23, 27};
    struct runner *r = state;
    int64_t sum = r->passes > 1 ? pass_over(r, 1) : 0;
    uint64_t start = bench_thread_ns();
    for (uint32_t pass = 0; pass < r->passes; pass++)
        sum += pass_over(r, step[pass]);
    uint64_t ns = bench_thread_ns() - start;
    r->sink = sum;
    return ns > 0 ? ns : 1;
}

bool runner_open(struct runner *r, struct bench_series *s, const struct kernel *k,
                 const struct model *m, const struct windows *w, uint32_t passes, struct error *err)
{
    *r = (struct runner){
        .kernel = k, .state = k->create(m, err), .window = w->window, .n = w->n, .passes = passes};
    *s = (struct bench_series){.name = k->name, .run = run, .state = r, .work = w->n * passes};
    return r->state != NULL;
}

void runner_close(struct runner *r)
{
    if (r->state != NULL)
        r->kernel->destroy(r->state);
    r->state = NULL;
}
