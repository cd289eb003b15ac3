/* A run's life. It begins with everything that a run has of its own: the readout's socket,
 * the recorder, the account; then its threads, from the last to the first, so that nobody
 * has no reader. It ends in the order in which data flows: a thread is told to end only
 * when the one before it has ended, so that nothing can come after it looked for the last
 * time. pipeline_drain looks where that has come to and never waits.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/parts.h"
#include "pipeline/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a thread gets to give up what is left, after the limit. */
#define GIVE_UP_NS NS_PER_S

/* ---- records ---- */

void pipeline_publish_record(struct pipeline *p, enum run_record_kind kind,
                             const struct run_info *info, uint64_t wall_ns)
{
    size_t bytes = 0;
    char key[RUN_RECORD_KEY_BYTES];
    uint8_t *message = run_record_message(&p->run, kind, info, wall_ns, &bytes);
    run_record_key(&p->run, kind, info, key);
    if (message == NULL)
        log_warn("no memory for the run's record");
    else
        publisher_send_record(p->publisher, run_record_topic(kind), key, message, bytes);
    free(message);
}

void pipeline_end_record(const struct pipeline *p, struct run_record *r, uint64_t wall_ns)
{
    *r = p->run;
    r->end_wall_ns = wall_ns;
    r->ended_by = p->ended_by;
    run_tally_read(p->monitor, &r->tally);
    run_tally_since(&r->tally, &p->run_begin);
}

/* ---- begin ---- */

static bool open_run(struct pipeline *p, struct error *err)
{
    if (p->record && p->recorder == NULL) {
        p->recorder =
            recorder_create(&p->settings->output.record, pipeline_run_info(p), p->monitor, err);
        if (p->recorder == NULL)
            return false;
    }
    const struct readout_settings *readout = &p->settings->readout;
    if (readout->kind == READOUT_KAFKA)
        p->kafka = kafka_readout_create(&readout->kafka, atomic_load(&p->identity),
                                        p->readout_wake.fd, p->monitor, err);
    else
        p->socket = readout_socket_create(p->zmq_context, readout, err);
    if (p->kafka != NULL && p->windows != NULL)
        kafka_readout_take_windows(p->kafka);
    return p->kafka != NULL || p->socket != NULL;
}

/* The last of those who take from it: what is done is committed here. */
static void close_readout(struct pipeline *p)
{
    readout_socket_destroy(&p->socket);
    kafka_readout_destroy(&p->kafka);
}

static bool begin(struct pipeline *p, const struct run_begin *run, struct error *err)
{
    if (!open_run(p, err))
        return false;
    p->run = (struct run_record){.number = run->number, .begin_wall_ns = run->wall_ns};
    (void)snprintf(p->run.comment, sizeof p->run.comment, "%s", run->comment);
    p->ended_by = "";
    p->closing = READOUT_OPEN;
    atomic_store(&p->stop, STOP_NOT);
    atomic_store(&p->abandon, false);
    run_tally_read(p->monitor, &p->run_begin);
    sources_begin_run(p->sources);
    assembler_forget(p->assembler);
    if (p->recorder != NULL)
        recorder_begin_run(p->recorder, &p->run);
    for (uint32_t i = 0; i < MONITOR_THREAD_COUNT; i++)
        atomic_store(&p->monitor->thread[i].threads, i == THREAD_workers ? p->n_workers : 1);
    monitor_time_begin(p->monitor, run->now_ns);
    p->shown_epoch = pipeline_run_info(p)->epoch;
    pipeline_publish_record(p, RUN_RECORD_BEGIN, pipeline_run_info(p), run->wall_ns);
    return true;
}

/* A thread of the run. They start from the last to the first, so that nobody has no reader. */
struct thread {
    pthread_t *id;
    const char *name;
    void *(*body)(void *);
    void *arg;
};

static uint32_t count_threads(const struct pipeline *p)
{
    return (p->record ? 5 : 4) + p->n_workers;
}

static struct thread thread_at(struct pipeline *p, uint32_t i)
{
    const struct thread last[] = {{&p->record_thread, "record", pipeline_record_thread, p},
                                  {&p->shadow_thread, "shadow", pipeline_shadow_thread, p},
                                  {&p->output_thread, "output", pipeline_output_thread, p},
                                  {&p->event_thread, "event", pipeline_event_thread, p}};
    const uint32_t n = sizeof last / sizeof *last;
    i += p->record ? 0 : 1;
    if (i < n)
        return last[i];
    if (i < n + p->n_workers) {
        struct worker *w = &p->worker[i - n];
        return (struct thread){&w->thread, "worker", pipeline_worker_thread, w};
    }
    return (struct thread){&p->readout_thread, "readout", pipeline_readout_thread, p};
}

static void tell(struct pipeline *p, enum stop_state state, uint64_t now_ns);

/* Nothing has come in yet, so all that did start may end at once. */
static void end_threads(struct pipeline *p, uint32_t n)
{
    tell(p, STOP_RECORDER, clock_monotonic_ns());
    for (uint32_t i = 0; i < n; i++)
        (void)pthread_join(*thread_at(p, i).id, NULL);
}

static bool start_threads(struct pipeline *p, struct error *err)
{
    for (uint32_t i = 0, n = count_threads(p); i < n; i++) {
        struct thread t = thread_at(p, i);
        int failed = pthread_create(t.id, NULL, t.body, t.arg);
        if (failed != 0) {
            end_threads(p, i);
            return error_set(err, ERROR_SYSTEM, "cannot start thread %s: %s", t.name,
                             strerror(failed));
        }
        (void)pthread_setname_np(*t.id, t.name);
    }
    return true;
}

/* The run has ended; its threads are gone. */
static void finish(struct pipeline *p, uint64_t now_ns, uint64_t wall_ns)
{
    struct run_record last;
    p->running = false;
    pipeline_take_back(p, now_ns);
    close_readout(p);
    monitor_time_charge(p->monitor, TIME_draining, now_ns);
    pipeline_check_books(p, now_ns, true);
    atomic_store(&p->monitor->heartbeat_ns, 0); /* nobody is silent who is not there */
    pipeline_end_record(p, &last, wall_ns);
    p->run = last;
    pipeline_publish_record(p, RUN_RECORD_END, pipeline_run_info(p), wall_ns);
}

enum run_result pipeline_start(struct pipeline *p, const struct run_begin *run, struct error *err)
{
    if (!begin(p, run, err)) {
        close_readout(p);
        return RUN_RESULT_UNCHANGED;
    }
    p->running = true;
    if (!start_threads(p, err)) { /* its begin was published: so is its end */
        p->ended_by = "failure";
        finish(p, clock_monotonic_ns(), clock_wall_ns());
        return RUN_RESULT_UNCHANGED;
    }
    p->joined_workers = p->joined_last = 0;
    atomic_store(&p->monitor->ready, true);
    return RUN_RESULT_DONE;
}

void pipeline_pause(struct pipeline *p, bool paused)
{
    atomic_store(&p->monitor->paused, paused);
    wake_force(&p->readout_wake);
}

/* ---- end ---- */

static void wake_all(struct pipeline *p)
{
    wake_force(&p->readout_wake);
    for (uint32_t i = 0; i < p->n_workers; i++)
        wake_force(&p->worker[i].wake);
    wake_force(&p->event_wake);
    wake_force(&p->output_wake);
    wake_force(&p->record_wake);
    wake_force(&p->shadow_wake);
}

/* Once the readout has ended, time is the drain's. */
static void tell(struct pipeline *p, enum stop_state state, uint64_t now_ns)
{
    if (state > STOP_READOUT)
        monitor_time_charge(p->monitor, TIME_draining, now_ns);
    atomic_store_explicit(&p->stop, (int)state, memory_order_release);
    wake_all(p);
}

void pipeline_stop_begin(struct pipeline *p, const char *ended_by, uint64_t now_ns,
                         uint64_t limit_ns)
{
    p->ended_by = ended_by;
    p->limit_ns = now_ns + limit_ns;
    atomic_store(&p->monitor->ready, false);
    tell(p, STOP_READOUT, now_ns);
}

const char *pipeline_waits_for(const struct pipeline *p)
{
    static const char *const names[] = {
        [STOP_READOUT] = "readout", [STOP_WORKERS] = "worker",  [STOP_EVENTS] = "event",
        [STOP_OUTPUT] = "output",   [STOP_RECORDER] = "record",
    };
    return names[atomic_load(&p->stop)];
}

/* A recorder and a shadow end at the same time; either may be the first. */
static bool join_last(struct pipeline *p)
{
    pthread_t last[2] = {p->shadow_thread, p->record_thread};
    uint32_t n = p->record ? 2 : 1;
    while (p->joined_last < n && pthread_tryjoin_np(last[p->joined_last], NULL) == 0)
        p->joined_last++;
    return p->joined_last == n;
}

static bool join_workers(struct pipeline *p)
{
    while (p->joined_workers < p->n_workers &&
           pthread_tryjoin_np(p->worker[p->joined_workers].thread, NULL) == 0)
        p->joined_workers++;
    return p->joined_workers == p->n_workers;
}

/* Whether the threads of the stage that was told to end have ended. */
static bool stage_ended(struct pipeline *p)
{
    switch ((enum stop_state)atomic_load(&p->stop)) {
    case STOP_READOUT:
        return pthread_tryjoin_np(p->readout_thread, NULL) == 0;
    case STOP_WORKERS:
        return join_workers(p);
    case STOP_EVENTS:
        return pthread_tryjoin_np(p->event_thread, NULL) == 0;
    case STOP_OUTPUT:
        return pthread_tryjoin_np(p->output_thread, NULL) == 0;
    case STOP_RECORDER:
        return join_last(p);
    case STOP_NOT:
        break;
    }
    return false;
}

/* The limit is over: first everybody is told to give up, then it is told who did not. */
static enum run_drain overdue(struct pipeline *p, uint64_t now_ns)
{
    if (!atomic_exchange(&p->abandon, true)) {
        log_warn("the stop limit is over: what is left is given up");
        wake_all(p);
    }
    if (now_ns < p->limit_ns + GIVE_UP_NS)
        return RUN_DRAIN_GOES_ON;
    log_error("thread %s does not end within the stop limit", pipeline_waits_for(p));
    return RUN_DRAIN_STUCK;
}

enum run_drain pipeline_drain(struct pipeline *p, uint64_t now_ns, uint64_t wall_ns)
{
    while (stage_ended(p)) {
        int stage = atomic_load(&p->stop);
        if (stage == STOP_RECORDER) {
            finish(p, now_ns, wall_ns);
            return RUN_DRAIN_DONE;
        }
        tell(p, (enum stop_state)(stage + 1), now_ns);
    }
    return now_ns < p->limit_ns ? RUN_DRAIN_GOES_ON : overdue(p, now_ns);
}

void pipeline_rest(struct pipeline *p, uint64_t now_ns)
{
    if (!p->running)
        (void)epoch_take_scored(p, now_ns); /* there is none */
}

bool pipeline_stop(struct pipeline *p, uint64_t limit_ns)
{
    const struct timespec moment = {.tv_nsec = (long)NS_PER_MS};
    enum run_drain drain;
    pipeline_stop_begin(p, "stop", clock_monotonic_ns(), limit_ns);
    while ((drain = pipeline_drain(p, clock_monotonic_ns(), clock_wall_ns())) == RUN_DRAIN_GOES_ON)
        (void)nanosleep(&moment, NULL);
    return drain == RUN_DRAIN_DONE;
}
