/* sparsed: reads the command line, makes the run, waits for a signal, stops. */
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "config/config.h"
#include "data/monitor.h"
#include "model/model_set.h"
#include "pipeline/epoch.h"
#include "pipeline/pipeline.h"
#include "service/guard.h"
#include "service/service.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void log_models(const struct model_set *models)
{
    for (uint32_t i = 0; i < models->n_models; i++) {
        const struct model *m = models->entry[i].model;
        char hex[SHA256_HEX_BYTES], pixels[48] = "all pixels";
        hash_hex(m->sha256, hex);
        if (m->reduce != NULL)
            (void)snprintf(pixels, sizeof pixels, "up to %u active pixels", m->max_listed);
        log_info("model %s  %ux%ux%u, %s, %" PRIu64 " parameters, sha256 %.8s", m->name, m->height,
                 m->width, m->channels, pixels, m->n_parameters, hex);
    }
}

static void log_start(const struct settings *s, const struct run_info *info,
                      const struct monitor *m)
{
    log_info("engine %s  %u worker%s  %u windows an event", info->engine, s->imaging.workers,
             s->imaging.workers == 1 ? "" : "s", info->windows_per_event);
    for (uint32_t i = 0; i < s->readout.endpoints.count; i++)
        log_info("readout %s %s", s->readout.pattern == READOUT_SUB ? "sub" : "pull",
                 s->readout.endpoints.text[i]);
    log_info("%u event slots, %.0f MiB of address space", s->readout.event_slots,
             (double)atomic_load(&m->memory_bytes) / (1024.0 * 1024.0));
}

/* Waits for SIGTERM or SIGINT, blocked in every thread. */
static void wait_for_signal(const sigset_t *signals)
{
    int number = 0;
    while (sigwait(signals, &number) != 0) {
    }
    /* A second one ends the process at once. */
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

/* The run's last line. True: the ledger closes. */
static bool report(const struct monitor *m)
{
    struct ledger l = monitor_ledger(m);
    char text[512];
    ledger_format(&l, text, sizeof text);
    bool closes = l.in_flight == 0 && monitor_broken(m) == 0;
    log_write(closes ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "run %u: %s   ledger %s",
              atomic_load(&m->run), text, closes ? "closes" : "DOES NOT CLOSE");
    return closes;
}

static int run(struct settings *settings, const struct geometry *g,
               const struct model_set *models, struct monitor *monitor, uint64_t begin_ns)
{
    struct error err = {0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);

    heap_keep_freed();
    void *context = zmq_ctx_new();
    struct guard *guard = guard_start(settings, monitor, context, &err);
    if (guard == NULL) {
        zmq_ctx_term(context);
        return fail(&err);
    }
    settings->readout.doors = settings->output.doors = settings->service.doors = guard_doors(guard);
    struct pipeline *p = pipeline_create(settings, g, models, context, monitor, &err);
    if (p == NULL) {
        guard_stop(&guard);
        zmq_ctx_term(context);
        return fail(&err);
    }
    const struct run_info *info = pipeline_run_info(p);
    struct run_info_board board;
    run_info_board_init(&board, info);
    pipeline_show(p, &board);
    struct service *service = service_start(&settings->service, monitor, &board, context, &err);
    if (service == NULL) {
        pipeline_destroy(&p);
        guard_stop(&guard);
        zmq_ctx_term(context);
        return fail(&err);
    }
    log_models(models);
    log_start(settings, info, monitor);
    if (!pipeline_start(p, &err)) {
        (void)fail(&err);
        _exit(error_exit_status(&err)); /* threads that did start are still running */
    }
    log_info("ready in %.0f ms%s%s", (double)(clock_monotonic_ns() - begin_ns) / 1e6,
             settings->service.http[0] != '\0' ? "  http://" : "", settings->service.http);

    wait_for_signal(&signals);
    struct ledger l = monitor_ledger(monitor);
    log_info("stopping: %" PRIu64 " events in flight", l.in_flight);
    if (!pipeline_stop(p, settings->service.stop_limit_ns)) {
        (void)report(monitor);
        _exit(1);
    }
    service_stop(&service);
    pipeline_destroy(&p);
    guard_stop(&guard);
    zmq_ctx_term(context);
    return report(monitor) ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct monitor monitor;
    static struct arguments arguments;
    uint64_t begin_ns = clock_monotonic_ns();
    argp_err_exit_status = 2;
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
    struct model_set models = {0};
    struct geometry g = {0};
    if (!model_set_load(&models, &g, &settings, &err))
        return fail(&err);
    int status = 0;
    if (arguments.check)
        (void)printf("%s: good\n", arguments.config != NULL ? arguments.config : "--set");
    else
        status = run(&settings, &g, &models, &monitor, begin_ns);
    model_set_fini(&models);
    geometry_fini(&g);
    return status;
}
