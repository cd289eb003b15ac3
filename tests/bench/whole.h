/* whole: the running daemon inside this process, and a readout that feeds it.
 *
 *     feeder (a thread) --PUSH, tcp or ipc--> PULL [pipeline] --PUSH, inproc--> PULL (caller)
 *
 * Three planes as MicroBooNE has them, 8,256 wires, int16. The feeder sends the
 * samples from where they lie. The same feeder also feeds a bare PULL socket, the
 * peer. All waits end: where nothing comes for WHOLE_PATIENCE_MS, that is a failure
 * and is said.
 */
#ifndef SPARSED_TESTS_BENCH_WHOLE_H
#define SPARSED_TESTS_BENCH_WHOLE_H

#include "bench/bench.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "model/model_set.h"
#include "pipeline/pipeline.h"

#include <pthread.h>
#include <zmq.h>

enum { WHOLE_PLANES = 3, WHOLE_WIRES = 8256, WHOLE_PATIENCE_MS = 30000, WHOLE_HIGH_WATER = 32 };

/* Wires of plane 0, 1, 2. */
extern const uint32_t whole_wires[WHOLE_PLANES];

/* Samples of one event, sent again and again. Read by any thread. */
struct samples {
    int16_t *plane[WHOLE_PLANES];
};
bool samples_make(struct samples *s);
void samples_free(struct samples *s);

/* Sends events over one PUSH socket. */
struct feeder {
    const struct samples *samples;
    void *context;
    bool shares_context; /* it belongs to the daemon: inproc needs one context */
    void *socket;
    uint32_t fragment_wires; /* wires of a message */
    uint32_t events;         /* how many to send */
    uint64_t next_event, sequence;
    uint64_t last_sent_ns; /* monotonic: when the last message was handed over */
    bool failed;
    pthread_t thread;
};

/* Messages of an event, and the bytes of its payloads. */
uint32_t feeder_messages(const struct feeder *f);
double feeder_event_bytes(void);

/* Writes an endpoint for this process, "tcp" on the loopback, "ipc" or "inproc"; `which`:
 * 0 or 1. */
void whole_endpoint(char *text, size_t bytes, const char *transport, int which);

/* The feeder's socket, in a context of its own, or in `shared` if it is not NULL;
 * samples and events are the caller's to set. feeder_close may be called for one that
 * was never opened. */
bool feeder_open(struct feeder *f, void *shared, const char *endpoint);
void feeder_close(struct feeder *f);

/* Sends f->events events and returns, or does so in a thread until feeder_join. */
bool feeder_send(struct feeder *f);
bool feeder_start(struct feeder *f);
bool feeder_join(struct feeder *f);

struct whole {
    void *context;   /* the daemon's */
    void *decisions; /* PULL: one message of two parts a decision */
    struct settings settings;
    struct geometry geometry;
    struct model_set models;
    struct monitor monitor;
    struct pipeline *pipeline;
};

/* The daemon with all its threads and so many workers, bound to `endpoint`. NULL: it
 * said why. */
struct whole *whole_start(const char *endpoint, const char *model, uint32_t workers);
void whole_stop(struct whole **w);

/* A context whose own threads are called NUMBER/ZMQbg/..., so that threads.h can tell
 * them apart. */
void *whole_context(int number);

/* A message of some parts: waits for it; false: nothing came in time. `last` gets
 * the last part, to be closed, or may be NULL. */
bool whole_receive(void *socket, zmq_msg_t *last);

#endif
