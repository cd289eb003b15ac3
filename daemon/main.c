/* sparsed: reads the command line, makes run control and its doors, and serves until a
 * signal or an operator ends it. Without a control socket it configures and begins a run by
 * itself. */
#include "base/clock.h"
#include "base/hdf5.h"
#include "base/heap.h"
#include "base/log.h"
#include "config/config.h"
#include "data/account.h"
#include "data/monitor.h"
#include "model/model_set.h"
#include "pipeline/run_actions.h"
#include "pipeline/run_control.h"
#include "service/control.h"
#include "service/guard.h"
#include "service/service.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

const char *argp_program_version = "sparsed " SPARSED_VERSION;

enum { MAX_OVERRIDES = 256 };

enum { OPTION_CHECK = 256, OPTION_PRINT_CONFIG };

struct arguments {
    const char *config;
    const char *override[MAX_OVERRIDES];
    size_t n_overrides;
    bool check;
    const char *print; /* NULL, "toml", "markdown" or "effective" */
};

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "configuration, in TOML", 0},
    {"set", 's', "KEY=VALUE", 0,
     "overrides a key of the configuration, e.g. --set engine.model[0].file=net.h5; may be "
     "repeated",
     0},
    {"check", OPTION_CHECK, NULL, 0,
     "check the configuration and the models it names, then exit: 0 good, 2 configuration, 1 "
     "anything else",
     0},
    {"print-config", OPTION_PRINT_CONFIG, "FORMAT", OPTION_ARG_OPTIONAL,
     "print and exit: toml (the default) every key with default, range and help; markdown the "
     "same as a document; effective the values in force",
     0},
    {0}};

static const char doc[] =
    "Trigger daemon for experiments with sparse images: takes a detector's fragments over "
    "ZeroMQ, assembles events, scores their windows with a sparse CNN, publishes decisions.\v"
    "Without service.control the run begins at once; with it sparsectl configures, starts "
    "and stops runs.\n"
    "Signals: SIGTERM and SIGINT stop: what is in flight is finished within "
    "service.stop_limit, decided and flushed; a second one ends at once.\n"
    "Exit status: 0 stopped as asked, 2 configuration or command line, 1 anything else.\n\n"
    "  sparsed --config config/trigger.toml --check\n"
    "  sparsed --print-config > my.toml";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'c':
        a->config = arg;
        return 0;
    case 's':
        if (a->n_overrides == MAX_OVERRIDES)
            argp_error(state, "--set: more than %d of them", MAX_OVERRIDES);
        a->override[a->n_overrides++] = arg;
        return 0;
    case OPTION_CHECK:
        a->check = true;
        return 0;
    case OPTION_PRINT_CONFIG:
        a->print = arg == NULL ? "toml" : arg;
        if (strcmp(a->print, "toml") != 0 && strcmp(a->print, "markdown") != 0 &&
            strcmp(a->print, "effective") != 0)
            argp_error(state, "--print-config=%s: must be toml, markdown or effective", arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: takes options only", arg);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* One line a problem, as config_load leaves them. */
static int fail(const struct error *err)
{
    (void)fprintf(stderr, "%s\n", err->text);
    return error_exit_status(err);
}

/* The daemon's last three lines. True: the ledger closes. */
static bool report(const struct run_control *c)
{
    const struct monitor *m = c->monitor;
    struct ledger l = monitor_ledger(m);
    char text[512], account[512], runs[48];
    ledger_format(&l, text, sizeof text);
    bool closes = l.in_flight == 0 && monitor_broken(m) == 0;
    account_fragments(m, account, sizeof account);
    log_info("%s", account);
    account_time(m, account, sizeof account);
    log_info("%s", account);
    (void)snprintf(runs, sizeof runs, c->runs == 1 ? "run %u" : "%u runs",
                   c->runs == 1 ? c->number : c->runs);
    log_write(closes ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "%s: %s   ledger %s", runs, text,
              closes ? "closes" : "DOES NOT CLOSE");
    return closes;
}

/* Everything that stays as long as the daemon. */
struct daemon {
    struct settings *settings;
    struct monitor *monitor;
    void *context;
    struct guard *guard;
    struct run_actions *actions;
    struct run_control run;
    struct service *service;
    struct control *control; /* NULL: runs by itself */
    uint64_t begin_ns;
};

static void ask(void *self, const struct run_command *command, struct run_reply *reply)
{
    struct daemon *d = self;
    run_control_ask(&d->run, command, clock_monotonic_ns(), clock_wall_ns(), reply);
}

static void tell_status(void *self, struct run_status *status)
{
    struct daemon *d = self;
    run_control_status(&d->run, clock_monotonic_ns(), status);
}

static bool open_all(struct daemon *d, const struct arguments *arguments, struct error *err)
{
    struct settings *s = d->settings;
    d->guard = guard_start(s, d->monitor, d->context, err);
    if (d->guard == NULL)
        return false;
    s->readout.doors = s->output.doors = s->service.doors = guard_doors(d->guard);
    s->service.kafka = &s->output.kafka;
    struct run_origin origin = {.file = arguments->config,
                                .overrides = arguments->override,
                                .n_overrides = arguments->n_overrides,
                                .first = s,
                                .doors = guard_doors(d->guard),
                                .zmq_context = d->context,
                                .monitor = d->monitor};
    d->actions = run_actions_create(&origin, err);
    if (d->actions == NULL)
        return false;
    struct run_world world = run_actions_world(d->actions);
    run_control_init(&d->run, &world, d->monitor);
    return true;
}

static bool open_doors(struct daemon *d, struct error *err)
{
    struct run_info_board *board = run_actions_board(d->actions);
    struct control_answers answers = {d, ask, tell_status};
    d->service = service_start(&d->settings->service, d->monitor, board, d->context, err);
    if (d->service == NULL || d->settings->service.control.count == 0)
        return d->service != NULL;
    d->control = control_create(&d->settings->service, &answers, d->monitor, board,
                                service_watch(d->service), d->context, err);
    return d->control != NULL;
}

static void close_all(struct daemon *d)
{
    control_destroy(&d->control);
    service_stop(&d->service);
    run_actions_destroy(&d->actions);
    if (d->guard != NULL)
        guard_stop(&d->guard);
    (void)zmq_ctx_term(d->context);
}

/* A step that the daemon makes by itself. */
static bool make_step(struct daemon *d, enum run_step step, struct error *err)
{
    struct run_command command = {.step = step, .run = d->settings->service.run, .by_itself = true};
    struct run_reply reply;
    ask(d, &command, &reply);
    return reply.outcome == RUN_DONE || error_set(err, reply.code, "%s", reply.text);
}

/* Without a control socket the run begins by itself. */
static bool begin(struct daemon *d, struct error *err)
{
    bool alone = d->settings->service.control.count == 0;
    const char *http = d->settings->service.http;
    if ((alone && !make_step(d, RUN_STEP_CONFIGURE, err)) || !open_doors(d, err) ||
        (alone && !make_step(d, RUN_STEP_START, err)))
        return false;
    log_info("ready in %.0f ms%s%s", (double)(clock_monotonic_ns() - d->begin_ns) / 1e6,
             http[0] != '\0' ? "  http://" : "", http);
    for (uint32_t i = 0; i < d->settings->service.control.count; i++)
        log_info("controlled from %s", d->settings->service.control.text[i]);
    return true;
}

/* SIGTERM and SIGINT are blocked in every thread and read here; after the first one the
 * next ends the process at once. */
static int watch_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signal(struct daemon *d, int *fd, const sigset_t *signals)
{
    struct run_command command = {.step = RUN_STEP_SHUTDOWN, .by_signal = true};
    struct run_reply reply;
    struct signalfd_siginfo info;
    if (read(*fd, &info, sizeof info) < 0)
        return;
    (void)close(*fd);
    *fd = -1;
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    ask(d, &command, &reply);
}

static void serve(struct daemon *d, int fd, const sigset_t *signals)
{
    enum { DRAIN_MS = 2, REST_MS = 100 };
    while (!run_control_ended(&d->run)) {
        bool drains = d->run.state == RUN_DRAINING;
        if (control_serve(d->control, fd, drains ? DRAIN_MS : REST_MS))
            take_signal(d, &fd, signals);
        run_control_step(&d->run, clock_monotonic_ns(), clock_wall_ns());
    }
    if (fd >= 0)
        (void)close(fd);
}

/* Connections are descriptors, and an I/O thread without any spins: as many as the system
 * allows us. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(struct settings *settings, const struct arguments *arguments,
               struct monitor *monitor, uint64_t begin_ns)
{
    static struct daemon d;
    struct error err = {0};
    sigset_t signals;
    int fd = watch_signals(&signals);
    raise_descriptors();
    heap_keep_freed();
    monitor->started_ns = begin_ns; /* before there are threads that read it */
    d = (struct daemon){
        .settings = settings, .monitor = monitor, .context = zmq_ctx_new(), .begin_ns = begin_ns};
    if (!open_all(&d, arguments, &err) || !begin(&d, &err)) {
        int status = fail(&err);
        if (d.run.stuck)
            _exit(status); /* threads that did start are still running */
        close_all(&d);
        return status;
    }
    serve(&d, fd, &signals);
    bool closes = report(&d.run);
    if (d.run.stuck)
        _exit(1);
    close_all(&d);
    return closes ? 0 : 1;
}

static int check(const struct settings *settings, const char *file)
{
    struct error err = {0};
    struct model_set models = {0};
    struct geometry g = {0};
    if (!model_set_load(&models, &g, settings, &err))
        return fail(&err);
    (void)printf("%s: good\n", file != NULL ? file : "--set");
    model_set_fini(&models);
    geometry_fini(&g);
    return 0;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct monitor monitor;
    static struct arguments arguments;
    uint64_t begin_ns = clock_monotonic_ns();
    argp_err_exit_status = 2;
    hdf5_prepare();
    static const struct argp argp = {options, parse, NULL, doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.print != NULL && strcmp(arguments.print, "effective") != 0) {
        (strcmp(arguments.print, "toml") == 0 ? config_print : config_markdown)(stdout);
        return 0;
    }

    struct error err = {0};
    if (arguments.config == NULL && arguments.n_overrides == 0) {
        (void)fprintf(stderr, "sparsed: no configuration: give --config FILE (a commented one: "
                              "sparsed --print-config)\n");
        return 2;
    }
    if (!config_load(arguments.config, arguments.override, arguments.n_overrides, &settings, &err))
        return fail(&err);
    if (arguments.print != NULL) {
        config_print_effective(&settings, stdout);
        return 0;
    }
    log_set_level((enum log_level)settings.service.log_level);
    return arguments.check ? check(&settings, arguments.config)
                           : run(&settings, &arguments, &monitor, begin_ns);
}
