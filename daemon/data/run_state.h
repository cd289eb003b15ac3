/* run_state: where the daemon is between being started and being ended, and what an
 * operator may ask for there. One table of states, one of steps, one of transitions;
 * whatever has no row is refused.
 *
 *                configure                    start
 *     initial ------------> configured <---------------> running <---> paused
 *                             ^   ^  drained                |   pause     |
 *                   configure |   +----------- draining <---+-------------+
 *                             |                    |       stop
 *                           error <----------------+
 *                                      failed
 *
 * Between runs nothing is taken: the readout's socket is closed. What is shown of it
 * (struct monitor: run_state, run_number) is read by any thread; only run control
 * writes it.
 */
#ifndef SPARSED_DATA_RUN_STATE_H
#define SPARSED_DATA_RUN_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* X(NAME, name, help) */
#define RUN_STATES(X)                                                                              \
    X(INITIAL, initial, "nothing is configured")                                                   \
    X(CONFIGURED, configured, "memory is taken and models are loaded; nothing is read")            \
    X(RUNNING, running, "fragments are taken, events are decided")                                 \
    X(PAUSED, paused, "no fragment is taken; what came before is decided")                         \
    X(DRAINING, draining, "no fragment is taken any more; what came before is finished")           \
    X(ERROR, error, "something failed that only configure or a restart mends")

enum run_state {
#define X(NAME, name, help) RUN_##NAME,
    RUN_STATES(X)
#undef X
        RUN_STATE_COUNT
};

/* X(NAME, name, asked, help). asked 0: it happens, nobody can ask for it. */
#define RUN_STEPS(X)                                                                               \
    X(STATUS, status, 1, "tells state, run, ledger and health")                                    \
    X(CONFIG, config, 1, "gives the configuration in force, as TOML")                              \
    X(CONFIGURE, configure, 1, "reads the configuration, loads the models, takes the memory")      \
    X(START, start, 1, "begins a run")                                                             \
    X(PAUSE, pause, 1, "stops reading; the time counts as paused")                                 \
    X(RESUME, resume, 1, "reads again")                                                            \
    X(STOP, stop, 1, "ends the run: finishes what was taken in, within service.stop_limit")        \
    X(RELOAD, reload, 1, "takes the keys that may change in a run from the file")                  \
    X(MODEL, model, 1, "replaces a model between two events")                                      \
    X(SHADOW, shadow, 1, "scores a share of the events with a candidate model as well")            \
    X(PRESCALE, prescale, 1, "changes the prescale of a rule between two events")                  \
    X(SHUTDOWN, shutdown, 1, "ends the run, if there is one, and then the daemon")                 \
    X(DRAINED, drained, 0, "everything taken in is decided, published and flushed")                \
    X(FAILED, failed, 0, "the drain or a start did not come to its end")

enum run_step {
#define X(NAME, name, asked, help) RUN_STEP_##NAME,
    RUN_STEPS(X)
#undef X
        RUN_STEP_COUNT
};

/* X(FROM, STEP, TO). status, config and shutdown are allowed everywhere and have no
 * rows: the first two change nothing, shutdown is a stop where there is a run. */
#define RUN_TRANSITIONS(X)                                                                         \
    X(INITIAL, CONFIGURE, CONFIGURED)                                                              \
    X(CONFIGURED, CONFIGURE, CONFIGURED)                                                           \
    X(CONFIGURED, START, RUNNING)                                                                  \
    X(CONFIGURED, FAILED, ERROR)                                                                   \
    X(RUNNING, PAUSE, PAUSED)                                                                      \
    X(RUNNING, STOP, DRAINING)                                                                     \
    X(RUNNING, RELOAD, RUNNING)                                                                    \
    X(RUNNING, MODEL, RUNNING)                                                                     \
    X(RUNNING, SHADOW, RUNNING)                                                                    \
    X(RUNNING, PRESCALE, RUNNING)                                                                  \
    X(PAUSED, RESUME, RUNNING)                                                                     \
    X(PAUSED, STOP, DRAINING)                                                                      \
    X(PAUSED, RELOAD, PAUSED)                                                                      \
    X(PAUSED, MODEL, PAUSED)                                                                       \
    X(PAUSED, SHADOW, PAUSED)                                                                      \
    X(PAUSED, PRESCALE, PAUSED)                                                                    \
    X(DRAINING, DRAINED, CONFIGURED)                                                               \
    X(DRAINING, FAILED, ERROR)                                                                     \
    X(ERROR, CONFIGURE, CONFIGURED)

const char *run_state_name(enum run_state state);
const char *run_state_help(enum run_state state);
const char *run_state_step_name(enum run_step step);

/* Whether an operator can ask for it. */
bool run_state_step_asked(enum run_step step);

/* Where a step leads from `state`; RUN_STATE_COUNT: it is not allowed there. */
enum run_state run_state_next(enum run_state state, enum run_step step);

/* "configure, start, status, config, shutdown": what an operator may ask for in
 * `state`, the steps that change it first. */
void run_state_allowed(enum run_state state, char *text, size_t bytes);

#endif
