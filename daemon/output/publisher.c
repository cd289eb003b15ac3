/* How: PUB runs with ZMQ_XPUB_NODROP, so that a full queue is told (EAGAIN)
 * instead of hidden; the message is then sent again without it, which drops it for
 * the full queues alone. Each run_info has a form of its own, which its decisions are
 * filled into. */
#include "output/publisher.h"

#include "base/clock.h"
#include "output/decision_message.h"
#include "output/endpoint.h"
#include "output/kafka.h"
#include "output/windows_message.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* A decision under one run_info. */
struct form {
    _Atomic(const struct run_info *) info; /* NULL: free */
    struct decision_message *message;
    uint8_t *buffer;
    size_t buffer_bytes;
};

struct publisher {
    struct monitor *monitor;
    void *pub, *push;                /* NULL: no endpoints */
    struct kafka_decisions *kafka;   /* NULL: none */
    struct windows_message *windows; /* NULL: decisions are sent */
    struct form form[PUBLISHER_FORMS];
};

static const char *const topics[EVENT_FATE_COUNT] = {
    [EVENT_ACCEPTED] = "decision.accepted",
    [EVENT_REJECTED] = "decision.rejected",
    [EVENT_PRESCALED] = "decision.prescaled",
    [EVENT_THROTTLED] = "decision.throttled",
    [EVENT_FORWARDED] = "windows",
};

/* What peers send: subscriptions. */
enum { LARGEST_INCOMING_BYTES = 4096 };

static void *open_socket(void *context, int type, const struct output_settings *s,
                         const struct settings_strings *list, const char *key, struct error *err)
{
    enum door door = type == ZMQ_PUB ? DOOR_decisions : DOOR_push;
    void *socket = zmq_socket(context, type);
    if (socket == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: cannot make a socket: %s", key,
                        zmq_strerror(zmq_errno()));
        return NULL;
    }
    int high_water_mark = (int)s->high_water_mark;
    int no_linger = 0, no_drop = 1;
    if (zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger) != 0 ||
        (type == ZMQ_PUB &&
         zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop) != 0)) {
        (void)error_set(err, ERROR_SYSTEM, "%s: cannot set the socket up: %s", key,
                        zmq_strerror(zmq_errno()));
        (void)zmq_close(socket);
        return NULL;
    }
    if (!door_fit(socket, s->doors, door, LARGEST_INCOMING_BYTES, err) ||
        !endpoint_attach_all(socket, list, true, key, err)) {
        (void)zmq_close(socket);
        return NULL;
    }
    return socket;
}

/* ---- forms ---- */

static void clear_form(struct form *f)
{
    decision_message_destroy(&f->message);
    free(f->buffer);
    f->buffer = NULL;
    atomic_store_explicit(&f->info, NULL, memory_order_release);
}

static struct form *find_form(struct publisher *p, const struct run_info *info)
{
    for (uint32_t i = 0; i < PUBLISHER_FORMS; i++) {
        if (atomic_load_explicit(&p->form[i].info, memory_order_acquire) == info) {
            return &p->form[i];
        }
    }
    return NULL;
}

bool publisher_add(struct publisher *p, const struct run_info *info, struct error *err)
{
    struct form *f = find_form(p, NULL);
    if (f == NULL) {
        return error_set(err, ERROR_SYSTEM, "more than %d sets of settings at a time",
                         PUBLISHER_FORMS);
    }
    f->message = decision_message_create(info);
    if (f->message != NULL) {
        f->buffer_bytes = decision_message_largest_bytes(f->message);
        f->buffer = malloc(f->buffer_bytes);
    }
    if (f->buffer == NULL) {
        clear_form(f);
        return error_set(err, ERROR_SYSTEM, "no memory for the publisher");
    }
    atomic_store_explicit(&f->info, info, memory_order_release);
    return true;
}

void publisher_remove(struct publisher *p, const struct run_info *info)
{
    struct form *f = find_form(p, info);
    if (f != NULL) {
        clear_form(f);
    }
}

/* An event without a run_info was made by somebody who has only one. */
static struct form *form_of(struct publisher *p, const struct event *ev)
{
    struct form *f = ev->info != NULL ? find_form(p, ev->info) : &p->form[0];
    assert(f != NULL); /* it is removed when the last of its events is released */
    return f;
}

struct publisher *publisher_create(const struct output_settings *settings,
                                   const struct run_info *info, void *zmq_context, int wake_fd,
                                   struct monitor *monitor, struct error *err)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the publisher");
        return NULL;
    }
    p->monitor = monitor;
    bool good = publisher_add(p, info, err);
    if (good && info->settings->service.stages == STAGES_IMAGING) {
        p->windows = windows_message_create(info->geometry, settings->source_id, err);
        good = p->windows != NULL;
    }
    if (good && settings->decisions.count > 0) {
        p->pub = open_socket(zmq_context, ZMQ_PUB, settings, &settings->decisions,
                             "output.decisions", err);
        good = p->pub != NULL;
    }
    if (good && settings->kafka.brokers[0] != '\0') {
        p->kafka = kafka_decisions_create(&settings->kafka, wake_fd, monitor, err);
        good = p->kafka != NULL;
    }
    if (good && settings->push.count > 0) {
        p->push = open_socket(zmq_context, ZMQ_PUSH, settings, &settings->push, "output.push", err);
        good = p->push != NULL;
    }
    if (!good) {
        publisher_destroy(&p, 0);
    }
    return p;
}

/* ---- an event ---- */

/* A message's parts; `header` is NULL where it has two. */
struct outgoing {
    const char *topic;
    const void *header, *body;
    size_t header_bytes, bytes;
};

static bool try_send(void *socket, const struct outgoing *o)
{
    return zmq_send(socket, o->topic, strlen(o->topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           (o->header == NULL ||
            zmq_send(socket, o->header, o->header_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) &&
           zmq_send(socket, o->body, o->bytes, ZMQ_DONTWAIT) >= 0;
}

/* libzmq looks for news of its peers (room again, gone) only now and then while it
 * is busy; asking for the socket's events makes it look now. */
static void look_at_peers(void *socket)
{
    int events = 0;
    size_t bytes = sizeof events;
    (void)zmq_getsockopt(socket, ZMQ_EVENTS, &events, &bytes);
}

static bool send_all(void *socket, const struct outgoing *o)
{
    if (try_send(socket, o)) {
        return true;
    }
    look_at_peers(socket);
    return try_send(socket, o);
}

static bool send_to_those_with_room(void *socket, const struct outgoing *o)
{
    int no_drop = 0;
    (void)zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop);
    bool sent = try_send(socket, o);
    no_drop = 1;
    (void)zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop);
    return sent;
}

static void pack_decision(struct publisher *p, const struct event *ev, uint64_t now_ns,
                          uint64_t wall_ns, struct outgoing *o)
{
    struct form *form = form_of(p, ev);
    o->body = form->buffer;
    o->bytes = sparsed__decision__pack(decision_message_fill(form->message, ev, now_ns, wall_ns),
                                       form->buffer);
    assert(o->bytes <= form->buffer_bytes);
}

static void pack_windows(struct publisher *p, const struct event *ev, uint64_t now_ns,
                         struct outgoing *o)
{
    struct windows_parts parts = windows_message_fill(p->windows, ev, now_ns);
    o->header = parts.header;
    o->header_bytes = parts.header_bytes;
    o->body = parts.payload;
    o->bytes = parts.payload_bytes;
}

static bool send_to_kafka(struct publisher *p, const struct event *ev, const struct outgoing *o)
{
    return o->header != NULL ? kafka_decisions_send_windows(p->kafka, ev, o->header,
                                                            o->header_bytes, o->body, o->bytes)
                             : kafka_decisions_send(p->kafka, ev, o->topic, o->body, o->bytes);
}

/* True: at least one took it. */
static bool send_everywhere(struct publisher *p, const struct event *ev, const struct outgoing *o)
{
    bool sent = false;
    if (p->kafka != NULL) {
        sent = send_to_kafka(p, ev, o);
        counter_add(&p->monitor->decisions_missed, sent ? 0 : 1);
    }
    if (p->pub != NULL) {
        bool all = send_all(p->pub, o);
        counter_add(&p->monitor->decisions_missed, all ? 0 : 1);
        sent = all || send_to_those_with_room(p->pub, o) || sent;
    }
    if (p->push != NULL) {
        bool room = send_all(p->push, o);
        counter_add(&p->monitor->decisions_missed, room ? 0 : 1);
        sent = room || sent;
    }
    return sent;
}

void publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns, uint64_t wall_ns)
{
    struct outgoing o = {.topic = topics[ev->decision.fate]};
    assert(o.topic != NULL); /* a lost event has no decision */
    if (p->kafka == NULL) {
        receipt_done(ev->receipt);
    }
    if (p->pub == NULL && p->push == NULL && p->kafka == NULL) {
        counter_add(&p->monitor->decisions_unsent, 1);
        return;
    }
    if (p->windows != NULL) {
        pack_windows(p, ev, now_ns, &o);
    } else {
        pack_decision(p, ev, now_ns, wall_ns, &o);
    }
    bool sent = send_everywhere(p, ev, &o);
    counter_add(sent ? &p->monitor->decisions_published : &p->monitor->decisions_unsent, 1);
}

void publisher_send_record(struct publisher *p, const char *topic, const char *key,
                           const void *body, size_t bytes)
{
    struct outgoing o = {.topic = topic, .body = body, .bytes = bytes};
    if (p->windows != NULL) {
        return;
    }
    if (p->kafka != NULL) {
        kafka_decisions_send_record(p->kafka, topic, key, body, bytes);
    }
    if (p->pub != NULL && !send_all(p->pub, &o)) {
        (void)send_to_those_with_room(p->pub, &o);
    }
    if (p->push != NULL) {
        (void)send_all(p->push, &o);
    }
}

void publisher_give_up(struct publisher *p)
{
    if (p->kafka != NULL) {
        kafka_decisions_give_up(p->kafka);
    }
}

static void close_socket(void *socket, int linger_ms)
{
    if (socket != NULL) {
        (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        (void)zmq_close(socket);
    }
}

static bool push_has_room(struct publisher *p)
{
    int events = 0;
    size_t bytes = sizeof events;
    return zmq_getsockopt(p->push, ZMQ_EVENTS, &events, &bytes) != 0 || (events & ZMQ_POLLOUT) != 0;
}

bool publisher_tend(struct publisher *p)
{
    bool waits_for_push = p->windows != NULL && p->push != NULL;
    return (p->kafka == NULL || kafka_decisions_poll(p->kafka)) &&
           (!waits_for_push || push_has_room(p));
}

void publisher_wait(struct publisher *p, int fd, long timeout_ms)
{
    zmq_pollitem_t items[2] = {{.fd = fd, .events = ZMQ_POLLIN},
                               {.socket = p->push, .events = ZMQ_POLLOUT}};
    (void)zmq_poll(items, p->windows != NULL && p->push != NULL ? 2 : 1, timeout_ms);
}

bool publisher_settled(struct publisher *p)
{
    return p->kafka == NULL || kafka_decisions_waiting(p->kafka) == 0;
}

void publisher_destroy(struct publisher **publisher, int linger_ms)
{
    struct publisher *p = *publisher;
    if (p == NULL) {
        return;
    }
    kafka_decisions_destroy(&p->kafka, (uint64_t)linger_ms * NS_PER_MS);
    close_socket(p->pub, linger_ms);
    close_socket(p->push, linger_ms);
    for (uint32_t i = 0; i < PUBLISHER_FORMS; i++) {
        clear_form(&p->form[i]);
    }
    windows_message_destroy(&p->windows);
    free(p);
    *publisher = NULL;
}
