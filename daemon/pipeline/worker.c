/* One fragment at a time, from where libzmq left its samples to a few hits. The
 * message is closed before the hits are handed on, unless the run records samples.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/parts.h"

#include <stdlib.h>
#include <string.h>

void pipeline_kept_close(struct kept *k)
{
    message_close(&k->message);
    free(k->samples);
    free(k);
}

/* Keeps the samples readable: the message itself, or a copy of what was
 * decompressed. The one place where a fragment costs an allocation, and only when
 * samples are recorded. NULL: nothing to keep, or no memory. */
static struct kept *keep(struct job *job, struct fragment *f)
{
    struct kept *k = f->samples == NULL ? NULL : calloc(1, sizeof *k);
    if (k == NULL)
        return NULL;
    if (f->samples != f->payload) {
        k->samples = malloc(f->samples_bytes);
        if (k->samples == NULL) {
            free(k);
            return NULL;
        }
        memcpy(k->samples, f->samples, f->samples_bytes);
    }
    zmq_msg_init(&k->message.topic);
    zmq_msg_init(&k->message.header);
    zmq_msg_init(&k->message.payload);
    if (k->samples == NULL)
        zmq_msg_move(&k->message.payload, &job->message.payload);
    f->samples = k->samples != NULL ? k->samples : zmq_msg_data(&k->message.payload);
    return k;
}

/* Reads the message's payload once. */
static enum fragment_fate read_payload(struct worker *w, struct job *job, struct reduced *r)
{
    struct fragment *f = &job->fragment;
    zmq_msg_t *header = &job->message.header;
    if (w->windows != NULL)
        return windows_open(w->windows, zmq_msg_data(header), zmq_msg_size(header), f, r);
    enum fragment_fate fate = payload_open(w->payload, f);
    return fate == FRAGMENT_ASSEMBLED ? reduce_fragment(w->reducer, f, r) : fate;
}

/* Into `r`, a free place; NULL: the run is given up. */
static void reduce(struct worker *w, struct job *job, struct reduced *r, uint64_t begin)
{
    struct pipeline *p = w->p;
    struct fragment *f = &job->fragment;
    if (r == NULL) {
        pipeline_fragment_fate(p, f, FRAGMENT_STOPPED);
        message_close(&job->message);
        return;
    }
    enum fragment_fate fate = read_payload(w, job, r);
    if (fate != FRAGMENT_ASSEMBLED) {
        pipeline_refuse(p, f, &job->message, fate);
        log_limited(LOG_LEVEL_WARN, "message refused: %s: %s (source %u, event %u/%u/%llu)",
                    fragment_fate_name(fate), fragment_fate_help(fate), f->source_id, f->id.run,
                    f->id.subrun, (unsigned long long)f->id.event);
        message_close(&job->message);
        return;
    }
    r->message = p->keep_samples ? keep(job, &r->fragment) : NULL;
    message_close(&job->message);
    uint64_t end = clock_monotonic_ns();
    histogram_record(&p->monitor->stage[STAGE_queue], begin - f->arrived_ns);
    histogram_record(&p->monitor->stage[STAGE_reduce], end - begin);
    (void)ring_pop(&w->free_reduced);
    ring_push(&w->out, r);
    wake_signal(&p->event_wake);
}

enum pipeline_step pipeline_worker_step(struct worker *w, uint64_t now_ns)
{
    bool stopped = pipeline_stopped(w->p, STOP_WORKERS); /* before the last look */
    if (ring_peek(&w->jobs) == NULL)
        return stopped ? STEP_END : STEP_IDLE;
    struct reduced *r = ring_peek(&w->free_reduced);
    if (r == NULL && !atomic_load(&w->p->abandon))
        return STEP_IDLE;
    struct job *job = ring_pop(&w->jobs);
    reduce(w, job, r, now_ns);
    ring_push(&w->free_jobs, job);
    wake_signal(&w->p->readout_wake);
    return STEP_MOVED;
}

static bool can_move(struct worker *w)
{
    return ring_peek(&w->jobs) == NULL
               ? pipeline_stopped(w->p, STOP_WORKERS)
               : ring_peek(&w->free_reduced) != NULL || atomic_load(&w->p->abandon);
}

void *pipeline_worker_thread(void *arg)
{
    struct worker *w = arg;
    struct thread_clock clock = pipeline_clock(w->p, THREAD_workers);
    enum pipeline_step step;
    slice_shorten();
    while ((step = pipeline_worker_step(w, pipeline_busy(&clock))) != STEP_END) {
        if (step == STEP_MOVED)
            continue;
        wake_prepare(&w->wake);
        if (can_move(w))
            wake_cancel(&w->wake);
        else
            wake_sleep(&w->wake, PIPELINE_IDLE_NS);
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}
