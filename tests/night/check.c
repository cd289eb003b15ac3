/* What the daemon promises, looked at from outside (what came out) and inside (the
 * monitor's numbers against the queues, after every step of every thread):
 *
 *     each fragment received has one fate, or lies in exactly one queue
 *     each event has one fate, or a slot
 *     each event is decided once, and what is decided leaves
 *     a decision's scores are those of the models it names, for that event
 *     settings and models follow each other in the order in which they were changed
 *     the accounts of a run close, its times add up, nothing stays open
 */
#include "night.h"

#include "pipeline/parts.h"
#include "pipeline/pipeline.h"
#include "proto/decision.pb-c.h"
#include "proto/run.pb-c.h"

#include <string.h>

enum { WINDOWS = 3, OUTPUTS = 2, WIRES = 24, BOOKS_EVERY = 16 };

static uint8_t decided[NIGHT_EVENTS]; /* in this run */
static uint64_t decisions, decisions_in_run;
static uint8_t in_force[SHA256_BYTES]; /* the configuration, as the last run record says */
static uint32_t sent_epoch;            /* of the last decision of `sender` */
static struct pipeline *last;          /* whose threads ran in the last step */

void check_reset(void)
{
    memset(decided, 0, sizeof decided);
    last = NULL;
    sent_epoch = 0;
    decisions = decisions_in_run = 0;
}

/* ---- what comes out ---- */

static void check_scores(const Sparsed__Decision *d, int t)
{
    if (d->n_models != 1 || d->n_windows != WINDOWS) {
        night_fail("event %llu: %zu models, %zu windows", (unsigned long long)d->event, d->n_models,
                   d->n_windows);
        return;
    }
    int i = models_find(d->models[0]->sha256.data);
    if (i < 0) {
        night_fail("event %llu: a decision names a model that there is not",
                   (unsigned long long)d->event);
        return;
    }
    const int64_t *want = models_expected((uint32_t)t, (uint32_t)i);
    for (uint32_t w = 0; w < WINDOWS; w++) {
        for (uint32_t k = 0; k < OUTPUTS; k++) {
            if (d->windows[w]->score_raw[k] != want[w * OUTPUTS + k])
                night_fail("event %llu, window %u: score %lld, but %s gives %lld",
                           (unsigned long long)d->event, w, (long long)d->windows[w]->score_raw[k],
                           d->models[0]->name, (long long)want[w * OUTPUTS + k]);
        }
    }
}

static void take_decision(const Sparsed__Decision *d)
{
    int t = readout_template(d->run, d->subrun, d->event);
    if (t < 0) {
        night_fail("event %u/%u/%llu was decided and never sent", d->run, d->subrun,
                   (unsigned long long)d->event);
        return;
    }
    if (decided[d->event]++ > 0)
        night_fail("event %llu was decided twice", (unsigned long long)d->event);
    decisions++;
    decisions_in_run++;
    if (d->configuration_sha256.len != SHA256_BYTES ||
        memcmp(d->configuration_sha256.data, in_force, SHA256_BYTES) != 0)
        night_fail("event %llu was decided with a configuration of which no record told",
                   (unsigned long long)d->event);
    if (d->accept != (d->fate == SPARSED__DECISION_FATE__ACCEPTED))
        night_fail("event %llu: accept and fate differ", (unsigned long long)d->event);
    if (!d->incomplete)
        check_scores(d, t);
}

static void take_record(const Sparsed__RunRecord *r)
{
    if (r->kind == SPARSED__RUN_RECORD__KIND__BEGIN) {
        memset(decided, 0, sizeof decided);
        decisions_in_run = 0;
    }
    if (r->configuration_sha256.len == SHA256_BYTES)
        memcpy(in_force, r->configuration_sha256.data, SHA256_BYTES);
    uint64_t in = 0, ends = 0, length = 0;
    for (size_t i = 0; i < r->n_events; i++)
        *(strcmp(r->events[i]->name, "in") == 0 ? &in : &ends) += r->events[i]->value;
    for (size_t i = 0; i < r->n_times; i++)
        length += r->times[i]->value;
    if (r->kind == SPARSED__RUN_RECORD__KIND__END && (in != ends || length != r->length_ns))
        night_fail("run %u ended with %llu events, %llu fates, %llu ns of %llu", r->run_number,
                   (unsigned long long)in, (unsigned long long)ends, (unsigned long long)length,
                   (unsigned long long)r->length_ns);
    if (r->kind == SPARSED__RUN_RECORD__KIND__END && r->complete != (r->n_unfinished == 0))
        night_fail("run %u: complete, but %zu counts unfinished", r->run_number, r->n_unfinished);
}

void check_decision(const char *topic, const void *body, size_t bytes)
{
    if (strncmp(topic, "run.", 4) == 0) {
        Sparsed__RunRecord *r = sparsed__run_record__unpack(NULL, bytes, body);
        if (r == NULL)
            night_fail("a run record cannot be read");
        else
            take_record(r);
        sparsed__run_record__free_unpacked(r, NULL);
        return;
    }
    Sparsed__Decision *d = sparsed__decision__unpack(NULL, bytes, body);
    if (d == NULL)
        night_fail("a decision cannot be read");
    else
        take_decision(d);
    sparsed__decision__free_unpacked(d, NULL);
}

/* What the output thread hands on, as it was decided: across a change, too, in the order in
 * which the changes were made. */
void __real_publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns,
                           uint64_t wall_ns);
void __wrap_publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns,
                           uint64_t wall_ns);
struct publisher *__real_publisher_create(const struct output_settings *settings,
                                          const struct run_info *info, void *zmq_context,
                                          struct monitor *monitor, struct error *err);
struct publisher *__wrap_publisher_create(const struct output_settings *settings,
                                          const struct run_info *info, void *zmq_context,
                                          struct monitor *monitor, struct error *err);

/* Another pipeline, whose epochs begin at 0. */
struct publisher *__wrap_publisher_create(const struct output_settings *settings,
                                          const struct run_info *info, void *zmq_context,
                                          struct monitor *monitor, struct error *err)
{
    sent_epoch = 0;
    return __real_publisher_create(settings, info, zmq_context, monitor, err);
}

void __wrap_publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns,
                           uint64_t wall_ns)
{
    if (ev->info->epoch < sent_epoch)
        night_fail("event %llu of epoch %u leaves after one of epoch %u",
                   (unsigned long long)ev->id.event, ev->info->epoch, sent_epoch);
    sent_epoch = ev->info->epoch;
    __real_publisher_send(p, ev, now_ns, wall_ns);
}

/* ---- what lies inside ---- */

static uint64_t received(uint64_t *ends)
{
    const struct monitor *m = night.monitor;
    uint32_t n = atomic_load(&m->n_sources);
    uint64_t all = 0;
    *ends = 0;
    for (uint32_t i = 0; i < n; i++) {
        all += counter_read(&m->source[i].received);
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            *ends += counter_read(&m->source[i].fate[k]);
    }
    return all;
}

static void check_fragments(const struct pipeline *p)
{
    uint64_t ends, in = received(&ends), under_way = p->pending.waits ? 1 : 0;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        const struct worker *w = &p->worker[i];
        under_way += ring_count(&w->jobs) + ring_count(&w->out) + (w->held != NULL ? 1 : 0);
    }
    if (in != wire_taken())
        night_fail("%llu messages came, %llu are counted", (unsigned long long)wire_taken(),
                   (unsigned long long)in);
    if (in != ends + under_way)
        night_fail("%llu fragments, %llu with a fate, %llu under way", (unsigned long long)in,
                   (unsigned long long)ends, (unsigned long long)under_way);
}

static uint64_t decided_by_fate(const struct ledger *l)
{
    return l->fate[EVENT_ACCEPTED] + l->fate[EVENT_REJECTED] + l->fate[EVENT_PRESCALED] +
           l->fate[EVENT_THROTTLED];
}

static void check_events(const struct pipeline *p)
{
    struct ledger l = monitor_ledger(night.monitor);
    uint64_t undecided = assembler_slots_used(p->assembler) - p->decided;
    if (l.in_flight != undecided)
        night_fail("%llu events in flight, %llu slots", (unsigned long long)l.in_flight,
                   (unsigned long long)undecided);
    uint64_t left = counter_read(&night.monitor->decisions_published) +
                    counter_read(&night.monitor->decisions_unsent);
    if (decided_by_fate(&l) != left + ring_count(&p->to_output))
        night_fail("%llu events decided, %llu decisions left, %u wait",
                   (unsigned long long)decided_by_fate(&l), (unsigned long long)left,
                   ring_count(&p->to_output));
    if (counter_read(&night.monitor->decisions_published) != decisions)
        night_fail("%llu decisions published, %llu came",
                   (unsigned long long)counter_read(&night.monitor->decisions_published),
                   (unsigned long long)decisions);
}

/* Epochs: each event with its epoch is one that the epoch counts. */
static void check_epochs(const struct pipeline *p)
{
    uint64_t submitted = 0;
    for (uint32_t i = 0; i < p->n_alive; i++) {
        submitted += p->alive[i]->events;
        if (i > 0 && p->alive[i]->info.epoch <= p->alive[i - 1]->info.epoch)
            night_fail("epochs are not in order");
    }
    if (submitted > assembler_slots_used(p->assembler))
        night_fail("%llu events in epochs, %u slots in use", (unsigned long long)submitted,
                   assembler_slots_used(p->assembler));
}

static void check_invariants(void)
{
    for (uint32_t i = 0; i < MONITOR_INVARIANT_COUNT; i++) {
        if (counter_read(&night.monitor->invariant_broken[i]) > 0)
            night_fail("the daemon itself says that its books do not agree (%s)",
                       monitor_invariant_name((enum monitor_invariant)i));
    }
}

void check_step(void)
{
    struct pipeline *p = threads_pipeline();
    if (p == NULL || night.failed)
        return;
    last = p;
    check_fragments(p);
    check_events(p);
    check_epochs(p);
    if (night.steps % BOOKS_EVERY == 0)
        check_invariants();
}

/* ---- ends ---- */

/* Nothing holds an epoch any more but the one in force; one whose cards take their time to
 * go may have to wait for them. */
static void check_epochs_are_gone(struct pipeline *p)
{
    for (int i = 0; i < 20 && p->n_alive > 1; i++) {
        night.now_ns += 5 * NS_PER_MS;
        pipeline_rest(p, night.now_ns);
        pipeline_tend(p);
    }
    if (p->n_alive > 1)
        night_fail("after the drain %u epochs are alive, the oldest with %llu events", p->n_alive,
                   (unsigned long long)p->alive[0]->events);
    if (assembler_slots_used(p->assembler) > 0)
        night_fail("after the drain %u event slots are in use", assembler_slots_used(p->assembler));
}

void check_drained(void)
{
    uint64_t ends, in = received(&ends);
    struct ledger l = monitor_ledger(night.monitor);
    const struct monitor *m = night.monitor;
    uint64_t wanted = counter_read(&m->record_wanted);
    uint64_t recorded = counter_read(&m->recorded_events) + counter_read(&m->record_lost);
    if (night.control.state == RUN_ERROR)
        return; /* a thread was left behind: said, and the daemon has to be restarted */
    if (in != ends || l.in_flight != 0)
        night_fail("after the drain: %llu fragments of %llu, %llu events without a fate",
                   (unsigned long long)(in - ends), (unsigned long long)in,
                   (unsigned long long)l.in_flight);
    if (wanted != recorded)
        night_fail("%llu accepted events to record, %llu recorded or lost",
                   (unsigned long long)wanted, (unsigned long long)recorded);
    if (last != NULL)
        check_epochs_are_gone(last);
    last = NULL;
    check_invariants();
}

void check_end(void)
{
    check_invariants();
    if (wire_open() + disk_open_files() + card_open() + models_handed_out() > 0)
        night_fail("left open: %llu sockets and messages, %llu files, %llu cards, %llu models",
                   (unsigned long long)wire_open(), (unsigned long long)disk_open_files(),
                   (unsigned long long)card_open(), (unsigned long long)models_handed_out());
}
