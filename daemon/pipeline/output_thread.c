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

static void publish(struct pipeline *p, struct event *ev)
{
    struct monitor *m = p->monitor;
    publisher_send(p->publisher, ev, clock_monotonic_ns(), clock_wall_ns());
    uint64_t now = clock_monotonic_ns();
    histogram_record(&m->stage[STAGE_output], now - ev->decided_ns);
    histogram_record(&m->stage[STAGE_latency], now - ev->last_fragment_ns);
    if (ev->decision.fate == EVENT_ACCEPTED)
        picture_take(&m->gallery, ev, &p->info, now, clock_wall_ns());
    bool wanted = p->record && ev->decision.fate == EVENT_ACCEPTED;
    if (wanted && ring_count(&p->to_record) < p->settings->output.record.queue) {
        ring_push(&p->to_record, ev);
        wake_signal(&p->record_wake);
        return;
    }
    counter_add(&m->record_lost, wanted ? 1 : 0);
    give_back(p, &p->from_output, ev);
}

void *pipeline_output_thread(void *arg)
{
    struct pipeline *p = arg;
    for (;;) {
        struct event *ev = ring_pop(&p->to_output);
        if (ev != NULL) {
            publish(p, ev);
            continue;
        }
        if (pipeline_stopped(p, STOP_OUTPUT))
            return NULL;
        wake_prepare(&p->output_wake);
        if (ring_peek(&p->to_output) == NULL && !pipeline_stopped(p, STOP_OUTPUT))
            wake_sleep(&p->output_wake, PIPELINE_IDLE_NS);
        else
            wake_cancel(&p->output_wake);
    }
}

void *pipeline_record_thread(void *arg)
{
    struct pipeline *p = arg;
    for (;;) {
        struct event *ev = ring_pop(&p->to_record);
        uint64_t now = clock_monotonic_ns();
        if (ev != NULL) {
            recorder_write(p->recorder, ev, now, clock_wall_ns());
            histogram_record(&p->monitor->stage[STAGE_record], clock_monotonic_ns() - now);
            give_back(p, &p->from_record, ev);
        }
        recorder_tick(p->recorder, now);
        if (ev != NULL)
            continue;
        if (pipeline_stopped(p, STOP_RECORDER)) {
            recorder_destroy(&p->recorder);
            return NULL;
        }
        wake_prepare(&p->record_wake);
        if (ring_peek(&p->to_record) == NULL && !pipeline_stopped(p, STOP_RECORDER))
            wake_sleep(&p->record_wake, PIPELINE_IDLE_NS);
        else
            wake_cancel(&p->record_wake);
    }
}
