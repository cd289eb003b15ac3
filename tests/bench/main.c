/* sparse-bench: how fast it is, beside its peers, in one run. */
#include "base/heap.h"
#include "bench/goals.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One row is one subcommand; `all` runs them in this order. */
static const struct {
    const char *name;
    int (*run)(const struct bench_options *o);
} commands[] = {
    {"engine", bench_windows},    {"active", bench_active},   {"chains", bench_chains},
    {"peers", bench_peers},       {"offload", bench_offload}, {"imaging", bench_imaging},
    {"pipeline", bench_pipeline}, {"latency", bench_latency}, {"workers", bench_workers},
    {"memory", bench_memory},     {"fpga", bench_fpga},       {"kafka", bench_kafka},
    {"tiers", bench_tiers},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

/* The first of these that is there is the model, unless --model names one. */
static const char *const models[] = {
    BENCH_SOURCE "/config/models/neutrino-l-16b.model.h5",
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
     "engine: measure this model alone; pipeline, latency, workers, memory: run it (it needs "
     "preprocessing and a label \"neutrino\"; default: neutrino-l-16b of config/models)",
     0},
    {"models", 'M', "FOLDER", 0, "our own models (default: config/models of the sources)", 0},
    {"kernel", 'k', "FILE", 0,
     "peers: libkernel_NAME.so, the C simulation of --model's kernel (docs/benchmarks.md)", 0},
    {"python", 'p', "FILE", 0,
     "peers: an interpreter with tests/bench/requirements.txt (default: "
     "build/bench-peer/bin/python of the sources)",
     0},
    {"rtl", 't', "FILE", 0, "fpga: libkernel_rtl.so (default: this build's, target kernel_rtl)", 0},
    {"rdkafka-performance", 'K', "FILE", 0,
     "kafka: librdkafka's examples/rdkafka_performance, built (docs/benchmarks.md)", 0},
    {"brokers", 'b', "HOST:PORT", 0,
     "kafka: measure at this broker (default: one that tests/kafka/broker.py starts)", 0},
    {"resources", 'R', "FILE", 0,
     "fpga: what fpga/rtl/measure.py --json said of kernels, a line each", 0},
    {"seconds", 's', "S", 0, "memory: how long it is watched: 2 .. 86400, default 20", 0},
    {"json", 'j', NULL, 0, "one JSON object a line instead of tables", 0},
    {0}};

static const char doc[] =
    "Measures sparsed beside its peers, in turn, in one run; shows minimum and median.\v"
    "Commands:\n"
    "  engine    one core: windows to scores with every kernel, against the paper's FPGA and\n"
    "            the scalar reference; windows of the vectors file beside the model\n"
    "  active    one core: what a window costs as its active pixels grow from 0 to N\n"
    "  chains    one core: jets, MNIST and the standard CNN, all sizes, against the scalar\n"
    "            reference; the standard CNN also with every pixel lit\n"
    "  peers     one core: the standard CNN against onnxruntime, one thread; the engine\n"
    "            against the C simulation of the kernel that is synthesised\n"
    "  offload   one core: windows to a card that takes no time, and back\n"
    "  imaging   one core: samples to hits, against plainly reading the same buffer\n"
    "  pipeline  the whole daemon over tcp and ipc, against ZeroMQ alone receiving the same\n"
    "            messages, by fragment size\n"
    "  latency   from an event's last fragment to its decision, whole MicroBooNE events\n"
    "  workers   the whole daemon over inproc, two workers against one\n"
    "  memory    the whole daemon at full rate: does its memory grow?\n"
    "  fpga      the kernel in SystemVerilog: cycles, and resources if they were counted\n"
    "  tiers     one core: an event's way between two tiers, against scoring its windows\n"
    "  kafka     readout and decisions of a Kafka broker, against rdkafka_performance\n"
    "  all       all of these, and what a whole MicroBooNE needs\n\n"
    "The last table is the goals: what was measured, against what, and whether it is enough. "
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
        a->options.model_given = true;
        return 0;
    case 'M':
        a->options.models = arg;
        return 0;
    case 'k':
        a->options.kernel = arg;
        return 0;
    case 'p':
        a->options.python = arg;
        return 0;
    case 't':
        a->options.rtl = arg;
        return 0;
    case 'R':
        a->options.resources = arg;
        return 0;
    case 'K':
        a->options.rdkafka_performance = arg;
        return 0;
    case 'b':
        a->options.brokers = arg;
        return 0;
    case 's':
        a->options.soak_s = number("seconds", arg, 2, 86400, state);
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
            argp_error(state, "a command is missing: see --help");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Runs the command, or all of them; 2: there is no such command. */
static int run(const struct arguments *a)
{
    int status = 0;
    bool all = strcmp(a->command, "all") == 0, known = all;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (all || strcmp(a->command, commands[i].name) == 0) {
            known = true;
            status |= commands[i].run(&a->options);
        }
    }
    if (!known) {
        (void)fprintf(stderr, "%s: no such command: must be all", a->command);
        for (size_t i = 0; i < N_COMMANDS; i++)
            (void)fprintf(stderr, ", %s", commands[i].name);
        (void)fprintf(stderr, "\n");
        return 2;
    }
    goals_show(a->options.goals, &a->options);
    if (all)
        goals_show_server(a->options.goals, &a->options);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = {.rounds = 21,
                                      .events = 250,
                                      .soak_s = 20,
                                      .models = BENCH_SOURCE "/config/models",
                                      .python = BENCH_SOURCE "/build/bench-peer/bin/python",
                                      .rtl = BENCH_RTL,
                                      .goals = goals_create()}};
    argp_err_exit_status = 2;
    static const struct argp argp = {options, parse, "COMMAND", doc, NULL, NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    for (size_t i = 0; a.options.model == NULL && i < sizeof models / sizeof models[0]; i++) {
        if (access(models[i], R_OK) == 0)
            a.options.model = models[i];
    }
    if (a.options.goals == NULL) {
        (void)fprintf(stderr, "sparse-bench: no memory\n");
        return 1;
    }
    heap_keep_freed(); /* as the daemon does; so the peers have it too */
    int status = run(&a);
    goals_destroy(&a.options.goals);
    return status;
}
