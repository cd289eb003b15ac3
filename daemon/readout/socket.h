/* socket: the one data socket, SUB or PULL, on any number of endpoints.
 *
 *     ">tcp://daq01:5555"  connects (also without a sign)
 *     "@tcp://0.0.0.0:5555"      binds
 *
 * A message is received whole: libzmq hands over all parts of it or none. What
 * has more or fewer than three parts is received too, so that it can be counted.
 * The readout thread owns the socket; messages may be closed by any thread, one
 * at a time.
 */
#ifndef SPARSED_READOUT_SOCKET_H
#define SPARSED_READOUT_SOCKET_H

#include "base/error.h"
#include "data/receipt.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

struct readout_socket;

/* One fragment as it came. Stays where it is from readout_socket_receive to
 * message_close: a zmq_msg_t may not be copied. */
struct message {
    zmq_msg_t topic, header, payload;
    bool whole;              /* exactly three parts; else whatever came of them */
    struct receipt *receipt; /* NULL: its sender forgets */
};

enum receive_result {
    RECEIVE_MESSAGE, /* *m holds a message: message_close is due */
    RECEIVE_SKIPPED, /* one was left out, more may wait; *m is untouched */
    RECEIVE_NONE,    /* nothing waits; *m is untouched */
    RECEIVE_CLOSED,  /* the context was shut down; *m is untouched */
};

/* Opens the socket and all endpoints. `context` is a ZeroMQ context, which must
 * outlive it. No topics: all. NULL: `err` (NETWORK) names the endpoint. */
struct readout_socket *readout_socket_create(void *context, const struct readout_settings *settings,
                                             struct error *err);

/* No more comes after it: ends listening, and gives how many messages may wait at most
 * (UINT64_MAX: not known, until none waits). A connection that we made can only be closed
 * with what waits on it, so it stays, and what comes above that number is not the run's. */
uint64_t readout_socket_shut(struct readout_socket *s);

/* Closes it; messages that were received stay valid, those that wait are lost. */
void readout_socket_destroy(struct readout_socket **s);

/* Takes the next message. Never blocks. */
enum receive_result readout_socket_receive(struct readout_socket *s, struct message *m);

void message_close(struct message *m);

/* Sleeps until a message waits, `fd` is readable (-1: none) or `timeout_ms` is
 * over (-1: never). May return early. */
void readout_socket_wait(struct readout_socket *s, int fd, long timeout_ms);

#endif
