/* pipeline: events through the whole daemon, from samples on a socket to decisions,
 * against a thread that receives and drops the very same messages. Both are fed by
 * the same feeder, with the same high-water marks, on the same cores. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/planes.h"
#include "bench/threads.h"
#include "bench/whole.h"

#include <string.h>

#include <zmq.h>

/* Wires of a fragment: 205 KB to 4.1 MB of int16. */
static const uint32_t fragment_wires[] = {16, 24, 40, 80, 160, 320};
enum { N_SIZES = sizeof fragment_wires / sizeof fragment_wires[0], EVENTS = 6 };
enum { BARE_CONTEXT = 3 };
#define GOAL 0.85

struct side {
    struct feeder feeder;
    void *receive;       /* decisions, or the fragments themselves */
    void *bare;          /* the context of a bare socket; NULL: the daemon receives */
    struct whole *whole; /* NULL: a bare socket does */
};

/* Feeds EVENTS events and waits for what must come of them. */
static uint64_t run_side(void *state)
{
    struct side *s = state;
    uint32_t due = EVENTS * (s->bare ? feeder_messages(&s->feeder) : 1);
    uint64_t begin = clock_monotonic_ns();
    if (!feeder_start(&s->feeder))
        return 0;
    bool good = true;
    for (uint32_t i = 0; good && i < due; i++)
        good = whole_receive(s->receive, NULL);
    uint64_t ns = clock_monotonic_ns() - begin;
    if (!good) /* the feeder may wait for ever: end it */
        (void)zmq_ctx_shutdown(s->feeder.context);
    return feeder_join(&s->feeder) && good ? ns : 0;
}

static bool open_bare(struct side *s, const char *endpoint)
{
    int mark = WHOLE_HIGH_WATER, patience = WHOLE_PATIENCE_MS;
    s->bare = whole_context(BARE_CONTEXT);
    s->receive = zmq_socket(s->bare, ZMQ_PULL);
    (void)zmq_setsockopt(s->receive, ZMQ_RCVHWM, &mark, sizeof mark);
    (void)zmq_setsockopt(s->receive, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if (zmq_bind(s->receive, endpoint) == 0)
        return true;
    (void)fprintf(stderr, "%s: %s\n", endpoint, zmq_strerror(zmq_errno()));
    return false;
}

static bool open_daemon(struct side *s, const char *endpoint, const char *model)
{
    s->whole = whole_start(endpoint, model, 1);
    if (s->whole == NULL)
        return false;
    s->receive = s->whole->decisions;
    return true;
}

static void side_close(struct side *s)
{
    feeder_close(&s->feeder);
    if (s->bare != NULL) {
        (void)zmq_close(s->receive);
        (void)zmq_ctx_term(s->bare);
    }
    whole_stop(&s->whole);
}

/* The fragment size with the largest median, and what was measured with it. */
struct best {
    double rate, bytes;
    uint32_t wires;
    struct bench_series series[2]; /* ZeroMQ alone, the daemon */
};

/* Where the processor time goes: a thread in ns a KiB of samples. */
static bool show_threads(const struct bench_options *o, const char *transport, const char *name,
                         struct side *side, double *bytes_per_cpu_ns)
{
    struct threads before, after;
    double kib = EVENTS * feeder_event_bytes() / 1024;
    uint64_t faults = threads_page_faults(), process = threads_process_ns();
    threads_look(&before);
    if (run_side(side) == 0)
        return false;
    threads_look(&after);
    threads_since(&after, &before);
    double all = (double)(threads_process_ns() - process) / kib;
    double messages = EVENTS * (double)feeder_messages(&side->feeder);
    faults = threads_page_faults() - faults;
    *bytes_per_cpu_ns = 1024 / all;
    bench_note(o, "%s, processor time in ns a KiB: %.1f, %.0f page faults a message", name, all,
               (double)faults / messages);
    bench_object(o, json_pack("{s:s, s:s, s:s, s:f, s:f}", "table", "processor time", "transport",
                              transport, "name", name, "ns_per_kib", all, "page_faults_per_message",
                              (double)faults / messages));
    for (uint32_t i = 0; i < after.n; i++) {
        double ns = (double)after.row[i].ns / kib;
        if (ns < 0.1)
            continue;
        bench_note(o, "    %-24s %8.1f", after.row[i].name, ns);
        bench_object(o, json_pack("{s:s, s:s, s:s, s:s, s:f}", "table", "processor time",
                                  "transport", transport, "name", name, "thread", after.row[i].name,
                                  "ns_per_kib", ns));
    }
    return true;
}

static bool show_best(const struct bench_options *o, const char *transport, struct best *b,
                      struct side *bare, struct side *daemon)
{
    char what[64];
    double per_cpu[2];
    bench_note(o, "best fragment size: %.0f KB, %.2f GB/s, %.1f events/s", b->bytes * 1e-3, b->rate,
               b->rate * 1e9 / feeder_event_bytes());
    bench_object(o, json_pack("{s:s, s:s, s:f, s:f}", "table", transport, "name", "best size",
                              "fragment_bytes", b->bytes, "gb_per_s", b->rate));
    daemon->feeder.fragment_wires = bare->feeder.fragment_wires = b->wires;
    if (!show_threads(o, transport, "ZeroMQ alone", bare, &per_cpu[0]) ||
        !show_threads(o, transport, "daemon", daemon, &per_cpu[1]))
        return false;
    b->series[0].name = "ZeroMQ alone";
    (void)snprintf(what, sizeof what, "daemon, %s, %.0f KB", transport, b->bytes * 1e-3);
    goals_add_series(o->goals, what, "GB/s", &b->series[1], &b->series[0], GOAL);
    if (strcmp(transport, "tcp") == 0) {
        goals_rates(o->goals)->zmq_bytes_per_cpu_ns = per_cpu[0];
        goals_rates(o->goals)->daemon_bytes_per_cpu_ns = per_cpu[1];
    }
    return true;
}

static int bench_sizes(const struct bench_options *o, const char *transport, struct side *daemon,
                       struct side *bare)
{
    static struct best best; /* series are large */
    char title[160];
    memset(&best, 0, sizeof best);
    (void)snprintf(title, sizeof title,
                   "pipeline, %s: int16 events to decisions, GB/s, against ZeroMQ alone",
                   transport);
    bench_title(o, title);
    for (uint32_t i = 0; i < N_SIZES; i++) {
        daemon->feeder.fragment_wires = bare->feeder.fragment_wires = fragment_wires[i];
        double bytes = fragment_wires[i] * (double)PLANES_TICKS * sizeof(int16_t);
        char names[2][64];
        (void)snprintf(names[0], sizeof names[0], "ZeroMQ alone, %.0f KB", bytes * 1e-3);
        (void)snprintf(names[1], sizeof names[1], "daemon, %.0f KB", bytes * 1e-3);
        struct bench_series series[2] = {
            {.name = names[0], .run = run_side, .state = bare},
            {.name = names[1], .run = run_side, .state = daemon},
        };
        series[0].work = series[1].work = EVENTS * feeder_event_bytes();
        if (!bench_measure(series, 2, o->rounds))
            return 1;
        bench_row_rate(o, transport, &series[0], NULL, 0);
        bench_row_rate(o, transport, &series[1], &series[0], GOAL);
        double rate = series[1].work / (double)bench_median_ns(&series[1]);
        if (rate > best.rate) {
            best = (struct best){.rate = rate, .bytes = bytes, .wires = fragment_wires[i]};
            memcpy(best.series, series, sizeof series);
        }
    }
    return show_best(o, transport, &best, bare, daemon) ? 0 : 1;
}

static int bench_transport(const struct bench_options *o, const char *transport,
                           const struct samples *samples)
{
    struct side daemon = {.feeder = {.samples = samples, .events = EVENTS}};
    struct side bare = {.feeder = {.samples = samples, .events = EVENTS}};
    char endpoint[2][64];
    whole_endpoint(endpoint[0], sizeof endpoint[0], transport, 0);
    whole_endpoint(endpoint[1], sizeof endpoint[1], transport, 1);
    int status = 1;
    if (open_daemon(&daemon, endpoint[0], o->model) && open_bare(&bare, endpoint[1]) &&
        feeder_open(&daemon.feeder, NULL, endpoint[0]) &&
        feeder_open(&bare.feeder, NULL, endpoint[1]))
        status = bench_sizes(o, transport, &daemon, &bare);
    side_close(&daemon);
    side_close(&bare);
    return status;
}

int bench_pipeline(const struct bench_options *o)
{
    struct samples samples = {0};
    int status = 1;
    if (samples_make(&samples)) {
        status = bench_transport(o, "tcp", &samples);
        status |= bench_transport(o, "ipc", &samples);
    } else {
        (void)fprintf(stderr, "pipeline: no memory for an event\n");
    }
    samples_free(&samples);
    return status;
}
