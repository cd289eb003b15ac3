/* How: the thread wakes at the earliest of its three times (metrics, watchdog, and a
 * fifth of a second for ready and stopping) or when it is told to end. */
#include "service/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wake.h"
#include "data/run_state.h"
#include "output/endpoint.h"
#include "service/health.h"
#include "service/http.h"
#include "service/metrics.h"
#include "service/metrics_topic.h"
#include "service/systemd.h"
#include "service/watch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { LINGER_MS = 200, LARGEST_INCOMING_BYTES = 4096 /* subscriptions */ };
#define LOOK_NS (200 * NS_PER_MS)

struct service {
    const struct service_settings *settings;
    struct metrics_source source;
    struct monitor *counts;      /* what the topic does not get */
    struct http *http;           /* NULL: none */
    void *socket;                /* NULL: none */
    struct metrics_topic *topic; /* NULL: none */
    pthread_t thread;
    bool has_thread;
    struct wake wake;
    bool has_wake;
    _Atomic bool end;
    /* the thread's */
    bool said_ready, said_stopping;
    uint64_t watchdog_ns, heartbeat_seen_ns;
    uint32_t epoch_seen;
    uint64_t next_metrics_ns, next_pet_ns, next_watch_ns;
};

static void publish_to_topic(struct service *s, const uint8_t *message, size_t bytes)
{
    const struct run_info *info = run_info_borrow(s->source.board);
    metrics_topic_send(s->topic, info->settings->detector.name, message, bytes);
    run_info_return(s->source.board);
}

static void publish(struct service *s, uint64_t now_ns)
{
    if (s->socket == NULL && s->topic == NULL) {
        return;
    }
    static const char topic[] = "metrics";
    size_t bytes = 0;
    uint8_t *message = metrics_message(&s->source, now_ns, clock_wall_ns(), &bytes);
    if (message == NULL) {
        log_limited(LOG_LEVEL_WARN, "metrics: no memory for the message");
        return;
    }
    /* PUB drops for subscribers whose queue is full: the next one brings the same. */
    if (s->socket != NULL &&
        zmq_send(s->socket, topic, sizeof topic - 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        (void)zmq_send(s->socket, message, bytes, ZMQ_DONTWAIT);
    }
    if (s->topic != NULL) {
        publish_to_topic(s, message, bytes);
    }
    free(message);
}

static void tell_status(const struct service *s)
{
    char ledger[400], line[480];
    struct ledger l = monitor_ledger(s->source.monitor);
    ledger_format(&l, ledger, sizeof ledger);
    (void)snprintf(line, sizeof line, "run %u: %s", atomic_load(&s->source.monitor->run), ledger);
    systemd_status(line);
}

static void tell_state(struct service *s)
{
    const struct monitor *m = s->source.monitor;
    /* Where operators start runs, being there for them is being ready. */
    bool ready = atomic_load(&m->ready) || s->settings->control.count > 0;
    if (!s->said_ready && ready) {
        systemd_ready();
        s->said_ready = true;
    }
    if (!s->said_stopping && atomic_load(&m->stopping)) {
        systemd_stopping();
        s->said_stopping = true;
    }
}

/* Before the event thread has begun, and once it is told to stop, a heartbeat that
 * stands still is no fault: start and stop have limits of their own. */
static void pet(struct service *s)
{
    const struct monitor *m = s->source.monitor;
    uint64_t beat = atomic_load(&m->heartbeat_ns);
    bool ends = atomic_load(&m->stopping) || atomic_load(&m->run_state) == RUN_DRAINING;
    if (beat != s->heartbeat_seen_ns || beat == 0 || ends) {
        s->heartbeat_seen_ns = beat;
        systemd_alive();
    }
}

/* What decisions are made with has changed: models, or settings that may change in a run. */
static void note_change(struct service *s, uint64_t wall_ns)
{
    char text[WATCH_CHANGE_BYTES], hash[SHA256_HEX_BYTES];
    const struct run_info *info = run_info_borrow(s->source.board);
    bool changed = info->epoch != s->epoch_seen;
    s->epoch_seen = info->epoch;
    hash_hex(info->settings->sha256, hash);
    int used =
        snprintf(text, sizeof text, "change %u: configuration %.8s, model", info->epoch, hash);
    for (uint32_t i = 0; i < info->models->n_models && (size_t)used < sizeof text; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, " %s",
                         info->models->entry[i].model->name);
    run_info_return(s->source.board);
    if (changed)
        watch_note(s->source.watch, wall_ns, false, text);
}

/* Keeps to whole seconds, so that a second's rate is a second's. */
static void look(struct service *s, uint64_t now_ns)
{
    uint64_t wall_ns = clock_wall_ns();
    note_change(s, wall_ns);
    watch_tick(s->source.watch, now_ns, wall_ns);
    if (s->http != NULL) {
        http_push(s->http, now_ns, wall_ns);
    }
    s->next_watch_ns += NS_PER_S;
    if (s->next_watch_ns <= now_ns) {
        s->next_watch_ns = now_ns + NS_PER_S;
    }
}

static void come_round(struct service *s, uint64_t now_ns)
{
    tell_state(s);
    if (now_ns >= s->next_watch_ns) {
        look(s, now_ns);
    }
    if (now_ns >= s->next_metrics_ns) {
        publish(s, now_ns);
        tell_status(s);
        s->next_metrics_ns = now_ns + s->settings->metrics_interval_ns;
    }
    if (s->watchdog_ns != 0 && now_ns >= s->next_pet_ns) {
        pet(s);
        s->next_pet_ns = now_ns + s->watchdog_ns;
    }
}

static uint64_t time_to_sleep(const struct service *s, uint64_t now_ns)
{
    uint64_t next = now_ns + LOOK_NS;
    next = s->next_metrics_ns < next ? s->next_metrics_ns : next;
    next = s->next_watch_ns < next ? s->next_watch_ns : next;
    if (s->watchdog_ns != 0 && s->next_pet_ns < next) {
        next = s->next_pet_ns;
    }
    return next > now_ns ? next - now_ns : 0;
}

static void *run(void *self)
{
    struct service *s = self;
    (void)pthread_setname_np(pthread_self(), "service");
    while (!atomic_load(&s->end)) {
        uint64_t now_ns = clock_monotonic_ns();
        come_round(s, now_ns);
        wake_prepare(&s->wake);
        if (atomic_load(&s->end)) {
            wake_cancel(&s->wake);
        } else {
            wake_sleep(&s->wake, time_to_sleep(s, now_ns));
        }
    }
    tell_state(s);
    look(s, clock_monotonic_ns());
    publish(s, clock_monotonic_ns());
    return NULL;
}

static bool open_socket(struct service *s, void *zmq_context, struct error *err)
{
    if (s->settings->metrics.count == 0) {
        return true;
    }
    s->socket = zmq_socket(zmq_context, ZMQ_PUB);
    int linger_ms = LINGER_MS, high_water_mark = 10;
    if (s->socket == NULL ||
        zmq_setsockopt(s->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
        zmq_setsockopt(s->socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark) != 0) {
        return error_set(err, ERROR_SYSTEM, "service.metrics: cannot make a socket: %s",
                         zmq_strerror(zmq_errno()));
    }
    return door_fit(s->socket, s->settings->doors, DOOR_metrics, LARGEST_INCOMING_BYTES, err) &&
           endpoint_attach_all(s->socket, &s->settings->metrics, true, "service.metrics", err);
}

static bool open_topic(struct service *s, struct error *err)
{
    const struct kafka_output_settings *kafka = s->settings->kafka;
    if (kafka == NULL || kafka->metrics_topic[0] == '\0') {
        return true;
    }
    s->topic = metrics_topic_create(kafka, s->counts, err);
    return s->topic != NULL;
}

static bool start(struct service *s, void *zmq_context, struct error *err)
{
    if (s->source.watch == NULL) {
        return error_set(err, ERROR_SYSTEM, "no memory for the service thread");
    }
    watch_tick(s->source.watch, clock_monotonic_ns(), clock_wall_ns());
    s->next_watch_ns = clock_monotonic_ns() + NS_PER_S;
    s->has_wake = wake_init(&s->wake);
    if (!s->has_wake) {
        return error_set(err, ERROR_SYSTEM, "no descriptor left for the service thread");
    }
    if (s->settings->http[0] != '\0') {
        s->http = http_start(s->settings->http, &s->source, err);
        if (s->http == NULL) {
            return false;
        }
    }
    if (!open_socket(s, zmq_context, err) || !open_topic(s, err)) {
        return false;
    }
    int why = pthread_create(&s->thread, NULL, run, s);
    if (why != 0) {
        return error_set(err, ERROR_SYSTEM, "cannot start the service thread: %s", strerror(why));
    }
    s->has_thread = true;
    return true;
}

struct service *service_start(const struct service_settings *settings, struct monitor *monitor,
                              struct run_info_board *board, void *zmq_context, struct error *err)
{
    struct service *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the service thread");
        return NULL;
    }
    s->settings = settings;
    s->counts = monitor;
    s->source = (struct metrics_source){monitor, board, watch_create(monitor), &monitor->gallery};
    s->watchdog_ns = systemd_watchdog_ns();
    if (!start(s, zmq_context, err)) {
        service_stop(&s);
    }
    return s;
}

void service_stop(struct service **service)
{
    struct service *s = *service;
    if (s == NULL) {
        return;
    }
    if (s->has_thread) {
        atomic_store(&s->end, true);
        wake_force(&s->wake);
        (void)pthread_join(s->thread, NULL);
    }
    http_stop(&s->http);
    metrics_topic_destroy(&s->topic, LINGER_MS * NS_PER_MS);
    if (s->socket != NULL) {
        (void)zmq_close(s->socket);
    }
    if (s->has_wake) {
        wake_fini(&s->wake);
    }
    watch_destroy(&s->source.watch);
    free(s);
    *service = NULL;
}

struct watch *service_watch(const struct service *s)
{
    return s->source.watch;
}

uint16_t service_http_port(const struct service *s)
{
    return s->http != NULL ? http_port(s->http) : 0;
}
