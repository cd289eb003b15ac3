/* Each function reads what ends before what begins: a number that grows between the two
 * reads then makes the difference larger, never negative. Ends are counted with release
 * and read with acquire, so whoever sees an end sees its beginning.
 */
#include "data/invariant.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

typedef unsigned long long ull;

struct text {
    char *to;
    uint32_t bytes;
};

__attribute__((format(printf, 2, 3))) static bool broken(const struct text *t, const char *format,
                                                         ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(t->to, t->bytes, format, args);
    va_end(args);
    return false;
}

static uint64_t ended(const counter *c)
{
    return atomic_load_explicit(c, memory_order_acquire);
}

static uint64_t sum(const counter *c, uint32_t n)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++)
        all += ended(&c[i]);
    return all;
}

/* 0 <= begins - ends <= room. */
static bool between(uint64_t begins, uint64_t ends, uint64_t room)
{
    return begins >= ends && begins - ends <= room;
}

static uint64_t decided(const struct monitor *m)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++)
        all += event_fate_is_loss((enum event_fate)i) ? 0 : ended(&m->event_fate[i]);
    return all;
}

/* The event thread counts all of these itself: exact at any moment. */
static bool invariant_events(const struct monitor *m, const struct invariant_sight *s,
                             const struct text *t)
{
    uint64_t ends = sum(m->event_fate, EVENT_FATE_COUNT), in = counter_read(&m->events_in);
    return in - ends == s->undecided ||
           broken(t, "%llu events in, %llu with a fate, but %llu in slots without one", (ull)in,
                  (ull)ends, (ull)s->undecided);
}

static bool invariant_fragments(const struct monitor *m, const struct invariant_sight *s,
                                const struct text *t)
{
    uint32_t n = atomic_load_explicit(&m->n_sources, memory_order_acquire);
    uint64_t under_way = 0, room = s->ended ? 0 : s->fragment_room;
    for (uint32_t i = 0; i < n && i < MONITOR_MAX_SOURCES; i++) {
        const struct source_monitor *from = &m->source[i];
        uint64_t ends = sum(from->fate, FRAGMENT_FATE_COUNT);
        uint64_t received = counter_read(&from->received);
        if (!between(received, ends, room))
            return broken(t,
                          "source %u: %llu fragments received, %llu with a fate, %llu on the way",
                          atomic_load(&from->id), (ull)received, (ull)ends, (ull)room);
        under_way += received - ends;
    }
    if (s->fragments_stranded > 0)
        return broken(t, "%llu fragments have no fate, and none is on its way",
                      (ull)s->fragments_stranded);
    return under_way <= room ||
           broken(t, "%llu fragments without a fate, but room for %llu on the way", (ull)under_way,
                  (ull)room);
}

/* An event is put down to a cause when its time is up, and counted as judged, dropped or
 * stopped then or after the engine. */
static bool invariant_timed_out(const struct monitor *m, const struct invariant_sight *s,
                                const struct text *t)
{
    uint64_t caused = sum(m->events_timed_out, LOSS_COUNT);
    uint64_t ends =
        counter_read(&m->events_incomplete) + counter_read(&m->event_fate[EVENT_LOST_TIMEOUT]);
    uint64_t stopped = counter_read(&m->event_fate[EVENT_LOST_STOP]);
    return between(caused, ends, s->undecided + stopped) ||
           broken(t, "%llu events timed out by cause, %llu judged or dropped incomplete",
                  (ull)caused, (ull)ends);
}

static bool invariant_decisions(const struct monitor *m, const struct invariant_sight *s,
                                const struct text *t)
{
    uint64_t ends = ended(&m->decisions_published) + ended(&m->decisions_unsent);
    uint64_t begins = decided(m);
    return between(begins, ends, s->undelivered) ||
           broken(t, "%llu events decided, %llu decisions published or unsent, %llu on the way",
                  (ull)begins, (ull)ends, (ull)s->undelivered);
}

static bool invariant_recorded(const struct monitor *m, const struct invariant_sight *s,
                               const struct text *t)
{
    uint64_t pending = atomic_load_explicit(&m->record_pending, memory_order_acquire);
    uint64_t ends = ended(&m->recorded_events) + ended(&m->record_lost);
    uint64_t wanted = counter_read(&m->record_wanted);
    return between(wanted, ends, s->undelivered + pending) ||
           broken(t, "%llu events to record, %llu recorded or lost, %llu on the way", (ull)wanted,
                  (ull)ends, (ull)(s->undelivered + pending));
}

/* Whoever charges adds to a class first, and never more than has passed. */
static bool invariant_times(const struct monitor *m, const struct invariant_sight *s,
                            const struct text *t)
{
    uint64_t until = atomic_load_explicit(&m->timed_until_ns, memory_order_acquire);
    uint64_t length = ended(&m->timed_ns);
    uint64_t classes = counter_read(&m->live_ns) + counter_read(&m->paused_ns) +
                       counter_read(&m->draining_ns) + monitor_dead_ns(m);
    uint64_t since = s->ended || s->now_ns < until ? 0 : s->now_ns - until;
    return between(classes, length, since) ||
           broken(t, "live, paused, draining and dead time are %.6f s, the run %.6f s",
                  (double)classes / 1e9, (double)length / 1e9);
}

static bool invariant_threads(const struct monitor *m, const struct invariant_sight *s,
                              const struct text *t)
{
    for (uint32_t i = 0; i < MONITOR_THREAD_COUNT; i++) {
        const struct thread_monitor *thread = &m->thread[i];
        uint64_t life = ended(&thread->total_ns);
        uint64_t spent = counter_read(&thread->busy_ns) + counter_read(&thread->idle_ns);
        /* None has lived longer than the daemon has; a thread may have charged after the moment
         * of this sight, while the one that looks was put to sleep. */
        uint64_t most = s->now_ns > m->started_ns ? s->now_ns - m->started_ns : 0;
        most += MONITOR_STALL_NS;
        most *= atomic_load(&thread->threads);
        if (spent < life || (s->ended && spent != life) || (!s->ended && spent > most))
            return broken(t, "thread %s: busy and idle are %.6f s of %.6f s",
                          monitor_thread_name((enum monitor_thread)i), (double)spent / 1e9,
                          (double)life / 1e9);
    }
    return true;
}

typedef bool check(const struct monitor *m, const struct invariant_sight *s, const struct text *t);

static check *const checks[MONITOR_INVARIANT_COUNT] = {
#define X(name, help) invariant_##name,
    MONITOR_INVARIANTS(X)
#undef X
};

bool invariant_holds(enum monitor_invariant invariant, const struct monitor *m,
                     const struct invariant_sight *s, char *text, uint32_t bytes)
{
    struct text t = {text, bytes};
    return checks[invariant](m, s, &t);
}

uint32_t invariant_check_all(struct monitor *m, const struct invariant_sight *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < MONITOR_INVARIANT_COUNT; i++) {
        char text[200] = "";
        if (invariant_holds((enum monitor_invariant)i, m, s, text, sizeof text))
            continue;
        counter_add(&m->invariant_broken[i], 1);
        log_limited(LOG_LEVEL_ERROR, "the books do not agree (%s): %s",
                    monitor_invariant_name((enum monitor_invariant)i), text);
        n++;
    }
    return n;
}
