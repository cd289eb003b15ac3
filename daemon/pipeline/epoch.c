/* The control thread makes an epoch and frees it; the event thread alone takes it into
 * force and knows when its last event is gone. Two atomics pass between them: `offered`
 * goes over, `idle` comes back.
 *
 * Models and engine are a `scoring` of their own (scoring.c). The event thread takes scored
 * events from the oldest scoring first, so that events stay in order; when nothing of an
 * old one is under way its cards are ended, and once they are gone the new one's begin.
 */
#include "pipeline/epoch.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "pipeline/parts.h"
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long the event thread may take to come to an event's boundary. */
#define BOUNDARY_LIMIT_NS (10 * NS_PER_S)

/* ---- an epoch's life: the control thread ---- */

static void destroy_epoch(struct pipeline *p, struct epoch **handle)
{
    struct epoch *e = *handle;
    if (e == NULL)
        return;
    if (p->publisher != NULL)
        publisher_remove(p->publisher, &e->info);
    trigger_destroy(&e->shadow_trigger);
    shadow_destroy(&e->shadow);
    trigger_destroy(&e->trigger);
    scoring_drop(&e->scoring);
    free((void *)(uintptr_t)e->info.configuration);
    free(e);
    *handle = NULL;
}

/* The candidate's trigger has no limit of the accept rate: what is compared is whether the
 * rules fire. */
static bool make_shadow(struct pipeline *p, struct epoch *e, struct error *err)
{
    if (e->settings.shadow.file[0] == '\0')
        return true;
    e->shadow =
        shadow_create(&e->settings.shadow, &e->settings.engine, p->g, e->scoring->models, err);
    if (e->shadow == NULL)
        return false;
    struct trigger_settings settings = e->settings.trigger;
    settings.max_accept_rate = 0;
    e->shadow_trigger = trigger_create(&settings, shadow_models(e->shadow), p->g, err);
    return e->shadow_trigger != NULL;
}

/* Takes its share of `scoring`, whatever comes of it. */
static struct epoch *make_epoch(struct pipeline *p, const struct settings *settings,
                                struct scoring *scoring, struct error *err)
{
    struct epoch *e = calloc(1, sizeof *e);
    if (e == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for settings");
        scoring_drop(&scoring);
        return NULL;
    }
    memcpy(&e->settings, settings, sizeof e->settings);
    e->scoring = scoring;
    size_t bytes = 0;
    char *configuration = config_effective(&e->settings, &bytes);
    e->info = (struct run_info){.settings = &e->settings,
                                .geometry = p->g,
                                .models = scoring->models,
                                .engine = engine_name(scoring->engine),
                                .windows_per_event = engine_windows_per_event(scoring->engine),
                                .configuration = configuration,
                                .epoch = p->epochs_made++};
    e->trigger = trigger_create(&e->settings.trigger, scoring->models, p->g, err);
    /* The first one is the publisher's from its creation on. */
    if (e->trigger == NULL || !make_shadow(p, e, err) ||
        (p->publisher != NULL && !publisher_add(p->publisher, &e->info, err)))
        destroy_epoch(p, &e);
    return e;
}

/* A model's windows are counted in a cell by its place in the configuration: where another
 * model has come to that place, it begins at 0. */
static void begin_counts(struct pipeline *p, const struct run_info *info)
{
    const struct model_set *set = info->models;
    for (uint32_t i = 0; i < set->n_models; i++) {
        const uint8_t *sha256 = set->entry[i].model->sha256;
        if (memcmp(p->counted_model[i], sha256, SHA256_BYTES) != 0)
            atomic_store(&p->monitor->model_windows[i], 0);
        memcpy(p->counted_model[i], sha256, SHA256_BYTES);
    }
    p->counted_epoch = info->epoch;
}

static uint64_t scoring_bytes(const struct pipeline *p)
{
    uint64_t bytes = 0;
    const struct scoring *last = NULL;
    for (uint32_t i = 0; i < p->n_alive; i++) {
        if (p->alive[i]->scoring != last)
            bytes += engine_memory_bytes(p->alive[i]->scoring->engine);
        last = p->alive[i]->scoring;
    }
    return bytes;
}

static void add_alive(struct pipeline *p, struct epoch *e)
{
    p->alive[p->n_alive++] = e;
    atomic_store(&p->monitor->memory_bytes, p->fixed_bytes + scoring_bytes(p));
}

bool epoch_first(struct pipeline *p, const struct model_set *models, struct error *err)
{
    struct scoring *scoring = scoring_first(p, models, err);
    struct epoch *e = scoring == NULL ? NULL : make_epoch(p, p->settings, scoring, err);
    if (e == NULL)
        return false;
    add_alive(p, e);
    p->epoch = e;
    atomic_store(&p->identity, run_info_identity(&e->info));
    begin_counts(p, &e->info);
    engine_begin_cards(scoring->engine);
    return true;
}

void epoch_free_all(struct pipeline *p)
{
    for (uint32_t i = 0; i < p->n_alive; i++)
        destroy_epoch(p, &p->alive[i]);
    p->n_alive = 0;
}

static struct epoch *newest(const struct pipeline *p)
{
    return p->alive[p->n_alive - 1];
}

const struct settings *pipeline_settings(const struct pipeline *p)
{
    return &newest(p)->settings;
}

const struct run_info *pipeline_run_info(const struct pipeline *p)
{
    return &newest(p)->info;
}

void pipeline_show(struct pipeline *p, struct run_info_board *board)
{
    p->board = board;
    if (board != NULL)
        run_info_show(board, pipeline_run_info(p));
}

/* From the oldest on: one whose last event is gone may wait for an older one's. */
void pipeline_tend(struct pipeline *p)
{
    while (p->n_alive > 1 && atomic_load_explicit(&p->alive[0]->idle, memory_order_acquire)) {
        const struct scoring *s = p->alive[0]->scoring;
        if (s->epochs == 1 && !atomic_load_explicit(&s->rested, memory_order_acquire))
            return; /* its cards are not gone yet */
        destroy_epoch(p, &p->alive[0]);
        p->n_alive--;
        memmove(p->alive, p->alive + 1, p->n_alive * sizeof(struct epoch *));
        atomic_store(&p->monitor->memory_bytes, p->fixed_bytes + scoring_bytes(p));
    }
}

/* Waits until the event thread has taken what was offered. False: it did not, and the
 * offer is withdrawn. */
static bool wait_for_boundary(struct pipeline *p, struct epoch *e)
{
    const struct timespec moment = {.tv_nsec = 200000};
    uint64_t deadline = clock_monotonic_ns() + BOUNDARY_LIMIT_NS;
    while (clock_monotonic_ns() < deadline) {
        if (atomic_load_explicit(&p->in_force, memory_order_acquire) == e->info.epoch)
            return true;
        (void)nanosleep(&moment, NULL);
    }
    return atomic_exchange(&p->offered, NULL) == NULL;
}

static bool bring_into_force(struct pipeline *p, struct epoch *e)
{
    atomic_store_explicit(&p->offered, e, memory_order_release);
    if (!p->running) { /* there is no event thread whose boundary could be meant */
        epoch_take_offered(p);
        return true;
    }
    wake_force(&p->event_wake);
    return wait_for_boundary(p, e);
}

static void say(const struct epoch *from, const struct epoch *to)
{
    char hex[SHA256_HEX_BYTES];
    for (uint32_t i = 0; to->scoring != from->scoring && i < to->info.models->n_models; i++) {
        const struct model *m = to->info.models->entry[i].model;
        hash_hex(m->sha256, hex);
        log_info("model %s  sha256 %.8s is in force, after %s", m->name, hex,
                 from->info.models->entry[i].model->name);
    }
    hash_hex(to->settings.sha256, hex);
    log_info("configuration %.8s is in force (change %" PRIu32 ")", hex, to->info.epoch);
}

bool pipeline_change(struct pipeline *p, const struct settings *wanted, struct error *err)
{
    pipeline_tend(p);
    struct epoch *now = newest(p);
    if (p->n_alive == EPOCH_MAX_ALIVE)
        return error_set(err, ERROR_SYSTEM,
                         "events of %d earlier changes are not released yet: try again when they "
                         "are recorded",
                         EPOCH_MAX_ALIVE - 1);
    struct scoring *scoring = scoring_next(p, now->scoring, wanted, err);
    struct epoch *e = scoring == NULL ? NULL : make_epoch(p, wanted, scoring, err);
    if (e == NULL)
        return false;
    if (!bring_into_force(p, e)) {
        destroy_epoch(p, &e);
        return error_set(err, ERROR_SYSTEM,
                         "the event thread did not come to an event's boundary in %d s",
                         (int)(BOUNDARY_LIMIT_NS / NS_PER_S));
    }
    add_alive(p, e);
    if (p->board != NULL)
        run_info_show(p->board, &e->info);
    say(now, e);
    pipeline_tend(p);
    return true;
}

/* ---- an epoch's life: the event thread ---- */

static void look_if_idle(const struct pipeline *p, struct epoch *e)
{
    if (e != p->epoch && e->events == 0)
        atomic_store_explicit(&e->idle, true, memory_order_release);
}

void epoch_take_offered(struct pipeline *p)
{
    if (atomic_load_explicit(&p->offered, memory_order_relaxed) == NULL)
        return;
    struct epoch *next = atomic_exchange_explicit(&p->offered, NULL, memory_order_acq_rel);
    struct epoch *before = p->epoch;
    if (next == NULL)
        return;
    p->epoch = next;
    atomic_store(&p->identity, run_info_identity(&next->info));
    if (next->scoring != before->scoring)
        p->leaving[p->n_leaving++] = before->scoring;
    look_if_idle(p, before);
    atomic_store_explicit(&p->in_force, next->info.epoch, memory_order_release);
}

void epoch_attach(struct pipeline *p, struct event *ev)
{
    ev->info = &p->epoch->info;
    p->epoch->events++;
}

void epoch_submit(struct pipeline *p, struct event *ev, uint64_t now_ns)
{
    epoch_attach(p, ev);
    engine_submit(p->epoch->scoring->engine, ev, now_ns);
}

void epoch_release(struct pipeline *p, struct event *ev)
{
    if (ev->info == NULL)
        return; /* it was not submitted */
    struct epoch *e = epoch_of(ev);
    ev->info = NULL;
    e->events--;
    look_if_idle(p, e);
}

/* The oldest scoring that is leaving ends its cards when nothing of it is under way; when
 * the last one's are gone, the one in force begins its own. */
static void rest(struct pipeline *p)
{
    while (p->n_leaving > 0 && engine_in_flight(p->leaving[0]->engine) == 0) {
        struct scoring *s = p->leaving[0];
        if (!s->cards_ended)
            engine_end_cards(s->engine);
        s->cards_ended = true;
        if (!engine_cards_gone(s->engine))
            return;
        p->n_leaving--;
        memmove(p->leaving, p->leaving + 1, p->n_leaving * sizeof(struct scoring *));
        atomic_store_explicit(&s->rested, true, memory_order_release);
        if (p->n_leaving == 0)
            engine_begin_cards(p->epoch->scoring->engine);
    }
}

struct event *epoch_take_scored(struct pipeline *p, uint64_t now_ns)
{
    if (p->n_leaving > 0)
        rest(p);
    for (uint32_t i = 0; i < p->n_leaving; i++) {
        struct event *ev = engine_take(p->leaving[i]->engine, now_ns);
        if (ev != NULL || engine_in_flight(p->leaving[i]->engine) > 0)
            return ev;
    }
    return engine_take(p->epoch->scoring->engine, now_ns);
}

void epoch_decide(struct pipeline *p, struct event *ev)
{
    struct trigger *t = epoch_of(ev)->trigger;
    if (ev->info->epoch != p->counted_epoch)
        begin_counts(p, ev->info);
    trigger_set_pace_ns(t, p->pace_ns);
    trigger_decide(t, ev);
    p->pace_ns = trigger_pace_ns(t);
}

bool epoch_ready(const struct pipeline *p)
{
    return engine_ready(p->n_leaving > 0 ? p->leaving[0]->engine : p->epoch->scoring->engine);
}

bool epoch_nothing_in_flight(const struct pipeline *p)
{
    for (uint32_t i = 0; i < p->n_leaving; i++) {
        if (engine_in_flight(p->leaving[i]->engine) > 0)
            return false;
    }
    return engine_in_flight(p->epoch->scoring->engine) == 0;
}

/* How often cards that end are looked after. */
#define LOOK_NS (10 * NS_PER_MS)

uint64_t epoch_next_ns(const struct pipeline *p, uint64_t now_ns)
{
    uint64_t next = engine_next_ns(p->epoch->scoring->engine);
    for (uint32_t i = 0; i < p->n_leaving; i++) {
        uint64_t one = engine_in_flight(p->leaving[i]->engine) == 0
                           ? now_ns + LOOK_NS
                           : engine_next_ns(p->leaving[i]->engine);
        next = one < next ? one : next;
    }
    return next;
}
