/* sparse-decisions: prints what sparsed decides, a line an event. */
#include "common/decision_json.h"
#include "common/json.h"
#include "common/run_json.h"
#include "common/subscriber.h"
#include "common/text.h"
#include "decisions/decision_text.h"

#include <float.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_VERSION = 1, HIGH_WATER = 10000, LOOK_MS = 1000 };

struct options {
    const char *endpoint;
    bool json, accepted, runs, pull;
    uint64_t count;   /* 0: no limit */
    double timeout_s; /* 0: none */
    struct keys_files keys;
};

struct counts {
    uint64_t decisions, accepted;
    uint64_t unreadable, other_version; /* not decisions; decisions of another schema */
};

static const char help[] =
    "Usage: sparse-decisions [OPTION]... [ENDPOINT]\n"
    "Prints what sparsed decides about each event, one line an event.\n"
    "\n"
    "ENDPOINT is that of sparsed's output.decisions, default tcp://127.0.0.1:5556.\n"
    "\">\" before it connects (default), \"@\" binds.\n"
    "\n"
    "  --accepted       only accepted events\n"
    "  --json           JSON lines: every field of decision.proto under its own name;\n"
    "                   hashes are hexadecimal, times ns, a score that is not a number\n"
    "                   null, an integer above 2^63 - 1 a string of digits\n"
    "  --runs           also when a run begins, changes or ends (run.proto), a line each\n"
    "  --count N        end after N decisions\n"
    "  --timeout S      end when no decision came for S seconds; exit status 1 if there\n"
    "                   was none at all, or fewer than --count\n"
    "  --pattern P      sub (default): a copy of what sparsed publishes\n"
    "                   pull: takes decisions from a PUSH socket; each goes to one reader\n"
    "  --keys FILE      our key, a .key_secret file of sparse-keys, where sparsed asks for one\n"
    "  --server-key FILE  sparsed's public .key file, with --keys\n"
    "  -h, --help       this text\n"
    "  --version        the version\n"
    "\n"
    "A line:\n"
    "  run 1207 event 41,184  ACCEPT neutrino  best 0.981 plane 2 bin 512 wire 1,024  14 active  "
    "3.2 ms  cpu\n"
    "  run, subrun where any is not 0, event\n"
    "  ACCEPT and why (rules, pass-through); reject (no rule fired); prescaled (all rules\n"
    "    that fired were prescaled away); throttled (accept rate at its limit)\n"
    "  best: highest score of all windows (and its label, where there are several); for\n"
    "    accepted events its plane and the time bin and wire of the window's corner\n"
    "  active: active pixels of that window; (cut): more than the model takes\n"
    "  latency from the last fragment's arrival to the decision; the engine that ran\n"
    "\n"
    "Lines are flushed one by one. SIGINT and SIGTERM end it, as does a reader that goes\n"
    "away; counts are on standard error. A SUB socket sees decisions from the moment it is\n"
    "connected, and loses those it is too slow for.\n"
    "Exit status: 0; 1 for --timeout as above or a failed socket or output; 2 for a bad\n"
    "command line.\n";

static int usage(const char *what, const char *value, const char *must)
{
    fprintf(stderr, "sparse-decisions: %s%s: %s; --help shows how it is used\n", what, value, must);
    return 2;
}

/* Exit status of a program that ends here, or -1 to go on. */
static int read_options(int argc, char **argv, struct options *o)
{
    enum { JSON = 256, ACCEPTED, RUNS, COUNT, TIMEOUT, PATTERN, KEYS, SERVER_KEY, VERSION };
    static const struct option table[] = {{"json", no_argument, NULL, JSON},
                                          {"accepted", no_argument, NULL, ACCEPTED},
                                          {"runs", no_argument, NULL, RUNS},
                                          {"count", required_argument, NULL, COUNT},
                                          {"timeout", required_argument, NULL, TIMEOUT},
                                          {"pattern", required_argument, NULL, PATTERN},
                                          {"keys", required_argument, NULL, KEYS},
                                          {"server-key", required_argument, NULL, SERVER_KEY},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, VERSION},
                                          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (c) {
        case JSON:
            o->json = true;
            break;
        case RUNS:
            o->runs = true;
            break;
        case ACCEPTED:
            o->accepted = true;
            break;
        case COUNT:
            if (!text_read_whole(optarg, 1, UINT64_MAX, &o->count))
                return usage("--count = ", optarg, "must be a whole number from 1");
            break;
        case TIMEOUT:
            if (!text_read_real(optarg, DBL_MIN, 1e9, &o->timeout_s))
                return usage("--timeout = ", optarg, "must be seconds above 0");
            break;
        case PATTERN:
            o->pull = strcmp(optarg, "pull") == 0;
            if (!o->pull && strcmp(optarg, "sub") != 0)
                return usage("--pattern = ", optarg, "must be sub or pull");
            break;
        case KEYS:
            o->keys.own = optarg;
            break;
        case SERVER_KEY:
            o->keys.server = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        case VERSION:
            puts("sparse-decisions " SPARSED_VERSION);
            return 0;
        default:
            return 2; /* getopt_long said why */
        }
    }
    if (argc - optind > 1)
        return usage("", argv[optind + 1], "one endpoint is enough");
    if (optind < argc)
        o->endpoint = argv[optind];
    return -1;
}

/* Says once that something cannot be read; the count is shown at the end. */
static void refuse(uint64_t *counter, const char *what)
{
    if ((*counter)++ == 0)
        fprintf(stderr, "sparse-decisions: %s (counted, said once)\n", what);
}

/* NULL: refused and counted. */
static Sparsed__Decision *decode(zmq_msg_t *body, struct counts *n)
{
    Sparsed__Decision *d = sparsed__decision__unpack(NULL, zmq_msg_size(body), zmq_msg_data(body));
    if (!d) {
        refuse(&n->unreadable, "a message is not a decision");
        return NULL;
    }
    if (d->schema_version != SCHEMA_VERSION) {
        refuse(&n->other_version, "a decision has a schema version that is not 1");
        sparsed__decision__free_unpacked(d, NULL);
        return NULL;
    }
    return d;
}

/* A line about the run itself. False: standard output failed. */
static bool show_run(zmq_msg_t *body, const struct options *o, struct counts *n)
{
    char line[DECISION_TEXT_BYTES];
    bool ok = true;
    Sparsed__RunRecord *r =
        sparsed__run_record__unpack(NULL, zmq_msg_size(body), zmq_msg_data(body));
    if (r == NULL) {
        refuse(&n->unreadable, "a message is not a run record");
    } else if (r->schema_version != SCHEMA_VERSION) {
        refuse(&n->other_version, "a run record has a schema version that is not 1");
    } else if (o->json) {
        ok = json_write_line(run_json_object(r), stdout);
    } else {
        run_json_line(r, line, sizeof line);
        ok = puts(line) >= 0 && fflush(stdout) == 0;
    }
    if (r != NULL)
        sparsed__run_record__free_unpacked(r, NULL);
    return ok;
}

static bool print(const Sparsed__Decision *d, const struct options *o,
                  struct decision_layout *layout)
{
    if (o->json)
        return json_write_line(decision_json_object(d), stdout);
    char line[DECISION_TEXT_BYTES];
    decision_text_line(layout, d, line, sizeof line);
    return puts(line) >= 0 && fflush(stdout) == 0;
}

/* False: standard output failed for another reason than that nobody reads it. */
static bool run(struct subscriber *s, const struct options *o, struct counts *n)
{
    struct decision_layout layout = {0};
    uint64_t bad_frames = 0;
    bool refusal_said = false;
    uint64_t timeout_ns = (uint64_t)(o->timeout_s * 1e9);
    uint64_t last_ns = subscriber_now_ns();
    while (o->count == 0 || n->decisions < o->count) {
        /* only decisions push the end away: a babbling peer must not */
        uint64_t idle_ns = subscriber_now_ns() - last_ns;
        if (o->timeout_s > 0 && idle_ns >= timeout_ns)
            return true;
        int64_t wait_ms =
            o->timeout_s > 0 ? (int64_t)((timeout_ns - idle_ns) / 1000000 + 1) : LOOK_MS;
        wait_ms = wait_ms < LOOK_MS ? wait_ms : LOOK_MS;
        zmq_msg_t body;
        enum subscriber_event event = subscriber_receive(s, &body, wait_ms, -1);
        if (s->bad_frames > bad_frames) {
            n->unreadable += s->bad_frames - bad_frames - 1;
            bad_frames = s->bad_frames;
            refuse(&n->unreadable, "a message does not have the two parts topic and decision");
        }
        if (s->refusal && !refusal_said) {
            refusal_said = true;
            fprintf(stderr, "sparse-decisions: %s: %s\n", o->endpoint, s->refusal);
        }
        if (event == SUBSCRIBER_STOP)
            return true;
        if (event != SUBSCRIBER_MESSAGE)
            continue;
        if (s->is_also) {
            bool shown = show_run(&body, o, n);
            (void)zmq_msg_close(&body);
            if (!shown)
                return errno == EPIPE;
            continue;
        }
        Sparsed__Decision *d = decode(&body, n);
        (void)zmq_msg_close(&body);
        if (!d)
            continue;
        last_ns = subscriber_now_ns();
        n->decisions++;
        n->accepted += d->accept != 0;
        bool ok = print(d, o, &layout);
        int why = errno;
        sparsed__decision__free_unpacked(d, NULL);
        if (!ok && !subscriber_stopped()) {
            n->decisions--; /* not printed */
            if (why != EPIPE)
                fprintf(stderr, "sparse-decisions: standard output: %s\n", strerror(why));
            return why == EPIPE;
        }
    }
    return true;
}

static void report(const struct counts *n)
{
    char all[TEXT_NUMBER_BYTES], accepted[TEXT_NUMBER_BYTES];
    fprintf(stderr, "sparse-decisions: %s decisions, %s accepted",
            text_count(all, sizeof all, n->decisions),
            text_count(accepted, sizeof accepted, n->accepted));
    if (n->unreadable > 0)
        fprintf(stderr, ", %" PRIu64 " messages unreadable", n->unreadable);
    if (n->other_version > 0)
        fprintf(stderr, ", %" PRIu64 " of another schema version", n->other_version);
    fputc('\n', stderr);
}

int main(int argc, char **argv)
{
    struct options o = {.endpoint = "tcp://127.0.0.1:5556"};
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    subscriber_catch_signals();
    struct subscriber s;
    struct subscriber_settings settings = {.endpoint = o.endpoint,
                                           .topic = o.accepted ? "decision.accepted" : "decision.",
                                           .also = o.runs ? "run." : NULL,
                                           .pull = o.pull,
                                           .high_water = HIGH_WATER,
                                           .keys = o.keys};
    char why[256];
    if (!subscriber_init(&s, &settings, why, sizeof why)) {
        fprintf(stderr, "sparse-decisions: %s\n", why);
        return 1;
    }
    s.watch_stdout = true;
    struct counts n = {0};
    bool ok = run(&s, &o, &n);
    subscriber_fini(&s);
    report(&n);
    bool short_of =
        o.timeout_s > 0 && !subscriber_stopped() && n.decisions < (o.count > 0 ? o.count : 1);
    return ok && !short_of ? 0 : 1;
}
