/* A thin layer on libzmq. An ipc endpoint's file that a killed process left behind
 * needs no care here: libzmq unlinks it before it binds. */
#include "readout/socket.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct readout_socket {
    void *zmq;
    uint32_t n_bound, n_connected;
    uint64_t high_water_mark; /* messages of each connection; 0: no limit */
    char bound[SETTINGS_MAX_ENDPOINTS][SETTINGS_PATH_BYTES]; /* as libzmq calls them */
};

static int clamp_int(uint64_t x)
{
    return x > INT_MAX ? INT_MAX : (int)x;
}

static bool set_int(void *zmq, int option, const char *key, int value, struct error *err)
{
    if (zmq_setsockopt(zmq, option, &value, sizeof value) == 0)
        return true;
    return error_set(err, ERROR_NETWORK, "readout.%s = %d: %s", key, value, zmq_strerror(errno));
}

static bool set_options(void *zmq, const struct readout_settings *s, struct error *err)
{
    if (!door_fit(zmq, s->doors, DOOR_readout, s->max_message_bytes, err))
        return false;
    if (s->receive_buffer_bytes > 0 &&
        !set_int(zmq, ZMQ_RCVBUF, "receive_buffer", clamp_int(s->receive_buffer_bytes), err))
        return false;
    /* A source whose machine died is noticed by the system's keepalive. */
    if (!set_int(zmq, ZMQ_RCVHWM, "high_water_mark", clamp_int(s->high_water_mark), err) ||
        !set_int(zmq, ZMQ_LINGER, "linger", 0, err) ||
        !set_int(zmq, ZMQ_TCP_KEEPALIVE, "keepalive", 1, err))
        return false;
    if (s->pattern != READOUT_SUB)
        return true;
    if (s->topics.count == 0 && zmq_setsockopt(zmq, ZMQ_SUBSCRIBE, "", 0) != 0)
        return error_set(err, ERROR_NETWORK, "readout.topics: %s", zmq_strerror(errno));
    for (uint32_t i = 0; i < s->topics.count; i++) {
        const char *topic = s->topics.text[i];
        if (zmq_setsockopt(zmq, ZMQ_SUBSCRIBE, topic, strlen(topic)) != 0)
            return error_set(err, ERROR_NETWORK, "readout.topics: \"%s\": %s", topic,
                             zmq_strerror(errno));
    }
    return true;
}

/* What was bound is known by the name that libzmq gives it: a port may have been "*". */
static void remember(struct readout_socket *s, bool binds)
{
    size_t bytes = sizeof s->bound[0];
    if (!binds)
        s->n_connected++;
    else if (zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->bound[s->n_bound], &bytes) == 0)
        s->n_bound++;
}

static bool open_endpoint(struct readout_socket *s, const char *text, struct error *err)
{
    bool binds = text[0] == '@';
    const char *endpoint = binds || text[0] == '>' ? text + 1 : text;
    if ((binds ? zmq_bind : zmq_connect)(s->zmq, endpoint) == 0) {
        remember(s, binds);
        return true;
    }
    return error_set(err, ERROR_NETWORK, "readout.endpoints: cannot %s \"%s\": %s",
                     binds ? "bind" : "connect to", endpoint, zmq_strerror(errno));
}

struct readout_socket *readout_socket_create(void *context, const struct readout_settings *settings,
                                             struct error *err)
{
    if (settings->endpoints.count == 0) {
        error_set(err, ERROR_CONFIG, "readout.endpoints: none given");
        return NULL;
    }
    struct readout_socket *s = calloc(1, sizeof *s);
    if (!s) {
        error_set(err, ERROR_SYSTEM, "no memory for the readout's socket");
        return NULL;
    }
    s->high_water_mark = settings->high_water_mark;
    s->zmq = zmq_socket(context, settings->pattern == READOUT_SUB ? ZMQ_SUB : ZMQ_PULL);
    bool good = s->zmq != NULL;
    if (!good)
        error_set(err, ERROR_NETWORK, "readout: cannot open a socket: %s", zmq_strerror(errno));
    good = good && set_options(s->zmq, settings, err);
    for (uint32_t i = 0; good && i < settings->endpoints.count; i++)
        good = open_endpoint(s, settings->endpoints.text[i], err);
    if (!good)
        readout_socket_destroy(&s);
    return s;
}

uint64_t readout_socket_shut(struct readout_socket *s)
{
    for (uint32_t i = 0; i < s->n_bound; i++)
        (void)zmq_unbind(s->zmq, s->bound[i]);
    bool known = s->n_bound == 0 && s->high_water_mark > 0;
    return known ? s->n_connected * s->high_water_mark : UINT64_MAX;
}

void readout_socket_destroy(struct readout_socket **s)
{
    if (!*s)
        return;
    if ((*s)->zmq) {
        (void)zmq_close((*s)->zmq);
    }
    free(*s);
    *s = NULL;
}

/* Receives one part that is there already; a signal only delays it. */
static int receive_part(void *zmq, zmq_msg_t *part)
{
    int n;
    do
        n = zmq_msg_recv(part, zmq, ZMQ_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Takes the parts beyond the third; false: there were some. */
static bool drain(void *zmq, const zmq_msg_t *last)
{
    if (!zmq_msg_more(last))
        return true;
    zmq_msg_t extra;
    (void)zmq_msg_init(&extra);
    while (receive_part(zmq, &extra) >= 0 && zmq_msg_more(&extra))
        continue;
    (void)zmq_msg_close(&extra);
    return false;
}

enum receive_result readout_socket_receive(struct readout_socket *s, struct message *m)
{
    (void)zmq_msg_init(&m->topic);
    if (receive_part(s->zmq, &m->topic) < 0) {
        int why = errno;
        (void)zmq_msg_close(&m->topic);
        return why == EAGAIN ? RECEIVE_NONE : RECEIVE_CLOSED;
    }
    (void)zmq_msg_init(&m->header);
    (void)zmq_msg_init(&m->payload);
    m->receipt = NULL;
    m->whole = zmq_msg_more(&m->topic) && receive_part(s->zmq, &m->header) >= 0 &&
               zmq_msg_more(&m->header) && receive_part(s->zmq, &m->payload) >= 0 &&
               drain(s->zmq, &m->payload);
    return RECEIVE_MESSAGE;
}

void message_close(struct message *m)
{
    (void)zmq_msg_close(&m->topic);
    (void)zmq_msg_close(&m->header);
    (void)zmq_msg_close(&m->payload);
}

void readout_socket_wait(struct readout_socket *s, int fd, long timeout_ms)
{
    zmq_pollitem_t items[2] = {
        {.socket = s->zmq, .events = ZMQ_POLLIN},
        {.fd = fd, .events = ZMQ_POLLIN},
    };
    (void)zmq_poll(items, fd >= 0 ? 2 : 1, timeout_ms);
}
