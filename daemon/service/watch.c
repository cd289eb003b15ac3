/* How: a span keeps the counts of its last point and makes the next point of the
 * difference once its interval is over. Health is judged on the counts of ten seconds
 * ago, of which there is a ring. A change is a word that differs from the word before.
 */
#include "service/watch.h"

#include "data/run_state.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECENT = HEALTH_RECENT_NS / 1000000000 }; /* counts, one a second */

/* Ticks come a little early or late; this much early counts as on time. */
#define SLACK_NS UINT64_C(100000000)

struct span {
    struct counts last;
    bool begun;
    struct watch_point point[WATCH_POINTS];
    uint64_t n; /* ever made */
};

struct watch {
    const struct monitor *m;
    pthread_mutex_t lock;
    struct span span[WATCH_SPAN_COUNT];
    struct counts recent[RECENT];
    uint64_t ticks;
    struct health health;
    struct watch_change change[WATCH_CHANGES];
    uint64_t changes; /* ever made */
    /* what was seen last */
    char run[64];
    uint32_t card_state[MONITOR_MAX_CARDS], n_cards, n_sources;
};

static const struct {
    const char *name;
    uint64_t interval_ns;
} spans[] = {
#define X(name, interval) {#name, interval},
    WATCH_SPANS(X)
#undef X
};

uint64_t watch_interval_ns(enum watch_span span)
{
    return spans[span].interval_ns;
}

const char *watch_span_name(enum watch_span span)
{
    return spans[span].name;
}

struct watch *watch_create(const struct monitor *m)
{
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->m = m;
    w->health = (struct health){.state = HEALTH_starting};
    (void)pthread_mutex_init(&w->lock, NULL);
    return w;
}

void watch_destroy(struct watch **w)
{
    if (*w == NULL)
        return;
    (void)pthread_mutex_destroy(&(*w)->lock);
    free(*w);
    *w = NULL;
}

/* ---- changes ---- */

static void note(struct watch *w, uint64_t wall_ns, bool trouble, const char *text)
{
    struct watch_change *c = &w->change[w->changes++ % WATCH_CHANGES];
    c->wall_ns = wall_ns;
    c->trouble = trouble;
    (void)snprintf(c->text, sizeof c->text, "%s", text);
}

static void note_health(struct watch *w, const struct health *h, uint64_t wall_ns)
{
    char text[WATCH_CHANGE_BYTES];
    if (w->ticks > 0 && h->state == w->health.state)
        return;
    (void)snprintf(text, sizeof text, "%s%s%s", health_state_name(h->state), h->n > 0 ? ": " : "",
                   h->n > 0 ? h->reason[0] : "");
    note(w, wall_ns, h->state == HEALTH_trouble || h->state == HEALTH_degraded, text);
}

static void note_run(struct watch *w, uint64_t wall_ns)
{
    char text[sizeof w->run];
    uint32_t state = atomic_load(&w->m->run_state), number = atomic_load(&w->m->run_number);
    (void)snprintf(text, sizeof text, "run %u: %s", number, run_state_name((enum run_state)state));
    if (strcmp(text, w->run) != 0 && (number != 0 || w->run[0] != '\0'))
        note(w, wall_ns, state == RUN_ERROR, text);
    memcpy(w->run, text, sizeof w->run);
}

static void note_cards(struct watch *w, uint64_t wall_ns)
{
    uint32_t n = atomic_load(&w->m->n_cards);
    for (uint32_t i = 0; i < n && i < MONITOR_MAX_CARDS; i++) {
        char text[WATCH_CHANGE_BYTES];
        uint32_t state = atomic_load(&w->m->card[i].state);
        (void)snprintf(text, sizeof text, "device %u, card %u: %s",
                       atomic_load(&w->m->card[i].device), i,
                       monitor_fpga_state_name((enum fpga_state)state));
        bool was_up = i < w->n_cards && w->card_state[i] == FPGA_STATE_up;
        if (i >= w->n_cards || state != w->card_state[i])
            note(w, wall_ns, was_up, text);
        w->card_state[i] = state;
    }
    w->n_cards = n < MONITOR_MAX_CARDS ? n : MONITOR_MAX_CARDS;
}

static void note_sources(struct watch *w, uint64_t wall_ns)
{
    uint32_t n = atomic_load(&w->m->n_sources);
    n = n < MONITOR_MAX_SOURCES ? n : MONITOR_MAX_SOURCES;
    uint32_t before = w->n_sources > 1 ? w->n_sources : 1;
    char text[WATCH_CHANGE_BYTES];
    if (n > before + 4) { /* a whole crew at once is one change */
        (void)snprintf(text, sizeof text, "%u sources heard for the first time", n - before);
        note(w, wall_ns, false, text);
        before = n;
    }
    for (uint32_t i = before; i < n; i++) {
        uint32_t id = atomic_load(&w->m->source[i].id);
        if (id == SOURCE_OTHERS)
            (void)snprintf(text, sizeof text, "more sources than %d: the others share a row",
                           MONITOR_MAX_SOURCES - 2);
        else
            (void)snprintf(text, sizeof text, "source %u heard for the first time", id);
        note(w, wall_ns, false, text);
    }
    w->n_sources = n;
}

/* ---- rates ---- */

static struct watch_point rates(const struct counts *d, uint64_t wall_ns)
{
    double dt = (double)d->at_ns / 1e9;
    double dead = (double)counts_dead_ns(d) / 1e9;
    return (struct watch_point){
        .wall_ns = wall_ns,
        .in_hz = (double)d->in / dt,
        .accepted_hz = (double)d->event_fate[EVENT_ACCEPTED] / dt,
        .lost_hz = (double)counts_events_lost(d) / dt,
        .live = dead < dt ? 1 - dead / dt : 0,
        .bytes_hz = (double)d->fragment_bytes / dt,
        .windows_hz = (double)d->windows / dt,
        .latency_s = d->latency_count > 0
                         ? (double)d->latency_sum_ns / (double)d->latency_count / 1e9
                         : (double)NAN,
    };
}

static void remember(struct span *s, uint64_t interval_ns, const struct counts *now,
                     uint64_t wall_ns)
{
    struct counts d;
    if (s->begun && now->at_ns + SLACK_NS < s->last.at_ns + interval_ns)
        return;
    counts_difference(&d, now, &s->last);
    if (s->begun && d.at_ns > 0)
        s->point[s->n++ % WATCH_POINTS] = rates(&d, wall_ns);
    s->last = *now;
    s->begun = true;
}

void watch_tick(struct watch *w, uint64_t now_ns, uint64_t wall_ns)
{
    struct counts now, recent;
    struct health h;
    counts_take(&now, w->m, now_ns);
    (void)pthread_mutex_lock(&w->lock);
    /* the oldest of the ring; at first, the first */
    const struct counts *before =
        w->ticks == 0 ? &now : &w->recent[w->ticks < RECENT ? 0 : w->ticks % RECENT];
    counts_difference(&recent, &now, before);
    health_judge(&h, w->m, &recent, now_ns);
    note_run(w, wall_ns);
    note_cards(w, wall_ns);
    note_sources(w, wall_ns);
    note_health(w, &h, wall_ns);
    w->health = h;
    w->recent[w->ticks++ % RECENT] = now;
    for (uint32_t i = 0; i < WATCH_SPAN_COUNT; i++)
        remember(&w->span[i], spans[i].interval_ns, &now, wall_ns);
    (void)pthread_mutex_unlock(&w->lock);
}

void watch_note(struct watch *w, uint64_t wall_ns, bool trouble, const char *text)
{
    (void)pthread_mutex_lock(&w->lock);
    note(w, wall_ns, trouble, text);
    (void)pthread_mutex_unlock(&w->lock);
}

/* ---- reading ---- */

void watch_health(struct watch *w, struct health *h)
{
    (void)pthread_mutex_lock(&w->lock);
    *h = w->health;
    (void)pthread_mutex_unlock(&w->lock);
}

bool watch_latest(struct watch *w, struct watch_point *p)
{
    (void)pthread_mutex_lock(&w->lock);
    const struct span *s = &w->span[WATCH_minutes];
    bool there = s->n > 0;
    if (there)
        *p = s->point[(s->n - 1) % WATCH_POINTS];
    (void)pthread_mutex_unlock(&w->lock);
    return there;
}

uint32_t watch_history(struct watch *w, enum watch_span span, struct watch_point *to)
{
    (void)pthread_mutex_lock(&w->lock);
    const struct span *s = &w->span[span];
    uint64_t first = s->n > WATCH_POINTS ? s->n - WATCH_POINTS : 0;
    for (uint64_t i = first; i < s->n; i++)
        to[i - first] = s->point[i % WATCH_POINTS];
    uint32_t n = (uint32_t)(s->n - first);
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

uint32_t watch_changes(struct watch *w, struct watch_change *to)
{
    (void)pthread_mutex_lock(&w->lock);
    uint64_t first = w->changes > WATCH_CHANGES ? w->changes - WATCH_CHANGES : 0;
    for (uint64_t i = first; i < w->changes; i++)
        to[i - first] = w->change[i % WATCH_CHANGES];
    uint32_t n = (uint32_t)(w->changes - first);
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}
