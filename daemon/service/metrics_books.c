/* A cause without a row in a table of fates has no sample, but each that has one is there
 * from the start, with 0: a rate needs a number before the first loss.
 */
#include "service/metrics_books.h"

#include <stdio.h>

static uint32_t sources(const struct monitor *m)
{
    uint32_t n = atomic_load_explicit(&m->n_sources, memory_order_acquire);
    return n < MONITOR_MAX_SOURCES ? n : MONITOR_MAX_SOURCES;
}

static void put(struct sink *s, const char *name, const char *value, uint64_t n)
{
    s->put(s, "", &(struct label){name, value}, 1, (double)n);
}

static double seconds(const counter *ns)
{
    return (double)counter_read(ns) / 1e9;
}

const char *metrics_books_source(const struct monitor *m, uint32_t row, char text[16])
{
    uint32_t id = atomic_load(&m->source[row].id);
    if (row == 0)
        return "unknown";
    if (id == SOURCE_OTHERS)
        return "others";
    (void)snprintf(text, 16, "%u", id);
    return text;
}

/* ---- losses ---- */

void metrics_books_events_lost(struct sink *s)
{
    uint64_t lost[LOSS_COUNT] = {0};
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++)
        lost[event_fate_loss((enum event_fate)i)] += counter_read(&s->m->event_fate[i]);
    for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++) {
        /* Events are lost in three ways; what they lacked is in timed_out. */
        if (k == LOSS_deadline || k == LOSS_overload || k == LOSS_stop)
            put(s, "cause", loss_name((enum loss)k), lost[k]);
    }
}

void metrics_books_source_lost(struct sink *s)
{
    char text[16];
    for (uint32_t i = 0; i < sources(s->m); i++) {
        const struct source_monitor *from = &s->m->source[i];
        uint64_t lost[LOSS_COUNT] = {[LOSS_network] = counter_read(&from->missed)};
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            lost[fragment_fate_loss((enum fragment_fate)k)] += counter_read(&from->fate[k]);
        for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++) {
            struct label labels[] = {{"source", metrics_books_source(s->m, i, text)},
                                     {"cause", loss_name((enum loss)k)}};
            s->put(s, "", labels, 2, (double)lost[k]);
        }
    }
}

void metrics_books_timed_out(struct sink *s)
{
    for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++)
        put(s, "cause", loss_name((enum loss)k), counter_read(&s->m->events_timed_out[k]));
}

void metrics_books_missing_events(struct sink *s)
{
    char text[16];
    for (uint32_t i = 0; i < sources(s->m); i++) {
        for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++) {
            struct label labels[] = {{"source", metrics_books_source(s->m, i, text)},
                                     {"cause", loss_name((enum loss)k)}};
            s->put(s, "", labels, 2, (double)counter_read(&s->m->source[i].missing_events[k]));
        }
    }
}

void metrics_books_missing_wires(struct sink *s)
{
    char text[16];
    for (uint32_t i = 0; i < sources(s->m); i++)
        put(s, "source", metrics_books_source(s->m, i, text),
            counter_read(&s->m->source[i].missing_wires));
}

void metrics_books_invariant_broken(struct sink *s)
{
    for (uint32_t k = 0; k < MONITOR_INVARIANT_COUNT; k++)
        put(s, "invariant", monitor_invariant_name((enum monitor_invariant)k),
            counter_read(&s->m->invariant_broken[k]));
}

/* ---- time ---- */

void metrics_books_dead(struct sink *s)
{
    for (uint32_t k = 0; k < MONITOR_DEAD_CAUSE_COUNT; k++) {
        struct label cause = {"cause", monitor_dead_cause_name((enum monitor_dead_cause)k)};
        s->put(s, "", &cause, 1, seconds(&s->m->dead_ns[k]));
    }
}

void metrics_books_live(struct sink *s)
{
    s->put(s, "", NULL, 0, seconds(&s->m->live_ns));
}

void metrics_books_paused(struct sink *s)
{
    s->put(s, "", NULL, 0, seconds(&s->m->paused_ns));
}

void metrics_books_draining(struct sink *s)
{
    s->put(s, "", NULL, 0, seconds(&s->m->draining_ns));
}

void metrics_books_timed(struct sink *s)
{
    s->put(s, "", NULL, 0, seconds(&s->m->timed_ns));
}

void metrics_books_threads(struct sink *s)
{
    for (uint32_t k = 0; k < MONITOR_THREAD_COUNT; k++) {
        struct label labels[] = {{"thread", monitor_thread_name((enum monitor_thread)k)},
                                 {"state", "busy"}};
        s->put(s, "", labels, 2, seconds(&s->m->thread[k].busy_ns));
        labels[1].value = "idle";
        s->put(s, "", labels, 2, seconds(&s->m->thread[k].idle_ns));
    }
}
