/* How: the scalar engine calls compare_layer after each layer; any engine ends with the
 * comparison of its last integers with the recorded ones. Decisions are made from both by
 * the model's own scores, so that a difference that changes none is told from one that does.
 */
#include "offline/verify_run.h"

#include "engine/cpu/reference.h"
#include "model/dense_window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run {
    const struct model *model;
    struct verify_vectors *vectors;
    struct verify_tensor *last; /* NULL: not recorded */
    bool inner;                 /* the engine shows every layer */
    uint64_t event;
    struct verify_result *result;
};

static int64_t seen_value(const struct verify_tensor *t, const struct reference_tensor *seen,
                          uint64_t i)
{
    if (strcmp(t->kind, "hash") != 0) {
        return seen->value[i];
    }
    return i % 2 == 0 ? seen->place[i / 2].row : seen->place[i / 2].col;
}

static void compare_layer(void *user, uint32_t index, const struct layer *l,
                          const struct reference_tensor *seen)
{
    (void)l;
    struct run *r = user;
    for (uint32_t k = 0; k < r->vectors->n_tensors; k++) {
        struct verify_tensor *t = &r->vectors->tensor[k];
        const int64_t *expected = t->value + r->event * t->per_event;
        for (uint64_t i = 0; t->layer == index && i < t->per_event; i++) {
            t->mismatches += seen_value(t, seen, i) != expected[i];
        }
    }
}

/* What a trigger would make of it: the class, or one output's side of the middle. */
static uint32_t decide(const struct model *m, const int64_t *raw)
{
    double score[MODEL_MAX_OUTPUTS];
    model_scores(m, raw, score);
    if (m->n_outputs == 1) {
        bool sums = m->layer[m->n_layers - 1].class == LAYER_DENSE;
        return score[0] > (sums ? 0.0 : 0.5);
    }
    uint32_t best = 0;
    for (uint32_t i = 1; i < m->n_outputs; i++) {
        best = score[i] > score[best] ? i : best;
    }
    return best;
}

static void compare_last(struct run *r, const int64_t *raw)
{
    struct verify_tensor *t = r->last;
    const int64_t *expected = t->value + r->event * t->per_event;
    for (uint64_t i = 0; i < t->per_event; i++) {
        double d = fabs(fixed_to_double(raw[i], &r->model->output_t) -
                        fixed_to_double(expected[i], &r->model->output_t));
        r->result->last_difference = fmax(d, r->result->last_difference);
        t->mismatches += !r->inner && raw[i] != expected[i];
    }
    r->result->decisions_differ += decide(r->model, raw) != decide(r->model, expected);
}

static void compare_training(struct run *r, const int64_t *raw)
{
    double score[MODEL_MAX_OUTPUTS];
    model_scores(r->model, raw, score);
    uint32_t n = r->model->n_outputs;
    for (uint32_t i = 0; i < n; i++) {
        double d = fabs(score[i] - (double)r->vectors->training[r->event * n + i]);
        r->result->training_difference = fmax(d, r->result->training_difference);
    }
}

static void compare_raw(struct run *r, const int64_t *raw)
{
    if (r->last != NULL) {
        compare_last(r, raw);
    }
    if (r->vectors->training != NULL) {
        compare_training(r, raw);
    }
}

static void run_event(struct run *r, const struct kernel *kernel, void *state,
                      const struct window *w)
{
    int64_t raw[MODEL_MAX_OUTPUTS];
    if (r->inner) {
        reference_trace(state, w, raw, compare_layer, r);
    } else {
        kernel->run(state, w, raw);
    }
    compare_raw(r, raw);
}

static bool run_events(struct run *r, const struct kernel *kernel, struct error *err)
{
    const struct model *m = r->model;
    struct pixel *place = calloc(m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)m->max_listed * m->channels, sizeof *value);
    void *state = kernel->create(m, err);
    bool good = state != NULL;
    if (good && (place == NULL || value == NULL)) {
        good = error_set(err, ERROR_SYSTEM, "no memory");
    }
    uint64_t pixels = (uint64_t)m->height * m->width * m->channels;
    for (r->event = 0; good && r->event < r->vectors->events; r->event++) {
        struct window w;
        dense_window_make(m, r->vectors->input + r->event * pixels, place, value, &w);
        run_event(r, kernel, state, &w);
    }
    if (state != NULL) {
        kernel->destroy(state);
    }
    free(place);
    free(value);
    return good;
}

static void sum_up(const struct verify_vectors *v, struct verify_result *result)
{
    result->compared = v->input_values;
    result->mismatches = v->input_mismatches;
    for (uint32_t i = 0; i < v->n_tensors; i++) {
        result->compared += v->events * v->tensor[i].per_event;
        result->mismatches += v->tensor[i].mismatches + v->tensor[i].other_type;
    }
}

bool verify_run(const struct model *m, const struct kernel *kernel, struct verify_vectors *v,
                struct verify_result *result, struct error *err)
{
    *result = (struct verify_result){0};
    bool inner = kernel == &reference_kernel;
    if (!inner && !verify_vectors_keep_last(v, m, err)) {
        return false;
    }
    struct run r = {.model = m, .vectors = v, .inner = inner, .result = result};
    r.last = verify_vectors_last(v, m);
    result->has_last = r.last != NULL;
    if (!run_events(&r, kernel, err)) {
        return false;
    }
    sum_up(v, result);
    return true;
}

bool verify_run_card(const struct model *m, const struct verify_card *card,
                     struct verify_vectors *v, struct verify_result *result, struct error *err)
{
    *result = (struct verify_result){.has_last = true};
    if (!verify_vectors_keep_last(v, m, err)) {
        return false;
    }
    struct run r = {.model = m, .vectors = v, .result = result};
    r.last = verify_vectors_last(v, m);
    uint64_t image = (uint64_t)m->height * m->width * m->channels;
    struct window *window = calloc(v->events, sizeof *window);
    struct pixel *place = calloc(v->events * m->max_listed, sizeof *place);
    int32_t *value = calloc(v->events * m->max_listed * m->channels, sizeof *value);
    int64_t *raw = calloc(v->events * m->n_outputs, sizeof *raw);
    bool good = (window != NULL && place != NULL && value != NULL && raw != NULL) ||
                error_set(err, ERROR_SYSTEM, "no memory");
    for (uint64_t i = 0; good && i < v->events; i++) {
        dense_window_make(m, v->input + i * image, place + i * m->max_listed,
                          value + i * m->max_listed * m->channels, &window[i]);
    }
    good = good && verify_card_score(card, m, window, v->events, raw, err);
    for (r.event = 0; good && r.event < v->events; r.event++) {
        compare_raw(&r, raw + r.event * m->n_outputs);
    }
    sum_up(v, result);
    free(window);
    free(place);
    free(value);
    free(raw);
    return good;
}
