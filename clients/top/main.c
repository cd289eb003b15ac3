/* sparse-top: a running sparsed at a glance. */
#include "common/json.h"
#include "common/subscriber.h"
#include "common/text.h"
#include "top/screen.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 1, HIGH_WATER = 100, STALE_SECONDS = 3 };

enum mode { SCREEN, PLAIN, JSON };

struct top {
    enum mode mode;
    bool once, utf8, has_data, show_help;
    double timeout_s;
    const char *endpoint;
    struct keys_files keys;
    struct subscriber subscriber;
    struct facts now, before;
    struct facts_rates rates;
    struct facts_history past;
    struct view view;
    uint64_t last_ns; /* when the last message came, or the start */
    uint64_t unreadable;
    bool silence_said;
};

static const char usage_text[] =
    "Usage: sparse-top [OPTION]... [ENDPOINT]\n"
    "Shows a running sparsed: health, rates, losses, latency, sources, disk.\n"
    "\n"
    "ENDPOINT is that of sparsed's service.metrics, default tcp://127.0.0.1:5557.\n"
    "\">\" before it connects (default), \"@\" binds. It reconnects by itself.\n"
    "\n"
    "  --json         one JSON line a message, with the same facts\n"
    "  --plain        lines of text a message, as when output is not a terminal\n"
    "  --once         end after the first message (rates need two: they are unknown)\n"
    "  --timeout S    end with status 1 when no message came for S seconds\n"
    "  --keys FILE    our key, a .key_secret file of sparse-keys, where sparsed asks for one\n"
    "  --server-key FILE  sparsed's public .key file, with --keys\n"
    "  -h, --help     this text\n"
    "  --version      the version\n"
    "\n"
    "Keys: q quits, h explains every line.\n"
    "Exit status: 0; 1 for --timeout or a failed socket or output; 2 for a bad command line.\n";

static const char *const line_help[] = {
    "sparsed    sparsed's own word for its health; instance, run, time since start",
    "why        TROUBLE: in the last 10 s events or fragments were lost, decisions missed or not",
    "           recorded, or the readout dead for 1 %; a source silent for 5 s while others send;",
    "           the books do not agree; the recorder fails; a card's scores differ. degraded: a",
    "           card is not up, the CPU scores for it. idle: no source sends. starting, paused,",
    "           stopping: as an operator wanted",
    "rate       events in, accepted, lost a second; live: time the readout could take data",
    "accepted   mean accept rate of up to 60 messages; a column a message, newest right",
    "latency    last fragment to decision, since the start; columns: mean of each message",
    "engine     what scores; windows a second; cut: windows with more than the model takes",
    "cards      those up, the rest by state; their windows; windows the CPU scored for them;",
    "           compared with the CPU, and differing; below it, why cards were taken out",
    "sources    only those with something to tell: silent, a broken sequence, wires that were",
    "           not there when their event's time was up",
    "ledger     in = every fate + in flight; below it, what lost events died of, and why",
    "           wires of incomplete ones were missing",
    "fragments  lost, and every fate; below it, by cause, with messages that never came",
    "time       length of runs: live, paused, draining, and dead by cause",
    "busy       of the time of each thread, or of all workers together",
    "rules      how often each fired, and was prescaled away; pass-through",
    "disk       what the recorder wrote, what is free, how long that lasts",
    "output     decisions sent; missed: a subscriber's queue was full",
    "inside     event slots in use, queues, memory taken at configure",
    "",
    "\"-\" is a number that is not known. ! and TROUBLE mark trouble. Any key goes back."};

static int usage(const char *what, const char *value, const char *must)
{
    fprintf(stderr, "sparse-top: %s%s: %s; --help shows how it is used\n", what, value, must);
    return 2;
}

/* Exit status of a program that ends here, or -1 to go on. */
static int read_options(int argc, char **argv, struct top *t)
{
    enum { OPT_JSON = 256, OPT_PLAIN, OPT_ONCE, OPT_TIMEOUT, OPT_KEYS, OPT_SERVER, OPT_VERSION };
    static const struct option table[] = {{"json", no_argument, NULL, OPT_JSON},
                                          {"plain", no_argument, NULL, OPT_PLAIN},
                                          {"once", no_argument, NULL, OPT_ONCE},
                                          {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                          {"keys", required_argument, NULL, OPT_KEYS},
                                          {"server-key", required_argument, NULL, OPT_SERVER},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, OPT_VERSION},
                                          {0}};
    int c;
    while ((c = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (c) {
        case OPT_JSON:
            t->mode = JSON;
            break;
        case OPT_PLAIN:
            t->mode = PLAIN;
            break;
        case OPT_ONCE:
            t->once = true;
            break;
        case OPT_TIMEOUT:
            if (!text_read_real(optarg, DBL_MIN, 1e9, &t->timeout_s))
                return usage("--timeout = ", optarg, "must be seconds above 0");
            break;
        case OPT_KEYS:
            t->keys.own = optarg;
            break;
        case OPT_SERVER:
            t->keys.server = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            for (size_t i = 0; i < sizeof line_help / sizeof *line_help; i++)
                printf("%s%s\n", i == 0 ? "\nThe lines:\n" : "", line_help[i]);
            return 0;
        case OPT_VERSION:
            puts("sparse-top " SPARSED_VERSION);
            return 0;
        default:
            return 2; /* getopt_long said why */
        }
    }
    if (argc - optind > 1)
        return usage("", argv[optind + 1], "one endpoint is enough");
    if (optind < argc)
        t->endpoint = argv[optind];
    return -1;
}

/* True: a message was read and its facts are in t->now. */
static bool take(struct top *t, zmq_msg_t *body)
{
    Sparsed__Metrics *m = sparsed__metrics__unpack(NULL, zmq_msg_size(body), zmq_msg_data(body));
    (void)zmq_msg_close(body);
    if (!m || m->schema_version != SCHEMA_VERSION) {
        if (m)
            sparsed__metrics__free_unpacked(m, NULL);
        if (t->unreadable++ == 0 && t->mode != SCREEN)
            fprintf(stderr, "sparse-top: a message is not metrics of schema version 1\n");
        return false;
    }
    t->before = t->now;
    facts_read(&t->now, m);
    sparsed__metrics__free_unpacked(m, NULL);
    t->rates =
        t->has_data ? facts_compare(&t->now, &t->before) : (struct facts_rates){.known = false};
    facts_remember(&t->past, &t->rates);
    t->has_data = true;
    t->silence_said = false;
    t->last_ns = subscriber_now_ns();
    return true;
}

static double silence_s(const struct top *t)
{
    return (double)(subscriber_now_ns() - t->last_ns) * 1e-9;
}

static void explain_silence(const struct top *t, char *text, size_t bytes)
{
    if (t->subscriber.refusal)
        snprintf(text, bytes, "no data for %.0f s from %s: %s", silence_s(t), t->endpoint,
                 t->subscriber.refusal);
    else
        snprintf(text, bytes, "no data for %.0f s: is sparsed running at %s?", silence_s(t),
                 t->endpoint);
}

static void draw(struct top *t)
{
    bool stale = silence_s(t) >= STALE_SECONDS;
    struct view *v = &t->view;
    if (t->show_help) {
        v->n = sizeof line_help / sizeof *line_help;
        for (size_t i = 0; i < v->n; i++) {
            snprintf(v->line[i].text, VIEW_LINE_BYTES, "%s", line_help[i]);
            v->line[i].bad = false;
        }
        screen_draw(v, false);
        return;
    }
    v->n = 0;
    if (t->has_data)
        view_render(v, &t->now, &t->rates, &t->past, t->utf8);
    if (stale || !t->has_data) {
        /* takes the first line: what is below is old, its health as well */
        v->n += v->n == 0;
        v->line[0].bad = stale;
        explain_silence(t, v->line[0].text, VIEW_LINE_BYTES);
    }
    screen_draw(v, stale);
}

static bool show(struct top *t)
{
    if (t->mode == SCREEN)
        return true; /* drawn by the loop */
    if (t->mode == JSON)
        return json_write_line(view_json(&t->now, &t->rates, t->endpoint), stdout);
    view_render(&t->view, &t->now, &t->rates, &t->past, t->utf8);
    for (size_t i = 0; i < t->view.n; i++)
        if (puts(t->view.line[i].text) < 0)
            return false;
    return puts("") >= 0 && fflush(stdout) == 0;
}

/* False: q. */
static bool keys(struct top *t)
{
    for (int c = screen_key(); c >= 0; c = screen_key()) {
        if (c == 'q' || c == 'Q')
            return false;
        t->show_help = !t->show_help && (c == 'h' || c == '?');
    }
    return true;
}

static void say_silence(struct top *t)
{
    if (t->mode == SCREEN || t->silence_said || silence_s(t) < STALE_SECONDS)
        return;
    t->silence_said = true;
    char why[VIEW_LINE_BYTES];
    explain_silence(t, why, sizeof why);
    fprintf(stderr, "sparse-top: %s\n", why);
}

/* Exit status. */
static int run(struct top *t)
{
    t->last_ns = subscriber_now_ns();
    for (;;) {
        if (t->mode == SCREEN) {
            if (!keys(t))
                return 0;
            draw(t);
        }
        say_silence(t);
        if (t->timeout_s > 0 && silence_s(t) >= t->timeout_s)
            return 1;
        zmq_msg_t body;
        int input = t->mode == SCREEN ? STDIN_FILENO : -1;
        enum subscriber_event event = subscriber_receive(&t->subscriber, &body, 250, input);
        if (event == SUBSCRIBER_STOP)
            return 0;
        if (event != SUBSCRIBER_MESSAGE || !take(t, &body))
            continue;
        if (!show(t))
            return errno == EPIPE || subscriber_stopped() ? 0 : 1;
        if (t->once && t->mode != SCREEN)
            return 0;
    }
}

int main(int argc, char **argv)
{
    static struct top t = {.mode = SCREEN, .endpoint = "tcp://127.0.0.1:5557"};
    int status = read_options(argc, argv, &t);
    if (status >= 0)
        return status;
    (void)setlocale(LC_CTYPE, ""); /* characters only: numbers keep their decimal points */
    t.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (t.mode == SCREEN && (t.once || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO)))
        t.mode = PLAIN;
    subscriber_catch_signals();
    struct subscriber_settings settings = {
        .endpoint = t.endpoint, .topic = "metrics", .high_water = HIGH_WATER, .keys = t.keys};
    char why[256];
    if (!subscriber_init(&t.subscriber, &settings, why, sizeof why)) {
        fprintf(stderr, "sparse-top: %s\n", why);
        return 1;
    }
    t.subscriber.watch_stdout = t.mode != SCREEN;
    if (t.mode == SCREEN && !screen_start()) {
        fprintf(stderr, "sparse-top: TERM = %s: not a known terminal; --plain needs none\n",
                getenv("TERM") ? getenv("TERM") : "");
        subscriber_fini(&t.subscriber);
        return 1;
    }
    status = run(&t);
    if (t.mode == SCREEN)
        screen_stop();
    subscriber_fini(&t.subscriber);
    return status;
}
