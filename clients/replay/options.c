#include "replay/options.h"
#include "common/text.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "sparse-replay " SPARSED_VERSION;

enum key {
    KEY_TO = 'o',
    KEY_PATTERN = 'p',
    KEY_EVENTS = 'e',
    KEY_LOOPS = 'n',
    KEY_RATE = 'r',
    KEY_QUIET = 'q',
    KEY_SPEED = 256,
    KEY_FAST,
    KEY_DATASET,
    KEY_PLANE,
    KEY_TICKS,
    KEY_MISSING,
    KEY_TYPE,
    KEY_SCALE,
    KEY_WIRES,
    KEY_ENCODING,
    KEY_CHECKSUM,
    KEY_SOURCES,
    KEY_SOURCE_ID,
    KEY_SHUFFLE,
    KEY_EVENT_TIME,
    KEY_PRELOAD,
    KEY_WAIT,
    KEY_GIVE_UP,
    KEY_FULL,
    KEY_HWM,
    KEY_LINGER,
    KEY_KEYS,
    KEY_SERVER_KEY,
    KEY_JSON,
};

static const struct argp_option table[] = {
    {.doc = "Where to:", .group = 1},
    {"to", KEY_TO, "ENDPOINT", 0,
     "ZeroMQ endpoint; > before it connects (default), @ binds: tcp://127.0.0.1:5555, "
     "@tcp://*:5555, ipc:///tmp/readout; or a Kafka topic: kafka://HOST:PORT/TOPIC",
     1},
    {"pattern", KEY_PATTERN, "push|pub", 0,
     "push (default): nothing is lost, the daemon sets the pace. pub: as a detector that cannot "
     "wait; the first event is sent when somebody has subscribed",
     1},
    {"wait", KEY_WAIT, "TIME", 0, "how long to wait for the peer (default 30s, 0 for ever)", 1},
    {"give-up", KEY_GIVE_UP, "TIME", 0,
     "end with an error where nothing was taken for so long (default 0: never)", 1},
    {"full", KEY_FULL, "wait|drop", 0,
     "pub only, where a subscriber is slow: wait (default), or drop the fragment and count it", 1},
    {"hwm", KEY_HWM, "N", 0, "messages waiting in here, at most (default 256)", 1},
    {"linger", KEY_LINGER, "TIME", 0,
     "at the end, wait so long for what is not yet taken (default 30s; 1s after ^C)", 1},
    {"keys", KEY_KEYS, "FILE", 0,
     "our key, a .key_secret file of sparse-keys, where the daemon asks for one", 1},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the daemon's public .key file, with --keys", 1},

    {.doc = "Which events:", .group = 2},
    {"events", KEY_EVENTS, "A:B", 0,
     "events A to B-1, counted from 0 through all files; A: to the last, :B from the first, A "
     "that one",
     2},
    {"loops", KEY_LOOPS, "N", 0,
     "the whole N times (default 1, 0 without end). Each further loop adds to the run number, so "
     "that (run, subrun, event) stays unique",
     2},
    {"dataset", KEY_DATASET, "NAME", 0,
     "the dataset of ready-made images (default: images, in files without wire_table)", 2},
    {"preload", KEY_PRELOAD, NULL, 0,
     "read and encode every event before the first is sent: for rates beyond the disk's; takes "
     "the memory of all of them",
     2},

    {.doc = "How fast:", .group = 3},
    {"fast", KEY_FAST, NULL, 0, "as fast as they are taken (default)", 3},
    {"rate", KEY_RATE, "HZ", 0, "events a second: 300, 300Hz, 1.2kHz", 3},
    {"speed", KEY_SPEED, "FACTOR", 0,
     "as recorded, times FACTOR: 1 as it was, 2 twice as fast. Needs times in the file "
     "(event_table/event_time_ns; for images event_time_ns)",
     3},

    {.doc = "What a fragment is:", .group = 4},
    {"plane", KEY_PLANE, "ID:WIRES", 0,
     "send this plane, so wide; may be repeated (default: of MicroBooNE's 0:2400 1:2400 2:3456 "
     "those that occur)",
     4},
    {"ticks", KEY_TICKS, "N", 0, "the first N samples of a wire (default: all)", 4},
    {"missing", KEY_MISSING, "empty|zeros|omit", 0,
     "wires that the file lacks: declared empty (default), sent as zeros, or left out", 4},
    {"type", KEY_TYPE, "int16|float32", 0,
     "samples as counts or as units (default: as in the file)", 4},
    {"scale", KEY_SCALE, "UNITS", 0,
     "units a count, between int16 and float32 (default 0.0625): count = nearest(value / scale), "
     "cut to int16 and counted",
     4},
    {"wires-per-fragment", KEY_WIRES, "N", 0,
     "cut planes at multiples of N wires (default: a multiple of 8, about 512 KiB)", 4},
    {"encoding", KEY_ENCODING, "none|lz4|zstd", 0, "of the samples (default none)", 4},
    {"checksum", KEY_CHECKSUM, NULL, 0, "an XXH3-64 checksum with each fragment", 4},
    {"sources", KEY_SOURCES, "N", 0,
     "deal the fragments of an event to N sources in turn, as from N crates (default 1)", 4},
    {"source-id", KEY_SOURCE_ID, "ID", 0, "of the first source (default 0)", 4},
    {"shuffle", KEY_SHUFFLE, "SEED", 0,
     "fragments of an event in random order, the same for a seed", 4},
    {"event-time", KEY_EVENT_TIME, "now|recorded", 0,
     "the event's time: when its sending begins (default), or as in the file", 4},

    {.doc = "What is shown:", .group = 5},
    {"json", KEY_JSON, NULL, 0, "at the end, the account as one line of JSON on stdout", 5},
    {"quiet", KEY_QUIET, NULL, 0, "no progress, only the account at the end", 5},
    {0},
};

static const char before[] =
    "Replays recorded events into sparsed, as the detector would send them.\n"
    "FILE is a MicroBooNE OpenSamples file (HDF5 with wire_table) or a file of ready-made images "
    "(HDF5, dataset images [event][row][column][channel]).\v"
    "Examples:\n"
    "  sparse-replay run1207.h5 --to tcp://127.0.0.1:5555 --rate 300Hz\n"
    "  sparse-replay run1207.h5 --to @tcp://*:5555 --pattern pub --type int16 --loops 0\n"
    "  sparse-replay jets.h5 --dataset input_float --to ipc:///tmp/readout --events 0:100\n"
    "\n"
    "Times are written 500ms, 5s or 2min; without a unit they are seconds. "
    "^C ends after the current fragment, with an account; twice at once.\n"
    "Exit status: 0 all events sent, 1 not all, 2 wrong command line.";

static void wrong(struct argp_state *state, const char *option, const char *value,
                  const char *needs)
{
    argp_error(state, "--%s %s: %s", option, value, needs);
}

static uint64_t whole(struct argp_state *state, const char *option, const char *value,
                      uint64_t least, uint64_t most)
{
    char text[96];
    uint64_t n;
    if (!text_read_whole(value, least, most, &n)) {
        snprintf(text, sizeof text, "must be %llu .. %llu", (unsigned long long)least,
                 (unsigned long long)most);
        wrong(state, option, value, text);
    }
    return n;
}

struct unit {
    const char *name;
    double factor;
};

/* A positive number (or 0, where allowed) with one of the units, the first without. */
static double quantity(struct argp_state *state, const char *option, const char *value,
                       const struct unit *unit, bool zero, const char *needs)
{
    char *end;
    double x = strtod(value, &end);
    bool good = end != value && isfinite(x) && (x > 0 || (zero && x == 0 && !signbit(x)));
    while (*end == ' ')
        end++;
    for (; good && unit->name; unit++)
        if (strcmp(end, unit->name) == 0)
            return x * unit->factor;
    wrong(state, option, value, needs);
    return 0;
}

static uint64_t duration_ns(struct argp_state *state, const char *option, const char *value)
{
    static const struct unit units[] = {{"", 1e9},   {"s", 1e9},    {"ms", 1e6},
                                        {"us", 1e3}, {"min", 60e9}, {NULL, 0}};
    const char *needs = "needs a time, such as 500ms, 5s or 2min";
    double ns = quantity(state, option, value, units, true, needs);
    if (ns > 1e15)
        wrong(state, option, value, "is longer than 11 days");
    return (uint64_t)ns;
}

static int choice(struct argp_state *state, const char *option, const char *value, const char *a,
                  const char *b, const char *c)
{
    char needs[64];
    const char *const name[] = {a, b, c};
    for (int i = 0; i < 3 && name[i]; i++)
        if (strcmp(value, name[i]) == 0)
            return i;
    snprintf(needs, sizeof needs, "must be %s%s%s%s%s", a, c ? ", " : " or ", b, c ? " or " : "",
             c ? c : "");
    wrong(state, option, value, needs);
    return 0;
}

static void parse_events(struct argp_state *state, struct options *o, const char *value)
{
    unsigned long long a = 0, b = 0;
    int used = 0;
    const char *colon = strchr(value, ':');
    bool good = strspn(value, "0123456789:") == strlen(value) && strlen(value) < 32 && *value;
    if (good && !colon) {
        good = sscanf(value, "%llu%n", &a, &used) == 1;
        b = a + 1;
    } else if (good) {
        good = strchr(colon + 1, ':') == NULL && (colon == value || sscanf(value, "%llu", &a) == 1);
        b = UINT64_MAX;
        if (good && colon[1])
            good = sscanf(colon + 1, "%llu", &b) == 1;
    }
    if (!good || a >= b)
        wrong(state, "events", value, "needs A:B with A less than B, such as 0:100");
    o->first = a;
    o->end = b;
}

static void parse_plane(struct argp_state *state, struct options *o, const char *value)
{
    unsigned id = 0, wires = 0;
    int used = 0;
    struct recipe *r = &o->recipe;
    if (strspn(value, "0123456789:") != strlen(value) || strlen(value) > 16 ||
        sscanf(value, "%u:%u%n", &id, &wires, &used) != 2 || value[used] ||
        id >= OPENSAMPLES_PLANES || wires < 1 || wires > 1 << 20)
        wrong(state, "plane", value, "needs ID:WIRES, such as 2:3456");
    for (uint32_t i = 0; i < r->planes; i++)
        if (r->plane[i].id == id)
            wrong(state, "plane", value, "is there twice");
    if (r->planes == BUNDLE_MAX_PLANES)
        wrong(state, "plane", value, "is one plane too many");
    uint32_t at = r->planes++;
    for (; at > 0 && r->plane[at - 1].id > id; at--) /* kept sorted, as wires are */
        r->plane[at] = r->plane[at - 1];
    r->plane[at].id = id;
    r->plane[at].wires = wires;
}

static void parse_pace(struct argp_state *state, struct options *o, enum pace_kind kind,
                       const char *value)
{
    static const struct unit hertz[] = {{"", 1}, {"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {NULL, 0}};
    static const struct unit factor[] = {{"", 1}, {"x", 1}, {NULL, 0}};
    static bool chosen;
    if (chosen)
        argp_error(state, "--fast, --rate and --speed: choose one");
    chosen = true;
    o->pace.kind = kind;
    if (kind == PACE_RATE)
        o->pace.rate_hz =
            quantity(state, "rate", value, hertz, false, "needs a rate, such as 300Hz or 1.2kHz");
    if (kind == PACE_RECORDED)
        o->pace.speed = quantity(state, "speed", value, factor, false, "needs a factor above 0");
}

static error_t parse_sender(int key, char *value, struct argp_state *state, struct options *o)
{
    switch (key) {
    case KEY_TO:
        o->sender.endpoint = value;
        break;
    case KEY_PATTERN:
        o->sender.pub = choice(state, "pattern", value, "push", "pub", NULL) == 1;
        break;
    case KEY_WAIT:
        o->sender.wait_ns = duration_ns(state, "wait", value);
        break;
    case KEY_GIVE_UP:
        o->sender.give_up_ns = duration_ns(state, "give-up", value);
        break;
    case KEY_FULL:
        o->sender.drop = choice(state, "full", value, "wait", "drop", NULL) == 1;
        break;
    case KEY_HWM:
        o->sender.hwm = (int)whole(state, "hwm", value, 1, 1000000);
        break;
    case KEY_KEYS:
        o->sender.keys.own = value;
        break;
    case KEY_SERVER_KEY:
        o->sender.keys.server = value;
        break;
    case KEY_LINGER:
        o->linger_ms = (int)(duration_ns(state, "linger", value) / 1000000);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_fragment(int key, char *value, struct argp_state *state, struct options *o)
{
    static const struct unit none[] = {{"", 1}, {NULL, 0}};
    static const Sparsed__Encoding encoding[] = {SPARSED__ENCODING__NONE, SPARSED__ENCODING__LZ4,
                                                 SPARSED__ENCODING__ZSTD};
    switch (key) {
    case KEY_PLANE:
        parse_plane(state, o, value);
        break;
    case KEY_TICKS:
        o->files.ticks = (uint32_t)whole(state, "ticks", value, 1, 1 << 20);
        break;
    case KEY_MISSING:
        o->recipe.missing = (enum missing)choice(state, "missing", value, "empty", "zeros", "omit");
        break;
    case KEY_TYPE:
        o->recipe.samples = choice(state, "type", value, "int16", "float32", NULL) == 0
                                ? SAMPLES_INT16
                                : SAMPLES_FLOAT32;
        break;
    case KEY_SCALE:
        o->recipe.scale = quantity(state, "scale", value, none, false, "needs a number above 0");
        break;
    case KEY_WIRES:
        o->recipe.wires_per_fragment =
            (uint32_t)whole(state, "wires-per-fragment", value, 1, 1 << 20);
        break;
    case KEY_ENCODING:
        o->recipe.encoding = encoding[choice(state, "encoding", value, "none", "lz4", "zstd")];
        break;
    case KEY_CHECKSUM:
        o->recipe.checksum = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_rest(int key, char *value, struct argp_state *state, struct options *o)
{
    switch (key) {
    case KEY_EVENTS:
        parse_events(state, o, value);
        break;
    case KEY_LOOPS:
        o->loops = whole(state, "loops", value, 0, UINT32_MAX);
        break;
    case KEY_DATASET:
        o->files.dataset = value;
        if (strlen(value) > 90 || !*value)
            wrong(state, "dataset", value, "needs a name of 1 to 90 characters");
        break;
    case KEY_PRELOAD:
        o->preload = true;
        break;
    case KEY_FAST:
        parse_pace(state, o, PACE_FAST, NULL);
        break;
    case KEY_RATE:
        parse_pace(state, o, PACE_RATE, value);
        break;
    case KEY_SPEED:
        parse_pace(state, o, PACE_RECORDED, value);
        break;
    case KEY_SOURCES:
        o->sources = (uint32_t)whole(state, "sources", value, 1, 65536);
        break;
    case KEY_SOURCE_ID:
        o->source_id = (uint32_t)whole(state, "source-id", value, 0, UINT32_MAX - 65536);
        break;
    case KEY_SHUFFLE:
        o->shuffle = true;
        o->seed = whole(state, "shuffle", value, 0, UINT64_MAX);
        break;
    case KEY_EVENT_TIME:
        o->recorded_times = choice(state, "event-time", value, "now", "recorded", NULL) == 1;
        break;
    case KEY_JSON:
        o->json = true;
        break;
    case KEY_QUIET:
        o->quiet = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    if (key == ARGP_KEY_ARGS) {
        o->files.file = state->argv + state->next;
        o->files.files = (size_t)(state->argc - state->next);
        return 0;
    }
    if (key == ARGP_KEY_END) {
        if (o->files.files == 0)
            argp_error(state, "no FILE given");
        if (!o->sender.endpoint)
            argp_error(state, "no endpoint given: --to tcp://127.0.0.1:5555");
        if (o->sender.drop && !o->sender.pub)
            argp_error(state, "--full drop: only with --pattern pub, push never drops");
        return 0;
    }
    if (parse_sender(key, value, state, o) == 0 || parse_fragment(key, value, state, o) == 0)
        return 0;
    return parse_rest(key, value, state, o);
}

void options_parse(struct options *o, int argc, char **argv)
{
    static const struct argp argp = {
        .options = table, .parser = parse, .args_doc = "FILE... --to ENDPOINT", .doc = before};
    *o = (struct options){
        .recipe = {.scale = 0.0625},
        .sender = {.hwm = 256, .wait_ns = 30000000000u},
        .end = UINT64_MAX,
        .loops = 1,
        .sources = 1,
        .linger_ms = 30000,
    };
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, o);
}
