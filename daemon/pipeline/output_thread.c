/* Output publishes every decision at once. Recording is a thread of its own, so
 * that a disk may take its time: an accepted event waits there in its slot, up to
 * output.record.queue of them; one more is not recorded, and counted.
 */
#include "base/clock.h"
#include "output/picture.h"
#include "pipeline/parts.h"

static void give_back(struct pipeline *p, struct ring *ring, struct event *ev)
{
    ring_push(ring, ev);
    wake_signal(&p->event_wake);
}

/* The first decision that was made with something else than the ones before: the stream
 * says what, before it. */
static void tell_change(struct pipeline *p, const struct run_info *info)
{
    pipeline_publish_record(p, RUN_RECORD_CHANGE, info, clock_wall_ns());
    p->shown_epoch = info->epoch;
}

static void publish(struct pipeline *p, struct event *ev, uint64_t now_ns)
{
    struct monitor *m = p->monitor;
    if (ev->info->epoch != p->shown_epoch)
        tell_change(p, ev->info);
    publisher_send(p->publisher, ev, now_ns, clock_wall_ns());
    uint64_t now = clock_monotonic_ns();
    histogram_record(&m->stage[STAGE_output], now - ev->decided_ns);
    histogram_record(&m->stage[STAGE_latency], now - ev->last_fragment_ns);
    if (ev->decision.fate == EVENT_ACCEPTED)
        picture_take(&m->gallery, ev, ev->info, now, clock_wall_ns());
    bool wanted = p->record && ev->decision.fate == EVENT_ACCEPTED;
    bool record = wanted && ring_count(&p->to_record) < p->settings->output.record.queue;
    bool shadow = pipeline_shadow_wants(p, ev);
    counter_add(&m->record_lost, wanted && !record ? 1 : 0);
    ev->holders = record && shadow ? 2 : 1; /* before anybody else has it */
    if (shadow) {
        ring_push(&p->to_shadow, ev);
        wake_signal(&p->shadow_wake);
    }
    if (record) {
        ring_push(&p->to_record, ev);
        wake_signal(&p->record_wake);
    }
    if (!record && !shadow)
        give_back(p, &p->from_output, ev);
}

enum pipeline_step pipeline_output_step(struct pipeline *p, uint64_t now_ns)
{
    bool stopped = pipeline_stopped(p, STOP_OUTPUT); /* before the last look */
    bool give_up = atomic_load(&p->abandon);
    bool room = publisher_tend(p->publisher) || give_up;
    struct event *ev = room ? ring_pop(&p->to_output) : NULL;
    if (ev != NULL) {
        publish(p, ev, now_ns);
        return STEP_MOVED;
    }
    if (!stopped || ring_peek(&p->to_output) != NULL)
        return STEP_IDLE;
    if (!publisher_settled(p->publisher) && !give_up)
        return STEP_IDLE;
    if (give_up)
        publisher_give_up(p->publisher);
    return STEP_END;
}

enum pipeline_step pipeline_record_step(struct pipeline *p, uint64_t now_ns)
{
    bool stopped = pipeline_stopped(p, STOP_RECORDER);
    struct event *ev = ring_pop(&p->to_record);
    if (ev != NULL) {
        recorder_write(p->recorder, ev, now_ns, clock_wall_ns());
        histogram_record(&p->monitor->stage[STAGE_record], clock_monotonic_ns() - now_ns);
        give_back(p, &p->from_record, ev);
    }
    recorder_tick(p->recorder, now_ns);
    if (ev != NULL)
        return STEP_MOVED;
    if (!stopped)
        return STEP_IDLE;
    struct run_record last;
    pipeline_end_record(p, &last, clock_wall_ns());
    recorder_end_run(p->recorder, &last, &p->epoch->info, now_ns);
    recorder_destroy(&p->recorder);
    return STEP_END;
}

void pipeline_sleep(struct pipeline *p, struct wake *w, struct ring *ring, enum stop_state state)
{
    wake_prepare(w);
    if (ring_peek(ring) == NULL && !pipeline_stopped(p, state))
        wake_sleep(w, PIPELINE_IDLE_NS);
    else
        wake_cancel(w);
}

/* An event that is there while the step was idle waits for room. */
static void sleep_until_room(struct pipeline *p)
{
    wake_prepare(&p->output_wake);
    publisher_wait(p->publisher, p->output_wake.fd, (long)(PIPELINE_IDLE_NS / NS_PER_MS));
    wake_clear(&p->output_wake);
}

void *pipeline_output_thread(void *arg)
{
    struct pipeline *p = arg;
    struct thread_clock clock = pipeline_clock(p, THREAD_output);
    enum pipeline_step step;
    slice_shorten();
    while ((step = pipeline_output_step(p, pipeline_busy(&clock))) != STEP_END) {
        if (step == STEP_MOVED)
            continue;
        if (ring_peek(&p->to_output) != NULL && !publisher_tend(p->publisher))
            sleep_until_room(p);
        else
            pipeline_sleep(p, &p->output_wake, &p->to_output, STOP_OUTPUT);
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}

void *pipeline_record_thread(void *arg)
{
    struct pipeline *p = arg;
    struct thread_clock clock = pipeline_clock(p, THREAD_record);
    enum pipeline_step step;
    while ((step = pipeline_record_step(p, pipeline_busy(&clock))) != STEP_END) {
        if (step == STEP_MOVED)
            continue;
        pipeline_sleep(p, &p->record_wake, &p->to_record, STOP_RECORDER);
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}
