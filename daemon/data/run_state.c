#include "data/run_state.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *help;
} states[] = {
#define X(NAME, name, help) {#name, help},
    RUN_STATES(X)
#undef X
};

static const struct {
    const char *name;
    bool asked;
} steps[] = {
#define X(NAME, name, asked, help) {#name, asked},
    RUN_STEPS(X)
#undef X
};

static const struct {
    enum run_state from;
    enum run_step step;
    enum run_state to;
} transitions[] = {
#define X(FROM, STEP, TO) {RUN_##FROM, RUN_STEP_##STEP, RUN_##TO},
    RUN_TRANSITIONS(X)
#undef X
};

const char *run_state_name(enum run_state state)
{
    return states[state].name;
}

const char *run_state_help(enum run_state state)
{
    return states[state].help;
}

const char *run_state_step_name(enum run_step step)
{
    return steps[step].name;
}

bool run_state_step_asked(enum run_step step)
{
    return steps[step].asked;
}

static bool is_allowed_everywhere(enum run_step step)
{
    return step == RUN_STEP_STATUS || step == RUN_STEP_CONFIG || step == RUN_STEP_SHUTDOWN;
}

enum run_state run_state_next(enum run_state state, enum run_step step)
{
    for (size_t i = 0; i < sizeof transitions / sizeof *transitions; i++) {
        if (transitions[i].from == state && transitions[i].step == step)
            return transitions[i].to;
    }
    if (step == RUN_STEP_SHUTDOWN && (state == RUN_RUNNING || state == RUN_PAUSED))
        return RUN_DRAINING;
    return is_allowed_everywhere(step) ? state : RUN_STATE_COUNT;
}

static void append(char *text, size_t bytes, const char *name)
{
    size_t used = strlen(text);
    (void)snprintf(text + used, bytes - used, "%s%s", used > 0 ? ", " : "", name);
}

void run_state_allowed(enum run_state state, char *text, size_t bytes)
{
    if (bytes == 0)
        return;
    text[0] = '\0';
    for (int everywhere = 0; everywhere <= 1; everywhere++) {
        for (int i = 0; i < RUN_STEP_COUNT; i++) {
            enum run_step step = (enum run_step)i;
            if (steps[i].asked && is_allowed_everywhere(step) == (everywhere == 1) &&
                run_state_next(state, step) != RUN_STATE_COUNT)
                append(text, bytes, steps[i].name);
        }
    }
}
