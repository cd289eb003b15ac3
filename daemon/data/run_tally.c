#include "data/run_tally.h"

static const char *const output_names[] = {
#define X(name, cell, help) #name,
    RUN_OUTPUTS(X)
#undef X
};

void run_tally_read(const struct monitor *m, struct run_tally *t)
{
    uint32_t rows = atomic_load(&m->n_sources);
    *t = (struct run_tally){.events = monitor_ledger(m)};
    for (uint32_t i = 0; i < rows && i < MONITOR_MAX_SOURCES; i++) {
        /* Fates before what was received, so that in flight is never below 0. */
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            t->fragment[k] += counter_read(&m->source[i].fate[k]);
        atomic_thread_fence(memory_order_acquire);
        t->received += counter_read(&m->source[i].received);
    }
#define X(name, cell, help) t->output[RUN_OUTPUT_##name] = counter_read(&m->cell);
    RUN_OUTPUTS(X)
#undef X
    t->live_ns = counter_read(&m->live_ns);
    t->paused_ns = counter_read(&m->paused_ns);
    t->draining_ns = counter_read(&m->draining_ns);
    t->length_ns = t->live_ns + t->paused_ns + t->draining_ns;
    for (uint32_t i = 0; i < MONITOR_DEAD_CAUSE_COUNT; i++) {
        t->dead_ns[i] = counter_read(&m->dead_ns[i]);
        t->length_ns += t->dead_ns[i];
    }
}

void run_tally_since(struct run_tally *t, const struct run_tally *begin)
{
    struct ledger *l = &t->events;
    uint64_t ended = 0;
    l->in -= begin->events.in;
    l->lost -= begin->events.lost;
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++) {
        l->fate[i] -= begin->events.fate[i];
        ended += l->fate[i];
    }
    l->in_flight = l->in > ended ? l->in - ended : 0;
    t->received -= begin->received;
    for (uint32_t i = 0; i < FRAGMENT_FATE_COUNT; i++)
        t->fragment[i] -= begin->fragment[i];
    for (uint32_t i = 0; i < RUN_OUTPUT_COUNT; i++)
        t->output[i] -= begin->output[i];
    for (uint32_t i = 0; i < MONITOR_DEAD_CAUSE_COUNT; i++)
        t->dead_ns[i] -= begin->dead_ns[i];
    t->live_ns -= begin->live_ns;
    t->paused_ns -= begin->paused_ns;
    t->draining_ns -= begin->draining_ns;
    t->length_ns -= begin->length_ns;
}

static uint64_t fragments_in_flight(const struct run_tally *t)
{
    uint64_t ended = 0;
    for (uint32_t i = 0; i < FRAGMENT_FATE_COUNT; i++)
        ended += t->fragment[i];
    return t->received > ended ? t->received - ended : 0;
}

uint32_t run_tally_events(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    uint32_t n = 0;
    to[n++] = (struct run_count){"in", t->events.in};
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++)
        to[n++] = (struct run_count){event_fate_name((enum event_fate)i), t->events.fate[i]};
    to[n++] = (struct run_count){"in_flight", t->events.in_flight};
    return n;
}

uint32_t run_tally_fragments(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    uint32_t n = 0;
    to[n++] = (struct run_count){"received", t->received};
    for (uint32_t i = 0; i < FRAGMENT_FATE_COUNT; i++)
        to[n++] = (struct run_count){fragment_fate_name((enum fragment_fate)i), t->fragment[i]};
    to[n++] = (struct run_count){"in_flight", fragments_in_flight(t)};
    return n;
}

uint32_t run_tally_output(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    for (uint32_t i = 0; i < RUN_OUTPUT_COUNT; i++)
        to[i] = (struct run_count){output_names[i], t->output[i]};
    return RUN_OUTPUT_COUNT;
}

uint32_t run_tally_times(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    uint32_t n = 0;
    to[n++] = (struct run_count){"live", t->live_ns};
    to[n++] = (struct run_count){"paused", t->paused_ns};
    to[n++] = (struct run_count){"draining", t->draining_ns};
    for (uint32_t i = 0; i < MONITOR_DEAD_CAUSE_COUNT; i++)
        to[n++] =
            (struct run_count){monitor_dead_cause_name((enum monitor_dead_cause)i), t->dead_ns[i]};
    return n;
}

static void add(struct run_count *to, uint32_t *n, const char *name, uint64_t value)
{
    if (value > 0)
        to[(*n)++] = (struct run_count){name, value};
}

uint32_t run_tally_pending(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    uint32_t n = 0;
    add(to, &n, "fragments to reduce", fragments_in_flight(t));
    add(to, &n, "events to decide", t->events.in_flight);
    return n;
}

uint32_t run_tally_unfinished(const struct run_tally *t, struct run_count to[RUN_COUNTS])
{
    uint32_t n = 0;
    add(to, &n, "fragments given up", t->fragment[FRAGMENT_STOPPED] + fragments_in_flight(t));
    add(to, &n, "events undecided", t->events.in_flight);
    add(to, &n, "accepted events not recorded", t->output[RUN_OUTPUT_record_lost]);
    return n;
}
