#include "simulate/options.h"
#include "common/text.h"

#include "model/model.h"
#include "simulate/electronics.h"
#include "simulate/readout.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *argp_program_version = "sparse-simulate " SPARSED_VERSION;

enum key {
    KEY_EVENTS = 'n',
    KEY_SEED = 's',
    KEY_THREADS = 'j',
    KEY_QUIET = 'q',
    KEY_TO = 'o',
    KEY_RATE = 'r',
    KEY_WINDOWS = 'w',
    KEY_SET = 256,
    KEY_CONSTANTS,
    KEY_MODEL,
    KEY_COSMIC_ONLY,
    KEY_NEUTRINO_ONLY,
    KEY_RUN,
    KEY_SUBRUN,
    KEY_FIRST_EVENT,
    KEY_EVENT_RATE,
    KEY_START_TIME,
    KEY_PATTERN,
    KEY_WAIT,
    KEY_KEYS,
    KEY_SERVER_KEY,
    KEY_SOURCE_ID,
    KEY_EVENT_TIME,
    KEY_TYPE,
    KEY_WIRES,
    KEY_COMPRESS,
};

static const struct argp_option table[] = {
    {.doc = "What is made:", .group = 1},
    {"windows", KEY_WINDOWS, NULL, 0,
     "into FILE only active pixels and truth, for training and background studies", 1},
    {"type", KEY_TYPE, "int16|float32", 0, "of samples: counts of 1/16 unit (default), or units",
     1},
    {"compress", KEY_COMPRESS, "0..9", 0, "samples in FILE: 0 none, 9 most (default 1)", 1},

    {.doc = "To a running sparsed instead of a FILE:", .group = 5},
    {"to", KEY_TO, "ENDPOINT", 0,
     "send samples as the detector would. ZeroMQ; > before it connects (default), @ binds: "
     "tcp://127.0.0.1:5555, @tcp://*:5555; or a Kafka topic: kafka://HOST:PORT/TOPIC",
     5},
    {"pattern", KEY_PATTERN, "push|pub", 0, "push (default), or pub: waits for a subscriber", 5},
    {"wait", KEY_WAIT, "SECONDS", 0, "how long to wait for the peer (default 30, 0 for ever)", 5},
    {"keys", KEY_KEYS, "FILE", 0,
     "our key, a .key_secret file of sparse-keys, where the daemon asks for one", 5},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the daemon's public .key file, with --keys", 5},
    {"rate", KEY_RATE, "HZ", 0, "events a second (default: as fast as they are made and taken)", 5},
    {"wires-per-fragment", KEY_WIRES, "N", 0,
     "at most, a multiple of what the pixels pool (default: about 512 KiB)", 5},
    {"source-id", KEY_SOURCE_ID, "ID", 0, "of the fragments (default 0)", 5},
    {"event-time", KEY_EVENT_TIME, "now|simulated", 0,
     "when its sending begins (default), or start time and event rate", 5},

    {.doc = "Which events:", .group = 2},
    {"events", KEY_EVENTS, "N", 0, "how many (default 100)", 2},
    {"seed", KEY_SEED, "N", 0, "same seed, same bits, on any machine (default 1)", 2},
    {"cosmic-only", KEY_COSMIC_ONLY, NULL, 0, "no neutrinos (neutrino_fraction = 0)", 2},
    {"neutrino-only", KEY_NEUTRINO_ONLY, NULL, 0,
     "a neutrino in every event (neutrino_fraction = 1)", 2},
    {"run", KEY_RUN, "N", 0, "run number (default 1)", 2},
    {"subrun", KEY_SUBRUN, "N", 0, "subrun number (default 0)", 2},
    {"first-event", KEY_FIRST_EVENT, "N", 0,
     "number of the first event (default 0); an event follows from seed and number alone, so that "
     "a run can be made in parts",
     2},
    {"event-rate", KEY_EVENT_RATE, "HZ", 0, "spacing of the events' times (default 312.5)", 2},
    {"start-time", KEY_START_TIME, "SECONDS", 0,
     "time of the first event since the epoch (default 1577836800)", 2},

    {.doc = "Physics and detector:", .group = 3},
    {"set", KEY_SET, "NAME=VALUE", 0, "change a constant; may be repeated", 3},
    {"constants", KEY_CONSTANTS, "markdown", OPTION_ARG_OPTIONAL,
     "print all constants, with unit, range and source, and end", 3},
    {"model", KEY_MODEL, "FILE", 0,
     "pixels as this model file wants them (default: the neutrino networks' preprocessing)", 3},

    {.doc = "How:", .group = 4},
    {"threads", KEY_THREADS, "N", 0, "default: all cores; the result does not depend on it", 4},
    {"quiet", KEY_QUIET, NULL, 0, "no progress", 4},
    {0},
};

static const char before[] =
    "Simulates readouts of a liquid-argon TPC with three wire planes: cosmic muons, and in some "
    "events a neutrino.\n"
    "FILE is written as HDF5 in the layout of the MicroBooNE OpenSamples; one that is there is "
    "replaced.\v"
    "Examples:\n"
    "  sparse-simulate run1.h5 --events 20\n"
    "  sparse-simulate --to tcp://127.0.0.1:5555 --rate 20 --events 1000\n"
    "  sparse-simulate --windows train.h5 --events 8000 --seed 1\n"
    "  sparse-simulate noise.h5 --events 20 --cosmic-only --set cosmic_muons=0 --set pedestal=2048 "
    "--set wire_noise=3 --set dead_fraction=0.01 --set hot_fraction=0.005\n"
    "  sparse-simulate --windows cosmic.h5 --events 10000 --seed 3 --cosmic-only\n"
    "\n"
    "docs/simulation.md tells what is simulated, with sources, and what is not.\n"
    "Exit status: 0 all events made, 1 not all, 2 wrong command line.";

/* The neutrino networks'. */
static const struct preprocessing published = {.time_rebin = 6,
                                               .bin_floor = 10,
                                               .bin_clip = 100,
                                               .window_time_bins = 256,
                                               .window_wires = 512,
                                               .pool_time = 4,
                                               .pool_wires = 8,
                                               .pixel_threshold = 700,
                                               .image_height = 63,
                                               .image_width = 63,
                                               .pixel_scale = 3200};

static uint64_t whole(struct argp_state *state, const char *option, const char *value,
                      uint64_t least, uint64_t most)
{
    uint64_t n;
    if (!text_read_whole(value, least, most, &n))
        argp_error(state, "--%s %s: must be %llu .. %llu", option, value, (unsigned long long)least,
                   (unsigned long long)most);
    return n;
}

static double number(struct argp_state *state, const char *option, const char *value, double least,
                     double most)
{
    double x;
    if (!text_read_real(value, least, most, &x))
        argp_error(state, "--%s %s: must be %g .. %g", option, value, least, most);
    return x;
}

static void take_model(struct argp_state *state, struct options *o, const char *path)
{
    struct error err = {0};
    struct model *m = model_load(path, &err);
    if (m == NULL)
        argp_failure(state, 1, 0, "%s", err.text);
    if (m != NULL && !m->has_preprocessing)
        argp_failure(state, 1, 0, "--model %s: has no preprocessing, its images are ready-made",
                     path);
    if (m != NULL)
        o->pre = m->pre;
    model_destroy(&m);
}

static void set(struct argp_state *state, struct options *o, const char *assignment)
{
    struct error err = {0};
    if (!constants_set(&o->constants, assignment, &err))
        argp_error(state, "%s", err.text);
}

/* What no single option can say. */
static void check(struct argp_state *state, struct options *o)
{
    if ((o->file == NULL) == (o->to == NULL))
        argp_error(state, o->to ? "a FILE or --to, not both" : "needs a FILE to write, or --to");
    if (o->windows && (o->to != NULL || o->float32))
        argp_error(state, "--windows: pixels go to a FILE, made of int16 samples");
    if (o->events - 1 > (uint64_t)(INT32_MAX - o->numbering.first_event))
        argp_error(state, "--first-event %d + --events %llu: event numbers end at %d",
                   o->numbering.first_event, (unsigned long long)o->events, INT32_MAX);
    if (o->windows && electronics_on(&o->constants))
        argp_error(state,
                   "--windows: pixels are made of deconvolved samples: pedestal, wire_noise, "
                   "dead_fraction and hot_fraction must be 0");
    uint32_t pool = o->pre.pool_wires;
    if (pool == 0 || pool > READOUT_MAX_BLOCK_WIRES)
        argp_error(state, "pool_wires = %u: must be 1 .. %d", pool, READOUT_MAX_BLOCK_WIRES);
    if (o->block_wires % pool != 0)
        argp_error(state, "--wires-per-fragment %u: must be a multiple of %u", o->block_wires,
                   pool);
    if (o->block_wires == 0) {
        double wire_bytes = o->constants.ticks * (o->float32 ? 4 : 2);
        double most = fmin(512 * 1024 / wire_bytes, READOUT_MAX_BLOCK_WIRES);
        o->block_wires = (uint32_t)fmax(1, floor(most / pool)) * pool;
    }
}

/* True: the second of two words. */
static bool choice(struct argp_state *state, const char *option, const char *value,
                   const char *first, const char *second)
{
    if (strcmp(value, first) != 0 && strcmp(value, second) != 0)
        argp_error(state, "--%s %s: must be %s or %s", option, value, first, second);
    return strcmp(value, second) == 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case KEY_WINDOWS:
        o->windows = true;
        break;
    case KEY_EVENTS:
        o->events = whole(state, "events", value, 1, INT32_MAX);
        break;
    case KEY_SEED:
        o->numbering.seed = whole(state, "seed", value, 0, UINT64_MAX);
        break;
    case KEY_COSMIC_ONLY:
        o->constants.neutrino_fraction = 0;
        break;
    case KEY_NEUTRINO_ONLY:
        o->constants.neutrino_fraction = 1;
        break;
    case KEY_RUN:
        o->numbering.run = (int32_t)whole(state, "run", value, 0, INT32_MAX);
        break;
    case KEY_SUBRUN:
        o->numbering.subrun = (int32_t)whole(state, "subrun", value, 0, INT32_MAX);
        break;
    case KEY_FIRST_EVENT:
        o->numbering.first_event = (int32_t)whole(state, "first-event", value, 0, INT32_MAX);
        break;
    case KEY_EVENT_RATE:
        o->numbering.event_rate_hz = number(state, "event-rate", value, 1e-3, 1e6);
        break;
    case KEY_START_TIME:
        o->numbering.first_time_ns =
            (uint64_t)floor(number(state, "start-time", value, 0, 4e9)) * 1000000000u;
        break;
    case KEY_SET:
        set(state, o, value);
        break;
    case KEY_CONSTANTS:
        if (value != NULL && strcmp(value, "markdown") != 0)
            argp_error(state, "--constants=%s: must be markdown, or nothing", value);
        constants_print(&o->constants, value != NULL, stdout);
        exit(0);
    case KEY_MODEL:
        take_model(state, o, value);
        break;
    case KEY_THREADS:
        o->threads = (uint32_t)whole(state, "threads", value, 1, 1024);
        break;
    case KEY_QUIET:
        o->quiet = true;
        break;
    case KEY_TO:
        o->to = value;
        break;
    case KEY_RATE:
        o->rate_hz = number(state, "rate", value, 1e-3, 1e6);
        break;
    case KEY_PATTERN:
        o->pub = choice(state, "pattern", value, "push", "pub");
        break;
    case KEY_KEYS:
        o->keys.own = value;
        break;
    case KEY_SERVER_KEY:
        o->keys.server = value;
        break;
    case KEY_WAIT:
        o->wait_ns = (uint64_t)(number(state, "wait", value, 0, 1e6) * 1e9);
        break;
    case KEY_SOURCE_ID:
        o->source_id = (uint32_t)whole(state, "source-id", value, 0, UINT32_MAX);
        break;
    case KEY_EVENT_TIME:
        o->simulated_times = choice(state, "event-time", value, "now", "simulated");
        break;
    case KEY_TYPE:
        o->float32 = choice(state, "type", value, "int16", "float32");
        break;
    case KEY_WIRES:
        o->block_wires =
            (uint32_t)whole(state, "wires-per-fragment", value, 1, READOUT_MAX_BLOCK_WIRES);
        break;
    case KEY_COMPRESS:
        o->deflate = (uint32_t)whole(state, "compress", value, 0, 9);
        break;
    case ARGP_KEY_ARG:
        if (o->file != NULL)
            argp_error(state, "%s: one FILE is enough, there is %s already", value, o->file);
        o->file = value;
        break;
    case ARGP_KEY_END:
        check(state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* "sparse-simulate", whatever path it was started by, and the arguments. */
static void keep_command(struct options *o, int argc, char **argv)
{
    int n = snprintf(o->command, sizeof o->command, "sparse-simulate");
    for (int i = 1; i < argc && n < (int)sizeof o->command; i++)
        n += snprintf(o->command + n, sizeof o->command - (size_t)n, " %s", argv[i]);
}

void options_parse(struct options *o, int argc, char **argv)
{
    static const struct argp parser = {table, parse, "[FILE]", before, NULL, NULL, NULL};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (struct options){.pre = published,
                          .events = 100,
                          .deflate = 1,
                          .wait_ns = 30000000000u,
                          .threads = cores > 0 ? (uint32_t)cores : 1,
                          .numbering = {.seed = 1,
                                        .run = 1,
                                        .event_rate_hz = 312.5,
                                        .first_time_ns = 1577836800u * (uint64_t)1000000000u}};
    constants_init(&o->constants);
    argp_err_exit_status = 2;
    keep_command(o, argc, argv);
    argp_parse(&parser, argc, argv, 0, NULL, o);
}
