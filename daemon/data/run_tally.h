/* run_tally: the account of one run. The monitor's counters belong to the daemon's life
 * and never go back; a run's are what they are now, less what they were when it began.
 *
 *     begin = run_tally_read(m)  ...  now = run_tally_read(m); run_tally_since(&now, &begin)
 *
 * Between runs nothing is under way, so no event and no fragment is in two runs, and the
 * sum over all runs is the daemon's whole account.
 */
#ifndef SPARSED_DATA_RUN_TALLY_H
#define SPARSED_DATA_RUN_TALLY_H

#include "data/monitor.h"

/* What left the daemon: X(name, cell of struct monitor, help) */
#define RUN_OUTPUTS(X)                                                                             \
    X(published, decisions_published, "decisions handed to the sockets")                           \
    X(missed, decisions_missed, "decisions that some peer had no room for")                        \
    X(recorded, recorded_events, "accepted events flushed to the disk")                            \
    X(record_lost, record_lost, "accepted events not recorded")                                    \
    X(record_files, record_files, "files begun")                                                   \
    X(record_bytes, recorded_bytes, "bytes of those files")

enum run_output {
#define X(name, cell, help) RUN_OUTPUT_##name,
    RUN_OUTPUTS(X)
#undef X
        RUN_OUTPUT_COUNT
};

struct run_tally {
    struct ledger events;
    uint64_t received, fragment[FRAGMENT_FATE_COUNT];
    uint64_t output[RUN_OUTPUT_COUNT];
    /* What the readout's time went into (MONITOR_DEAD_CAUSES says which ns is which). */
    uint64_t live_ns, paused_ns, draining_ns, dead_ns[MONITOR_DEAD_CAUSE_COUNT];
    uint64_t length_ns; /* the sum of these */
};

/* The daemon's account at this moment. Any thread. */
void run_tally_read(const struct monitor *m, struct run_tally *t);

/* Takes off what was there when the run began. */
void run_tally_since(struct run_tally *t, const struct run_tally *begin);

/* The same as named numbers, for messages, files and screens. */
struct run_count {
    const char *name;
    uint64_t value;
};
enum { RUN_COUNTS = FRAGMENT_FATE_COUNT + 2 }; /* the longest list has so many */

uint32_t run_tally_events(const struct run_tally *t, struct run_count to[RUN_COUNTS]);
uint32_t run_tally_fragments(const struct run_tally *t, struct run_count to[RUN_COUNTS]);
uint32_t run_tally_output(const struct run_tally *t, struct run_count to[RUN_COUNTS]);
uint32_t run_tally_times(const struct run_tally *t, struct run_count to[RUN_COUNTS]); /* ns */

/* What was taken in and is not finished yet. */
uint32_t run_tally_pending(const struct run_tally *t, struct run_count to[RUN_COUNTS]);

/* What was taken in and not finished: nothing (0) after a drain that came to its end. Events of
 * which a source had not sent all yet (fate `stop`) are finished: nobody could do more. */
uint32_t run_tally_unfinished(const struct run_tally *t, struct run_count to[RUN_COUNTS]);

#endif
