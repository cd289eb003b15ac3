/* door: a ZeroMQ socket through which others come in, and what it asks of them.
 *
 *     door        who has the key        what is at stake
 *     readout     role readout           what the trigger sees
 *     decisions   role subscriber        a copy of what it decides
 *     push        role subscriber        decisions themselves: each goes to one reader
 *     metrics     role subscriber        numbers
 *     control     role control           the run
 *
 * With a secret key every door is a CURVE server, except those that the configuration
 * leaves plain; a key opens the doors of its roles. Whoever is not let in is counted
 * under one of the causes below. Who is let in decides service/guard.h.
 */
#ifndef SPARSED_BASE_DOOR_H
#define SPARSED_BASE_DOOR_H

#include "base/curve.h"
#include "base/error.h"
#include "base/wake.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* X(name, role that opens it) */
#define DOORS(X)                                                                                   \
    X(readout, readout)                                                                            \
    X(decisions, subscriber)                                                                       \
    X(push, subscriber)                                                                            \
    X(metrics, subscriber)                                                                         \
    X(control, control)

/* X(name, help) */
#define DOOR_ROLES(X)                                                                              \
    X(readout, "sends fragments")                                                                  \
    X(subscriber, "reads decisions and metrics")                                                   \
    X(control, "starts, changes and stops runs")

/* Why somebody was not let in: X(name, help) */
#define DOOR_REFUSALS(X)                                                                           \
    X(key, "the list of clients does not have the key")                                            \
    X(role, "the list has the key, but not with the door's role")                                  \
    X(server_key, "the client has another server's public key")                                    \
    X(mechanism, "plain where keys are wanted, or keys where the door is plain")                   \
    X(broken, "the greeting broke off or made no sense")

#define X(name, ...) DOOR_##name,
enum door { DOORS(X) DOOR_COUNT };
#undef X
#define X(name, ...) DOOR_ROLE_##name,
enum door_role { DOOR_ROLES(X) DOOR_ROLE_COUNT };
#undef X
#define X(name, ...) DOOR_REFUSAL_##name,
enum door_refusal { DOOR_REFUSALS(X) DOOR_REFUSAL_COUNT };
#undef X

/* The ends at which a guard hears of greetings that failed, one for each socket. Each is
 * there before its socket can have anything to tell, because libzmq waits for who hears
 * it, and stays until the socket is gone: a door may be given up and opened again. */
enum { DOOR_WATCHES = 32 };
struct door_watches {
    void *zmq_context;
    pthread_mutex_t lock;
    struct wake wake; /* of the guard, when there is another */
    uint64_t made;
    struct {
        void *end; /* NULL: free */
        enum door door;
    } watch[DOOR_WATCHES];
};

/* How the doors of one process are kept; all zero, or NULL where it is asked for:
 * plain, and nobody watches. */
struct doors {
    char secret[CURVE_TEXT_BYTES]; /* the server's key; empty: all doors are plain */
    /* The public key of the daemon whose client the readout is; empty: it is a server. */
    char first_tier[CURVE_TEXT_BYTES];
    uint32_t plain;               /* a bit a door: plain all the same */
    struct door_watches *watches; /* a guard reads there and counts; NULL: nobody */
    bool apart;                   /* two I/O threads: the readout's is its own */
};

const char *door_name(enum door door);
enum door_role door_role(enum door door);
const char *door_role_name(enum door_role role);
const char *door_refusal_name(enum door_refusal cause);
const char *door_refusal_help(enum door_refusal cause);

/* Whether the door asks for a key. */
bool door_is_locked(const struct doors *doors, enum door door);

/* Whether an endpoint ("@tcp://127.0.0.1:5555", "ipc://...") can only be reached from
 * this machine. */
bool door_is_local(const char *endpoint);

/* Fits a socket, before it binds or connects: keys, the largest message taken from
 * others (0: no limit), 5 s for a greeting, and the guard's eyes. The socket's thread.
 * False: `err` (NETWORK) names the door. */
bool door_fit(void *socket, const struct doors *doors, enum door door, uint64_t largest_bytes,
              struct error *err);

#endif
