/* run_command: what an operator asks, what becomes of it, and what status tells. The
 * records between the control socket (service/control) and run control
 * (pipeline/run_control); neither knows the other.
 */
#ifndef SPARSED_DATA_RUN_COMMAND_H
#define SPARSED_DATA_RUN_COMMAND_H

#include "base/error.h"
#include "data/run_state.h"
#include "data/run_tally.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stdint.h>

enum { RUN_COMMENT_BYTES = 256, RUN_OPERATOR_BYTES = 64, RUN_TEXT_BYTES = ERROR_TEXT_BYTES + 256 };

struct run_command {
    enum run_step step;                /* one that can be asked for */
    uint32_t run;                      /* start: its number; pause, resume, stop: 0 or this run */
    uint32_t prescale;                 /* prescale: from 1 */
    double share;                      /* shadow: of the events */
    char file[SETTINGS_PATH_BYTES];    /* configure, reload: "": the last one; model, shadow */
    char name[SETTINGS_NAME_BYTES];    /* prescale: the rule; model, shadow: "" or the model */
    char comment[RUN_COMMENT_BYTES];   /* start */
    char asked_by[RUN_OPERATOR_BYTES]; /* for the log; "" unknown */
    bool by_signal;                    /* shutdown */
    bool by_itself;                    /* at the daemon's own start: nobody asked, no log line */
};

enum run_outcome {
    RUN_DONE,    /* or begun: stop and shutdown */
    RUN_BAD,     /* a value is wrong */
    RUN_REFUSED, /* not in this state */
    RUN_FAILED   /* tried, and did not succeed */
};

/* How a step that run control had the world do came out. */
enum run_result {
    RUN_RESULT_DONE,
    RUN_RESULT_UNCHANGED, /* it failed, and all is as it was */
    RUN_RESULT_BROKEN     /* it failed, and what was there is not there any more */
};
enum run_drain { RUN_DRAIN_GOES_ON, RUN_DRAIN_DONE, RUN_DRAIN_STUCK };

/* What a run begins with, for its records. */
struct run_begin {
    uint32_t number;
    const char *comment;
    uint64_t now_ns, wall_ns; /* monotonic; since the epoch */
};

struct run_reply {
    enum run_outcome outcome;
    enum error_code code;      /* FAILED: what failed */
    char text[RUN_TEXT_BYTES]; /* what was done, or why not */
};

/* Of this run, or of the last one where none is on. */
struct run_status {
    enum run_state state;
    uint32_t number; /* 0: there was none */
    char comment[RUN_COMMENT_BYTES];
    uint64_t begin_wall_ns;           /* since the epoch */
    struct run_tally tally, all;      /* of the run; since the daemon's start */
    uint32_t runs;                    /* ended since the daemon's start */
    uint64_t changes;                 /* of settings or models in the run */
    uint64_t drain_left_ns;           /* while draining: until the limit */
    const char *waits_for;            /* while draining: the thread that has not ended; else NULL */
    bool last_complete;               /* nothing of the last run was given up */
    char last_result[RUN_TEXT_BYTES]; /* how the last run ended */
    char configuration_file[SETTINGS_PATH_BYTES]; /* "": none, all from the command line */
};

#endif
