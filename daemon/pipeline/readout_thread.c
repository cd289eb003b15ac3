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

/* Puts a fragment into a job and wakes its worker. */
static void hand_over(struct worker *worker, struct job *job, struct message *m,
                      const struct fragment *f)
{
    job->fragment = *f;
    job->message.whole = m->whole;
    zmq_msg_init(&job->message.topic);
    zmq_msg_init(&job->message.header);
    zmq_msg_init(&job->message.payload);
    job->message.receipt = m->receipt;
    zmq_msg_move(&job->message.header, &m->header);
    zmq_msg_move(&job->message.payload, &m->payload);
    /* Small messages live inside zmq_msg_t and have moved with it. */
    job->fragment.payload = zmq_msg_data(&job->message.payload);
    message_close(m);
    ring_push(&worker->jobs, job);
    wake_signal(&worker->wake);
}

/* Nobody has room: with overload = block the message waits here and nothing is read. */
static void hold(struct pipeline *p, const struct fragment *f)
{
    log_limited(LOG_LEVEL_WARN, "readout stands still: %s",
                atomic_load(&p->no_slots) ? "no event slot is free" : "all workers are busy");
    p->pending.waits = true;
    p->pending.fragment = *f;
}

/* Hands an accepted fragment, which is in the pending message, to a worker, or gives it
 * its fate, or holds it. */
static void dispatch(struct pipeline *p, const struct fragment *f)
{
    struct worker *worker = NULL;
    struct job *job = free_job(p, &worker);
    if (job != NULL) {
        hand_over(worker, job, &p->pending.message, f);
    } else if (p->settings->readout.overload == OVERLOAD_BLOCK) {
        hold(p, f);
    } else {
        pipeline_fragment_fate(p, f, FRAGMENT_NO_WORKER);
        message_close(&p->pending.message);
    }
}

/* Tries again for the message that waits. True: it is gone. */
static bool dispatch_pending(struct pipeline *p)
{
    struct pending *pending = &p->pending;
    struct worker *worker = NULL;
    struct job *job = free_job(p, &worker);
    if (job != NULL) {
        hand_over(worker, job, &pending->message, &pending->fragment);
    } else if (atomic_load(&p->abandon)) {
        pipeline_fragment_fate(p, &pending->fragment, FRAGMENT_STOPPED);
        message_close(&pending->message);
    } else {
        return false;
    }
    pending->waits = false;
    return true;
}

void pipeline_refuse(struct pipeline *p, struct fragment *f, const struct message *m,
                     enum fragment_fate fate)
{
    if (p->kafka != NULL) {
        f->receipt = NULL; /* done when the letter is delivered */
        kafka_readout_set_aside(p->kafka, m, fate);
    }
    pipeline_fragment_fate(p, f, fate);
}

static enum fragment_fate decode(struct pipeline *p, struct message *m, struct fragment *f)
{
    const void *header = zmq_msg_data(&m->header), *payload = zmq_msg_data(&m->payload);
    size_t header_bytes = zmq_msg_size(&m->header), payload_bytes = zmq_msg_size(&m->payload);
    if (!m->whole)
        return FRAGMENT_BAD_FRAME;
    return p->windows != NULL
               ? windows_decode(p->windows, header, header_bytes, payload, payload_bytes, f)
               : decode_fragment(p->decoder, header, header_bytes, payload, payload_bytes, p->g, f);
}

/* The row of who sent it. Windows of one sender go to many daemons, so what one does not see of
 * a sequence is no loss, unless all see all (SUB). */
static uint32_t note_source(struct pipeline *p, const struct fragment *f, size_t payload_bytes,
                            uint64_t now)
{
    const struct readout_settings *r = &p->settings->readout;
    bool shared = r->kind == READOUT_KAFKA || r->pattern == READOUT_PULL;
    return p->windows != NULL && shared
               ? sources_note_shared(p->sources, f->source_id, payload_bytes, now)
               : sources_note(p->sources, f->source_id, f->sequence, payload_bytes, now);
}

static void handle(struct pipeline *p, uint64_t now)
{
    struct message *m = &p->pending.message;
    struct fragment f;
    size_t payload_bytes = m->whole ? zmq_msg_size(&m->payload) : 0;
    enum fragment_fate fate = decode(p, m, &f);
    bool known = fate != FRAGMENT_BAD_FRAME && fate != FRAGMENT_BAD_HEADER;
    f.source = known ? note_source(p, &f, payload_bytes, now)
                     : sources_note_unknown(p->sources, payload_bytes, now);
    f.receipt = m->receipt;
    if (fate != FRAGMENT_ASSEMBLED) {
        pipeline_refuse(p, &f, m, fate);
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
    f.arrived_ns = now;
    dispatch(p, &f);
}

/* Puts the time since the last step down to what that step left the readout in. */
static void charge(struct pipeline *p, uint64_t now_ns)
{
    enum monitor_time what = TIME_live;
    if (p->pending.waits) {
        atomic_store_explicit(&p->monitor->blocked_at_ns, now_ns, memory_order_relaxed);
        what = atomic_load(&p->no_slots) ? (enum monitor_time)DEAD_no_slot
                                         : (enum monitor_time)DEAD_no_worker;
    } else if (p->stood_still) {
        what = TIME_paused;
    }
    monitor_time_charge(p->monitor, what, now_ns);
}

static enum pipeline_step take_message(struct pipeline *p, uint64_t now_ns)
{
    struct message *m = &p->pending.message;
    switch (p->kafka != NULL ? kafka_readout_receive(p->kafka, m)
                             : readout_socket_receive(p->socket, m)) {
    case RECEIVE_MESSAGE:
        handle(p, now_ns);
        return STEP_MOVED;
    case RECEIVE_SKIPPED:
        return STEP_MOVED;
    case RECEIVE_NONE:
        return STEP_IDLE;
    case RECEIVE_CLOSED:
        break;
    }
    return STEP_END;
}

/* The run ends: reads what was sent before, and then no more. What waits at Kafka's brokers
 * is the next run's, or another daemon's. */
static enum pipeline_step take_the_rest(struct pipeline *p, uint64_t now_ns)
{
    if (p->kafka != NULL)
        return STEP_END;
    if (p->closing == READOUT_OPEN) {
        uint32_t waiting = p->settings->readout.high_water_mark;
        p->closing = READOUT_EMPTYING;
        p->may_read = waiting > 0 ? waiting : UINT64_MAX;
        p->silent_since_ns = 0;
    }
    bool silent = p->silent_since_ns != 0 && now_ns - p->silent_since_ns >= PIPELINE_SILENCE_NS;
    if (p->closing == READOUT_EMPTYING && (p->may_read == 0 || silent)) {
        p->closing = READOUT_SHUT;
        p->may_read = readout_socket_shut(p->socket);
    }
    if (p->may_read == 0 || atomic_load(&p->abandon))
        return STEP_END;
    enum pipeline_step step = take_message(p, now_ns);
    if (step == STEP_IDLE && p->closing == READOUT_SHUT)
        return STEP_END;
    if (step == STEP_MOVED) {
        p->may_read--;
        p->silent_since_ns = 0;
    } else if (p->silent_since_ns == 0) {
        p->silent_since_ns = now_ns;
    }
    return step;
}

enum pipeline_step pipeline_readout_step(struct pipeline *p, uint64_t now_ns)
{
    charge(p, now_ns);
    bool stopped = pipeline_stopped(p, STOP_READOUT);
    enum pipeline_step step;
    p->stood_still = false;
    if (p->pending.waits) {
        step = dispatch_pending(p) ? STEP_MOVED : STEP_IDLE;
    } else {
        p->stood_still =
            !stopped && atomic_load_explicit(&p->monitor->paused, memory_order_relaxed);
        atomic_store_explicit(&p->readout_holds, true, memory_order_relaxed);
        step = stopped          ? take_the_rest(p, now_ns)
               : p->stood_still ? STEP_IDLE
                                : take_message(p, now_ns);
    }
    if (p->kafka != NULL)
        kafka_readout_tick(p->kafka, p->pending.waits || p->stood_still, atomic_load(&p->identity),
                           now_ns);
    atomic_store_explicit(&p->readout_holds, p->pending.waits, memory_order_release);
    return step;
}

/* A worker that has room writes the wake, and so does pipeline_stop. */
static void sleep_until_room(struct pipeline *p)
{
    bool room = false;
    wake_prepare(&p->readout_wake);
    for (uint32_t i = 0; i < p->n_workers; i++)
        room = room || ring_peek(&p->worker[i].free_jobs) != NULL;
    if (room || atomic_load(&p->abandon))
        wake_cancel(&p->readout_wake);
    else
        wake_sleep(&p->readout_wake, PIPELINE_IDLE_NS);
}

void *pipeline_readout_thread(void *arg)
{
    struct pipeline *p = arg;
    struct thread_clock clock = pipeline_clock(p, THREAD_readout);
    enum pipeline_step step;
    slice_shorten();
    while ((step = pipeline_readout_step(p, pipeline_busy(&clock))) != STEP_END) {
        if (step == STEP_MOVED)
            continue;
        if (p->pending.waits) {
            sleep_until_room(p);
        } else if (p->stood_still || p->kafka != NULL) {
            /* librdkafka writes the wake's descriptor, whoever sleeps. */
            wake_prepare(&p->readout_wake);
            wake_sleep(&p->readout_wake, PIPELINE_IDLE_NS);
        } else {
            /* pipeline_stop writes the wake's descriptor. */
            uint64_t most = p->closing == READOUT_OPEN ? PIPELINE_IDLE_NS : PIPELINE_SILENCE_NS / 4;
            readout_socket_wait(p->socket, p->readout_wake.fd, (long)(most / NS_PER_MS));
            wake_clear(&p->readout_wake);
        }
        pipeline_idle(&clock);
    }
    (void)pipeline_busy(&clock);
    return NULL;
}
