/* How: run_control_ask looks the transition up, a function of the step's own checks its
 * values and calls the world, and the state moves only in set_state, which shows it. */
#include "pipeline/run_control.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_state(struct run_control *c, enum run_state state)
{
    c->state = state;
    atomic_store(&c->monitor->run_state, (uint32_t)state);
}

void run_control_init(struct run_control *c, const struct run_world *world, struct monitor *monitor)
{
    *c = (struct run_control){.world = *world, .monitor = monitor};
    set_state(c, RUN_INITIAL);
}

/* ---- replies ---- */

__attribute__((format(printf, 3, 4))) static void
answer(struct run_reply *r, enum run_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    r->outcome = outcome;
}

static bool has_run(const struct run_control *c)
{
    return c->state == RUN_RUNNING || c->state == RUN_PAUSED || c->state == RUN_DRAINING;
}

static void refuse(const struct run_control *c, enum run_step step, struct run_reply *r)
{
    const char *name = run_state_step_name(step), *state = run_state_name(c->state);
    if (has_run(c))
        answer(r, RUN_REFUSED, "%s is refused: run %u is %s", name, c->number, state);
    else
        answer(r, RUN_REFUSED, "%s is refused: the state is %s (%s)", name, state,
               run_state_help(c->state));
}

/* ---- steps ---- */

static void configure(struct run_control *c, const struct run_command *ask, struct run_reply *r)
{
    struct error err = {0};
    if (c->stuck) {
        answer(r, RUN_FAILED,
               "a thread of run %u did not end: only a restart of the daemon mends that",
               c->number);
        return;
    }
    enum run_result result = c->world.configure(c->world.self, ask->file, &err);
    if (result == RUN_RESULT_DONE) {
        set_state(c, RUN_CONFIGURED);
        answer(r, RUN_DONE, "configured%s%s",
               c->world.file(c->world.self)[0] != '\0' ? " from " : "",
               c->world.file(c->world.self));
        return;
    }
    if (result == RUN_RESULT_BROKEN)
        set_state(c, RUN_ERROR);
    answer(r, RUN_FAILED, "%s", err.text);
    r->code = err.code;
}

static bool right_number(const struct run_control *c, const struct run_command *ask,
                         struct run_reply *r)
{
    if (ask->run == 0)
        answer(r, RUN_BAD, "start needs the number of the run, from 1");
    else if (ask->run == c->number)
        answer(r, RUN_BAD, "run %u was taken already; the next is %u", ask->run, ask->run + 1);
    else
        return true;
    return false;
}

static void start(struct run_control *c, const struct run_command *ask, uint64_t now_ns,
                  uint64_t wall_ns, struct run_reply *r)
{
    struct error err = {0};
    struct run_tally begin;
    if (!right_number(c, ask, r))
        return;
    run_tally_read(c->monitor, &begin);
    struct run_begin run = {ask->run, ask->comment, now_ns, wall_ns};
    enum run_result result = c->world.start(c->world.self, &run, &err);
    if (result != RUN_RESULT_DONE) {
        if (result == RUN_RESULT_BROKEN) {
            c->stuck = true; /* threads that did start go on */
            set_state(c, RUN_ERROR);
        }
        answer(r, RUN_FAILED, "run %u did not begin: %s", ask->run, err.text);
        r->code = err.code;
        return;
    }
    c->number = ask->run;
    c->changes = 0;
    c->begin = begin;
    c->begin_wall_ns = wall_ns;
    memcpy(c->comment, ask->comment, sizeof c->comment);
    atomic_store(&c->monitor->run_number, c->number);
    atomic_store(&c->monitor->run_ended_ns, 0);
    atomic_store(&c->monitor->run_begun_ns, now_ns);
    set_state(c, RUN_RUNNING);
    answer(r, RUN_DONE, "run %u began", c->number);
}

/* pause, resume and stop may name the run they mean. */
static bool right_run(const struct run_control *c, const struct run_command *ask,
                      struct run_reply *r)
{
    if (ask->run == 0 || ask->run == c->number)
        return true;
    answer(r, RUN_BAD, "run %u is on, not run %u", c->number, ask->run);
    return false;
}

static void pause_or_resume(struct run_control *c, const struct run_command *ask,
                            struct run_reply *r)
{
    bool pause = ask->step == RUN_STEP_PAUSE;
    if (!right_run(c, ask, r))
        return;
    c->world.pause(c->world.self, pause);
    set_state(c, pause ? RUN_PAUSED : RUN_RUNNING);
    answer(r, RUN_DONE, "run %u %s", c->number, pause ? "is paused: nothing is read" : "goes on");
}

static void begin_drain(struct run_control *c, const char *ended_by, uint64_t now_ns)
{
    if (c->state == RUN_PAUSED)
        c->world.pause(c->world.self, false);
    c->limit_ns = c->world.stop(c->world.self, ended_by, now_ns);
    set_state(c, RUN_DRAINING);
}

static void stop(struct run_control *c, const struct run_command *ask, uint64_t now_ns,
                 struct run_reply *r)
{
    if (!right_run(c, ask, r))
        return;
    begin_drain(c, "stop", now_ns);
    answer(r, RUN_DONE, "run %u drains", c->number);
}

static void shut_down(struct run_control *c, const struct run_command *ask, uint64_t now_ns,
                      struct run_reply *r)
{
    c->end_wanted = true;
    atomic_store(&c->monitor->stopping, true);
    if (c->state == RUN_RUNNING || c->state == RUN_PAUSED)
        begin_drain(c, ask->by_signal ? "signal" : "shutdown", now_ns);
    if (c->state == RUN_DRAINING)
        answer(r, RUN_DONE, "run %u drains, then the daemon ends", c->number);
    else
        answer(r, RUN_DONE, "the daemon ends");
}

static void change(struct run_control *c, const struct run_command *ask, struct run_reply *r)
{
    struct error err = {0};
    char done[RUN_TEXT_BYTES] = "";
    if (c->world.change(c->world.self, ask, done, &err)) {
        c->changes++;
        answer(r, RUN_DONE, "%s", done);
    } else {
        answer(r, err.code == ERROR_CONFIG ? RUN_BAD : RUN_FAILED, "%s", err.text);
    }
}

static void log_answer(const struct run_command *ask, const struct run_reply *r)
{
    const char *name = run_state_step_name(ask->step);
    if (ask->by_itself)
        return;
    const char *by = ask->by_signal ? "signal" : ask->asked_by;
    log_write(r->outcome == RUN_DONE ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s%s%s%s: %s", name,
              by[0] != '\0' ? " (" : "", by, by[0] != '\0' ? ")" : "", r->text);
}

void run_control_ask(struct run_control *c, const struct run_command *ask, uint64_t now_ns,
                     uint64_t wall_ns, struct run_reply *reply)
{
    reply->outcome = RUN_DONE;
    reply->code = ERROR_NONE;
    reply->text[0] = '\0';
    if (ask->step == RUN_STEP_STATUS || ask->step == RUN_STEP_CONFIG)
        return;
    if (!run_state_step_asked(ask->step) ||
        run_state_next(c->state, ask->step) == RUN_STATE_COUNT) {
        refuse(c, ask->step, reply);
    } else if (c->end_wanted && ask->step != RUN_STEP_SHUTDOWN) {
        answer(reply, RUN_REFUSED, "%s is refused: the daemon is ending",
               run_state_step_name(ask->step));
    } else if (ask->step == RUN_STEP_CONFIGURE) {
        configure(c, ask, reply);
    } else if (ask->step == RUN_STEP_START) {
        start(c, ask, now_ns, wall_ns, reply);
    } else if (ask->step == RUN_STEP_PAUSE || ask->step == RUN_STEP_RESUME) {
        pause_or_resume(c, ask, reply);
    } else if (ask->step == RUN_STEP_STOP) {
        stop(c, ask, now_ns, reply);
    } else if (ask->step == RUN_STEP_SHUTDOWN) {
        shut_down(c, ask, now_ns, reply);
    } else {
        change(c, ask, reply);
    }
    log_answer(ask, reply);
}

/* ---- what takes its time ---- */

static void say_result(struct run_control *c, bool stuck)
{
    struct run_count left[RUN_COUNTS];
    char text[512];
    uint32_t n = run_tally_unfinished(&c->last, left);
    ledger_format(&c->last.events, text, sizeof text);
    int used = snprintf(c->last_result, sizeof c->last_result, "run %u %s: %s", c->number,
                        stuck ? "did not end" : "ended", text);
    for (uint32_t i = 0; i < n && used > 0 && (size_t)used < sizeof c->last_result; i++)
        used += snprintf(c->last_result + used, sizeof c->last_result - (size_t)used,
                         "%s%" PRIu64 " %s", i == 0 ? "; unfinished: " : ", ", left[i].value,
                         left[i].name);
}

static void end_run(struct run_control *c, bool stuck, uint64_t now_ns)
{
    run_tally_read(c->monitor, &c->last);
    run_tally_since(&c->last, &c->begin);
    c->runs++;
    c->stuck = stuck;
    say_result(c, stuck);
    if (!c->end_wanted || stuck)
        log_write(stuck ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", c->last_result);
    atomic_store(&c->monitor->run_ended_ns, now_ns);
    set_state(c, run_state_next(c->state, stuck ? RUN_STEP_FAILED : RUN_STEP_DRAINED));
}

void run_control_step(struct run_control *c, uint64_t now_ns, uint64_t wall_ns)
{
    if (c->state != RUN_INITIAL && c->state != RUN_ERROR)
        c->world.tend(c->world.self);
    if (c->state != RUN_DRAINING)
        return;
    enum run_drain drain = c->world.drain(c->world.self, now_ns, wall_ns);
    if (drain != RUN_DRAIN_GOES_ON)
        end_run(c, drain == RUN_DRAIN_STUCK, now_ns);
}

bool run_control_ended(const struct run_control *c)
{
    return c->end_wanted && !has_run(c);
}

void run_control_status(const struct run_control *c, uint64_t now_ns, struct run_status *s)
{
    *s = (struct run_status){.state = c->state,
                             .number = c->number,
                             .begin_wall_ns = c->begin_wall_ns,
                             .runs = c->runs,
                             .changes = c->changes};
    memcpy(s->comment, c->comment, sizeof s->comment);
    memcpy(s->last_result, c->last_result, sizeof s->last_result);
    (void)snprintf(s->configuration_file, sizeof s->configuration_file, "%s",
                   c->world.file(c->world.self));
    struct run_count left[RUN_COUNTS];
    s->last_complete = run_tally_unfinished(&c->last, left) == 0;
    run_tally_read(c->monitor, &s->all);
    s->tally = c->last;
    if (has_run(c)) {
        s->tally = s->all;
        run_tally_since(&s->tally, &c->begin);
    }
    if (c->state == RUN_DRAINING) {
        s->drain_left_ns = c->limit_ns > now_ns ? c->limit_ns - now_ns : 0;
        s->waits_for = c->world.waits_for(c->world.self);
    }
}
