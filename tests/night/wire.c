/* ZeroMQ in memory: one queue of messages for the daemon's PULL or SUB socket, a peer for
 * its PUB and PUSH that has no room now and then. */
#include "night.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { QUEUE = 64, HEADER_BYTES = 256, TOPIC_BYTES = 64 };

struct letter {
    uint8_t header[HEADER_BYTES];
    size_t header_bytes;
    const void *payload;
    size_t payload_bytes;
    uint32_t parts;
};

struct socket {
    int type;
    bool no_drop, bound;
    uint32_t part; /* of the message under way */
    char topic[TOPIC_BYTES];
};

static struct letter queue[QUEUE];
static uint32_t first, count;
static struct letter under_way; /* being received */
static struct socket *reader;
static bool more;
static uint64_t taken, sockets_open, messages_open;

void wire_reset(void)
{
    first = count = 0;
    taken = sockets_open = messages_open = 0;
    reader = NULL;
}

uint64_t wire_taken(void)
{
    return taken;
}

uint64_t wire_open(void)
{
    return sockets_open + messages_open;
}

bool wire_put(const void *header, size_t header_bytes, const void *payload, size_t payload_bytes,
              uint32_t parts)
{
    if (reader == NULL || !reader->bound || count == QUEUE)
        return false;
    struct letter *l = &queue[(first + count++) % QUEUE];
    *l = (struct letter){.header_bytes = header_bytes,
                         .payload = payload,
                         .payload_bytes = payload_bytes,
                         .parts = parts};
    memcpy(l->header, header, header_bytes);
    threads_wake_all();
    return true;
}

/* ---- what the daemon calls ---- */

void *__wrap_zmq_socket(void *context, int type);
int __wrap_zmq_close(void *socket);
int __wrap_zmq_setsockopt(void *socket, int option, const void *value, size_t bytes);
int __wrap_zmq_getsockopt(void *socket, int option, void *value, size_t *bytes);
int __wrap_zmq_bind(void *socket, const char *endpoint);
int __wrap_zmq_connect(void *socket, const char *endpoint);
int __wrap_zmq_unbind(void *socket, const char *endpoint);
int __wrap_zmq_disconnect(void *socket, const char *endpoint);
int __wrap_zmq_msg_recv(zmq_msg_t *m, void *socket, int flags);
int __wrap_zmq_msg_more(const zmq_msg_t *m);
int __wrap_zmq_send(void *socket, const void *data, size_t bytes, int flags);
int __wrap_zmq_poll(zmq_pollitem_t *items, int n, long timeout);

void *__wrap_zmq_socket(void *context, int type)
{
    (void)context;
    struct socket *s = calloc(1, sizeof *s);
    s->type = type;
    if (type == ZMQ_PULL || type == ZMQ_SUB) {
        reader = s;
        first = count = 0;
    }
    sockets_open++;
    return s;
}

/* What waits in a socket that is closed is lost, and was never received. */
int __wrap_zmq_close(void *socket)
{
    if (socket == reader)
        reader = NULL;
    free(socket);
    sockets_open--;
    return 0;
}

int __wrap_zmq_setsockopt(void *socket, int option, const void *value, size_t bytes)
{
    struct socket *s = socket;
    if (option == ZMQ_XPUB_NODROP && bytes == sizeof(int)) {
        int on;
        memcpy(&on, value, sizeof on);
        s->no_drop = on != 0;
    }
    return 0;
}

int __wrap_zmq_getsockopt(void *socket, int option, void *value, size_t *bytes)
{
    (void)socket;
    if (option == ZMQ_LAST_ENDPOINT && *bytes > sizeof "inproc://x") {
        memcpy(value, "inproc://x", sizeof "inproc://x");
        *bytes = sizeof "inproc://x";
    } else {
        memset(value, 0, *bytes);
    }
    return 0;
}

int __wrap_zmq_bind(void *socket, const char *endpoint)
{
    (void)endpoint;
    ((struct socket *)socket)->bound = true;
    return 0;
}

int __wrap_zmq_connect(void *socket, const char *endpoint)
{
    return __wrap_zmq_bind(socket, endpoint);
}

int __wrap_zmq_unbind(void *socket, const char *endpoint)
{
    (void)endpoint;
    ((struct socket *)socket)->bound = false;
    return 0;
}

int __wrap_zmq_disconnect(void *socket, const char *endpoint)
{
    return __wrap_zmq_unbind(socket, endpoint);
}

/* libzmq gives a message back here; the bytes themselves belong to models.c. */
static void give_back(void *data, void *hint)
{
    (void)data;
    (void)hint;
    messages_open--;
}

int __wrap_zmq_msg_recv(zmq_msg_t *m, void *socket, int flags)
{
    (void)flags;
    struct socket *s = socket;
    if (s->part == 0) {
        if (count == 0) {
            errno = EAGAIN;
            return -1;
        }
        under_way = queue[first];
        first = (first + 1) % QUEUE;
        count--;
        taken++;
    }
    const struct letter *l = &under_way;
    uint32_t part = s->part++;
    more = s->part < l->parts;
    if (!more)
        s->part = 0;
    (void)zmq_msg_close(m);
    if (part == 0) {
        (void)zmq_msg_init_size(m, 1);
        memcpy(zmq_msg_data(m), "f", 1);
    } else if (part == 1) {
        (void)zmq_msg_init_size(m, l->header_bytes);
        memcpy(zmq_msg_data(m), l->header, l->header_bytes);
    } else {
        (void)zmq_msg_init_data(m, (void *)(uintptr_t)l->payload, l->payload_bytes, give_back,
                                NULL);
        messages_open++;
    }
    return (int)zmq_msg_size(m);
}

int __wrap_zmq_msg_more(const zmq_msg_t *m)
{
    (void)m; /* the daemon asks about the part that came last, and about no other */
    return more;
}

int __wrap_zmq_send(void *socket, const void *data, size_t bytes, int flags)
{
    struct socket *s = socket;
    bool is_topic = s->part == 0;
    if (is_topic && (s->type != ZMQ_PUB || s->no_drop) &&
        random_chance(&night.random, night.weather.peer_full)) {
        errno = EAGAIN;
        return -1;
    }
    if (is_topic) {
        size_t n = bytes < TOPIC_BYTES - 1 ? bytes : TOPIC_BYTES - 1;
        memcpy(s->topic, data, n);
        s->topic[n] = '\0';
    }
    s->part = (flags & ZMQ_SNDMORE) != 0 ? s->part + 1 : 0;
    if (!is_topic)
        check_decision(s->topic, data, bytes);
    return (int)bytes;
}

int __wrap_zmq_poll(zmq_pollitem_t *items, int n, long timeout)
{
    (void)items;
    (void)n;
    (void)timeout;
    return 0;
}
