/* subscriber: the receiving end of a client: one SUB or PULL socket of sparsed's
 * two-part messages, topic and protobuf.
 *
 * ZeroMQ reconnects by itself, at most two seconds after the other side is back;
 * a heartbeat notices a peer that died without a word. A message that does not
 * have two parts is counted and not shown. SIGINT and SIGTERM, after
 * subscriber_catch_signals, make subscriber_receive return within 0.2 s.
 * Not thread-safe.
 */
#ifndef SPARSED_CLIENTS_SUBSCRIBER_H
#define SPARSED_CLIENTS_SUBSCRIBER_H

#include "common/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

struct subscriber_settings {
    const char *endpoint; /* ">" connects, "@" binds; no sign: connects */
    const char *topic;    /* prefix of the topics wanted; "" all. PULL: compared here */
    const char *also;     /* another prefix; NULL: none */
    bool pull;            /* PULL from PUSH instead of SUB from PUB */
    int high_water;       /* messages kept while the client is slow; above, SUB loses */
    struct keys_files keys;
};

struct subscriber {
    void *context, *socket, *monitor;
    const char *refusal;      /* why it was not let in when it last knocked; NULL: it was */
    char topic[64], also[64]; /* prefixes; `also` "": none */
    bool is_also;             /* the last message had the second one */
    bool pull;
    bool watch_stdout;   /* end when the reader of standard output is gone */
    uint64_t bad_frames; /* messages without exactly two parts */
};

enum subscriber_event {
    SUBSCRIBER_MESSAGE, /* `body` holds the second part: zmq_msg_close it */
    SUBSCRIBER_NOTHING, /* the time is up */
    SUBSCRIBER_INPUT,   /* `input_fd` can be read */
    SUBSCRIBER_STOP,    /* a signal, or nobody reads standard output any more */
};

/* False: `why` holds one sentence that names the endpoint. */
bool subscriber_init(struct subscriber *s, const struct subscriber_settings *settings, char *why,
                     size_t why_bytes);
void subscriber_fini(struct subscriber *s);

/* Waits at most `timeout_ms` (negative: for ever). `input_fd` -1: none. */
enum subscriber_event subscriber_receive(struct subscriber *s, zmq_msg_t *body, int64_t timeout_ms,
                                         int input_fd);

/* SIGINT and SIGTERM stop, SIGPIPE is ignored (writes then fail with EPIPE). */
void subscriber_catch_signals(void);
bool subscriber_stopped(void);

/* Monotonic, ns. */
uint64_t subscriber_now_ns(void);

#endif
