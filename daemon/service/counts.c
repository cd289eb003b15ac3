/* A struct counts is nothing but 64-bit numbers, so a difference is one loop over them. */
#include "service/counts.h"

#include <string.h>

enum { NUMBERS = sizeof(struct counts) / sizeof(uint64_t) };
_Static_assert(sizeof(struct counts) == NUMBERS * sizeof(uint64_t), "counts are 64-bit numbers");

static void add_source(struct counts *c, const struct source_monitor *s)
{
    c->fragments += counter_read(&s->received);
    c->fragment_bytes += counter_read(&s->received_bytes);
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
        c->fragment_fate[k] += counter_read(&s->fate[k]);
}

void counts_take(struct counts *c, const struct monitor *m, uint64_t now_ns)
{
    *c = (struct counts){.at_ns = now_ns};
    struct ledger l = monitor_ledger(m);
    c->in = l.in;
    memcpy(c->event_fate, l.fate, sizeof c->event_fate);
    uint32_t sources = atomic_load(&m->n_sources);
    for (uint32_t i = 0; i < sources && i < MONITOR_MAX_SOURCES; i++)
        add_source(c, &m->source[i]);
    c->windows = counter_read(&m->windows);
    c->recorded_bytes = counter_read(&m->recorded_bytes);
    c->record_lost = counter_read(&m->record_lost);
    c->decisions_missed = counter_read(&m->decisions_missed);
    for (uint32_t k = 0; k < MONITOR_DEAD_CAUSE_COUNT; k++)
        c->dead_ns[k] = counter_read(&m->dead_ns[k]);
    struct histogram_summary latency = histogram_read(&m->stage[STAGE_latency]);
    c->latency_count = latency.count;
    c->latency_sum_ns = latency.sum_ns;
}

void counts_difference(struct counts *d, const struct counts *now, const struct counts *before)
{
    uint64_t x[NUMBERS], y[NUMBERS];
    memcpy(x, now, sizeof x);
    memcpy(y, before, sizeof y);
    for (size_t i = 0; i < NUMBERS; i++)
        x[i] = x[i] > y[i] ? x[i] - y[i] : 0;
    memcpy(d, x, sizeof *d);
}

uint64_t counts_events_lost(const struct counts *c)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++)
        sum += event_fate_is_loss((enum event_fate)k) ? c->event_fate[k] : 0;
    return sum;
}

uint64_t counts_fragments_lost(const struct counts *c)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
        sum += k == FRAGMENT_ASSEMBLED ? 0 : c->fragment_fate[k];
    return sum;
}

uint64_t counts_dead_ns(const struct counts *c)
{
    uint64_t sum = 0;
    for (uint32_t k = 0; k < MONITOR_DEAD_CAUSE_COUNT; k++)
        sum += c->dead_ns[k];
    return sum;
}
