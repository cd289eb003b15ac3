#include "offline/score_options.h"
#include "common/text.h"

#include <argp.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "sparse-score " SPARSED_VERSION;

enum key {
    KEY_CONFIG = 'c',
    KEY_SET = 's',
    KEY_OUTPUT = 'o',
    KEY_EVENTS = 'e',
    KEY_QUIET = 'q',
    KEY_THREADS = 'j',
    KEY_THRESHOLD = 't',
    KEY_JSON = 256,
    KEY_CALIBRATION,
    KEY_NO_EMPTY,
    KEY_DATASET,
    KEY_RATE,
};

static const struct argp_option table[] = {
    {.doc = "What is done:", .group = 1},
    {"config", KEY_CONFIG, "FILE", 0,
     "the trigger's configuration, the same as sparsed takes; MODEL is then left out, sockets and "
     "recorder are not looked at",
     1},
    {"set", KEY_SET, "KEY=VALUE", 0,
     "overrides a key of the configuration, also of the one made without --config; may be repeated",
     1},
    {"threshold", KEY_THRESHOLD, "SCORE", 0,
     "without --config: an event is accepted if a window of any plane scores above (default 0.5)",
     1},
    {"calibration", KEY_CALIBRATION, "FILE", 0,
     "pedestals and masks of sparse-calibrate: the same as --set detector.calibration=FILE", 1},
    {"events", KEY_EVENTS, "A:B", 0,
     "events A to B-1 of the file, counted from 0; A: to the last, :B from the first, A that one",
     1},
    {"dataset", KEY_DATASET, "NAME", 0, "of ready-made images (default: images)", 1},
    {"rate", KEY_RATE, "HZ", 0,
     "give event k the time k / HZ, for trigger.max_accept_rate where the file has no times", 1},
    {"threads", KEY_THREADS, "N", 0, "default: one a core; the result is the same with any", 1},

    {.doc = "What comes out:", .group = 2},
    {"output", KEY_OUTPUT, "OUT.h5", 0,
     "HDF5: event_table (the truth, copied), decision_table (a row an event), window_table (a row "
     "a window: place, active pixels, scores; vertex and neutrino_bins where the file tells)",
     2},
    {"jsonl", KEY_JSON, "OUT.jsonl", 0,
     "JSON lines: each decision as sparse-decisions --json has it, and \"truth\"; - is standard "
     "output",
     2},
    {"no-empty", KEY_NO_EMPTY, NULL, 0,
     "windows without active pixels are left out of window_table", 2},
    {"quiet", KEY_QUIET, NULL, 0, "no progress, only the account at the end", 2},
    {0},
};

static const char doc[] =
    "Scores the events of a file with the daemon's own imaging, engine and trigger, without "
    "sockets, on all cores, and writes decisions with the truth beside them.\n"
    "FILE is an OpenSamples file (HDF5 with wire_table), a pixel file (pixel_table, written by "
    "sparse-simulate --windows), a file that sparsed recorded with samples, or one of ready-made "
    "images.\v"
    "Examples:\n"
    "  sparse-score model.h5 events.h5 -o scores.h5\n"
    "  sparse-score model.h5 events.h5 -o scores.h5 --threshold 0.9 --jsonl scores.jsonl\n"
    "  sparse-score --config trigger.toml --set trigger.pass_through=0 run1207.h5 -o scores.h5\n"
    "\n"
    "Without --config all planes of FILE are looked at, their size as the file says or as "
    "MicroBooNE's. Wires that FILE lacks are empty. OUT appears when all is written; one that "
    "is there is replaced.\n"
    "Exit status: 0 all events scored and the ledger closes, 1 a file is wrong or cannot be "
    "written, 2 configuration or command line.";

static double positive(struct argp_state *state, const char *option, const char *value, bool any)
{
    double x;
    if (!text_read_real(value, any ? -INFINITY : DBL_MIN, INFINITY, &x))
        argp_error(state, "--%s %s: needs a number%s", option, value, any ? "" : " above 0");
    return x;
}

static void parse_events(struct argp_state *state, struct score_options *o, const char *value)
{
    char *end = (char *)(uintptr_t)value;
    bool good = strspn(value, "0123456789:") == strlen(value) && *value != '\0';
    errno = 0;
    o->first = value[0] == ':' ? 0 : strtoull(value, &end, 10);
    if (good && *end == '\0') {
        o->end = o->first + 1;
    } else if (good) {
        const char *b = end + 1;
        o->end = *b == '\0' ? UINT64_MAX : strtoull(b, &end, 10);
        good = *b == '\0' || *end == '\0';
    }
    if (!good || errno != 0 || o->first >= o->end)
        argp_error(state, "--events %s: needs A:B with A less than B, such as 0:100", value);
}

static void parse_threads(struct argp_state *state, struct score_options *o, const char *value)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || *end || n < 1 || n > 256)
        argp_error(state, "--threads %s: must be 1 .. 256", value);
    o->threads = (uint32_t)n;
}

static void finish(struct argp_state *state, struct score_options *o)
{
    char **argument = state->argv + state->next;
    int n = state->argc - state->next, wanted = o->config ? 1 : 2;
    if (n != wanted)
        argp_error(state,
                   o->config ? "with --config one FILE is needed, there are %d arguments"
                             : "MODEL and FILE are needed, there are %d arguments",
                   n);
    o->model = o->config ? NULL : argument[0];
    o->file = argument[n - 1];
    if (!o->output && !o->json)
        argp_error(state, "nothing would be written: give -o OUT.h5 or --jsonl OUT.jsonl");
    if (o->config && !isnan(o->threshold))
        argp_error(state, "--threshold: with --config it is in the rules: --set "
                          "trigger.rule[0].threshold=...");
    if (isnan(o->threshold))
        o->threshold = 0.5;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct score_options *o = state->input;
    switch (key) {
    case KEY_CONFIG:
        o->config = value;
        return 0;
    case KEY_SET:
        if (o->n_overrides == SCORE_MAX_OVERRIDES)
            argp_error(state, "--set: more than %d of them", SCORE_MAX_OVERRIDES);
        o->override[o->n_overrides++] = value;
        return 0;
    case KEY_CALIBRATION:
        if (o->n_overrides == SCORE_MAX_OVERRIDES || strlen(value) >= SETTINGS_PATH_BYTES)
            argp_error(state, "--calibration %s: too long, or too many --set", value);
        (void)snprintf(o->calibration, sizeof o->calibration, "detector.calibration=%s", value);
        o->override[o->n_overrides++] = o->calibration;
        return 0;
    case KEY_OUTPUT:
        o->output = value;
        return 0;
    case KEY_JSON:
        o->json = value;
        return 0;
    case KEY_DATASET:
        if (strlen(value) > 90 || !*value)
            argp_error(state, "--dataset %s: needs a name of 1 to 90 characters", value);
        o->dataset = value;
        return 0;
    case KEY_THRESHOLD:
        o->threshold = positive(state, "threshold", value, true);
        return 0;
    case KEY_RATE:
        o->rate_hz = positive(state, "rate", value, false);
        return 0;
    case KEY_EVENTS:
        parse_events(state, o, value);
        return 0;
    case KEY_THREADS:
        parse_threads(state, o, value);
        return 0;
    case KEY_NO_EMPTY:
        o->no_empty = true;
        return 0;
    case KEY_QUIET:
        o->quiet = true;
        return 0;
    case ARGP_KEY_ARGS:
        finish(state, o);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no file given");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void score_options_parse(struct score_options *o, int argc, char **argv)
{
    static const struct argp argp = {.options = table,
                                     .parser = parse,
                                     .args_doc = "MODEL FILE\n--config CONFIG FILE",
                                     .doc = doc};
    *o = (struct score_options){.threshold = NAN, .end = UINT64_MAX};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}
