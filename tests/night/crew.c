/* Operators: they configure, start, and then do at random moments what operators do, also
 * what is refused; at the end of the night they shut the daemon down. A promise is asked of
 * every answer: what changes the state does so by the table, what is refused changes nothing. */
#include "night.h"

#include "data/run_state.h"

#include <stdio.h>
#include <string.h>

enum { FILES = 4, LIMIT_SLACK_MS = 1500 };

static char file[FILES][SETTINGS_PATH_BYTES];
static uint64_t next_ns, draining_since_ns;
static uint32_t run, actions_left;
static bool draining;
static const char *waits_for = ""; /* the thread that the drain waited for last */
static uint64_t changes;
static uint64_t paused_since_ns, paused_ns; /* as the operators know it */

static const char text[] = "[detector]\n"
                           "name = \"night\"\n"
                           "ticks = 16\n"
                           "[[detector.plane]]\nid = 0\nwires = 16\n"
                           "[[detector.plane]]\nid = 2\nwires = 8\n"
                           "[readout]\n"
                           "endpoints = [\"@inproc://readout\"]\n"
                           "pattern = \"pull\"\n"
                           "event_slots = %u\n"
                           "event_timeout = \"5 ms\"\n"
                           "[imaging]\nedge_values = 256\n"
                           "[[engine.model]]\nfile = \"%s/model-a.h5\"\n"
                           "[[trigger.rule]]\nname = \"first\"\nlabel = \"label\"\nthreshold = %g\n"
                           "[[trigger.rule]]\nname = \"second\"\nlabel = \"label\"\n"
                           "threshold = 6\nmin_windows = 2\nprescale = 2\n"
                           "[output]\ndecisions = [\"@inproc://decisions\"]\n"
                           "[service]\nhttp = \"\"\nlog_level = \"error\"\n";

/* 0: the first one; 1: another threshold; 2: a key that must not change; 3: nonsense. */
bool crew_write(const char *folder)
{
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(file[i], sizeof file[i], "%s/night-%u.toml", folder, i);
        FILE *to = fopen(file[i], "we");
        if (to == NULL)
            return false;
        if (i == 3)
            (void)fputs("readout.event_slots = -1\n", to);
        else
            (void)fprintf(to, text, i == 2 ? 9U : 4U, folder, i == 1 ? 2.0 : 0.5);
        if (fclose(to) != 0)
            return false;
    }
    return true;
}

const char *crew_configuration(uint32_t i)
{
    return file[i];
}

void crew_reset(void)
{
    next_ns = night.now_ns;
    run = 0;
    draining = false;
    changes = paused_ns = 0;
    actions_left = 4 + (uint32_t)random_below(&night.random, 30);
}

uint64_t crew_next_ns(void)
{
    return next_ns;
}

bool crew_over(void)
{
    return run_control_ended(&night.control);
}

uint64_t crew_changes(void)
{
    return changes;
}

/* Asks, and holds the answer against the table of states. */
static enum run_outcome ask(const struct run_command *command)
{
    static struct run_reply reply;
    enum run_state before = night.control.state;
    run_control_ask(&night.control, command, night.now_ns, clock_wall_ns(), &reply);
    enum run_state after = night.control.state;
    night_note("%s: %s -> %s: %.120s", run_state_step_name(command->step), run_state_name(before),
               run_state_name(after), reply.text);
    if (after == RUN_PAUSED && before != RUN_PAUSED)
        paused_since_ns = night.now_ns;
    if (before == RUN_PAUSED && after != RUN_PAUSED)
        paused_ns += night.now_ns - paused_since_ns;
    enum run_state allowed = run_state_next(before, command->step);
    if (reply.outcome == RUN_DONE && command->step != RUN_STEP_SHUTDOWN && after != allowed)
        night_fail("%s led from %s to %s", run_state_step_name(command->step),
                   run_state_name(before), run_state_name(after));
    if ((reply.outcome == RUN_REFUSED || reply.outcome == RUN_BAD) && after != before)
        night_fail("%s was refused and led from %s to %s", run_state_step_name(command->step),
                   run_state_name(before), run_state_name(after));
    bool change = command->step == RUN_STEP_MODEL || command->step == RUN_STEP_RELOAD ||
                  command->step == RUN_STEP_PRESCALE || command->step == RUN_STEP_SHADOW;
    changes += change && reply.outcome == RUN_DONE ? 1 : 0;
    return reply.outcome;
}

static struct run_command command_of(enum run_step step)
{
    return (struct run_command){.step = step};
}

static void change_model(struct run_command *c)
{
    uint32_t i = (uint32_t)random_below(&night.random, NIGHT_MODELS + 2);
    c->step = random_chance(&night.random, 70) ? RUN_STEP_MODEL : RUN_STEP_SHADOW;
    c->share = 0.5;
    if (c->step == RUN_STEP_MODEL || random_chance(&night.random, 70))
        (void)snprintf(c->file, sizeof c->file, "%s", models_path(i));
    bool can = i < NIGHT_MODELS || c->file[0] == '\0';
    bool done = ask(c) == RUN_DONE;
    if (done && !can)
        night_fail("a model that does not fit was taken: %s", c->file);
}

static void change_settings(struct run_command *c)
{
    if (random_chance(&night.random, 50)) {
        c->step = RUN_STEP_PRESCALE;
        (void)snprintf(c->name, sizeof c->name, "%s",
                       random_chance(&night.random, 80) ? "first" : "nobody");
        c->prescale = (uint32_t)random_below(&night.random, 4);
        bool done = ask(c) == RUN_DONE;
        if (done && (c->prescale == 0 || strcmp(c->name, "first") != 0))
            night_fail("prescale %u of %s was taken", c->prescale, c->name);
        return;
    }
    uint32_t i = (uint32_t)random_below(&night.random, FILES);
    c->step = RUN_STEP_RELOAD;
    (void)snprintf(c->file, sizeof c->file, "%s", file[i]);
    bool done = ask(c) == RUN_DONE;
    if (done && i >= 2)
        night_fail("a reload of %s was taken", file[i]);
}

static void something(void)
{
    struct run_command c = {0};
    switch (random_below(&night.random, 8)) {
    case 0:
        c = command_of(RUN_STEP_PAUSE);
        (void)ask(&c);
        break;
    case 1:
        c = command_of(RUN_STEP_RESUME);
        (void)ask(&c);
        break;
    case 2:
        c = command_of(random_chance(&night.random, 40) ? RUN_STEP_STOP : RUN_STEP_CONFIGURE);
        (void)ask(&c);
        break;
    case 3:
        c = command_of(RUN_STEP_START);
        c.run = run + (uint32_t)random_below(&night.random, 2);
        if (ask(&c) == RUN_DONE)
            run = c.run;
        break;
    case 4:
    case 5:
        change_model(&c);
        break;
    default:
        change_settings(&c);
    }
}

static void begin(void)
{
    struct run_command c = command_of(RUN_STEP_CONFIGURE);
    if (night.control.state == RUN_INITIAL && ask(&c) != RUN_DONE)
        night_fail("the first configuration was refused");
    c = command_of(RUN_STEP_START);
    c.run = ++run;
    if (ask(&c) != RUN_DONE)
        night_fail("run %u did not begin", run);
}

/* Time is put down to what it went into: of a long pause most is paused time, and paused
 * time is none but in a pause. Both see its edges a few steps apart. */
static void look_at_pauses(void)
{
    enum { EDGES_MS = 300 };
    uint64_t counted = counter_read(&night.monitor->paused_ns);
    if (paused_ns > EDGES_MS * NS_PER_MS && counted < paused_ns / 2)
        night_fail("%llu ms were paused, %llu ms are counted",
                   (unsigned long long)(paused_ns / NS_PER_MS),
                   (unsigned long long)(counted / NS_PER_MS));
    if (paused_ns == 0 && counted > 0)
        night_fail("%llu ns of pause are counted, and there was none", (unsigned long long)counted);
}

/* The drain ends within its limit and a second, unless the disk holds the recorder. */
static void look_at_drain(void)
{
    bool now = night.control.state == RUN_DRAINING;
    if (now && !draining)
        draining_since_ns = night.now_ns;
    if (now)
        waits_for = night.control.world.waits_for(night.control.world.self);
    if (night.control.stuck && draining &&
        (strcmp(waits_for, "record") != 0 || !threads_blocked("record")))
        night_fail("the drain got stuck at %s, and no disk keeps it", waits_for);
    if (!now && draining) {
        check_drained();
        look_at_pauses();
    }
    draining = now;
    uint64_t limit = night.control.limit_ns + LIMIT_SLACK_MS * NS_PER_MS;
    if (draining && night.now_ns > limit && !threads_blocked("record"))
        night_fail("the drain has not ended %llu ms after its limit, it waits for %s",
                   (unsigned long long)((night.now_ns - night.control.limit_ns) / NS_PER_MS),
                   night.control.world.waits_for(night.control.world.self));
}

static void goes_on(void)
{
    enum run_state state = night.control.state;
    if (random_chance(&night.random, 3) && night.weather.clock_jumps) {
        if (random_chance(&night.random, 50))
            night.wall_ns += 3600 * NS_PER_S;
        else
            night.wall_ns -= 3600 * NS_PER_S;
        night_note("the clock of the wall jumps");
    }
    if (state == RUN_INITIAL || (state == RUN_CONFIGURED && random_chance(&night.random, 30))) {
        begin();
    } else if (actions_left > 0 && random_chance(&night.random, 20)) {
        actions_left--;
        something();
    }
}

void crew_act(void)
{
    run_control_step(&night.control, night.now_ns, clock_wall_ns());
    look_at_drain();
    next_ns = night.now_ns + 2 * NS_PER_MS;
    if (night.control.end_wanted)
        return;
    if (!readout_over() && night.control.state != RUN_ERROR) {
        goes_on();
        return;
    }
    struct run_command c = command_of(RUN_STEP_SHUTDOWN);
    if (ask(&c) != RUN_DONE)
        night_fail("shutdown was refused");
}
