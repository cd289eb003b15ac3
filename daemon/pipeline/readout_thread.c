/* Takes one message at a time. A message that no worker has room for is held while
 * the thread stands still (overload = block: with PULL libzmq then pushes back to
 * the source, with SUB it loses there), or is dropped.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/parts.h"

/* A job of the next worker that has one, round and round; NULL: all are busy. */
static struct job *free_job(struct pipeline *p, struct worker **worker)
{
    for (uint32_t i = 0; i < p->n_workers; i++) {
        *worker = &p->worker[p->next_worker];
        p->next_worker = (p->next_worker + 1) % p->n_workers;
        struct job *job = ring_pop(&(*worker)->free_jobs);
        if (job != NULL)
            return job;
    }
    return NULL;
}

/* The same, standing still until there is one; NULL: the run stops. */
static struct job *wait_for_job(struct pipeline *p, struct worker **worker)
{
    uint64_t since = clock_monotonic_ns();
    struct job *job = NULL;
    log_limited(LOG_LEVEL_WARN, "readout stands still: %s",
                atomic_load(&p->no_slots) ? "no event slot is free" : "all workers are busy");
    while (job == NULL && !pipeline_stopped(p, STOP_READOUT)) {
        wake_prepare(&p->readout_wake);
        job = free_job(p, worker);
        if (job == NULL)
            wake_sleep(&p->readout_wake, PIPELINE_IDLE_NS);
        else
            wake_cancel(&p->readout_wake);
        uint64_t now = clock_monotonic_ns();
        enum monitor_dead_cause cause = atomic_load(&p->no_slots) ? DEAD_no_slot : DEAD_no_worker;
        counter_add(&p->monitor->dead_ns[cause], now - since);
        since = now;
    }
    return job;
}

/* Hands an accepted fragment to a worker, or gives it its fate. */
static void dispatch(struct pipeline *p, struct message *m, const struct fragment *f)
{
    struct worker *worker = NULL;
    struct job *job = free_job(p, &worker);
    bool block = p->settings->readout.overload == OVERLOAD_BLOCK;
    if (job == NULL && block)
        job = wait_for_job(p, &worker);
    if (job == NULL) {
        pipeline_fragment_fate(p, f->source, block ? FRAGMENT_STOPPED : FRAGMENT_NO_WORKER);
        message_close(m);
        return;
    }
    job->fragment = *f;
    job->message.whole = m->whole;
    zmq_msg_init(&job->message.topic);
    zmq_msg_init(&job->message.header);
    zmq_msg_init(&job->message.payload);
    zmq_msg_move(&job->message.payload, &m->payload);
    /* Small messages live inside zmq_msg_t and have moved with it. */
    job->fragment.payload = zmq_msg_data(&job->message.payload);
    message_close(m);
    ring_push(&worker->jobs, job);
    wake_signal(&worker->wake);
}

static void handle(struct pipeline *p, struct message *m)
{
    uint64_t now = clock_monotonic_ns();
    struct fragment f;
    size_t payload_bytes = m->whole ? zmq_msg_size(&m->payload) : 0;
    enum fragment_fate fate =
        !m->whole ? FRAGMENT_BAD_FRAME
                  : decode_fragment(p->decoder, zmq_msg_data(&m->header), zmq_msg_size(&m->header),
                                    zmq_msg_data(&m->payload), payload_bytes, p->g, &f);
    bool known = fate != FRAGMENT_BAD_FRAME && fate != FRAGMENT_BAD_HEADER;
    uint32_t source = known ? sources_note(p->sources, f.source_id, f.sequence, payload_bytes, now)
                            : sources_note_unknown(p->sources, payload_bytes, now);
    if (fate != FRAGMENT_ASSEMBLED) {
        pipeline_fragment_fate(p, source, fate);
        message_close(m);
        if (known)
            log_limited(LOG_LEVEL_WARN, "fragment refused: %s: %s (source %u, event %u/%u/%llu)",
                        fragment_fate_name(fate), fragment_fate_help(fate), f.source_id, f.id.run,
                        f.id.subrun, (unsigned long long)f.id.event);
        else
            log_limited(LOG_LEVEL_WARN, "message refused: %s: %s", fragment_fate_name(fate),
                        fragment_fate_help(fate));
        return;
    }
    f.source = source;
    f.arrived_ns = now;
    dispatch(p, m, &f);
}

void *pipeline_readout_thread(void *arg)
{
    struct pipeline *p = arg;
    struct message m;
    while (!pipeline_stopped(p, STOP_READOUT)) {
        switch (readout_socket_receive(p->socket, &m)) {
        case RECEIVE_MESSAGE:
            handle(p, &m);
            break;
        case RECEIVE_NONE:
            /* pipeline_stop writes the wake's descriptor. */
            readout_socket_wait(p->socket, p->readout_wake.fd,
                                (long)(PIPELINE_IDLE_NS / NS_PER_MS));
            wake_clear(&p->readout_wake);
            break;
        case RECEIVE_CLOSED:
            return NULL;
        }
    }
    return NULL;
}
