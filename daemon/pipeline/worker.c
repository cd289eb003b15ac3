/* One fragment at a time, from where libzmq left its samples to a few hits. The
 * message is closed before the hits are handed on, unless the run records samples.
 */
#include "base/clock.h"
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

/* A free place for the result; NULL: the run was abandoned while waiting. */
static struct reduced *free_reduced(struct worker *w)
{
    struct reduced *r;
    while ((r = ring_peek(&w->free_reduced)) == NULL) {
        if (atomic_load(&w->p->abandon))
            return NULL;
        wake_prepare(&w->wake);
        if (ring_peek(&w->free_reduced) == NULL)
            wake_sleep(&w->wake, PIPELINE_IDLE_NS);
        else
            wake_cancel(&w->wake);
    }
    return r;
}

static void reduce(struct worker *w, struct job *job)
{
    struct pipeline *p = w->p;
    struct fragment *f = &job->fragment;
    struct reduced *r = free_reduced(w);
    if (r == NULL) {
        pipeline_fragment_fate(p, f->source, FRAGMENT_STOPPED);
        message_close(&job->message);
        return;
    }
    uint64_t begin = clock_monotonic_ns();
    enum fragment_fate fate = payload_open(w->payload, f);
    if (fate == FRAGMENT_ASSEMBLED)
        fate = reduce_fragment(w->reducer, f, r);
    if (fate != FRAGMENT_ASSEMBLED) {
        pipeline_fragment_fate(p, f->source, fate);
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

void *pipeline_worker_thread(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        struct job *job = ring_pop(&w->jobs);
        if (job != NULL) {
            reduce(w, job);
            ring_push(&w->free_jobs, job);
            wake_signal(&w->p->readout_wake);
            continue;
        }
        if (pipeline_stopped(w->p, STOP_WORKERS))
            return NULL;
        wake_prepare(&w->wake);
        if (ring_peek(&w->jobs) == NULL && !pipeline_stopped(w->p, STOP_WORKERS))
            wake_sleep(&w->wake, PIPELINE_IDLE_NS);
        else
            wake_cancel(&w->wake);
    }
}
