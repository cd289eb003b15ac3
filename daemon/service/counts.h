/* counts: the counters of the monitor at one moment, so that two moments can be
 * compared: what was lost in the last seconds, how many events a second.
 */
#ifndef SPARSED_SERVICE_COUNTS_H
#define SPARSED_SERVICE_COUNTS_H

#include "data/monitor.h"

#include <stdint.h>

struct counts {
    uint64_t at_ns; /* monotonic */
    uint64_t in, event_fate[EVENT_FATE_COUNT];
    uint64_t fragments, fragment_bytes, fragment_fate[FRAGMENT_FATE_COUNT];
    uint64_t windows, recorded_bytes, record_lost, decisions_missed;
    uint64_t dead_ns[MONITOR_DEAD_CAUSE_COUNT];
    uint64_t latency_count, latency_sum_ns;
};

void counts_take(struct counts *c, const struct monitor *m, uint64_t now_ns);

/* now - before, field by field; what went down counts as 0: it began again. at_ns is the
 * time between them. */
void counts_difference(struct counts *d, const struct counts *now, const struct counts *before);

/* Sums over the fates that are losses, and over all causes of dead time. */
uint64_t counts_events_lost(const struct counts *c);
uint64_t counts_fragments_lost(const struct counts *c);
uint64_t counts_dead_ns(const struct counts *c);

#endif
