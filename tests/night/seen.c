/* What the nights have seen, so that nobody believes in nights in which nothing happens. */
#include "night.h"

#include <inttypes.h>
#include <stdio.h>

static struct {
    uint64_t event[EVENT_FATE_COUNT], fragment[FRAGMENT_FATE_COUNT];
    uint64_t runs, changes, recorded, record_lost, fallbacks, shadowed, stuck;
} seen;

void seen_look_back(void)
{
    const struct monitor *m = night.monitor;
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++)
        seen.event[k] += counter_read(&m->event_fate[k]);
    for (uint32_t i = 0; i < atomic_load(&m->n_sources); i++) {
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            seen.fragment[k] += counter_read(&m->source[i].fate[k]);
    }
    for (uint32_t k = 0; k < MONITOR_FPGA_FALLBACK_COUNT; k++)
        seen.fallbacks += counter_read(&m->fpga_fallback[k]);
    for (uint32_t k = 0; k < MONITOR_SHADOW_VERDICT_COUNT; k++)
        seen.shadowed += counter_read(&m->shadow_verdict[k]);
    seen.runs += night.control.runs;
    seen.changes += crew_changes();
    seen.recorded += counter_read(&m->recorded_events);
    seen.record_lost += counter_read(&m->record_lost);
    seen.stuck += night.control.stuck ? 1 : 0;
}

void seen_say(void)
{
    (void)printf("  events   ");
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++)
        (void)printf(" %s %" PRIu64, event_fate_name((enum event_fate)k), seen.event[k]);
    (void)printf("\n  fragments");
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++) {
        if (seen.fragment[k] > 0)
            (void)printf(" %s %" PRIu64, fragment_fate_name((enum fragment_fate)k),
                         seen.fragment[k]);
    }
    (void)printf("\n  runs %" PRIu64 ", changes %" PRIu64 ", recorded %" PRIu64
                 ", not recorded %" PRIu64 ", windows that a card did not score %" PRIu64
                 ", events in the shadow %" PRIu64 ", drains that got stuck %" PRIu64 "\n",
                 seen.runs, seen.changes, seen.recorded, seen.record_lost, seen.fallbacks,
                 seen.shadowed, seen.stuck);
}
