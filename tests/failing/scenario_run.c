/* A configuration, a run and changes in it, as an operator has them done: run control over the
 * real pipeline and its threads. Only what the operator's thread does fails. */
#include "calls.h"
#include "scenario.h"

#include "base/clock.h"
#include "config/config.h"
#include "pipeline/run_actions.h"
#include "pipeline/run_control.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static struct monitor monitor;

/* With all that a configuration can have made: recorder, hot wires, shadow, both sockets. */
static const char *write_files(void)
{
    static bool done;
    const char *path = scenario_path("run.toml");
    if (done)
        return path;
    scenario_write_model(scenario_path("first.h5"), "first", 3, false);
    scenario_write_model(scenario_path("second.h5"), "second", 5, false);
    scenario_write_model(scenario_path("image.h5"), "image", 5, true);
    calls_pause(true);
    FILE *to = fopen(path, "we");
    const char *directory = scenario_path("");
    (void)fprintf(to,
                  "[detector]\nname = 'small'\nticks = 64\n"
                  "[[detector.plane]]\nid = 3\nwires = 8\nscale = 1.0\n"
                  "[readout]\nendpoints = ['@ipc://%sin']\npattern = 'pull'\nevent_slots = 4\n"
                  "fragment_queue = 4\n"
                  "[imaging]\nworkers = 2\nedge_values = 64\n[imaging.hot]\nevents = 4\n"
                  "[[engine.model]]\nfile = '%sfirst.h5'\n"
                  "[engine.shadow]\nfile = '%ssecond.h5'\n"
                  "[[trigger.rule]]\nname = 'r'\nlabel = 'label'\nthreshold = 0.5\n"
                  "[output]\ndecisions = ['@ipc://%sout']\npush = ['@ipc://%spush']\n"
                  "[output.record]\ndirectory = '%s'\ncontents = ['decision', 'samples']\n"
                  "[service]\nstop_limit = '20 s'\n",
                  directory, directory, directory, directory, directory, directory);
    (void)fclose(to);
    calls_pause(false);
    done = true;
    return path;
}

struct bench {
    struct settings *settings;
    void *context;
    struct run_actions *actions;
    struct run_control control;
};

static bool open_bench(struct bench *b, struct error *err)
{
    const char *path = write_files();
    calls_pause(true);
    b->settings = calloc(1, sizeof *b->settings);
    b->context = zmq_ctx_new();
    if (!config_load(path, NULL, 0, b->settings, err))
        scenario_wrong("the test's own configuration: %s", err->text);
    memset(&monitor, 0, sizeof monitor);
    calls_pause(false);
    struct run_origin origin = {
        .file = path, .first = b->settings, .zmq_context = b->context, .monitor = &monitor};
    b->actions = run_actions_create(&origin, err);
    if (b->actions == NULL)
        return false;
    struct run_world world = run_actions_world(b->actions);
    run_control_init(&b->control, &world, &monitor);
    return true;
}

static bool ask(struct bench *b, const struct run_command *command, struct error *err)
{
    struct run_reply reply;
    run_control_ask(&b->control, command, clock_monotonic_ns(), clock_wall_ns(), &reply);
    if (reply.outcome == RUN_DONE)
        return true;
    /* A model that could not be read is a wrong value, too. */
    return error_set(err, reply.code != ERROR_NONE ? reply.code : ERROR_CONFIG, "%s", reply.text);
}

static bool step(struct bench *b, enum run_step what, struct error *err)
{
    const struct run_command command = {.step = what, .run = b->control.number + 1};
    return ask(b, &command, err);
}

static void end_run(struct bench *b)
{
    struct error err = {0};
    if (b->control.state != RUN_RUNNING)
        return;
    const struct run_command command = {.step = RUN_STEP_STOP};
    if (!ask(b, &command, &err))
        scenario_wrong("a run cannot be stopped: %s", err.text);
    for (int i = 0; i < 20000 && b->control.state == RUN_DRAINING; i++) {
        run_control_step(&b->control, clock_monotonic_ns(), clock_wall_ns());
        (void)usleep(200);
    }
    if (b->control.state != RUN_CONFIGURED)
        scenario_wrong("a run does not end: %s", run_state_name(b->control.state));
}

static void remove_records(void)
{
    DIR *d = opendir(scenario_path(""));
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "small-", 6) == 0)
            (void)unlink(scenario_path(e->d_name));
    if (d != NULL)
        (void)closedir(d);
}

static void close_bench(struct bench *b)
{
    if (b->actions != NULL)
        end_run(b);
    run_actions_destroy(&b->actions);
    (void)zmq_ctx_term(b->context);
    free(b->settings);
    calls_pause(true);
    remove_records();
    calls_pause(false);
}

/* ---- scenarios ---- */

/* A second time over the first: what is in force stays, or there is nothing. */
static bool configure(struct error *err)
{
    struct bench b = {0};
    bool good = open_bench(&b, err) && step(&b, RUN_STEP_CONFIGURE, err) &&
                step(&b, RUN_STEP_CONFIGURE, err);
    if (b.actions != NULL) {
        enum run_state is = b.control.state;
        if (good ? is != RUN_CONFIGURED
                 : is != RUN_INITIAL && is != RUN_CONFIGURED && is != RUN_ERROR)
            scenario_wrong("configured, and %s", run_state_name(is));
        if (b.control.stuck)
            scenario_wrong("only a restart would help");
    }
    close_bench(&b);
    return good;
}

/* A run that could not begin leaves the daemon configured, and the next one begins. */
static bool start(struct error *err)
{
    struct bench b = {0};
    calls_pause(true);
    if (!open_bench(&b, err) || !step(&b, RUN_STEP_CONFIGURE, err))
        scenario_wrong("the test's own configuration: %s", err->text);
    calls_pause(false);
    bool good = step(&b, RUN_STEP_START, err);
    if (b.control.stuck)
        scenario_wrong("only a restart would help: %s", err->text);
    if (good)
        end_run(&b);
    if (b.control.state != RUN_CONFIGURED)
        scenario_wrong("not configured any more: %s", run_state_name(b.control.state));
    calls_pause(true);
    struct error again = {0};
    if (!step(&b, RUN_STEP_START, &again))
        scenario_wrong("the next run does not begin: %s", again.text);
    calls_pause(false);
    close_bench(&b);
    return good;
}

/* What could not be changed is as it was, the run goes on, and the next change is made. */
static bool change(const struct run_command *command, struct error *err)
{
    struct bench b = {0};
    struct error again = {0};
    calls_pause(true);
    if (!open_bench(&b, err) || !step(&b, RUN_STEP_CONFIGURE, err) ||
        !step(&b, RUN_STEP_START, err))
        scenario_wrong("the test's own configuration: %s", err->text);
    uint32_t before = run_info_borrow(run_actions_board(b.actions))->epoch;
    run_info_return(run_actions_board(b.actions));
    calls_pause(false);
    bool good = ask(&b, command, err);
    calls_pause(true);
    uint32_t now = run_info_borrow(run_actions_board(b.actions))->epoch;
    run_info_return(run_actions_board(b.actions));
    if ((now != before) != good)
        scenario_wrong("%s, and epoch %u after %u is in force", good ? "changed" : "not changed",
                       now, before);
    if (b.control.state != RUN_RUNNING)
        scenario_wrong("the run is over");
    if (!good && !ask(&b, command, &again))
        scenario_wrong("the next change is not made: %s", again.text);
    calls_pause(false);
    close_bench(&b);
    return good;
}

static bool change_model(struct error *err)
{
    struct run_command command = {.step = RUN_STEP_MODEL};
    (void)snprintf(command.file, sizeof command.file, "%s", scenario_path("second.h5"));
    return change(&command, err);
}

static bool change_shadow(struct error *err)
{
    struct run_command command = {.step = RUN_STEP_SHADOW, .share = 0.5};
    (void)snprintf(command.file, sizeof command.file, "%s", scenario_path("first.h5"));
    return change(&command, err);
}

static bool change_prescale(struct error *err)
{
    static const struct run_command command = {
        .step = RUN_STEP_PRESCALE, .prescale = 7, .name = "r"};
    return change(&command, err);
}

static bool reload(struct error *err)
{
    static const struct run_command command = {.step = RUN_STEP_RELOAD};
    return change(&command, err);
}

/* What is wrong is refused, whatever else fails, and the run goes on. */
static bool refuse(struct error *err)
{
    static const struct run_command wrong[] = {
        {.step = RUN_STEP_MODEL},
        {.step = RUN_STEP_MODEL, .file = "x.h5", .name = "nobody"},
        {.step = RUN_STEP_MODEL, .file = "/nowhere.h5", .name = "first"},
        {.step = RUN_STEP_SHADOW, .file = "x.h5", .share = 2},
        {.step = RUN_STEP_SHADOW, .file = "x.h5", .share = 1, .name = "nobody"},
        {.step = RUN_STEP_PRESCALE, .name = "r"},
        {.step = RUN_STEP_PRESCALE, .name = "nobody", .prescale = 2},
        {.step = RUN_STEP_RELOAD, .file = "/nowhere.toml"},
    };
    struct bench b = {0};
    calls_pause(true);
    if (!open_bench(&b, err) || !step(&b, RUN_STEP_CONFIGURE, err) ||
        !step(&b, RUN_STEP_START, err))
        scenario_wrong("the test's own configuration: %s", err->text);
    calls_pause(false);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error why = {0};
        if (ask(&b, &wrong[i], &why))
            scenario_wrong("command %zu was taken", i);
        if (strlen(why.text) < 8)
            scenario_wrong("command %zu was refused without a word", i);
    }
    if (b.control.state != RUN_RUNNING)
        scenario_wrong("the run is over");
    close_bench(&b);
    return true;
}

const struct scenario run_scenarios[] = {{"configure", configure},
                                         {"start", start},
                                         {"change-model", change_model},
                                         {"change-shadow", change_shadow},
                                         {"change-prescale", change_prescale},
                                         {"reload", reload},
                                         {"refuse", refuse},
                                         {0}};
