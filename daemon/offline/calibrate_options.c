#include "offline/calibrate_options.h"
#include "common/text.h"

#include <argp.h>

const char *argp_program_version = "sparse-calibrate " SPARSED_VERSION;

enum key {
    KEY_CONFIG = 'c',
    KEY_SET = 's',
    KEY_OUTPUT = 'o',
    KEY_EVENTS = 'n',
    KEY_QUIET = 'q',
    KEY_LIVE = 256,
    KEY_WAIT,
    KEY_DEAD,
    KEY_HOT,
    KEY_JSON,
};

static const struct argp_option table[] = {
    {.doc = "Of what:", .group = 1},
    {"config", KEY_CONFIG, "FILE", 0,
     "the trigger's configuration: its detector's planes are calibrated. Without it, those that "
     "the first FILE tells (group /detector)",
     1},
    {"set", KEY_SET, "KEY=VALUE", 0, "overrides a key of the configuration; may be repeated", 1},
    {"live", KEY_LIVE, "ENDPOINT", 0,
     "fragments from where a running readout publishes them (SUB), instead of FILEs; > before it "
     "connects (default), @ binds. Needs --config",
     1},
    {"events", KEY_EVENTS, "N", 0, "at most so many events (default 100)", 1},
    {"wait", KEY_WAIT, "SECONDS", 0,
     "--live: give up after so long without a fragment (default 30)", 1},

    {.doc = "Which wires are masked:", .group = 2},
    {"dead", KEY_DEAD, "RATIO", 0,
     "noise below so many times the median of the plane's wires (default 0.2)", 2},
    {"hot", KEY_HOT, "RATIO", 0, "noise above so many times that median (default 3)", 2},

    {.doc = "What comes out:", .group = 3},
    {"output", KEY_OUTPUT, "OUT.h5", 0,
     "the calibration, for detector.calibration; one that is there is replaced", 3},
    {"json", KEY_JSON, NULL, 0, "the account on standard output as JSON: planes and masked wires",
     3},
    {"quiet", KEY_QUIET, NULL, 0, "no progress", 3},
    {0},
};

static const char doc[] =
    "Measures pedestal and noise of every wire, from recorded events or from live fragments, and "
    "tells dead and hot wires.\n"
    "FILE is an OpenSamples file (HDF5 with wire_table) with samples of int16 or float32 that are "
    "not zero-suppressed: also what sparsed recorded with samples, and what sparse-simulate made "
    "with --set wire_noise=...\v"
    "Examples:\n"
    "  sparse-calibrate --config trigger.toml noise.h5 -o calibration.h5\n"
    "  sparse-calibrate noise.h5 -o calibration.h5 --hot 2.5 --json\n"
    "  sparse-calibrate --config trigger.toml --live tcp://daq01:5555 -n 200 -o calibration.h5\n"
    "  sparsed --config trigger.toml --set detector.calibration=calibration.h5\n"
    "\n"
    "The pedestal is the mean of a wire's samples within 3 sigma of their median, the noise their "
    "rms; sigma is 1.4826 times the median distance from the median; of all events the median is "
    "taken. So signals do not count, as long as they are less than half of a wire's samples. "
    "docs/calibration.md tells the file's layout.\n"
    "Exit status: 0 calibrated, 1 a file is wrong or cannot be written, or the samples do not "
    "tell, 2 wrong command line or configuration.";

static double number(struct argp_state *state, const char *option, const char *value, double least,
                     double most)
{
    double x;
    if (!text_read_real(value, least, most, &x))
        argp_error(state, "--%s %s: must be %g .. %g", option, value, least, most);
    return x;
}

/* What no single option can say. */
static void check(struct argp_state *state, const struct calibrate_options *o)
{
    if ((o->n_files > 0) == (o->live != NULL))
        argp_error(state, o->live != NULL ? "FILEs or --live, not both" : "no file given");
    if (o->live != NULL && o->config == NULL)
        argp_error(state, "--live needs --config, which says what the planes are");
    if (o->config == NULL && o->n_overrides > 0)
        argp_error(state, "--set needs --config");
    if (o->output == NULL && !o->json)
        argp_error(state, "nothing would come of it: give -o OUT.h5 or --json");
    if (!(o->dead < o->hot))
        argp_error(state, "--dead %g: must be below --hot %g", o->dead, o->hot);
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct calibrate_options *o = state->input;
    switch (key) {
    case KEY_CONFIG:
        o->config = value;
        return 0;
    case KEY_SET:
        if (o->n_overrides == CALIBRATE_MAX_OVERRIDES)
            argp_error(state, "--set: more than %d of them", CALIBRATE_MAX_OVERRIDES);
        o->override[o->n_overrides++] = value;
        return 0;
    case KEY_LIVE:
        o->live = value;
        return 0;
    case KEY_EVENTS:
        o->events = (uint32_t)number(state, "events", value, 1, 10000);
        return 0;
    case KEY_WAIT:
        o->wait_s = number(state, "wait", value, 0.01, 86400);
        return 0;
    case KEY_DEAD:
        o->dead = number(state, "dead", value, 0, 1);
        return 0;
    case KEY_HOT:
        o->hot = number(state, "hot", value, 1, 1e6);
        return 0;
    case KEY_OUTPUT:
        o->output = value;
        return 0;
    case KEY_JSON:
        o->json = true;
        return 0;
    case KEY_QUIET:
        o->quiet = true;
        return 0;
    case ARGP_KEY_ARGS:
        o->file = state->argv + state->next;
        o->n_files = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        check(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void calibrate_options_parse(struct calibrate_options *o, int argc, char **argv)
{
    static const struct argp argp = {
        .options = table, .parser = parse, .args_doc = "FILE...\n--live ENDPOINT", .doc = doc};
    *o = (struct calibrate_options){.events = 100, .wait_s = 30, .dead = 0.2, .hot = 3};
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}
