/* facts: what a Metrics message says, as numbers with names.
 *
 * A number that a message does not have is NaN and is shown as "-"; a rate is the
 * difference between two messages by the time between them. A counter that went
 * down means that sparsed was started again: there are no rates for that interval.
 */
#ifndef SPARSED_CLIENTS_TOP_FACTS_H
#define SPARSED_CLIENTS_TOP_FACTS_H

#include "proto/metrics.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FACTS_NAME_BYTES = 64, FACTS_LIST = 64, FACTS_SOURCES = 260, FACTS_HISTORY = 60 };

/* One number each: X(field, metric name without "sparsed_"). */
#define FACTS_SCALARS(X)                                                                           \
    X(ready, "ready")                                                                              \
    X(uptime_seconds, "uptime_seconds")                                                            \
    X(run, "run")                                                                                  \
    X(run_number, "run_number")                                                                    \
    X(events_in, "events_in_total")                                                                \
    X(in_flight, "events_in_flight")                                                               \
    X(incomplete, "events_incomplete_total")                                                       \
    X(windows_truncated, "windows_truncated_total")                                                \
    X(nonfinite_bins, "nonfinite_bins_total")                                                      \
    X(pass_through, "pass_through_total")                                                          \
    X(decisions_published, "decisions_published_total")                                            \
    X(decisions_missed, "decisions_missed_total")                                                  \
    X(recorded_events, "recorded_events_total")                                                    \
    X(recorded_bytes, "recorded_bytes_total")                                                      \
    X(recorded_files, "record_files_total")                                                        \
    X(record_lost, "record_lost_total")                                                            \
    X(record_errors, "record_errors_total")                                                        \
    X(record_failing, "record_failing")                                                            \
    X(disk_free_bytes, "disk_free_bytes")                                                          \
    X(slots, "slots")                                                                              \
    X(slots_used, "slots_used")                                                                    \
    X(memory_bytes, "memory_bytes")                                                                \
    X(live_seconds, "live_seconds_total")                                                          \
    X(paused_seconds, "paused_seconds_total")                                                      \
    X(draining_seconds, "draining_seconds_total")                                                  \
    X(run_seconds, "run_seconds_total")                                                            \
    X(decisions_unsent, "decisions_unsent_total")

/* Numbers by one label: X(field, metric name without "sparsed_", label). Several
 * samples with the same label value (fragments by source and fate) are summed. */
#define FACTS_LISTS(X)                                                                             \
    X(event_fates, "events_total", "fate")                                                         \
    X(run_state, "run_state", "state")                                                             \
    X(broken, "invariant_broken_total", "invariant")                                               \
    X(timed_out, "events_timed_out_total", "cause")                                                \
    X(lost_by_cause, "source_lost_total", "cause")                                                 \
    X(fragment_fates, "fragments_total", "fate")                                                   \
    X(windows, "windows_total", "model")                                                           \
    X(rules_fired, "rule_fired_total", "rule")                                                     \
    X(rules_prescaled, "rule_prescaled_total", "rule")                                             \
    X(queues, "queue_depth", "queue")                                                              \
    X(dead_seconds, "dead_seconds_total", "cause")                                                 \
    X(cards, "fpga_state", "state")                                                                \
    X(card_windows, "fpga_windows_total", "card")                                                  \
    X(card_down, "fpga_down_total", "cause")                                                       \
    X(card_fallback, "fpga_fallback_total", "cause")                                               \
    X(card_checked, "fpga_cross_checked_total", "card")                                            \
    X(card_differing, "fpga_differing_total", "card")

/* Numbers of each source: X(field, metric name without "sparsed_"). */
#define FACTS_SOURCE_FIELDS(X)                                                                     \
    X(received, "fragments_received_total")                                                        \
    X(bytes, "fragment_bytes_total")                                                               \
    X(gaps, "source_gaps_total")                                                                   \
    X(missed, "source_missed_total")                                                               \
    X(repeated, "source_repeated_total")                                                           \
    X(out_of_order, "source_out_of_order_total")                                                   \
    X(restarts, "source_restarts_total")                                                           \
    X(missing_wires, "source_missing_wires_total")                                                 \
    X(silent_seconds, "source_silent_seconds")

/* The daemon's own judgement, in its own words (daemon/service/health.h). */
enum { FACTS_REASONS = 12, FACTS_REASON_BYTES = 160 };
struct facts_health {
    char state[32]; /* healthy, idle, ...; "unknown" where the message says nothing */
    char reason[FACTS_REASONS][FACTS_REASON_BYTES];
    size_t n;
};

struct facts_entry {
    char name[FACTS_NAME_BYTES];
    double value;
};

struct facts_list {
    struct facts_entry entry[FACTS_LIST];
    size_t n;
};

struct facts_source {
    char name[FACTS_NAME_BYTES];
#define X(field, name) double field;
    FACTS_SOURCE_FIELDS(X)
#undef X
};

struct facts {
    uint64_t time_ns; /* of the publisher, since the epoch */
    struct facts_health health;
    char instance[FACTS_NAME_BYTES], version[FACTS_NAME_BYTES], engine[FACTS_NAME_BYTES];
#define X(field, name) double field;
    FACTS_SCALARS(X)
#undef X
#define X(field, name, label) struct facts_list field;
    FACTS_LISTS(X)
#undef X
    struct facts_source source[FACTS_SOURCES];
    size_t n_sources;
    struct facts_list busy, idle; /* s, by thread */
    double p50, p99, p999, max;   /* s, stage latency, since the start */
    double latency_sum, latency_count;
};

/* What happened between two messages. */
struct facts_rates {
    bool known; /* false: first message, or sparsed was started again */
    double dt;  /* s between the messages */
    double in_hz, accepted_hz, lost_hz, windows_hz, fragments_hz, bytes_hz, recorded_hz;
    double fragments_lost, decisions_missed, record_lost, broken; /* in the interval */
    double live;                                                  /* fraction of the interval */
    double mean_latency; /* s, of the events of the interval */
};

/* The last intervals, newest last; NaN: not known. */
struct facts_history {
    double accepted_hz[FACTS_HISTORY], latency[FACTS_HISTORY], recorded_hz[FACTS_HISTORY];
    size_t n;
};

void facts_read(struct facts *f, const Sparsed__Metrics *m);
struct facts_rates facts_compare(const struct facts *now, const struct facts *before);
void facts_remember(struct facts_history *h, const struct facts_rates *r);

/* Mean of the known ones; NaN where there is none. */
double facts_mean(const double *x, size_t n);

/* Value of an entry, NaN where it is not there; sums. A loss is an event's fate that
 * is no decision, and a fragment's that is not "assembled". */
double facts_get(const struct facts_list *l, const char *name);
double facts_sum(const struct facts_list *l);
bool facts_is_event_loss(const char *fate);
double facts_events_lost(const struct facts *f);
double facts_fragments_lost(const struct facts *f);

#endif
