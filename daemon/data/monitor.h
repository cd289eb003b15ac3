/* monitor: every number that the running daemon shows. The pipeline's threads
 * write, service/ reads; each cell is an atomic of its own, and what must agree
 * (the ledger) is checked by the one thread that owns it.
 */
#ifndef SPARSED_DATA_MONITOR_H
#define SPARSED_DATA_MONITOR_H

#include "base/histogram.h"
#include "data/fate.h"
#include "data/gallery.h"
#include "data/settings.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

/* More sources than this share the last row, whose id is SOURCE_OTHERS. */
enum { MONITOR_MAX_SOURCES = 256 };
#define SOURCE_OTHERS UINT32_MAX

struct source_monitor {
    _Atomic uint32_t id;
    counter received, received_bytes; /* messages and payload bytes */
    counter fate[FRAGMENT_FATE_COUNT];
    counter gaps, missed; /* jumps of the sequence; messages they skipped */
    counter repeated;     /* sequence numbers seen twice in a row */
    counter out_of_order; /* sequence numbers below the last one */
    counter restarts;     /* sequences that began again at 0 */
    counter last_seen_ns; /* monotonic */
    /* Of events whose time was up: those that lacked wires of this source, by why; the
     * wires. Row 0: wires that no source has sent so far. */
    counter missing_events[LOSS_COUNT], missing_wires;
    counter lost_at_ns[LOSS_COUNT]; /* monotonic, the last fragment lost so; 0: none */
};

/* The stages whose durations are kept: X(name, help) */
#define MONITOR_STAGES(X)                                                                          \
    X(reduce, "one fragment: decode, check, rebin, floor, clip, pool")                             \
    X(queue, "one fragment: from arrival until a worker took it")                                  \
    X(assembly, "one event: from its first fragment's arrival to its last one's")                  \
    X(engine, "one event: windows cut and scored")                                                 \
    X(trigger, "one event: rules")                                                                 \
    X(output, "one event: from decided to handed to the sockets")                                  \
    X(record, "one accepted event: written to the recorder's file")                                \
    X(latency, "one event: from its last fragment's arrival to its decision on the sockets")

enum monitor_stage {
#define X(name, help) STAGE_##name,
    MONITOR_STAGES(X)
#undef X
        MONITOR_STAGE_COUNT
};

/* Where a run's time goes: from pipeline_start to the end of pipeline_stop each ns is in
 * exactly one class. The readout thread charges them: what passed since it last did is
 * put down to what it did meanwhile.
 *
 *     live       it waited for messages, or took one
 *     paused     an operator stopped it
 *     draining   it has ended; what was taken in is being finished
 *     dead       it stood still for a cause below
 *
 *     live + paused + draining + dead = timed
 *
 * Dead causes: X(name, help) */
#define MONITOR_DEAD_CAUSES(X)                                                                     \
    X(no_worker, "all workers were busy")                                                          \
    X(no_slot, "no event slot was free")                                                           \
    X(stalled, "the process did not run: stopped, swapped out, or no processor for a second")

enum monitor_dead_cause {
#define X(name, help) DEAD_##name,
    MONITOR_DEAD_CAUSES(X)
#undef X
        MONITOR_DEAD_CAUSE_COUNT
};

/* Threads whose busy and idle time is kept: X(name, help). Idle is asleep, whether for
 * want of work or of room. */
#define MONITOR_THREADS(X)                                                                         \
    X(readout, "takes messages, hands them out")                                                   \
    X(workers, "reduce fragments; all of them together")                                           \
    X(event, "assembles, scores, decides")                                                         \
    X(output, "publishes decisions")                                                               \
    X(record, "writes accepted events")                                                            \
    X(shadow, "scores with the candidate what is decided already")

enum monitor_thread {
#define X(name, help) THREAD_##name,
    MONITOR_THREADS(X)
#undef X
        MONITOR_THREAD_COUNT
};

/* busy + idle = total, which is written last. */
struct thread_monitor {
    counter busy_ns, idle_ns, total_ns;
    _Atomic uint32_t threads; /* that have such a row in common */
};

/* What must be true of the numbers below at any moment. The functions that check are
 * invariant_NAME in data/invariant.c: X(name, help) */
#define MONITOR_INVARIANTS(X)                                                                      \
    X(events, "events in = all fates + in flight, which is the slots that are not decided")        \
    X(fragments, "of each source: received = all fates + in flight, no more than queues hold")     \
    X(timed_out, "each event whose time was up was put down to one cause")                         \
    X(decisions, "decided = published + unsent + with the output")                                 \
    X(recorded, "accepted, where recorded = recorded + record_lost + with the recorder")           \
    X(times, "live + paused + draining + dead = the run's length")                                 \
    X(threads, "busy + idle of a thread = its life")

enum monitor_invariant {
#define X(name, help) INVARIANT_##name,
    MONITOR_INVARIANTS(X)
#undef X
        MONITOR_INVARIANT_COUNT
};

/* What a card is doing: X(name, help) */
#define MONITOR_FPGA_STATES(X)                                                                     \
    X(down, "no process, or one that ends")                                                        \
    X(starting, "its process opens the card")                                                      \
    X(testing, "it has windows of the self-test")                                                  \
    X(up, "it scores windows")

/* Why a card went down: X(name, help) */
#define MONITOR_FPGA_DOWNS(X)                                                                      \
    X(refused, "XRT or the card refused the kernel, or did not answer in time")                    \
    X(died, "its process ended")                                                                   \
    X(failed, "a launch failed")                                                                   \
    X(late, "a batch was not back by its deadline")                                                \
    X(test, "the self-test gave a wrong bit")                                                      \
    X(lied, "a result was not the answer to its window")                                           \
    X(differed, "too many results differed from the CPU's")

/* Why the CPU scored a window that a card was there for: X(name, help) */
#define MONITOR_FPGA_FALLBACKS(X)                                                                  \
    X(no_card, "no card was up")                                                                   \
    X(busy, "every batch of every card was out")                                                   \
    X(lost, "its card went down with it")                                                          \
    X(lied, "the result was not the answer to it")

#define X(name, help) FPGA_STATE_##name,
enum fpga_state { MONITOR_FPGA_STATES(X) MONITOR_FPGA_STATE_COUNT };
#undef X
#define X(name, help) FPGA_DOWN_##name,
enum fpga_down { MONITOR_FPGA_DOWNS(X) MONITOR_FPGA_DOWN_COUNT };
#undef X
#define X(name, help) FPGA_FALLBACK_##name,
enum fpga_fallback { MONITOR_FPGA_FALLBACKS(X) MONITOR_FPGA_FALLBACK_COUNT };
#undef X

/* Whether a candidate's rules fire where those of the model in force do, prescaled away or
 * not: X(name, help) */
#define MONITOR_SHADOW_VERDICTS(X)                                                                 \
    X(both, "the same rules fire")                                                                 \
    X(neither, "no rule fires")                                                                    \
    X(current_only, "only with the model in force")                                                \
    X(candidate_only, "only with the candidate")                                                   \
    X(other_rules, "with both, but other rules")

#define X(name, help) SHADOW_##name,
enum monitor_shadow_verdict { MONITOR_SHADOW_VERDICTS(X) MONITOR_SHADOW_VERDICT_COUNT };
#undef X

/* Upper edges of what a window's score differs by: [0] is "not at all". */
enum { MONITOR_SHADOW_EDGES = 10 };
extern const double monitor_shadow_edge[MONITOR_SHADOW_EDGES];

const char *monitor_shadow_verdict_name(enum monitor_shadow_verdict verdict);

enum { MONITOR_MAX_CARDS = 16 };

/* One kernel on one card. */
struct fpga_monitor {
    _Atomic uint32_t device, model; /* index of the card, index of the model */
    _Atomic uint32_t state;         /* enum fpga_state */
    counter starts, launches, windows;
    counter down[MONITOR_FPGA_DOWN_COUNT];
    counter cross_checked, differing; /* windows */
    struct histogram queue_ns;        /* one batch: from submitted until handed to XRT */
    struct histogram card_ns;         /* one batch: from handed to XRT until its results are back */
};

/* What happens between us and Kafka's brokers: X(name, help) */
#define MONITOR_KAFKA(X)                                                                           \
    X(redelivered, "messages that the group had received before")                                  \
    X(skipped, "messages left out: their events had been decided")                                 \
    X(set_aside, "messages that are no fragment, on the dead-letter topic")                        \
    X(not_set_aside, "messages that are no fragment, and could not be put there")                  \
    X(full, "times that too many messages were in flight")                                         \
    X(errors, "errors in place of messages")                                                       \
    X(pauses, "times that the partitions were paused")                                             \
    X(assigned, "partitions that came")                                                            \
    X(revoked, "partitions that went")                                                             \
    X(commits, "commits of offsets")                                                               \
    X(commit_failures, "commits of offsets that failed; they are tried again")                     \
    X(acknowledged, "decisions that the broker has")                                               \
    X(undelivered,                                                                                 \
      "decisions that did not reach the broker before the end: their events come again")           \
    X(refused_decisions, "decisions that the broker will never take: too large")                   \
    X(missed_records, "records of runs that the broker does not have")                             \
    X(missed_metrics, "metrics messages that the broker does not have; the next brings the same")

struct kafka_monitor {
    _Atomic bool used, consumes; /* by the configuration; as the readout */
    _Atomic bool refused;        /* left the group: somebody judges with something else */
    _Atomic uint32_t partitions; /* ours now */
    _Atomic uint64_t lag;        /* messages in them that were not received yet */
#define X(name, help) counter name;
    MONITOR_KAFKA(X)
#undef X
};

struct monitor {
    struct kafka_monitor kafka;
    uint64_t started_ns;  /* monotonic */
    _Atomic bool ready;   /* the readout takes fragments */
    _Atomic uint32_t run; /* of the last event that was decided */

    /* Run control writes these. The run number is the operators'; events carry the
     * readout's own, which is another thing (`run` above). */
    _Atomic uint32_t run_state;    /* enum run_state */
    _Atomic uint32_t run_number;   /* of this run, or of the last one; 0: none yet */
    _Atomic uint64_t run_begun_ns; /* monotonic; 0: no run yet */
    _Atomic uint64_t run_ended_ns; /* monotonic, drained; 0: the run goes on */
    _Atomic bool paused;           /* the readout is to stand still ... */
    counter paused_ns;             /* ... and this is how long it did */
    /* Requests on the control socket; of them those that could not be read, and those
     * that were refused or failed. */
    counter control_requests, control_bad, control_refused;
    /* Monotonic; the event thread writes it each time it comes round, with work
     * or without, at least once a second. 0: it has not begun. */
    _Atomic uint64_t heartbeat_ns;

    /* readout: fragments by source and fate. Row 0 holds what has no readable
     * header and so no source; its id is 0 and it is shown as "unknown". */
    _Atomic uint32_t n_sources;
    struct source_monitor source[MONITOR_MAX_SOURCES];

    /* events */
    counter events_in;
    counter event_fate[EVENT_FATE_COUNT];
    counter events_incomplete;            /* judged with wires missing */
    counter events_timed_out[LOSS_COUNT]; /* with wires missing: judged, dropped or stopped */
    counter windows, windows_truncated, nonfinite_bins;
    counter windows_masked; /* with wires that are left out */
    /* by plane (index): wires that became hot, and quiet again; hot now; masked for it now,
     * with those pooled with them */
    counter hot_found[SETTINGS_MAX_PLANES], hot_released[SETTINGS_MAX_PLANES];
    _Atomic uint32_t hot_wires[SETTINGS_MAX_PLANES], hot_masked[SETTINGS_MAX_PLANES];
    counter model_windows[SETTINGS_MAX_MODELS];
    counter rule_fired[SETTINGS_MAX_RULES], rule_prescaled[SETTINGS_MAX_RULES];
    counter pass_through;

    /* engine: cards */
    _Atomic uint32_t n_cards;
    struct fpga_monitor card[MONITOR_MAX_CARDS];
    counter fpga_fallback[MONITOR_FPGA_FALLBACK_COUNT]; /* windows */

    /* doors: who was not let in, by door and cause; counted by the guard */
    counter door_refused[DOOR_COUNT][DOOR_REFUSAL_COUNT];

    /* the candidate */
    counter shadow_verdict[MONITOR_SHADOW_VERDICT_COUNT]; /* events */
    counter shadow_skipped;                               /* events it had no time for */
    counter shadow_difference[MONITOR_SHADOW_EDGES + 1];  /* windows; the last: above all edges */

    /* output */
    counter decisions_published; /* a socket took it */
    counter decisions_unsent;    /* no socket took it, or there is none */
    counter decisions_missed;    /* no PUSH peer had room; a subscriber's queue became full */
    counter recorded_events, recorded_bytes, record_files; /* events and bytes: once flushed */
    counter record_wanted;                                 /* accepted while the run is recorded */
    _Atomic uint64_t record_pending;                       /* written, but not flushed yet */
    counter record_lost;   /* accepted events the recorder did not write */
    counter record_errors; /* failed writes */
    _Atomic bool record_failing;
    _Atomic uint64_t disk_free_bytes; /* where the recorder writes; 0: not known yet */

    /* gauges */
    _Atomic uint32_t slots, slots_used;
    _Atomic uint32_t fragments_waiting; /* for a worker */
    _Atomic uint32_t reduced_waiting;   /* for the event thread */
    _Atomic uint32_t output_waiting, record_waiting;
    _Atomic uint64_t memory_bytes; /* what was taken when the run was configured */
    _Atomic bool stopping;

    /* Time. `timed` is written last of each charge, `timed_until` after it. */
    counter live_ns, draining_ns, dead_ns[MONITOR_DEAD_CAUSE_COUNT], timed_ns;
    _Atomic uint64_t timed_until_ns; /* monotonic; 0: no run yet */
    _Atomic uint64_t blocked_at_ns;  /* monotonic: a fragment last waited for a worker or a slot */
    struct thread_monitor thread[MONITOR_THREAD_COUNT];

    counter invariant_broken[MONITOR_INVARIANT_COUNT]; /* checks that found it untrue */
    struct histogram stage[MONITOR_STAGE_COUNT];
    struct gallery gallery; /* pictures of the last accepted events */
};

const char *monitor_stage_name(enum monitor_stage stage);
const char *monitor_dead_cause_name(enum monitor_dead_cause cause);
const char *monitor_dead_cause_help(enum monitor_dead_cause cause);

const char *monitor_thread_name(enum monitor_thread thread);
const char *monitor_invariant_name(enum monitor_invariant invariant);

const char *monitor_fpga_state_name(enum fpga_state state);
const char *monitor_fpga_down_name(enum fpga_down cause);
const char *monitor_fpga_down_help(enum fpga_down cause);
const char *monitor_fpga_fallback_name(enum fpga_fallback cause);

/* A run's clock. Begin: what passed before counts for nothing. Charge: puts what passed
 * since the last call down to a class (below MONITOR_DEAD_CAUSE_COUNT a cause of dead
 * time). More than MONITOR_STALL_NS cannot have been waited for: the rest was `stalled`.
 * A clock that went back counts nothing until it has caught up. One thread at a time. */
enum monitor_time {
    TIME_live = MONITOR_DEAD_CAUSE_COUNT,
    TIME_paused,
    TIME_draining,
};
#define MONITOR_STALL_NS UINT64_C(1000000000)
void monitor_time_begin(struct monitor *m, uint64_t now_ns);
void monitor_time_charge(struct monitor *m, enum monitor_time what, uint64_t now_ns);
uint64_t monitor_dead_ns(const struct monitor *m); /* all causes */

/* The same for a thread: `at_ns` is its own, and begins with now. */
void monitor_thread_charge(struct thread_monitor *t, bool busy, uint64_t *at_ns, uint64_t now_ns);

/* Checks that found an invariant untrue, all of them together. */
uint64_t monitor_broken(const struct monitor *m);

/* The event ledger at one moment. in_flight is in less all fates. */
struct ledger {
    uint64_t in, fate[EVENT_FATE_COUNT], lost, in_flight;
};
struct ledger monitor_ledger(const struct monitor *m);

/* "in 184,220 = accepted 412 + rejected 183,790 + prescaled 0 + throttled 0 +
 * lost 18 (timeout 18) + in flight 0", for logs and programs' last lines. */
void ledger_format(const struct ledger *l, char *text, uint32_t bytes);

static inline void counter_add(counter *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t counter_read(const counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
