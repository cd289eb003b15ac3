/* invariant: what must be true of the monitor's numbers at any moment, checked while the
 * daemon runs. One row an invariant (MONITOR_INVARIANTS in data/monitor.h), one function
 * each. One that is broken is a mistake in the program, not in the data: it is counted,
 * logged, shown by everything that shows numbers, and makes the exit status 1.
 *
 * Other threads go on counting meanwhile, so a check compares what it owns exactly, and
 * holds the rest between two bounds that leave room for what is on its way:
 *
 *     ends (read first)  <=  begins (read after)  <=  ends + what can be on its way
 *
 * and exactly where nothing is on its way: at rest, and at the end of a run.
 */
#ifndef SPARSED_DATA_INVARIANT_H
#define SPARSED_DATA_INVARIANT_H

#include "data/monitor.h"

#include <stdbool.h>
#include <stdint.h>

/* What the event thread sees that the monitor does not say. */
struct invariant_sight {
    uint64_t now_ns;             /* monotonic, after the last charge of time */
    uint64_t undecided;          /* events in slots that have no fate yet */
    uint64_t undelivered;        /* events in slots that are with output or recorder */
    uint64_t fragment_room;      /* fragments that all queues and hands can hold */
    uint64_t fragments_stranded; /* without a fate, though none is on its way */
    bool ended;                  /* all threads have ended: every check is exact */
};

/* Whether an invariant holds; else `text` says the numbers. For tests, and the below. */
bool invariant_holds(enum monitor_invariant invariant, const struct monitor *m,
                     const struct invariant_sight *s, char *text, uint32_t bytes);

/* Checks all; counts in m->invariant_broken and logs those that do not hold. Returns how
 * many that were. Called by the event thread, or when all threads have ended. */
uint32_t invariant_check_all(struct monitor *m, const struct invariant_sight *s);

#endif
