/* How: libzmq refuses by itself and tells a socket's monitor why. It waits for whoever
 * reads the monitor, so one is only opened where a guard does.
 *
 * A plain door asks the guard as well (its ZAP domain), who lets everybody in: libzmq then
 * talks to nobody of ZMTP 1, which has no greeting, so that any bytes are messages to it. Such
 * bytes, broken off, leave a REP socket of libzmq 4.3.4 deaf for ever. */
#include "base/door.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { GREETING_MS = 5000, CURVE_FRAME_BYTES = 64 };

const char *door_name(enum door door)
{
    static const char *const name[] = {
#define X(name, role) #name,
        DOORS(X)
#undef X
    };
    return name[door];
}

enum door_role door_role(enum door door)
{
    static const enum door_role role[] = {
#define X(name, role) DOOR_ROLE_##role,
        DOORS(X)
#undef X
    };
    return role[door];
}

const char *door_role_name(enum door_role role)
{
    static const char *const name[] = {
#define X(name, help) #name,
        DOOR_ROLES(X)
#undef X
    };
    return name[role];
}

const char *door_refusal_name(enum door_refusal cause)
{
    static const char *const name[] = {
#define X(name, help) #name,
        DOOR_REFUSALS(X)
#undef X
    };
    return name[cause];
}

const char *door_refusal_help(enum door_refusal cause)
{
    static const char *const help[] = {
#define X(name, help) help,
        DOOR_REFUSALS(X)
#undef X
    };
    return help[cause];
}

bool door_is_locked(const struct doors *doors, enum door door)
{
    return doors != NULL && doors->secret[0] != '\0' && (doors->plain & (1U << door)) == 0;
}

bool door_is_local(const char *endpoint)
{
    static const char *const local[] = {"ipc://", "inproc://", "tcp://127.",
                                        "tcp://localhost:", "tcp://[::1]:"};
    if (endpoint[0] == '@' || endpoint[0] == '>')
        endpoint++;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strncmp(endpoint, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

/* The limit is on what comes over the wire, where a locked door's messages are longer. */
static bool limit_messages(void *socket, bool locked, uint64_t largest_bytes)
{
    if (largest_bytes == 0)
        return true;
    uint64_t largest = largest_bytes + (locked ? CURVE_FRAME_BYTES : 0);
    int64_t limit = largest > INT64_MAX ? INT64_MAX : (int64_t)largest;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit) == 0;
}

static bool keep_apart(void *socket, enum door door)
{
    uint64_t threads = door == DOOR_readout ? 1 : 2; /* a bit a thread */
    return zmq_setsockopt(socket, ZMQ_AFFINITY, &threads, sizeof threads) == 0;
}

/* A place for another end; NULL: none. Under the lock. */
static void **free_place(struct door_watches *w, enum door door)
{
    for (int i = 0; i < DOOR_WATCHES; i++) {
        if (w->watch[i].end == NULL) {
            w->watch[i].door = door;
            return &w->watch[i].end;
        }
    }
    errno = EMFILE;
    return NULL;
}

/* The end connects before the socket can tell anything, and goes over to the guard. */
static bool add_watch(struct door_watches *w, void *socket, enum door door)
{
    int events = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_MONITOR_STOPPED;
    char address[64];
    void **place = free_place(w, door);
    if (place == NULL)
        return false;
    (void)snprintf(address, sizeof address, "inproc://door-%" PRIu64, w->made++);
    void *end = zmq_socket(w->zmq_context, ZMQ_PAIR);
    if (end != NULL && zmq_connect(end, address) == 0 &&
        zmq_socket_monitor(socket, address, events) == 0) {
        *place = end;
        return true;
    }
    if (end != NULL)
        (void)zmq_close(end);
    return false;
}

static bool let_guard_watch(struct door_watches *w, void *socket, enum door door)
{
    const char *name = door_name(door);
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, name, strlen(name)) != 0)
        return false;
    (void)pthread_mutex_lock(&w->lock);
    bool good = add_watch(w, socket, door);
    (void)pthread_mutex_unlock(&w->lock);
    wake_force(&w->wake);
    return good;
}

static bool lock(void *socket, const struct doors *doors, enum door door)
{
    return door == DOOR_readout && doors->first_tier[0] != '\0'
               ? curve_join(socket, doors->secret, doors->first_tier)
               : curve_serve(socket, doors->secret);
}

bool door_fit(void *socket, const struct doors *doors, enum door door, uint64_t largest_bytes,
              struct error *err)
{
    bool locked = door_is_locked(doors, door);
    assert(!locked || doors->watches != NULL); /* without a guard libzmq lets every key in */
    bool good =
        limit_messages(socket, locked, largest_bytes) &&
        set_int(socket, ZMQ_HANDSHAKE_IVL, GREETING_MS) && (!locked || lock(socket, doors, door)) &&
        (doors == NULL || !doors->apart || keep_apart(socket, door)) &&
        (doors == NULL || doors->watches == NULL || let_guard_watch(doors->watches, socket, door));
    return good || error_set(err, ERROR_NETWORK, "%s: cannot set the socket up: %s",
                             door_name(door), zmq_strerror(errno));
}
