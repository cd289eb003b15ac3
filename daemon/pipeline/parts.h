/* parts: what the threads of the pipeline share. Private to pipeline/.
 *
 * A field belongs to the thread it is listed under; rings, wakes and atomics are
 * the only things that two threads touch.
 */
#ifndef SPARSED_PIPELINE_PARTS_H
#define SPARSED_PIPELINE_PARTS_H

#include "assembly/absence.h"
#include "assembly/assembler.h"
#include "base/clock.h"
#include "base/ring.h"
#include "base/slice.h"
#include "base/wake.h"
#include "data/fragment.h"
#include "data/monitor.h"
#include "data/reduced.h"
#include "engine/engine.h"
#include "engine/shadow.h"
#include "imaging/hot_wires.h"
#include "imaging/reduce.h"
#include "output/publisher.h"
#include "output/recorder.h"
#include "output/run_info.h"
#include "output/run_record.h"
#include "pipeline/epoch.h"
#include "readout/decode.h"
#include "readout/kafka.h"
#include "readout/payload.h"
#include "readout/socket.h"
#include "readout/sources.h"
#include "readout/windows.h"
#include "trigger/trigger.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Reduced fragments of a worker that may wait for the event thread. */
enum { PIPELINE_REDUCED_PER_WORKER = 32 };

/* Decided events that may wait for the shadow. */
enum { SHADOW_QUEUE = 8 };

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
    struct windows_decoder *windows; /* NULL: fragments come, not windows */
    struct job *job;                 /* all of them */
    struct reduced *reduced;         /* all of them */
    struct ring jobs;                /* readout -> worker */
    struct ring free_jobs;           /* worker -> readout */
    struct ring out;                 /* worker -> event */
    struct ring free_reduced;        /* event -> worker */
    const struct reduced *held;      /* event thread: waits for an event slot */
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

/* How the readout ends. It reads on until nothing comes, so that what was sent before the
 * stop is in the run; then shuts its doors, and reads what waits behind them. */
enum readout_closing { READOUT_OPEN, READOUT_EMPTYING, READOUT_SHUT };

/* This long without a message, and nothing more comes of what was sent before the stop. */
#define PIPELINE_SILENCE_NS (20 * NS_PER_MS)

/* Models and what computes them; of one epoch, or of several that differ elsewhere. */
struct scoring {
    struct engine_settings settings;
    const struct model_set *models;
    struct model_set loaded; /* `models`, unless they are the caller's */
    struct engine *engine;   /* event thread */
    uint32_t epochs;         /* that have it; control thread */
    bool cards_ended;        /* event thread */
    _Atomic bool rested;     /* the event thread has done with it: no event, no card */
};

struct epoch {
    struct run_info info; /* first: event->info is its event's epoch */
    struct settings settings;
    struct scoring *scoring;
    struct trigger *trigger;
    struct shadow *shadow; /* NULL: none; the shadow thread's, with its trigger */
    struct trigger *shadow_trigger;
    uint64_t events;   /* submitted, not released; event thread */
    _Atomic bool idle; /* not in force, and its last event is released */
};

/* The epoch that an event was submitted with. */
static inline struct epoch *epoch_of(const struct event *ev)
{
    return (struct epoch *)(uintptr_t)ev->info; /* its first member */
}

struct pipeline {
    const struct settings *settings; /* those it was made with: keys that do not change */
    const struct geometry *g;
    struct monitor *monitor;
    bool record;           /* accepted events are recorded */
    bool keep_samples;     /* ... with their samples */
    _Atomic int stop;      /* enum stop_state */
    _Atomic bool abandon;  /* the stop limit ran out: give up what is left */
    _Atomic bool no_slots; /* the event thread waits for an event slot */

    /* the run: the control thread's, while no thread runs; they read it */
    void *zmq_context;
    struct run_record run;
    struct run_tally run_begin; /* the daemon's account when it began */
    const char *ended_by;
    uint64_t limit_ns;                    /* of the drain, monotonic */
    uint32_t joined_workers, joined_last; /* that have ended */

    /* readout */
    pthread_t readout_thread;
    struct wake readout_wake;
    struct readout_socket *socket; /* one of these two */
    struct kafka_readout *kafka;
    _Atomic uint64_t identity; /* of the epoch in force: run_info_identity */
    struct decoder *decoder;
    struct windows_decoder *windows; /* NULL: fragments come, not windows */
    struct sources *sources;
    uint32_t next_worker;
    struct pending pending;
    bool stood_still; /* paused, in the last step */
    enum readout_closing closing;
    uint64_t may_read;          /* messages, while closing */
    uint64_t silent_since_ns;   /* while closing; 0: a message came in the last step */
    _Atomic bool readout_holds; /* a message that is counted as received and nowhere else */

    uint32_t n_workers;
    struct worker *worker;

    /* event */
    pthread_t event_thread;
    struct wake event_wake;
    struct assembler *assembler;
    struct absence *absence;
    struct hot_wires *hot;           /* NULL: nobody looks for hot wires */
    struct assembler_counts counted; /* of the assembler's, in the monitor already */
    uint64_t next_check_ns;
    uint32_t decided; /* slots whose event has its fate and is with output or recorder */

    /* epochs: the control thread's */
    struct epoch *alive[EPOCH_MAX_ALIVE]; /* from the oldest to the one in force */
    uint32_t n_alive, epochs_made;
    struct run_info_board *board;
    uint64_t fixed_bytes; /* memory but the engines' */
    bool running;         /* the threads are there */
    /* epochs: between the two */
    _Atomic(struct epoch *) offered;
    _Atomic uint32_t in_force; /* number of the epoch */
    /* epochs: the event thread's */
    struct epoch *epoch;                      /* in force */
    struct scoring *leaving[EPOCH_MAX_ALIVE]; /* not in force, the oldest first */
    uint32_t n_leaving;
    uint64_t pace_ns; /* of the accept rate, across epochs */
    uint32_t counted_epoch;
    uint8_t counted_model[SETTINGS_MAX_MODELS][SHA256_BYTES];

    /* output and recorder */
    pthread_t output_thread, record_thread, shadow_thread;
    struct wake output_wake, record_wake, shadow_wake;
    struct publisher *publisher;
    uint32_t shown_epoch; /* that a run record told of last; output thread */
    struct recorder *recorder;
    struct ring to_output;   /* event -> output */
    struct ring to_record;   /* output -> recorder */
    struct ring to_shadow;   /* output -> shadow */
    struct ring from_output; /* output -> event: done */
    struct ring from_shadow; /* shadow -> event: done */
    struct ring from_record; /* recorder -> event: done */
};

/* The threads' bodies. Each makes its step again and again. */
void *pipeline_readout_thread(void *pipeline);
void *pipeline_worker_thread(void *worker);
void *pipeline_event_thread(void *pipeline);
void *pipeline_output_thread(void *pipeline);
void *pipeline_record_thread(void *pipeline);
void *pipeline_shadow_thread(void *pipeline);

/* One message, job, round, decision or recorded event. `now_ns` is monotonic. */
enum pipeline_step pipeline_readout_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_worker_step(struct worker *w, uint64_t now_ns);
enum pipeline_step pipeline_event_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_output_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_record_step(struct pipeline *p, uint64_t now_ns);
enum pipeline_step pipeline_shadow_step(struct pipeline *p);

/* Sleeps until `ring` has something or the stop has come to `state`. */
void pipeline_sleep(struct pipeline *p, struct wake *w, struct ring *ring, enum stop_state state);

/* Whether a candidate looks at this event; counts it if it should, but has no time. */
bool pipeline_shadow_wants(struct pipeline *p, const struct event *ev);

/* scoring.c, for the control thread: the first one, whose models are borrowed; the one in
 * force where nothing of it changes, else a new one that was held to the scalar reference;
 * an epoch's end with it. */
struct scoring *scoring_first(struct pipeline *p, const struct model_set *models,
                              struct error *err);
struct scoring *scoring_next(struct pipeline *p, struct scoring *now, const struct settings *wanted,
                             struct error *err);
void scoring_drop(struct scoring **s);

/* epoch.c, while the pipeline is made and ended: the first epoch; all that are left. */
bool epoch_first(struct pipeline *p, const struct model_set *models, struct error *err);
void epoch_free_all(struct pipeline *p);

/* epoch.c, for the event thread: takes a new epoch into force, which is an event boundary;
 * makes it an event's; scores an event with it; the next event that has all scores, in the order
 * of submission; its decision; its end. */
void epoch_take_offered(struct pipeline *p);
void epoch_attach(struct pipeline *p, struct event *ev);
void epoch_submit(struct pipeline *p, struct event *ev, uint64_t now_ns);
struct event *epoch_take_scored(struct pipeline *p, uint64_t now_ns);
void epoch_decide(struct pipeline *p, struct event *ev);
void epoch_release(struct pipeline *p, struct event *ev);

/* As engine_ready, engine_in_flight and engine_next_ns, over all engines. */
bool epoch_ready(const struct pipeline *p);
bool epoch_nothing_in_flight(const struct pipeline *p);
uint64_t epoch_next_ns(const struct pipeline *p, uint64_t now_ns);

/* Counts what became of a fragment. Release: who sees its end sees that it was received.
 * Where it is no event's and is not to come again, nothing more is owed for its message. */
static inline void pipeline_fragment_fate(struct pipeline *p, const struct fragment *f,
                                          enum fragment_fate fate)
{
    struct source_monitor *from = &p->monitor->source[f->source];
    if (fate != FRAGMENT_ASSEMBLED)
        atomic_store_explicit(&from->lost_at_ns[fragment_fate_loss(fate)], clock_monotonic_ns(),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&from->fate[fate], 1, memory_order_release);
    if (fate != FRAGMENT_ASSEMBLED && fate != FRAGMENT_STOPPED)
        receipt_done(f->receipt);
}

/* A thread's busy and idle time. What it does between two calls of pipeline_busy is busy,
 * unless pipeline_idle says that it slept; so an idle step and the sleep after it are idle. */
struct thread_clock {
    struct thread_monitor *to;
    uint64_t at_ns;
};

static inline struct thread_clock pipeline_clock(struct pipeline *p, enum monitor_thread thread)
{
    return (struct thread_clock){&p->monitor->thread[thread], clock_monotonic_ns()};
}

/* Gives the time. */
static inline uint64_t pipeline_busy(struct thread_clock *c)
{
    uint64_t now = clock_monotonic_ns();
    monitor_thread_charge(c->to, true, &c->at_ns, now);
    return now;
}

static inline void pipeline_idle(struct thread_clock *c)
{
    monitor_thread_charge(c->to, false, &c->at_ns, clock_monotonic_ns());
}

/* Checks the invariants of the books. The event thread, or nobody else when all have ended. */
void pipeline_check_books(struct pipeline *p, uint64_t now_ns, bool all_ended);

/* The same for a message that is no fragment; over Kafka it is set aside. */
void pipeline_refuse(struct pipeline *p, struct fragment *f, const struct message *m,
                     enum fragment_fate fate);

static inline bool pipeline_stopped(const struct pipeline *p, enum stop_state state)
{
    return atomic_load_explicit(&p->stop, memory_order_acquire) >= (int)state;
}

/* What the run's end says, as far as it has come. */
/* Says among the decisions that a run begins or ends, or that decisions are made with something
 * else. */
void pipeline_publish_record(struct pipeline *p, enum run_record_kind kind,
                             const struct run_info *info, uint64_t wall_ns);

void pipeline_end_record(const struct pipeline *p, struct run_record *r, uint64_t wall_ns);

/* Events that output and recorder are done with give their slots back. True: there were
 * some. The event thread, or whoever is left when it has ended. */
bool pipeline_take_back(struct pipeline *p, uint64_t now_ns);

/* Closes what a fragment kept for the recorder. */
void pipeline_kept_close(struct kept *k);

#endif
