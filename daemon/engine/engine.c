/* One kernel state a model. Most windows of an event are empty and have all the
 * same answer, computed once at the start. The CPU scores in engine_submit; windows that
 * went to a card are counted in their event, which is taken when none is out.
 */
#include "engine/engine.h"

#include "base/hash.h"
#include "engine/cards.h"
#include "engine/cpu/kernel.h"
#include "engine/disagreement.h"
#include "engine/self_test.h"
#include "engine/windows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model and what computes it. */
struct scorer {
    const struct kernel *kernel;
    void *state;
    int64_t empty_raw[MODEL_MAX_OUTPUTS]; /* the answer to a window without pixels */
    double empty_score[MODEL_MAX_OUTPUTS];
};

/* What an event's slot has of ours. */
struct event_memory {
    struct window *window;
    int64_t *raw;
    double *score;
    struct pixel *place;
    int32_t *value;
    uint32_t out; /* windows on cards */
};

struct engine {
    char name[SETTINGS_NAME_BYTES];
    const struct geometry *g;
    const struct model_set *models;
    struct window_plan plan;
    struct scorer scorer[SETTINGS_MAX_MODELS];
    uint32_t capacity;
    struct event_memory *memory; /* [capacity], by the event's index */
    struct event **queue;        /* ring of [capacity]: scored, not yet taken */
    uint32_t first, count;
    /* kind = fpga; else NULL */
    const struct fpga_settings *fpga;
    struct monitor *monitor;
    struct cards *cards;
    bool cards_begun;
    struct self_test *test; /* [n_models] */
    struct offload_test card_test[SETTINGS_MAX_MODELS];
    uint64_t now_ns; /* of the call under way */
};

static bool create_scorer(struct scorer *s, const char *kernel, const struct model *m,
                          struct error *err)
{
    s->kernel = kernel_choose(kernel, m, err);
    if (s->kernel == NULL)
        return false;
    s->state = s->kernel->create(m, err);
    if (s->state == NULL)
        return false;
    struct window empty = {0};
    s->kernel->run(s->state, &empty, s->empty_raw);
    model_scores(m, s->empty_raw, s->empty_score);
    return true;
}

/* "cpu scalar", or "cpu avx512, scalar" where models got different kernels; with cards
 * "fpga, cpu avx512". */
static void name_engine(struct engine *e)
{
    (void)snprintf(e->name, sizeof e->name, "%scpu", e->cards != NULL ? "fpga, " : "");
    for (uint32_t i = 0; i < e->models->n_models; i++) {
        const char *kernel = e->scorer[i].kernel->name;
        size_t used = strlen(e->name);
        if (strstr(e->name, kernel) == NULL)
            (void)snprintf(e->name + used, sizeof e->name - used, "%s%s", i == 0 ? " " : ", ",
                           kernel);
    }
}

static void cpu_score(struct engine *e, struct event *ev, uint32_t i)
{
    const struct window *w = &ev->window[i];
    const struct scorer *s = &e->scorer[w->model];
    int64_t *raw = ev->score_raw + (size_t)i * ev->score_stride;
    s->kernel->run(s->state, w, raw);
    model_scores(e->models->entry[w->model].model, raw, ev->score + (size_t)i * ev->score_stride);
    ev->scored_by_cpu = true;
}

/* ---- cards ---- */

/* The same windows whatever the order of events, as prescales are. */
static bool chosen_for_check(const struct engine *e, const struct event *ev, uint32_t i)
{
    return (double)(hash_mix(identity_hash(&ev->id, i)) >> 11) * 0x1p-53 < e->fpga->cross_check;
}

/* The CPU computes what a card has, and is right. */
static void cross_check(struct engine *e, struct event *ev, uint32_t i, const int64_t *card_raw,
                        uint32_t card)
{
    const struct window *w = &ev->window[i];
    const struct model *m = e->models->entry[w->model].model;
    const int64_t *raw = ev->score_raw + (size_t)i * ev->score_stride;
    cpu_score(e, ev, i);
    cards_checked(e->cards, card);
    if (memcmp(raw, card_raw, m->n_outputs * sizeof *raw) == 0)
        return;
    if (cards_differed(e->cards, card, e->now_ns))
        disagreement_save(e->fpga->save_directory, m, &ev->id, w, raw, card_raw);
}

static void answered(void *user, struct event *ev, uint32_t i, const int64_t *card_raw,
                     enum fpga_fallback why, uint32_t card)
{
    struct engine *e = user;
    struct event_memory *memory = ev->memory;
    const struct model *m = e->models->entry[ev->window[i].model].model;
    memory->out--;
    if (card_raw == NULL) {
        counter_add(&e->monitor->fpga_fallback[why], 1);
        cpu_score(e, ev, i);
    } else if (chosen_for_check(e, ev, i)) {
        cross_check(e, ev, i, card_raw, card);
        ev->scored_by_card = true;
    } else {
        int64_t *raw = ev->score_raw + (size_t)i * ev->score_stride;
        memcpy(raw, card_raw, m->n_outputs * sizeof *raw);
        model_scores(m, raw, ev->score + (size_t)i * ev->score_stride);
        ev->scored_by_card = true;
    }
}

static bool create_cards(struct engine *e, const struct engine_settings *settings, int done_fd,
                         struct error *err)
{
    e->fpga = &settings->fpga;
    e->test = calloc(e->models->n_models, sizeof *e->test);
    if (e->test == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for the self-test of cards");
    for (uint32_t i = 0; i < e->models->n_models; i++) {
        const struct scorer *s = &e->scorer[i];
        if (!self_test_init(&e->test[i], e->models->entry[i].model, s->kernel, s->state, err))
            return false;
        e->card_test[i] = e->test[i].test;
    }
    e->cards =
        cards_create(settings, e->models, e->card_test, done_fd, e->monitor, answered, e, err);
    return e->cards != NULL;
}

static bool take_memory(struct engine *e, struct error *err)
{
    uint32_t windows = e->plan.n_windows, outputs = e->models->max_outputs;
    e->memory = calloc(e->capacity, sizeof *e->memory);
    e->queue = calloc(e->capacity, sizeof(struct event *));
    bool ok = e->memory != NULL && e->queue != NULL;
    for (uint32_t i = 0; ok && i < e->capacity; i++) {
        struct event_memory *m = &e->memory[i];
        m->window = calloc(windows, sizeof *m->window);
        m->raw = calloc((size_t)windows * outputs, sizeof *m->raw);
        m->score = calloc((size_t)windows * outputs, sizeof *m->score);
        m->place = calloc(e->plan.max_listed, sizeof *m->place);
        m->value = calloc(e->plan.max_values, sizeof *m->value);
        ok = m->window != NULL && m->raw != NULL && m->score != NULL && m->place != NULL &&
             m->value != NULL;
    }
    return ok ||
           error_set(err, ERROR_SYSTEM, "no memory for the windows of %u events", e->capacity);
}

struct engine *engine_create(const struct engine_settings *settings, const struct geometry *g,
                             const struct model_set *models, uint32_t slots, int done_fd,
                             struct monitor *monitor, struct error *err)
{
    struct engine *e = calloc(1, sizeof *e);
    if (e == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for the engine");
        return NULL;
    }
    *e = (struct engine){.g = g, .models = models, .capacity = slots, .monitor = monitor};
    bool ok = window_plan_init(&e->plan, settings, g, models, err);
    for (uint32_t i = 0; ok && i < models->n_models; i++)
        ok = create_scorer(&e->scorer[i], settings->kernel, models->entry[i].model, err);
    if (ok && settings->kind == ENGINE_FPGA)
        ok = create_cards(e, settings, done_fd, err);
    if (ok) {
        name_engine(e);
        ok = take_memory(e, err);
    }
    if (!ok)
        engine_destroy(&e);
    return e;
}

void engine_destroy(struct engine **handle)
{
    struct engine *e = *handle;
    if (e == NULL)
        return;
    cards_destroy(&e->cards);
    for (uint32_t i = 0; i < e->models->n_models; i++) {
        if (e->scorer[i].state != NULL)
            e->scorer[i].kernel->destroy(e->scorer[i].state);
        if (e->test != NULL)
            self_test_fini(&e->test[i]);
    }
    free(e->test);
    for (uint32_t i = 0; e->memory != NULL && i < e->capacity; i++) {
        free(e->memory[i].window);
        free(e->memory[i].raw);
        free(e->memory[i].score);
        free(e->memory[i].place);
        free(e->memory[i].value);
    }
    free(e->memory);
    free(e->queue);
    window_plan_fini(&e->plan);
    free(e);
    *handle = NULL;
}

const char *engine_name(const struct engine *e)
{
    return e->name;
}

uint32_t engine_windows_per_event(const struct engine *e)
{
    return e->plan.n_windows;
}

uint64_t engine_memory_bytes(const struct engine *e)
{
    uint64_t scores = (uint64_t)e->plan.n_windows * e->models->max_outputs;
    return e->capacity *
           (e->plan.n_windows * sizeof(struct window) + scores * 16 +
            e->plan.max_listed * sizeof(struct pixel) + e->plan.max_values * sizeof(int32_t));
}

/* ---- self-test ---- */

static bool same_as_reference(const struct scorer *s, const struct model *m,
                              const struct self_test *t, struct error *err)
{
    int64_t raw[MODEL_MAX_OUTPUTS];
    for (uint32_t i = 0; i < t->test.n; i++) {
        s->kernel->run(s->state, &t->window[i], raw);
        if (memcmp(raw, t->raw + (size_t)i * m->n_outputs, m->n_outputs * sizeof *raw) != 0)
            return error_set(err, ERROR_MODEL,
                             "model %s: kernel %s differs from the scalar reference at window %u "
                             "of the self-test",
                             m->path, s->kernel->name, i);
    }
    return true;
}

bool engine_self_test(const struct engine *e, struct error *err)
{
    for (uint32_t i = 0; i < e->models->n_models; i++) {
        const struct model *m = e->models->entry[i].model;
        const struct kernel *judge = kernel_choose("scalar", m, err);
        void *state = judge == NULL ? NULL : judge->create(m, err);
        struct self_test test = {0};
        bool good = state != NULL && self_test_init(&test, m, judge, state, err) &&
                    same_as_reference(&e->scorer[i], m, &test, err);
        self_test_fini(&test);
        if (state != NULL)
            judge->destroy(state);
        if (!good)
            return false;
    }
    return true;
}

/* ---- an event ---- */

/* Scores window `i`, or lets a card do it. */
static void score(struct engine *e, struct event *ev, uint32_t i)
{
    const struct window *w = &ev->window[i];
    const struct scorer *s = &e->scorer[w->model];
    uint32_t outputs = e->models->entry[w->model].model->n_outputs;
    if (w->n_listed == 0) {
        memcpy(ev->score_raw + (size_t)i * ev->score_stride, s->empty_raw,
               outputs * sizeof *ev->score_raw);
        memcpy(ev->score + (size_t)i * ev->score_stride, s->empty_score,
               outputs * sizeof *ev->score);
        return;
    }
    enum fpga_fallback why;
    if (e->cards != NULL && cards_have(e->cards, w->model)) {
        struct event_memory *memory = ev->memory;
        why = FPGA_FALLBACK_no_card;
        if (e->cards_begun && cards_put(e->cards, ev, i, e->now_ns, &why)) {
            memory->out++;
            return;
        }
        counter_add(&e->monitor->fpga_fallback[why], 1);
    }
    cpu_score(e, ev, i);
}

static void attach(struct engine *e, struct event *ev)
{
    struct event_memory *m = &e->memory[ev->index];
    m->out = 0;
    ev->n_windows = e->plan.n_windows;
    ev->window = m->window;
    ev->score_raw = m->raw;
    ev->score = m->score;
    ev->score_stride = e->models->max_outputs;
    ev->memory = m;
    ev->scored_by_cpu = ev->scored_by_card = false;
}

static void tick_cards(struct engine *e, uint64_t now_ns)
{
    if (e->cards != NULL && e->cards_begun)
        cards_tick(e->cards, now_ns);
}

void engine_submit(struct engine *e, struct event *ev, uint64_t now_ns)
{
    assert(ev->index < e->capacity && e->count < e->capacity);
    attach(e, ev);
    e->now_ns = now_ns;
    const struct event_memory *m = ev->memory;
    for (uint32_t i = 0; i < e->plan.n_windows; i++) {
        window_cut(&e->plan, i, e->g, e->models, ev, m->place, m->value);
        score(e, ev, i);
    }
    e->queue[(e->first + e->count++) % e->capacity] = ev;
    tick_cards(e, now_ns);
}

bool engine_ready(const struct engine *e)
{
    const struct event_memory *m = e->count > 0 ? e->queue[e->first]->memory : NULL;
    return m != NULL && m->out == 0;
}

uint64_t engine_next_ns(const struct engine *e)
{
    return e->cards != NULL && e->cards_begun ? cards_next_ns(e->cards) : UINT64_MAX;
}

struct event *engine_take(struct engine *e, uint64_t now_ns)
{
    e->now_ns = now_ns;
    tick_cards(e, now_ns);
    if (!engine_ready(e))
        return NULL;
    struct event *ev = e->queue[e->first];
    e->first = (e->first + 1) % e->capacity;
    e->count--;
    ev->scored_ns = now_ns;
    return ev;
}

uint32_t engine_in_flight(const struct engine *e)
{
    return e->count;
}

/* ---- whose the cards are ---- */

void engine_begin_cards(struct engine *e)
{
    e->cards_begun = e->cards != NULL;
    if (e->cards != NULL)
        cards_begin(e->cards);
    else if (e->monitor != NULL)
        atomic_store(&e->monitor->n_cards, 0);
}

void engine_end_cards(struct engine *e)
{
    assert(e->count == 0);
    if (e->cards != NULL)
        cards_end(e->cards);
    e->cards_begun = false;
}

bool engine_cards_gone(const struct engine *e)
{
    return e->cards == NULL || cards_gone(e->cards);
}
