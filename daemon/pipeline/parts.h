/* parts: what the threads of the pipeline share. Private to pipeline/.
 *
 * A field belongs to the thread it is listed under; rings, wakes and atomics are
 * the only things that two threads touch.
 */
#ifndef SPARSED_PIPELINE_PARTS_H
#define SPARSED_PIPELINE_PARTS_H

#include "assembly/assembler.h"
#include "base/ring.h"
#include "base/wake.h"
#include "data/fragment.h"
#include "data/monitor.h"
#include "data/reduced.h"
#include "engine/engine.h"
#include "imaging/reduce.h"
#include "output/publisher.h"
#include "output/recorder.h"
#include "output/run_info.h"
#include "readout/decode.h"
#include "readout/payload.h"
#include "readout/socket.h"
#include "readout/sources.h"
#include "trigger/trigger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Reduced fragments of a worker that may wait for the event thread. */
enum { PIPELINE_REDUCED_PER_WORKER = 32 };

/* How long a thread sleeps when nothing wakes it. */
#define PIPELINE_IDLE_NS (100 * NS_PER_MS)

/* A message on its way from the readout to a worker. */
struct job {
    struct message message;
    struct fragment fragment;
};

/* The one message that the readout holds while no worker has room for it. */
struct pending {
    bool waits;
    uint64_t since_ns; /* up to here its dead time is counted */
    struct message message;
    struct fragment fragment;
};

/* A message whose samples an event keeps for the recorder. */
struct kept {
    struct message message;
    void *samples; /* decoded copy of a compressed payload, else NULL */
};

struct worker {
    struct pipeline *p;
    pthread_t thread;
    struct wake wake;
    struct payload_decoder *payload;
    struct reducer *reducer;
    struct job *job;            /* all of them */
    struct reduced *reduced;    /* all of them */
    struct ring jobs;           /* readout -> worker */
    struct ring free_jobs;      /* worker -> readout */
    struct ring out;            /* worker -> event */
    struct ring free_reduced;   /* event -> worker */
    const struct reduced *held; /* event thread: waits for an event slot */
};

/* What a thread's step did. A step never sleeps and never waits: a thread is a loop
 * round its step that sleeps when there was nothing to do, and a test or a simulator
 * makes the same steps in any order, with a clock of its own. */
enum pipeline_step {
    STEP_IDLE,  /* nothing to do */
    STEP_MOVED, /* something was done, there may be more */
    STEP_END,   /* the run stops and nothing is left: the thread ends */
};

/* How far a stop has come; each thread ends when all before it have. */
enum stop_state { STOP_NOT, STOP_READOUT, STOP_WORKERS, STOP_EVENTS, STOP_OUTPUT, STOP_RECORDER };

struct pipeline {
    const struct settings *settings;
    const struct geometry *g;
    struct monitor *monitor;
    struct run_info info;
    bool record;           /* accepted events are recorded */
    bool keep_samples;     /* ... with their samples */
    _Atomic int stop;      /* enum stop_state */
    _Atomic bool abandon;  /* the stop limit ran out: give up what is left */
    _Atomic bool no_slots; /* the event thread waits for an event slot */

    /* readout */
    pthread_t readout_thread;
    struct wake readout_wake;
    struct readout_socket *socket;
    struct decoder *decoder;
    struct sources *sources;
    uint32_t next_worker;
    struct pending pending;

    uint32_t n_workers;
    struct worker *worker;

    /* event */
    pthread_t event_thread;
    struct wake event_wake;
    struct assembler *assembler;
    struct engine *engine;
    struct trigger *trigger;
    uint64_t next_check_ns;
    uint32_t decided; /* slots whose event has its fate and is with output or recorder */

    /* output and recorder */
    pthread_t output_thread, record_thread;
    struct wake output_wake, record_wake;
    struct publisher *publisher;
    struct recorder *recorder;
    struct ring to_output;   /* event -> output */
    struct ring to_record;   /* output -> recorder */
    struct ring from_output; /* output -> event: done */
    struct ring from_record; /* recorder -> event: done */
};

/* The threads' bodies. Each makes its step again and again. */
void *pipeline_readout_thread(void *pipeline);
void *pipeline_worker_thread(void *worker);
void *pipeline_event_thread(void *pipeline);
void *pipeline_output_thread(void *pipeline);
void *pipeline_record_thread(void *pipeline);

/* One message, job, round, decision or recorded event. `now_ns` is monotonic. */
enum pipeline_step pipeline_readout_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_worker_step(struct worker *w, uint64_t now_ns);
enum pipeline_step pipeline_event_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_output_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_record_step(struct pipeline *p, uint64_t now_ns);

/* Counts what became of a fragment. */
static inline void pipeline_fragment_fate(struct pipeline *p, uint32_t source,
                                          enum fragment_fate fate)
{
    counter_add(&p->monitor->source[source].fate[fate], 1);
}

static inline bool pipeline_stopped(const struct pipeline *p, enum stop_state state)
{
    return atomic_load_explicit(&p->stop, memory_order_acquire) >= (int)state;
}

/* Closes what a fragment kept for the recorder. */
void pipeline_kept_close(struct kept *k);

#endif
