/* Signals only set a flag. A signal that falls between the look at the flag and
 * the poll would be slept through, so no poll is longer than SLICE_MS. */
#include "common/subscriber.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 200, MAX_MESSAGE_BYTES = 64 << 20 };

static volatile sig_atomic_t stop_seen;

static void on_signal(int number)
{
    (void)number;
    stop_seen = 1;
}

void subscriber_catch_signals(void)
{
    /* no SA_RESTART: a write that a slow reader blocks must end, too */
    struct sigaction act = {.sa_handler = on_signal};
    (void)sigemptyset(&act.sa_mask);
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    act.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &act, NULL);
}

bool subscriber_stopped(void)
{
    return stop_seen != 0;
}

uint64_t subscriber_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

static bool attach(struct subscriber *s, const char *endpoint)
{
    if (endpoint[0] == '@')
        return zmq_bind(s->socket, endpoint + 1) == 0;
    return zmq_connect(s->socket, endpoint[0] == '>' ? endpoint + 1 : endpoint) == 0;
}

bool subscriber_init(struct subscriber *s, const struct subscriber_settings *settings, char *why,
                     size_t why_bytes)
{
    *s = (struct subscriber){.pull = settings->pull};
    snprintf(s->topic, sizeof s->topic, "%s", settings->topic);
    snprintf(s->also, sizeof s->also, "%s", settings->also ? settings->also : "");
    s->context = zmq_ctx_new();
    s->socket = s->context ? zmq_socket(s->context, s->pull ? ZMQ_PULL : ZMQ_SUB) : NULL;
    if (!s->socket) {
        snprintf(why, why_bytes, "%s: no socket: %s", settings->endpoint, zmq_strerror(errno));
        subscriber_fini(s);
        return false;
    }
    int64_t largest = MAX_MESSAGE_BYTES;
    (void)zmq_setsockopt(s->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    set_int(s->socket, ZMQ_LINGER, 0);
    set_int(s->socket, ZMQ_IPV6, 1);
    set_int(s->socket, ZMQ_RCVHWM, settings->high_water);
    set_int(s->socket, ZMQ_RECONNECT_IVL, 100);
    set_int(s->socket, ZMQ_RECONNECT_IVL_MAX, 2000);
    set_int(s->socket, ZMQ_HEARTBEAT_IVL, 2000);
    set_int(s->socket, ZMQ_HEARTBEAT_TIMEOUT, 6000);
    if (!s->pull)
        (void)zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, s->topic, strlen(s->topic));
    if (!s->pull && s->also[0])
        (void)zmq_setsockopt(s->socket, ZMQ_SUBSCRIBE, s->also, strlen(s->also));
    struct failure f;
    if (!keys_apply(s->context, s->socket, &settings->keys, &s->monitor, &f)) {
        snprintf(why, why_bytes, "%s", f.text);
        subscriber_fini(s);
        return false;
    }
    if (!attach(s, settings->endpoint)) {
        bool bind = settings->endpoint[0] == '@';
        snprintf(why, why_bytes, "%s: cannot %s: %s", settings->endpoint, bind ? "bind" : "connect",
                 zmq_strerror(errno));
        subscriber_fini(s);
        return false;
    }
    return true;
}

void subscriber_fini(struct subscriber *s)
{
    if (s->socket) {
        keys_close(s->socket, &s->monitor);
        (void)zmq_close(s->socket);
    }
    if (s->context)
        (void)zmq_ctx_term(s->context);
    s->socket = s->context = NULL;
}

static bool begins_with(zmq_msg_t *topic, const char *prefix)
{
    size_t n = strlen(prefix);
    return zmq_msg_size(topic) >= n && memcmp(zmq_msg_data(topic), prefix, n) == 0;
}

static bool wanted(struct subscriber *s, zmq_msg_t *topic)
{
    s->is_also = s->also[0] && begins_with(topic, s->also);
    return s->is_also || begins_with(topic, s->topic);
}

/* Takes one whole message. True: it had two parts and a wanted topic. */
static bool take(struct subscriber *s, zmq_msg_t *body)
{
    zmq_msg_t part;
    bool topic_wanted = false;
    int parts = 0, more = 1;
    (void)zmq_msg_init(body);
    while (more) {
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, s->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&part);
            break;
        }
        more = zmq_msg_more(&part);
        if (parts == 0)
            topic_wanted = wanted(s, &part);
        else if (parts == 1)
            (void)zmq_msg_move(body, &part);
        (void)zmq_msg_close(&part);
        parts++;
    }
    if (parts == 2 && topic_wanted)
        return true;
    s->bad_frames += parts > 0 && parts != 2;
    (void)zmq_msg_close(body);
    return false;
}

enum subscriber_event subscriber_receive(struct subscriber *s, zmq_msg_t *body, int64_t timeout_ms,
                                         int input_fd)
{
    uint64_t end_ns =
        timeout_ms < 0 ? UINT64_MAX : subscriber_now_ns() + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        if (subscriber_stopped())
            return SUBSCRIBER_STOP;
        const char *refusal = keys_refusal(s->monitor);
        s->refusal = refusal ? refusal : s->refusal;
        uint64_t now_ns = subscriber_now_ns();
        uint64_t left_ms = end_ns > now_ns ? (end_ns - now_ns + 999999) / 1000000 : 0;
        zmq_pollitem_t item[3] = {{.socket = s->socket, .events = ZMQ_POLLIN}};
        int n = 1, input = -1, output = -1;
        if (input_fd >= 0)
            item[input = n++] = (zmq_pollitem_t){.fd = input_fd, .events = ZMQ_POLLIN};
        if (s->watch_stdout)
            item[output = n++] = (zmq_pollitem_t){.fd = STDOUT_FILENO, .events = ZMQ_POLLERR};
        int got = zmq_poll(item, n, left_ms < SLICE_MS ? (long)left_ms : SLICE_MS);
        if (got > 0 && (item[0].revents & ZMQ_POLLIN) && take(s, body)) {
            s->refusal = NULL;
            return SUBSCRIBER_MESSAGE;
        }
        if (got > 0 && output >= 0 && (item[output].revents & ZMQ_POLLERR))
            return SUBSCRIBER_STOP;
        if (input >= 0 && (got < 0 || item[input].revents))
            return SUBSCRIBER_INPUT; /* got < 0: a resized window, which is input as well */
        if (subscriber_now_ns() >= end_ns)
            return SUBSCRIBER_NOTHING;
    }
}
