/* How: libzmq refuses by itself and tells a socket's monitor why. It waits for whoever
 * reads the monitor, so one is only opened where a guard does.
 *
 * A plain door asks the guard as well (its ZAP domain), who lets everybody in: libzmq then
 * talks to nobody of ZMTP 1, which has no greeting, so that any bytes are messages to it. Such
 * bytes, broken off, leave a REP socket of libzmq 4.3.4 deaf for ever. */
#include "base/door.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { GREETING_MS = 5000, LEAVE_MS = 2000, CURVE_FRAME_BYTES = 64 };

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

const char *door_watch_address(enum door door)
{
    static const char *const address[] = {
#define X(name, role) "inproc://sparsed.door." #name,
        DOORS(X)
#undef X
    };
    return address[door];
}

int door_watch_events(void)
{
    return ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
           ZMQ_EVENT_MONITOR_STOPPED;
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

/* The last socket of this door may not have let go of the address yet: libzmq closes in a
 * thread of its own. */
static bool open_monitor(void *socket, enum door door)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    int tries = LEAVE_MS;
    while (zmq_socket_monitor(socket, door_watch_address(door), door_watch_events()) != 0) {
        if (zmq_errno() != EADDRINUSE || tries-- == 0)
            return false;
        (void)nanosleep(&moment, NULL);
    }
    return true;
}

static bool let_guard_watch(void *socket, enum door door)
{
    const char *name = door_name(door);
    return zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, name, strlen(name)) == 0 &&
           open_monitor(socket, door);
}

void door_leave(void *socket)
{
    (void)zmq_socket_monitor(socket, NULL, 0);
}

bool door_fit(void *socket, const struct doors *doors, enum door door, uint64_t largest_bytes,
              struct error *err)
{
    bool locked = door_is_locked(doors, door);
    assert(!locked || doors->watched); /* without a guard libzmq lets every key in */
    bool good = limit_messages(socket, locked, largest_bytes) &&
                set_int(socket, ZMQ_HANDSHAKE_IVL, GREETING_MS) &&
                (!locked || curve_serve(socket, doors->secret)) &&
                (doors == NULL || !doors->apart || keep_apart(socket, door)) &&
                (doors == NULL || !doors->watched || let_guard_watch(socket, door));
    return good || error_set(err, ERROR_NETWORK, "%s: cannot set the socket up: %s",
                             door_name(door), zmq_strerror(errno));
}
