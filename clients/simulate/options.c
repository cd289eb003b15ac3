#include "simulate/options.h"

#include "model/model.h"

#include <argp.h>
#include <errno.h>
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
};

static const struct argp_option table[] = {
    {.doc = "What is made:", .group = 1},
    {"windows", KEY_WINDOWS, NULL, 0,
     "only active pixels and truth, for training and background studies", 1},

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
    "FILE is written as HDF5; one that is there is replaced.\v"
    "Examples:\n"
    "  sparse-simulate --windows train.h5 --events 8000 --seed 1\n"
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
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || errno || n < least || n > most)
        argp_error(state, "--%s %s: must be %llu .. %llu", option, value, (unsigned long long)least,
                   (unsigned long long)most);
    return n;
}

static double number(struct argp_state *state, const char *option, const char *value, double least,
                     double most)
{
    char *end;
    double x = strtod(value, &end);
    if (end == value || *end || !(x >= least && x <= most))
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
    case ARGP_KEY_ARG:
        if (o->file != NULL)
            argp_error(state, "%s: one FILE is enough, there is %s already", value, o->file);
        o->file = value;
        break;
    case ARGP_KEY_END:
        if (o->file == NULL)
            argp_error(state, "needs a FILE to write");
        if (o->events - 1 > (uint64_t)(INT32_MAX - o->numbering.first_event))
            argp_error(state, "--first-event %d + --events %llu: event numbers end at %d",
                       o->numbering.first_event, (unsigned long long)o->events, INT32_MAX);
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
    static const struct argp parser = {table, parse, "FILE", before, NULL, NULL, NULL};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (struct options){.pre = published,
                          .events = 100,
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
