/* guard: one thread at all doors (base/door.h). libzmq asks it about each key that
 * knocks (ZAP, RFC 27), and tells it of greetings that failed; it answers from the list
 * of clients, counts who was not let in, and says so in the log, a line a second at most.
 *
 *     CURVE greeting --> ZAP request: door, address, key --> 200 name | 400 reason
 *     plain greeting --> ZAP request: door, address -----> 200, at a door that is plain
 *     greeting failed -> monitor of the socket ----------> counted by cause
 *
 * A key that is taken off the list is refused from its next connection on: libzmq cannot
 * end one that stands.
 */
#ifndef SPARSED_SERVICE_GUARD_H
#define SPARSED_SERVICE_GUARD_H

#include "base/error.h"
#include "data/monitor.h"
#include "data/settings.h"

struct guard;

/* Reads secret key and list, starts the thread; before any socket of `zmq_context` that
 * is fitted with guard_doors. Two I/O threads in the context: the readout gets its own.
 * Without a secret key it only counts. Logs which sockets are open to the network without
 * keys. `settings` and `monitor` are borrowed. Errors: CONFIG, SYSTEM. */
struct guard *guard_start(const struct settings *settings, struct monitor *monitor,
                          void *zmq_context, struct error *err);

/* For door_fit. Lives until guard_stop. */
const struct doors *guard_doors(const struct guard *g);

/* Shuts the context down (sockets still open fail with ETERM) and ends the thread. Call
 * it when all other sockets are closed, before zmq_ctx_term. */
void guard_stop(struct guard **g);

#endif
