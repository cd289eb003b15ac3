/* night: a night of data taking in a millisecond of one thread. The daemon's own code runs
 * (run control, pipeline, readout, imaging, assembly, engine, trigger, publisher, recorder);
 * what is not in the process is replaced at link time (--wrap), and nothing but the seed
 * decides what happens:
 *
 *     clock       base/clock.h's hook          night.c     advances as the steps are made
 *     threads     pthread_create ...           threads.c   a random one makes its next step
 *     sockets     zmq_...                      wire.c      queues in memory, full at times
 *     disk        record_file_...              disk.c      slow, full, refusing
 *     cards       offload_...                  card.c      late, dead, lying
 *     models      model_load ...               models.c    loaded once, handed out again
 *
 * readout.c sends (losses, copies, disorder, rubbish, silence), crew.c commands (start,
 * pause, stop, model, reload ...), check.c holds the daemon to its promises after each step.
 */
#ifndef SPARSED_TESTS_NIGHT_H
#define SPARSED_TESTS_NIGHT_H

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "data/monitor.h"
#include "pipeline/run_actions.h"
#include "pipeline/run_control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NIGHT_SOURCES = 3,
    NIGHT_TEMPLATES = 8, /* events come in so many shapes */
    NIGHT_MODELS = 3,    /* that fit, and two that do not */
    NIGHT_EVENTS = 128,  /* most of a night */
    NIGHT_PLANES = 2,
    NIGHT_TICKS = 16,
    NIGHT_TRACE = 48, /* last lines that a failure shows */
};

/* A stream of numbers that is the same everywhere. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    return hash_mix(r->state += UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return random_next(r) % n;
}

static inline bool random_chance(struct random *r, uint64_t percent)
{
    return random_below(r, 100) < percent;
}

/* How bad a night is: percent, or per mille where it says so. */
struct weather {
    uint32_t loss, copy, disorder, rubbish;    /* of messages, per mille */
    uint32_t silence;                          /* a source stops for a while, per mille an event */
    uint32_t peer_full;                        /* a decision finds no room, percent */
    uint32_t disk_slow, disk_fails;            /* percent of writes */
    uint32_t disk_hangs;                       /* percent of the slow ones */
    uint32_t card_fails, card_late, card_lies; /* per mille of batches */
    uint32_t stall;                            /* a thread gets no time for a while, per mille */
    uint64_t period_ns;                        /* between events */
    bool clock_jumps;
};

struct night {
    uint64_t seed;
    struct random random;
    struct weather weather;
    uint64_t now_ns, wall_ns;
    uint64_t steps;
    struct monitor *monitor;
    struct run_actions *actions;
    struct run_control control;
    bool verbose;
    /* the first thing that went wrong */
    bool failed;
    char why[600];
    char trace[NIGHT_TRACE][240];
    uint64_t traced;
};

extern struct night night;

/* Before the first night: a folder with configurations and models. False: it was said why. */
bool night_prepare(void);
void night_clean_up(void);

/* A whole night. False: a promise was broken, night_tell() prints what is known of it. */
bool night_run(uint64_t seed);
void night_tell(void);

/* Remembers a line; the last ones are shown when the night fails. */
void night_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A promise was broken; the first one is kept. */
void night_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lets the world go on (threads, sources, disk), but no operator, for so long. */
void night_pass(uint64_t ns);

/* --- seen.c: what the nights of this process have seen --- */

void seen_look_back(void); /* after each */
void seen_say(void);

/* --- threads.c --- */

void threads_reset(void);
bool threads_step(void); /* one step of a random thread; false: all sleep */
void threads_block(const char *name, uint64_t ns); /* gets no time for so long */
uint64_t threads_next_ns(void);                    /* when one wakes by itself */
void threads_wake_all(void);
struct pipeline *threads_pipeline(void); /* whose threads they are; NULL: there are none */
bool threads_blocked(const char *name);

/* --- wire.c --- */

void wire_reset(void);
/* A message of `parts` parts for the readout; they are copied but for the payload, which is
 * borrowed. False: the queue is full, or nobody is there. */
bool wire_put(const void *header, size_t header_bytes, const void *payload, size_t payload_bytes,
              uint32_t parts);
uint64_t wire_taken(void); /* messages that the daemon has received */
uint64_t wire_open(void);  /* sockets and messages that are not closed */

/* --- models.c --- */

bool models_load(const char *folder, struct error *err);
const char *models_path(uint32_t i); /* NIGHT_MODELS: of another preprocessing; + 1: not there */
int models_find(const uint8_t *sha256);
uint64_t models_handed_out(void);
/* What template `t` scores with model `i`: [windows], raw. */
const int64_t *models_expected(uint32_t t, uint32_t i);
/* Samples of a template: [wires][ticks] of a plane. */
const int16_t *models_samples(uint32_t t, uint32_t plane);

/* --- readout.c --- */

void readout_reset(void);
uint64_t readout_next_ns(void);
void readout_act(void); /* sends what is due */
bool readout_over(void);
/* The template of an event that was sent, -1: there is none such. */
int readout_template(uint32_t run, uint32_t subrun, uint64_t event);

/* --- crew.c --- */

void crew_reset(void);
uint64_t crew_next_ns(void);
void crew_act(void);
bool crew_over(void);                       /* the daemon has ended */
uint64_t crew_changes(void);                /* of models and settings that were taken */
const char *crew_configuration(uint32_t i); /* files written by crew_write */
bool crew_write(const char *folder);

/* --- disk.c, card.c --- */

void disk_reset(void);
uint64_t disk_open_files(void);
void card_reset(void);
uint64_t card_open(void);

/* --- check.c --- */

void check_reset(void);
void check_step(void); /* after each step of a thread */
void check_decision(const char *topic, const void *body, size_t bytes);
void check_drained(void); /* a run has ended */
void check_end(void);     /* the daemon has ended */

#endif
