#include "service/metrics_table.h"

#include "data/run_state.h"
#include "service/metrics_books.h"
#include "service/metrics_cards.h"
#include "service/metrics_kafka.h"
#include "service/metrics_shadow.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LABELS = 5, VALUE_BYTES = 1200 };

/* ---- what rows are made of ---- */

static void plain(struct sink *s, double value)
{
    s->put(s, "", NULL, 0, value);
}

static void labelled(struct sink *s, const char *name, const char *label, double value)
{
    s->put(s, "", &(struct label){name, label}, 1, value);
}

static double read(const counter *c)
{
    return (double)counter_read(c);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static uint32_t sources(const struct monitor *m)
{
    uint32_t n = atomic_load(&m->n_sources);
    return n < MONITOR_MAX_SOURCES ? n : MONITOR_MAX_SOURCES;
}

/* One sample for each source that was heard of. */
#define FOR_EACH_SOURCE(name, expression)                                                          \
    static void name(struct sink *s)                                                               \
    {                                                                                              \
        char text[16];                                                                             \
        for (uint32_t i = 0; i < sources(s->m); i++) {                                             \
            const struct source_monitor *from = &s->m->source[i];                                  \
            labelled(s, "source", metrics_books_source(s->m, i, text), expression);                \
        }                                                                                          \
    }
#define PLAIN(name, expression)                                                                    \
    static void name(struct sink *s)                                                               \
    {                                                                                              \
        plain(s, expression);                                                                      \
    }

/* ---- the rows' functions ---- */

static void info(struct sink *s)
{
    char models[VALUE_BYTES] = "", hash[SHA256_HEX_BYTES];
    size_t used = 0;
    for (uint32_t i = 0; i < s->info->models->n_models && used < sizeof models; i++) {
        used += (size_t)snprintf(models + used, sizeof models - used, "%s%s", i > 0 ? "," : "",
                                 s->info->models->entry[i].model->name);
    }
    hash_hex(s->info->settings->sha256, hash);
    struct label labels[MAX_LABELS] = {{"version", SPARSED_VERSION},
                                       {"instance", s->info->settings->detector.name},
                                       {"engine", s->info->engine},
                                       {"models", models},
                                       {"config_sha256", hash}};
    s->put(s, "", labels, MAX_LABELS, 1);
}

static void fragments(struct sink *s)
{
    char text[16];
    for (uint32_t i = 0; i < sources(s->m); i++) {
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++) {
            struct label labels[] = {{"source", metrics_books_source(s->m, i, text)},
                                     {"fate", fragment_fate_name((enum fragment_fate)k)}};
            s->put(s, "", labels, 2, read(&s->m->source[i].fate[k]));
        }
    }
}

static void events(struct sink *s)
{
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++) {
        labelled(s, "fate", event_fate_name((enum event_fate)k), read(&s->m->event_fate[k]));
    }
}

/* Row 0 belongs to no source: it cannot fall silent. */
static void source_silent(struct sink *s)
{
    char text[16];
    for (uint32_t i = 1; i < sources(s->m); i++) {
        uint64_t seen = counter_read(&s->m->source[i].last_seen_ns);
        labelled(s, "source", metrics_books_source(s->m, i, text),
                 seconds(s->now_ns > seen ? s->now_ns - seen : 0));
    }
}

/* Two models may bear one name: the label carries the place in the list then. */
static void windows(struct sink *s)
{
    const struct model_set *set = s->info->models;
    for (uint32_t i = 0; i < set->n_models; i++) {
        char text[MODEL_NAME_BYTES + 16];
        bool twice = false;
        for (uint32_t k = 0; k < set->n_models; k++) {
            twice |= k != i && strcmp(set->entry[i].model->name, set->entry[k].model->name) == 0;
        }
        (void)snprintf(text, sizeof text, twice ? "%s#%u" : "%s", set->entry[i].model->name, i);
        labelled(s, "model", text, read(&s->m->model_windows[i]));
    }
}

static void rules(struct sink *s, const counter *count)
{
    const struct trigger_settings *t = &s->info->settings->trigger;
    for (uint32_t i = 0; i < t->n_rules; i++) {
        labelled(s, "rule", t->rule[i].name, read(&count[i]));
    }
}

static void rule_fired(struct sink *s)
{
    rules(s, s->m->rule_fired);
}

static void rule_prescaled(struct sink *s)
{
    rules(s, s->m->rule_prescaled);
}

/* One sample for each plane that wires are counted of. */
static void by_plane(struct sink *s, const counter *count)
{
    const struct geometry *g = s->info->geometry;
    char text[16];
    for (uint32_t i = 0; i < g->n_planes && s->info->settings->imaging.hot.events > 0; i++) {
        (void)snprintf(text, sizeof text, "%u", g->plane[i].id);
        labelled(s, "plane", text, read(&count[i]));
    }
}

static void hot_found(struct sink *s)
{
    by_plane(s, s->m->hot_found);
}

static void hot_released(struct sink *s)
{
    by_plane(s, s->m->hot_released);
}

static void hot_wires(struct sink *s)
{
    const struct geometry *g = s->info->geometry;
    char text[16];
    for (uint32_t i = 0; i < g->n_planes && s->info->settings->imaging.hot.events > 0; i++) {
        (void)snprintf(text, sizeof text, "%u", g->plane[i].id);
        labelled(s, "plane", text, atomic_load(&s->m->hot_wires[i]));
    }
}

/* dead, hot: by the calibration; found_hot: in this run. */
static void masked_wires(struct sink *s)
{
    const struct geometry *g = s->info->geometry;
    for (uint32_t i = 0; i < g->n_planes && !g->images; i++) {
        const struct plane_geometry *p = &g->plane[i];
        const struct {
            const char *name;
            uint32_t wires;
        } why[] = {{"dead", p->dead_wires},
                   {"hot", p->hot_wires},
                   {"found_hot", atomic_load(&s->m->hot_masked[i])}};
        char text[16];
        (void)snprintf(text, sizeof text, "%u", p->id);
        for (size_t k = 0; k < sizeof why / sizeof why[0]; k++) {
            struct label labels[] = {{"plane", text}, {"why", why[k].name}};
            s->put(s, "", labels, 2, why[k].wires);
        }
    }
}

static void queue_depth(struct sink *s)
{
    labelled(s, "queue", "fragments", atomic_load(&s->m->fragments_waiting));
    labelled(s, "queue", "reduced", atomic_load(&s->m->reduced_waiting));
    labelled(s, "queue", "output", atomic_load(&s->m->output_waiting));
    labelled(s, "queue", "record", atomic_load(&s->m->record_waiting));
}

static void disk_free(struct sink *s)
{
    if (s->info->settings->output.record.directory[0] != '\0') {
        plain(s, (double)atomic_load(&s->m->disk_free_bytes));
    }
}

static uint64_t uptime_ns(const struct sink *s)
{
    return s->now_ns > s->m->started_ns ? s->now_ns - s->m->started_ns : 0;
}

static void stage_seconds(struct sink *s)
{
    for (uint32_t k = 0; k < MONITOR_STAGE_COUNT; k++) {
        struct histogram_summary h = histogram_read(&s->m->stage[k]);
        struct label labels[2] = {{"stage", monitor_stage_name((enum monitor_stage)k)},
                                  {"quantile", "0.5"}};
        s->put(s, "", labels, 2, seconds(h.p50_ns));
        labels[1].value = "0.99";
        s->put(s, "", labels, 2, seconds(h.p99_ns));
        labels[1].value = "0.999";
        s->put(s, "", labels, 2, seconds(h.p999_ns));
        labels[1].value = "1";
        s->put(s, "", labels, 2, seconds(h.max_ns));
        s->put(s, "_sum", labels, 1, seconds(h.sum_ns));
        s->put(s, "_count", labels, 1, (double)h.count);
    }
}

/* 1 for the state that it is in. */
static void health(struct sink *s)
{
    struct health h;
    if (s->watch == NULL)
        return;
    watch_health(s->watch, &h);
    for (uint32_t k = 0; k < HEALTH_STATE_COUNT; k++)
        labelled(s, "state", health_state_name((enum health_state)k), h.state == k ? 1 : 0);
}

/* 1 for the state that run control is in. */
static void run_state(struct sink *s)
{
    uint32_t state = atomic_load(&s->m->run_state);
    for (uint32_t k = 0; k < RUN_STATE_COUNT; k++)
        labelled(s, "state", run_state_name((enum run_state)k), state == k ? 1 : 0);
}

static void control_requests(struct sink *s)
{
    double all = read(&s->m->control_requests), bad = read(&s->m->control_bad);
    double refused = read(&s->m->control_refused);
    labelled(s, "outcome", "done", all - bad - refused);
    labelled(s, "outcome", "refused", refused);
    labelled(s, "outcome", "bad", bad);
}

PLAIN(ready, atomic_load(&s->m->ready) && !atomic_load(&s->m->stopping) ? 1 : 0)
PLAIN(uptime, seconds(uptime_ns(s)))
PLAIN(run, atomic_load(&s->m->run))
PLAIN(run_number, atomic_load(&s->m->run_number))
PLAIN(epoch, s->info->epoch)
PLAIN(events_in, read(&s->m->events_in))
PLAIN(events_in_flight, (double)monitor_ledger(s->m).in_flight)
PLAIN(events_incomplete, read(&s->m->events_incomplete))
FOR_EACH_SOURCE(fragments_received, read(&from->received))
FOR_EACH_SOURCE(fragment_bytes, read(&from->received_bytes))
FOR_EACH_SOURCE(source_gaps, read(&from->gaps))
FOR_EACH_SOURCE(source_missed, read(&from->missed))
FOR_EACH_SOURCE(source_repeated, read(&from->repeated))
FOR_EACH_SOURCE(source_out_of_order, read(&from->out_of_order))
FOR_EACH_SOURCE(source_restarts, read(&from->restarts))
PLAIN(windows_truncated, read(&s->m->windows_truncated))
PLAIN(windows_masked, read(&s->m->windows_masked))
PLAIN(nonfinite_bins, read(&s->m->nonfinite_bins))
PLAIN(pass_through, read(&s->m->pass_through))
PLAIN(decisions_published, read(&s->m->decisions_published))
PLAIN(decisions_unsent, read(&s->m->decisions_unsent))
PLAIN(decisions_missed, read(&s->m->decisions_missed))
PLAIN(recorded_events, read(&s->m->recorded_events))
PLAIN(recorded_bytes, read(&s->m->recorded_bytes))
PLAIN(record_files, read(&s->m->record_files))
PLAIN(record_lost, read(&s->m->record_lost))
PLAIN(record_errors, read(&s->m->record_errors))
PLAIN(record_failing, atomic_load(&s->m->record_failing) ? 1 : 0)
PLAIN(slots, atomic_load(&s->m->slots))
PLAIN(slots_used, atomic_load(&s->m->slots_used))
/* Doors that were never opened refuse nobody: all are shown, so that a rule can count on it. */
static void door_refused(struct sink *s)
{
    for (uint32_t d = 0; d < DOOR_COUNT; d++)
        for (uint32_t k = 0; k < DOOR_REFUSAL_COUNT; k++) {
            struct label labels[] = {{"door", door_name((enum door)d)},
                                     {"cause", door_refusal_name((enum door_refusal)k)}};
            s->put(s, "", labels, 2, read(&s->m->door_refused[d][k]));
        }
}

PLAIN(memory_bytes, (double)atomic_load(&s->m->memory_bytes))

/* ---- the table ---- */

const struct metric metrics_table[] = {
    {"sparsed_info", METRIC_GAUGE, info, "What is running; always 1."},
    {"sparsed_ready", METRIC_GAUGE, ready, "1 while the daemon takes data."},
    {"sparsed_health", METRIC_GAUGE, health,
     "1 for the state of health; the page and sparse-top give the reasons."},
    {"sparsed_uptime_seconds", METRIC_GAUGE, uptime, "Time since the start."},
    {"sparsed_run", METRIC_GAUGE, run,
     "Run number of the last event decided, as the readout gave it."},
    {"sparsed_control_requests_total", METRIC_COUNTER, control_requests,
     "Requests on the control socket by outcome: done, refused (or failed), bad (unreadable)."},
    {"sparsed_run_state", METRIC_GAUGE, run_state, "1 for the state of run control."},
    {"sparsed_run_number", METRIC_GAUGE, run_number,
     "The operators' number of this run, or of the last one."},
    {"sparsed_epoch", METRIC_GAUGE, epoch,
     "Changes of models or settings since the run was configured."},
    {"sparsed_events_in_total", METRIC_COUNTER, events_in, "Events of which a fragment came."},
    {"sparsed_events_total", METRIC_COUNTER, events, "Events by what became of them."},
    {"sparsed_events_in_flight", METRIC_GAUGE, events_in_flight, "Events not decided yet."},
    {"sparsed_events_incomplete_total", METRIC_COUNTER, events_incomplete,
     "Events judged with wires missing."},
    {"sparsed_events_timed_out_total", METRIC_COUNTER, metrics_books_timed_out,
     "Events whose time was up with wires missing, judged or dropped, by why they were missing."},
    {"sparsed_events_lost_total", METRIC_COUNTER, metrics_books_events_lost,
     "Events without a decision, by what it is put down to."},
    {"sparsed_invariant_broken_total", METRIC_COUNTER, metrics_books_invariant_broken,
     "Checks that found the daemon's numbers to contradict each other; any is a defect."},
    {"sparsed_fragments_received_total", METRIC_COUNTER, fragments_received, "Messages received."},
    {"sparsed_fragment_bytes_total", METRIC_COUNTER, fragment_bytes, "Payload bytes received."},
    {"sparsed_fragments_total", METRIC_COUNTER, fragments, "Fragments by what became of them."},
    {"sparsed_source_lost_total", METRIC_COUNTER, metrics_books_source_lost,
     "Fragments of a source that did not become part of an event, by what it is put down to; "
     "network: messages that never came."},
    {"sparsed_source_missing_events_total", METRIC_COUNTER, metrics_books_missing_events,
     "Events that lacked wires of this source when their time was up, by why."},
    {"sparsed_source_missing_wires_total", METRIC_COUNTER, metrics_books_missing_wires,
     "Wires of this source that those events lacked."},
    {"sparsed_source_gaps_total", METRIC_COUNTER, source_gaps,
     "Jumps in the sequence of a source."},
    {"sparsed_source_missed_total", METRIC_COUNTER, source_missed,
     "Messages that those jumps skipped."},
    {"sparsed_source_repeated_total", METRIC_COUNTER, source_repeated,
     "Sequence numbers seen twice in a row."},
    {"sparsed_source_out_of_order_total", METRIC_COUNTER, source_out_of_order,
     "Sequence numbers below the last one."},
    {"sparsed_source_restarts_total", METRIC_COUNTER, source_restarts,
     "Sequences that began again at 0."},
    {"sparsed_source_silent_seconds", METRIC_GAUGE, source_silent,
     "Time since a source's last message."},
    {"sparsed_kafka_partitions", METRIC_GAUGE, metrics_kafka_partitions,
     "Partitions of the readout's topic that are this daemon's."},
    {"sparsed_kafka_lag", METRIC_GAUGE, metrics_kafka_lag,
     "Messages in them that were not received yet."},
    {"sparsed_kafka_total", METRIC_COUNTER, metrics_kafka_counts,
     "What happened between the daemon and the brokers (docs/kafka.md)."},
    {"sparsed_windows_total", METRIC_COUNTER, windows, "Windows scored."},
    {"sparsed_windows_truncated_total", METRIC_COUNTER, windows_truncated,
     "Windows with more active pixels than their model takes."},
    {"sparsed_windows_masked_total", METRIC_COUNTER, windows_masked,
     "Windows with masked wires in them."},
    {"sparsed_masked_wires", METRIC_GAUGE, masked_wires,
     "Wires left out, by plane: dead or hot by the calibration, or found hot in this run, with "
     "those pooled with them."},
    {"sparsed_hot_wires", METRIC_GAUGE, hot_wires, "Wires that are hot now, by plane."},
    {"sparsed_hot_wires_found_total", METRIC_COUNTER, hot_found,
     "Times that a wire became hot, by plane."},
    {"sparsed_hot_wires_released_total", METRIC_COUNTER, hot_released,
     "Times that a hot wire became quiet again, by plane."},
    {"sparsed_nonfinite_bins_total", METRIC_COUNTER, nonfinite_bins,
     "Time bins that held NaN or infinity, taken as 0."},
    {"sparsed_rule_fired_total", METRIC_COUNTER, rule_fired,
     "Events for which a rule fired and passed its prescale."},
    {"sparsed_rule_prescaled_total", METRIC_COUNTER, rule_prescaled,
     "Events for which a rule fired and was prescaled away."},
    {"sparsed_pass_through_total", METRIC_COUNTER, pass_through,
     "Events kept whatever their score."},
    {"sparsed_fpga_state", METRIC_GAUGE, metrics_cards_state, "1 for the state that a card is in."},
    {"sparsed_fpga_starts_total", METRIC_COUNTER, metrics_cards_starts,
     "Starts of the process that holds a card."},
    {"sparsed_fpga_down_total", METRIC_COUNTER, metrics_cards_down,
     "Times that a card was taken out, by cause."},
    {"sparsed_fpga_launches_total", METRIC_COUNTER, metrics_cards_launches,
     "Batches handed to a card, self-tests among them."},
    {"sparsed_fpga_windows_total", METRIC_COUNTER, metrics_cards_windows,
     "Windows of those batches."},
    {"sparsed_fpga_batch_seconds", METRIC_SUMMARY, metrics_cards_batch_seconds,
     "Durations of a batch's steps since the start: queue, until it is handed to XRT; card, "
     "until its results are back."},
    {"sparsed_fpga_cross_checked_total", METRIC_COUNTER, metrics_cards_cross_checked,
     "Windows of a card that the CPU computed too."},
    {"sparsed_fpga_differing_total", METRIC_COUNTER, metrics_cards_differing,
     "Of those the ones that differed."},
    {"sparsed_fpga_fallback_total", METRIC_COUNTER, metrics_cards_fallback,
     "Windows that were a card's and that the CPU scored, by cause."},
    {"sparsed_shadow_events_total", METRIC_COUNTER, metrics_shadow_events,
     "Events that the candidate scored too, by whether its rules fire where those in force do."},
    {"sparsed_shadow_skipped_total", METRIC_COUNTER, metrics_shadow_skipped,
     "Events that the candidate had no time for."},
    {"sparsed_shadow_windows_total", METRIC_COUNTER, metrics_shadow_windows,
     "Windows whose scores differ between the candidate and the model in force by at most le."},
    {"sparsed_decisions_published_total", METRIC_COUNTER, decisions_published,
     "Decisions handed to the sockets."},
    {"sparsed_decisions_unsent_total", METRIC_COUNTER, decisions_unsent,
     "Decisions that no socket took; with those published all that were decided."},
    {"sparsed_decisions_missed_total", METRIC_COUNTER, decisions_missed,
     "Decisions no PUSH peer had room for, and times a subscriber's queue became full."},
    {"sparsed_recorded_events_total", METRIC_COUNTER, recorded_events,
     "Accepted events written to files and flushed."},
    {"sparsed_recorded_bytes_total", METRIC_COUNTER, recorded_bytes, "Bytes of those files."},
    {"sparsed_record_files_total", METRIC_COUNTER, record_files, "Files begun."},
    {"sparsed_record_lost_total", METRIC_COUNTER, record_lost,
     "Accepted events that were not recorded."},
    {"sparsed_record_errors_total", METRIC_COUNTER, record_errors,
     "Failed opens, writes and flushes."},
    {"sparsed_record_failing", METRIC_GAUGE, record_failing, "1 while the recorder cannot write."},
    {"sparsed_disk_free_bytes", METRIC_GAUGE, disk_free, "Room where the recorder writes."},
    {"sparsed_door_refused_total", METRIC_COUNTER, door_refused,
     "Connections that were not let in, by socket and cause."},
    {"sparsed_slots", METRIC_GAUGE, slots, "Event slots."},
    {"sparsed_slots_used", METRIC_GAUGE, slots_used, "Event slots in use."},
    {"sparsed_queue_depth", METRIC_GAUGE, queue_depth, "What waits in each queue."},
    {"sparsed_memory_bytes", METRIC_GAUGE, memory_bytes,
     "Memory taken when the run was configured."},
    {"sparsed_live_seconds_total", METRIC_COUNTER, metrics_books_live,
     "Time of runs in which the readout could take a message."},
    {"sparsed_paused_seconds_total", METRIC_COUNTER, metrics_books_paused,
     "Time of runs in which an operator had stopped the readout."},
    {"sparsed_draining_seconds_total", METRIC_COUNTER, metrics_books_draining,
     "Time of runs after the readout had ended."},
    {"sparsed_dead_seconds_total", METRIC_COUNTER, metrics_books_dead,
     "Time of runs in which the readout stood still, by cause."},
    {"sparsed_run_seconds_total", METRIC_COUNTER, metrics_books_timed,
     "Length of runs: live, paused, draining and dead time together."},
    {"sparsed_thread_seconds_total", METRIC_COUNTER, metrics_books_threads,
     "Time of the threads, busy and idle."},
    {"sparsed_stage_seconds", METRIC_SUMMARY, stage_seconds,
     "Durations by stage since the start; quantile 1 is the largest."},
};
const size_t metrics_table_rows = sizeof metrics_table / sizeof *metrics_table;
