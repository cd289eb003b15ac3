/* The one thread that owns events: it takes what workers left, assembles, scores,
 * decides, and counts each event's fate; so the ledger is exact whenever this
 * thread looks at it. Round and round, in this order, sleeping when a round moved
 * nothing.
 */
#include "base/bits.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/parts.h"

#include <string.h>

static void count_fate(struct pipeline *p, enum event_fate fate)
{
    counter_add(&p->monitor->event_fate[fate], 1);
}

static void release(struct pipeline *p, struct event *ev, uint64_t now_ns)
{
    for (uint32_t i = 0; i < ev->n_kept; i++)
        pipeline_kept_close(ev->kept[i].message);
    epoch_release(p, ev);
    assembler_release(p->assembler, ev, now_ns);
}

/* An event that recorder or shadow, or output without them, is done with. */
static struct event *next_done(struct pipeline *p)
{
    struct event *ev = ring_pop(&p->from_output);
    ev = ev != NULL ? ev : ring_pop(&p->from_record);
    return ev != NULL ? ev : ring_pop(&p->from_shadow);
}

bool pipeline_take_back(struct pipeline *p, uint64_t now_ns)
{
    bool moved = false;
    struct event *ev;
    while ((ev = next_done(p)) != NULL) {
        moved = true;
        if (--ev->holders > 0)
            continue;
        release(p, ev, now_ns);
        p->decided--;
    }
    return moved;
}

/* Gives a fragment to the assembler. False: it has to wait for an event slot. */
static bool push(struct pipeline *p, struct worker *w, const struct reduced *r, uint64_t now_ns)
{
    enum fragment_fate fate = assembler_push(p->assembler, r, now_ns);
    bool block = p->settings->readout.overload == OVERLOAD_BLOCK;
    if (fate == FRAGMENT_NO_SLOT && block && !atomic_load(&p->abandon))
        return false;
    if (fate == FRAGMENT_NO_SLOT && block)
        fate = FRAGMENT_STOPPED;
    pipeline_fragment_fate(p, &r->fragment, fate);
    if (fate == FRAGMENT_ASSEMBLED && r->whole == NULL)
        absence_learn(p->absence, &r->fragment);
    if (fate != FRAGMENT_ASSEMBLED && r->message != NULL)
        pipeline_kept_close(r->message);
    ring_push(&w->free_reduced, (void *)(uintptr_t)r);
    wake_signal(&w->wake);
    return true;
}

static bool assemble(struct pipeline *p, uint64_t now_ns)
{
    bool moved = false, waiting = false;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        struct worker *w = &p->worker[i];
        const struct reduced *r = w->held != NULL ? w->held : ring_pop(&w->out);
        w->held = NULL;
        if (r == NULL)
            continue;
        if (push(p, w, r, now_ns)) {
            moved = true;
        } else {
            w->held = r;
            waiting = true;
        }
    }
    atomic_store_explicit(&p->no_slots, waiting, memory_order_relaxed);
    if (waiting)
        atomic_store_explicit(&p->monitor->blocked_at_ns, now_ns, memory_order_relaxed);
    struct assembler_counts counts = assembler_counts(p->assembler);
    uint64_t opened = counts.opened - p->counted.opened;
    uint64_t refused = counts.refused - p->counted.refused;
    counter_add(&p->monitor->events_in, opened + refused);
    counter_add(&p->monitor->event_fate[EVENT_LOST_NO_SLOT], refused);
    p->counted = counts;
    return moved;
}

/* Over Kafka an event that cannot become whole here, because its partition went or this is
 * the end, is whole for another: it is not judged, and not done. */
static bool another_has_it(struct pipeline *p, const struct event *ev)
{
    return ev->receipt != NULL &&
           (receipt_elsewhere(ev->receipt) || pipeline_stopped(p, STOP_EVENTS));
}

static void count_event(struct monitor *m, const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n_windows; i++) {
        counter_add(&m->model_windows[ev->window[i].model], 1);
        if (ev->window[i].truncated)
            counter_add(&m->windows_truncated, 1);
        if (ev->window[i].masked_wires > 0)
            counter_add(&m->windows_masked, 1);
    }
    counter_add(&m->windows, ev->n_windows);
    counter_add(&m->nonfinite_bins, ev->nonfinite_bins);
    counter_add(&m->events_incomplete, ev->incomplete ? 1 : 0);
    counter_add(&m->pass_through, ev->decision.pass_through ? 1 : 0);
    for (uint32_t fired = ev->decision.rules_fired; fired != 0; fired &= fired - 1)
        counter_add(&m->rule_fired[__builtin_ctz(fired)], 1);
    for (uint32_t away = ev->decision.rules_prescaled; away != 0; away &= away - 1)
        counter_add(&m->rule_prescaled[__builtin_ctz(away)], 1);
    histogram_record(&m->stage[STAGE_assembly], ev->last_fragment_ns - ev->first_fragment_ns);
    histogram_record(&m->stage[STAGE_engine], ev->scored_ns - ev->complete_ns);
    histogram_record(&m->stage[STAGE_trigger], ev->decided_ns - ev->scored_ns);
    atomic_store_explicit(&m->run, ev->id.run, memory_order_relaxed);
}

/* An event with its fate goes to the output. */
static void deliver(struct pipeline *p, struct event *ev)
{
    ev->decided_ns = clock_monotonic_ns();
    count_fate(p, ev->decision.fate);
    count_event(p->monitor, ev);
    if (p->record && ev->decision.fate == EVENT_ACCEPTED)
        counter_add(&p->monitor->record_wanted, 1);
    p->decided++;
    ring_push(&p->to_output, ev);
    wake_signal(&p->output_wake);
}

/* Masks of hot wires are those of the last event; this one is packed later, by the output. */
static void keep_masks(const struct geometry *g, struct event *ev)
{
    for (uint32_t i = 0; i < g->n_planes; i++) {
        struct plane_image *image = &ev->plane[i];
        if (image->masked == g->plane[i].masked)
            continue;
        memcpy(image->own_masked, image->masked, bits_words(g->plane[i].wires) * sizeof(uint64_t));
        image->masked = image->own_masked;
    }
}

/* To the engine; or, in the first of two tiers, past engine and trigger to the output, and on. */
static void pass_on(struct pipeline *p, struct event *ev, uint64_t now_ns)
{
    if (p->hot != NULL)
        hot_wires_apply(p->hot, ev);
    if (p->settings->service.stages != STAGES_IMAGING) {
        epoch_submit(p, ev, now_ns);
        return;
    }
    keep_masks(p->g, ev);
    epoch_attach(p, ev);
    ev->scored_ns = now_ns;
    ev->decision.fate = EVENT_FORWARDED;
    deliver(p, ev);
}

/* Why wires are missing; an event that another tier brought says it. */
static void explain(struct pipeline *p, struct event *ev, uint64_t now_ns)
{
    if (ev->brought)
        absence_repeat(p->absence, ev);
    else
        (void)absence_explain(p->absence, ev, pipeline_stopped(p, STOP_EVENTS), now_ns);
}

/* Whole events go to the engine; incomplete ones too, or are dropped. */
static bool submit(struct pipeline *p, uint64_t now_ns)
{
    enum incomplete_policy incomplete = p->epoch->settings.readout.incomplete;
    bool moved = false;
    struct event *ev;
    while ((ev = assembler_take(p->assembler, now_ns)) != NULL) {
        moved = true;
        bool cut_off = ev->incomplete && !ev->brought; /* here: more of it might have come */
        bool theirs = cut_off && another_has_it(p, ev);
        if (ev->incomplete && !theirs)
            explain(p, ev, now_ns);
        if (theirs) {
            count_fate(p, EVENT_HANDED_OVER);
            assembler_reopen(p->assembler, ev);
            release(p, ev, now_ns);
        } else if (cut_off && pipeline_stopped(p, STOP_EVENTS)) {
            count_fate(p, EVENT_LOST_STOP);
            release(p, ev, now_ns);
        } else if (ev->incomplete && incomplete == INCOMPLETE_DROP) {
            count_fate(p, EVENT_LOST_TIMEOUT);
            receipt_done(ev->receipt); /* a LOST_STOP is not done: over Kafka it comes again */
            release(p, ev, now_ns);
        } else {
            pass_on(p, ev, now_ns);
        }
    }
    return moved;
}

static bool decide(struct pipeline *p)
{
    bool moved = false;
    struct event *ev;
    while ((ev = epoch_take_scored(p, clock_monotonic_ns())) != NULL) {
        moved = true;
        epoch_decide(p, ev);
        deliver(p, ev);
    }
    return moved;
}

static void show_queues(struct pipeline *p)
{
    uint32_t jobs = 0, reduced = 0;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        jobs += ring_count(&p->worker[i].jobs);
        reduced += ring_count(&p->worker[i].out);
    }
    struct monitor *m = p->monitor;
    atomic_store_explicit(&m->fragments_waiting, jobs, memory_order_relaxed);
    atomic_store_explicit(&m->reduced_waiting, reduced, memory_order_relaxed);
    atomic_store_explicit(&m->output_waiting, ring_count(&p->to_output), memory_order_relaxed);
    atomic_store_explicit(&m->record_waiting, ring_count(&p->to_record), memory_order_relaxed);
    atomic_store_explicit(&m->slots_used, assembler_slots_used(p->assembler), memory_order_relaxed);
}

static bool something_waits(struct pipeline *p)
{
    for (uint32_t i = 0; i < p->n_workers; i++) {
        if (p->worker[i].held == NULL && ring_peek(&p->worker[i].out) != NULL)
            return true;
    }
    return ring_peek(&p->from_output) != NULL || ring_peek(&p->from_record) != NULL ||
           ring_peek(&p->from_shadow) != NULL || epoch_ready(p);
}

static void sleep_until_work(struct pipeline *p, uint64_t now_ns)
{
    uint64_t deadline = assembler_next_deadline_ns(p->assembler), cards = epoch_next_ns(p, now_ns);
    deadline = cards < deadline ? cards : deadline;
    uint64_t wait = deadline <= now_ns ? 0 : deadline - now_ns;
    wake_prepare(&p->event_wake);
    if (something_waits(p))
        wake_cancel(&p->event_wake);
    else
        wake_sleep(&p->event_wake, wait < PIPELINE_IDLE_NS ? wait : PIPELINE_IDLE_NS);
}

/* Whether the readout and the workers have ended and nothing of theirs is left. */
static bool drained(struct pipeline *p)
{
    if (!pipeline_stopped(p, STOP_EVENTS))
        return false;
    for (uint32_t i = 0; i < p->n_workers; i++) {
        if (p->worker[i].held != NULL || ring_peek(&p->worker[i].out) != NULL)
            return false;
    }
    return assembler_next_deadline_ns(p->assembler) == UINT64_MAX && epoch_nothing_in_flight(p);
}

enum pipeline_step pipeline_event_step(struct pipeline *p, uint64_t now_ns)
{
    atomic_store_explicit(&p->monitor->heartbeat_ns, now_ns, memory_order_relaxed);
    /* The sources are silent for good: what is open will stay incomplete. */
    if (pipeline_stopped(p, STOP_EVENTS))
        assembler_expire_all(p->assembler);
    epoch_take_offered(p);
    bool moved = pipeline_take_back(p, now_ns);
    moved |= assemble(p, now_ns);
    moved |= submit(p, now_ns);
    moved |= decide(p);
    if (now_ns >= p->next_check_ns)
        pipeline_check_books(p, now_ns, false);
    if (moved)
        return STEP_MOVED;
    show_queues(p);
    if (!drained(p))
        return STEP_IDLE;
    pipeline_check_books(p, now_ns, false);
    return STEP_END;
}

void *pipeline_event_thread(void *arg)
{
    struct pipeline *p = arg;
    struct thread_clock clock = pipeline_clock(p, THREAD_event);
    enum pipeline_step step;
    uint64_t now;
    slice_shorten();
    while ((step = pipeline_event_step(p, now = pipeline_busy(&clock))) != STEP_END) {
        if (step == STEP_MOVED)
            continue;
        sleep_until_work(p, now);
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}
