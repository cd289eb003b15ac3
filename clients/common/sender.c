#include "common/sender.h"

#include "common/sender_kafka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

const char sender_topic[] = "fragment";

enum { SLICE_MS = 100 };

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool set(struct sender *s, int option, int value)
{
    return zmq_setsockopt(s->socket, option, &value, sizeof value) == 0;
}

bool sender_open(struct sender *s, const struct sender_settings *settings,
                 const volatile sig_atomic_t *stop, struct failure *f)
{
    *s = (struct sender){.settings = *settings, .stop = stop};
    const char *where = settings->endpoint;
    if (sender_kafka_is(where)) {
        snprintf(s->address, sizeof s->address, "%s", where);
        return (s->kafka = sender_kafka_open(s, f)) != NULL;
    }
    bool bind = *where == '@';
    where += *where == '@' || *where == '>';
    s->context = zmq_ctx_new();
    s->socket = s->context ? zmq_socket(s->context, settings->pub ? ZMQ_XPUB : ZMQ_PUSH) : NULL;
    if (!s->socket)
        return failure_set(f, "no socket: %s", zmq_strerror(errno));
    /* IMMEDIATE: a message waits for a real peer, not in a queue to nobody.
     * XPUB_NODROP: a full queue is told, not silently emptied. */
    bool good = set(s, ZMQ_SNDHWM, settings->hwm) && set(s, ZMQ_SNDTIMEO, SLICE_MS) &&
                set(s, ZMQ_LINGER, 0) &&
                (settings->pub ? set(s, ZMQ_XPUB_NODROP, 1) : set(s, ZMQ_IMMEDIATE, 1));
    if (!good)
        return failure_set(f, "socket options: %s", zmq_strerror(errno));
    if (!keys_apply(s->context, s->socket, &settings->keys, &s->monitor, f))
        return false;
    if ((bind ? zmq_bind(s->socket, where) : zmq_connect(s->socket, where)) != 0)
        return failure_set(f, "--to %s: cannot %s: %s", settings->endpoint,
                           bind ? "bind" : "connect", zmq_strerror(errno));
    size_t length = sizeof s->address;
    if (zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->address, &length) != 0)
        snprintf(s->address, sizeof s->address, "%s", where);
    return true;
}

/* A subscription is one message: 1 or 0, then the topic it begins with. XPUB tells
 * only the first subscription and the last unsubscription of a topic. */
static void take_subscriptions(struct sender *s)
{
    char message[256];
    int n;
    while ((n = zmq_recv(s->socket, message, sizeof message, ZMQ_DONTWAIT)) >= 0) {
        size_t topic = n > 0 ? (size_t)n - 1 : 0;
        if (n < 1 || topic >= sizeof sender_topic || memcmp(message + 1, sender_topic, topic) != 0)
            continue;
        s->subscriptions += message[0] == 1 ? 1 : -1;
    }
}

bool sender_heard(struct sender *s)
{
    if (!s->settings.pub || s->kafka)
        return true;
    take_subscriptions(s);
    return s->subscriptions > 0;
}

enum sender_result sender_wait(struct sender *s, struct failure *f)
{
    if (s->kafka)
        return sender_kafka_wait(s->kafka, f);
    uint64_t start = clock_ns(), limit = s->settings.wait_ns;
    bool pub = s->settings.pub;
    const char *why = NULL;
    while (!*s->stop) {
        zmq_pollitem_t item = {.socket = s->socket, .events = pub ? ZMQ_POLLIN : ZMQ_POLLOUT};
        int n = zmq_poll(&item, 1, SLICE_MS);
        if (n < 0 && errno != EINTR) {
            failure_set(f, "%s: %s", s->address, zmq_strerror(errno));
            return SENDER_FAILED;
        }
        if (n > 0 && sender_heard(s))
            return SENDER_SENT;
        const char *refusal = keys_refusal(s->monitor);
        why = refusal ? refusal : why;
        if (limit && clock_ns() - start >= limit) {
            failure_set(f, "%s: no %s within %.3g s (--wait)%s%s", s->address,
                        pub ? "subscriber" : "peer", (double)limit / 1e9, why ? ": " : "",
                        why ? why : "");
            return SENDER_FAILED;
        }
    }
    return SENDER_STOPPED;
}

/* One part. EAGAIN after SLICE_MS: look at `stop`, then again. Only the first part
 * may be given up, a message is whole or not there. */
static enum sender_result send_part(struct sender *s, zmq_msg_t *part, int flags, bool first,
                                    struct failure *f)
{
    uint64_t start = 0;
    bool drop = first && s->settings.pub && s->settings.drop;
    for (;;) {
        if (zmq_msg_send(part, s->socket, flags | (drop ? ZMQ_DONTWAIT : 0)) >= 0)
            return SENDER_SENT;
        if (errno != EAGAIN && errno != EINTR) {
            failure_set(f, "%s: cannot send: %s", s->address, zmq_strerror(errno));
            return SENDER_FAILED;
        }
        if (*s->stop)
            return SENDER_STOPPED;
        (void)keys_refusal(s->monitor); /* libzmq waits for who reads a monitor */
        if (drop && errno == EAGAIN)
            return SENDER_DROPPED;
        uint64_t now = clock_ns();
        start = start ? start : now;
        if (s->settings.give_up_ns && now - start >= s->settings.give_up_ns) {
            failure_set(f, "%s: nothing was taken for %.3g s (--give-up)", s->address,
                        (double)(now - start) / 1e9);
            return SENDER_FAILED;
        }
    }
}

enum sender_result sender_send(struct sender *s, const void *header, size_t header_bytes,
                               struct payload *payload, struct failure *f)
{
    if (s->kafka)
        return sender_kafka_send(s->kafka, header, header_bytes, payload, f);
    zmq_msg_t part[3];
    size_t topic_bytes = strlen(sender_topic);
    bool good = zmq_msg_init_size(&part[0], topic_bytes) == 0 &&
                zmq_msg_init_size(&part[1], header_bytes) == 0;
    if (good && payload)
        good = zmq_msg_init_data(&part[2], payload->data, payload->bytes, payload_release,
                                 payload_share(payload)) == 0;
    else if (good)
        good = zmq_msg_init(&part[2]) == 0;
    if (!good) {
        failure_set(f, "no memory for a message");
        return SENDER_FAILED;
    }
    memcpy(zmq_msg_data(&part[0]), sender_topic, topic_bytes);
    memcpy(zmq_msg_data(&part[1]), header, header_bytes);
    enum sender_result result = SENDER_SENT;
    for (int i = 0; i < 3 && result == SENDER_SENT; i++)
        result = send_part(s, &part[i], i < 2 ? ZMQ_SNDMORE : 0, i == 0, f);
    for (int i = 0; i < 3; i++)
        zmq_msg_close(&part[i]); /* a sent part is empty by now */
    return result;
}

void sender_close(struct sender *s, int linger_ms)
{
    sender_kafka_close(&s->kafka, linger_ms);
    if (s->socket) {
        set(s, ZMQ_LINGER, linger_ms);
        keys_close(s->socket, &s->monitor);
        zmq_close(s->socket);
    }
    if (s->context) /* a second ^C ends the wait: the process goes */
        while (zmq_ctx_term(s->context) != 0 && errno == EINTR && *s->stop < 2)
            continue;
    s->socket = s->context = NULL;
}
