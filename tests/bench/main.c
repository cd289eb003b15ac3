/* sparse-bench: how fast it is, beside its peers, in one run. */
#include "bench/bench.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One row is one subcommand; `all` runs them in this order. */
static const struct {
    const char *name;
    int (*run)(const struct bench_options *o);
} commands[] = {
    {"offload", bench_offload}, {"engine", bench_windows},    {"chains", bench_chains},
    {"imaging", bench_imaging}, {"pipeline", bench_pipeline}, {"latency", bench_latency},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

/* The first of these that is there is the model, unless --model names one. */
static const char *const models[] = {
    BENCH_SOURCE "/config/models/neutrino-l-16b.h5",
    SPARSED_SHARED "/golden/neutrino-sparse_l-16b.model.h5",
};

struct arguments {
    struct bench_options options;
    const char *command;
};

static const struct argp_option options[] = {
    {"rounds", 'r', "N", 0, "rounds of ours and the peers in turn: 3 .. 201, default 21", 0},
    {"events", 'e', "N", 0, "events of each run of latency: 10 .. 100000, default 250", 0},
    {"model", 'm', "FILE", 0,
     "model file for engine; with preprocessing for pipeline and latency, and a label \"neutrino\" "
     "(default: "
     "a neutrino model of config/models, if there is one)",
     0},
    {"json", 'j', NULL, 0, "one JSON object a line instead of tables", 0},
    {0}};

static const char doc[] =
    "Measures sparsed beside its peers, in turn, in one run; shows minimum and median.\v"
    "Commands:\n"
    "  engine    one core: windows to scores with every kernel, against the paper's FPGA and\n"
    "            the scalar reference; windows of the vectors file beside the model\n"
    "  chains    one core: jets, MNIST and the standard CNN, all sizes, against the scalar\n"
    "            reference; the standard CNN also with every pixel lit\n"
    "  offload   one core: windows to a card that takes no time, and back\n"
    "  imaging   one core: samples to hits, against plainly reading the same buffer\n"
    "  pipeline  the whole daemon over tcp and ipc, against ZeroMQ alone receiving the same\n"
    "            messages, by fragment size\n"
    "  latency   from an event's last fragment to its decision, whole MicroBooNE events\n"
    "  all       all of these\n\n"
    "A ratio is the peer's time over ours: 1 is as fast. Where it spreads too much from "
    "round to round to mean anything it is not given. Best on a machine that does nothing "
    "else. Samples are made up and the same every time.\n"
    "Exit status: 0 measured, whether goals are met or not; 1 could not measure; 2 command "
    "line.\n\n"
    "  sparse-bench imaging\n"
    "  sparse-bench all --json > figures.jsonl";

static uint32_t number(const char *name, const char *text, long least, long most,
                       struct argp_state *state)
{
    char *end = NULL;
    long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < least || n > most)
        argp_error(state, "--%s %s: must be %ld .. %ld", name, text, least, most);
    return (uint32_t)n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'r':
        a->options.rounds = number("rounds", arg, 3, BENCH_MAX_ROUNDS, state);
        return 0;
    case 'e':
        a->options.events = number("events", arg, 10, 100000, state);
        return 0;
    case 'm':
        a->options.model = arg;
        return 0;
    case 'j':
        a->options.json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->command != NULL)
            argp_error(state, "%s: one command at a time", arg);
        a->command = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->command == NULL)
            argp_error(
                state,
                "a command is missing: engine, chains, offload, imaging, pipeline, latency or all");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = {.rounds = 21, .events = 250}};
    argp_err_exit_status = 2;
    static const struct argp argp = {options, parse, "COMMAND", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    for (size_t i = 0; a.options.model == NULL && i < sizeof models / sizeof models[0]; i++) {
        if (access(models[i], R_OK) == 0)
            a.options.model = models[i];
    }
    int status = 0;
    bool all = strcmp(a.command, "all") == 0, known = all;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (all || strcmp(a.command, commands[i].name) == 0) {
            known = true;
            status |= commands[i].run(&a.options);
        }
    }
    if (!known) {
        (void)fprintf(stderr,
                      "%s: no such command: must be engine, chains, offload, imaging, pipeline, "
                      "latency or all\n",
                      a.command);
        return 2;
    }
    return status;
}
