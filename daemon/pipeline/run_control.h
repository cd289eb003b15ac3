/* run_control: the one place where what an operator asks becomes what the daemon does.
 *
 *     ask --> is there such a transition? --no--> refused, and what is allowed
 *                      | yes
 *                      v
 *             are its values right? -------no--> bad, and why
 *                      | yes
 *                      v
 *             the world does it ----failed-----> where it was, or error
 *                      | done
 *                      v
 *                 the next state
 *
 * The states and transitions are data/run_state.h's. Here is neither a socket nor a
 * clock nor a thread: what a run does to the world is a struct of functions, which the
 * daemon fills with its pipeline (pipeline/run_world.h) and a test or a simulator with
 * its own.
 *
 * A stop begins the drain and comes back; run_control_step goes on with it until it has
 * ended. One thread: the one that owns the control socket.
 */
#ifndef SPARSED_PIPELINE_RUN_CONTROL_H
#define SPARSED_PIPELINE_RUN_CONTROL_H

#include "data/monitor.h"
#include "data/run_command.h"

#include <stdbool.h>
#include <stdint.h>

/* What run control does to the world. Each sentence in `err` is for the operator. */
struct run_world {
    void *self;
    /* Reads `file` ("": the last one), takes what it asks for. */
    enum run_result (*configure)(void *self, const char *file, struct error *err);
    enum run_result (*start)(void *self, const struct run_begin *run, struct error *err);
    void (*pause)(void *self, bool paused);
    /* Ends reading, begins the drain; gives its limit, monotonic. */
    uint64_t (*stop)(void *self, const char *ended_by, uint64_t now_ns);
    /* Goes on with the drain. Never blocks. */
    enum run_drain (*drain)(void *self, uint64_t now_ns, uint64_t wall_ns);
    /* The thread that the drain waits for. */
    const char *(*waits_for)(void *self);
    /* reload, model, shadow, prescale; `text` of RUN_TEXT_BYTES says what was done. */
    bool (*change)(void *self, const struct run_command *ask, char *text, struct error *err);
    /* Called with each step while something is configured. */
    void (*tend)(void *self);
    /* The configuration's file, "" none. */
    const char *(*file)(void *self);
};

struct run_control {
    struct run_world world;
    struct monitor *monitor;
    enum run_state state;
    uint32_t number, runs;
    uint64_t changes;
    uint64_t limit_ns; /* of the drain */
    uint64_t begin_wall_ns;
    struct run_tally begin, last; /* when the run began; of the last run that ended */
    bool end_wanted;              /* a shutdown was asked for */
    bool stuck;                   /* a thread was left behind: only a restart helps */
    char comment[RUN_COMMENT_BYTES];
    char last_result[RUN_TEXT_BYTES];
};

/* `world` is copied, the monitor borrowed. State: initial. */
void run_control_init(struct run_control *c, const struct run_world *world,
                      struct monitor *monitor);

/* Does what is asked, or says why not. `now_ns` is monotonic, `wall_ns` since the epoch. */
void run_control_ask(struct run_control *c, const struct run_command *ask, uint64_t now_ns,
                     uint64_t wall_ns, struct run_reply *reply);

/* Goes on with what takes its time. Call it every few milliseconds while draining, else
 * now and then. */
void run_control_step(struct run_control *c, uint64_t now_ns, uint64_t wall_ns);

/* A shutdown was asked for and there is no run any more: the daemon may end. */
bool run_control_ended(const struct run_control *c);

void run_control_status(const struct run_control *c, uint64_t now_ns, struct run_status *s);

#endif
