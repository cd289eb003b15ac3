/* latency: whole MicroBooNE events, one at a time, each sent when the one before is
 * decided. Two durations of each event:
 *
 *     inside     last fragment's arrival to the decision packed for its sockets: what
 *                the daemon itself says in the decision (StageTimes.latency_ns)
 *     outside    the feeder has handed its last fragment to ZeroMQ, to the decision in
 *                the hands of the receiver: what was still queued in ZeroMQ on the
 *                way in, and the way out, are in it
 *
 * Several runs; of each quantile the median over the runs, the smallest and the
 * largest. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/whole.h"
#include "proto/decision.pb-c.h"

#include <stdlib.h>

enum { RUNS = 5, WIRES = 40, WARM_UP = 10 };
#define GOAL_NS (NS_PER_MS / 5)

static const struct {
    const char *name;
    double q;
} quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
static const char *const where[2] = {"inside", "outside"};
enum { N_QUANTILES = sizeof quantiles / sizeof quantiles[0] };

struct latencies {
    uint64_t *inside, *outside; /* of one run */
    uint64_t of_runs[2][N_QUANTILES][RUNS];
};

/* Sends one event and waits for its decision. */
static bool one_event(struct whole *w, struct feeder *f, uint64_t *inside, uint64_t *outside)
{
    zmq_msg_t last;
    if (!feeder_send(f) || !whole_receive(w->decisions, &last))
        return false;
    uint64_t now = clock_monotonic_ns();
    Sparsed__Decision *d =
        sparsed__decision__unpack(NULL, zmq_msg_size(&last), zmq_msg_data(&last));
    bool good = d != NULL && d->times != NULL && !d->incomplete;
    if (good) {
        *inside = d->times->latency_ns;
        *outside = now - f->last_sent_ns;
    } else {
        (void)fprintf(stderr, "latency: event %lu was not decided whole\n",
                      (unsigned long)f->next_event);
    }
    sparsed__decision__free_unpacked(d, NULL);
    (void)zmq_msg_close(&last);
    return good;
}

/* The last run's hundredths, for the plot. */
static void show_distribution(const struct bench_options *o, const char *transport,
                              struct latencies *l)
{
    uint64_t *values[2] = {l->inside, l->outside};
    for (int k = 0; o->json && k < 2; k++) {
        json_t *points = json_array();
        for (int q = 0; q <= 100; q++)
            json_array_append_new(points, json_integer((json_int_t)bench_quantile_ns(
                                              values[k], o->events, q / 100.0)));
        bench_object(o, json_pack("{s:s, s:s, s:s, s:o}", "table", "latency distribution",
                                  "transport", transport, "where", where[k], "ns", points));
    }
}

static bool measure(struct whole *w, struct feeder *f, uint32_t events, struct latencies *l)
{
    for (int run = 0; run < RUNS; run++) {
        for (uint32_t i = 0; i < events + WARM_UP; i++) {
            uint32_t at = i < WARM_UP ? 0 : i - WARM_UP;
            if (!one_event(w, f, &l->inside[at], &l->outside[at]))
                return false;
        }
        for (int q = 0; q < N_QUANTILES; q++) {
            l->of_runs[0][q][run] = bench_quantile_ns(l->inside, events, quantiles[q].q);
            l->of_runs[1][q][run] = bench_quantile_ns(l->outside, events, quantiles[q].q);
        }
    }
    return true;
}

/* The median of the runs is judged: a run's quantile already has its minimum behind it. */
static void add_goal(const struct bench_options *o, const char *transport, const char *quantile,
                     uint64_t median, const uint64_t *runs, bool judged)
{
    char what[64];
    (void)snprintf(what, sizeof what, "latency, %s, %s", transport, quantile);
    goals_add(o->goals,
              &(struct goal){.what = what,
                             .against = "last fragment to decision",
                             .unit = "ms",
                             .best = (double)runs[0] * 1e-6,
                             .median = (double)median * 1e-6,
                             .ratio = (double)median * 1e-6,
                             .spread = (double)(runs[RUNS - 1] - runs[0]) / (double)median,
                             .goal = judged ? (double)GOAL_NS * 1e-6 : 0,
                             .sense = GOAL_AT_MOST,
                             /* some runs reach it, and some do not */
                             .refused = judged && runs[0] < GOAL_NS && runs[RUNS - 1] >= GOAL_NS});
}

static void show(const struct bench_options *o, const char *transport, uint32_t windows,
                 struct latencies *l)
{
    if (!o->json) {
        printf("\nlatency, %s: last fragment to decision, %d wires, %u windows, %u events x %d "
               "runs, us\n%-34s %9s %9s %9s\n",
               transport, WHOLE_WIRES, windows, o->events, RUNS, "", "median", "smallest",
               "largest");
    }
    for (int k = 0; k < 2; k++) {
        for (int q = 0; q < N_QUANTILES; q++) {
            uint64_t *runs = l->of_runs[k][q];
            uint64_t median = bench_quantile_ns(runs, RUNS, 0.5); /* sorts */
            if (k == 0)
                add_goal(o, transport, quantiles[q].name, median, runs, q == 0);
            bench_object(o,
                         json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:i}", "table", "latency",
                                   "transport", transport, "where", where[k], "quantile",
                                   quantiles[q].name, "median_ns", (json_int_t)median,
                                   "smallest_ns", (json_int_t)runs[0], "largest_ns",
                                   (json_int_t)runs[RUNS - 1], "events", (int)o->events));
            if (o->json)
                continue;
            printf("%-8s %-25s %9.1f %9.1f %9.1f", where[k], quantiles[q].name,
                   (double)median * 1e-3, (double)runs[0] * 1e-3, (double)runs[RUNS - 1] * 1e-3);
            if (k == 0 && q == 0)
                printf("   goal: below %.0f %s", (double)GOAL_NS * 1e-3,
                       median < GOAL_NS ? "met" : "NOT MET");
            printf("\n");
        }
    }
}

static int bench_transport(const struct bench_options *o, const char *transport,
                           const struct samples *samples)
{
    struct feeder feeder = {.samples = samples, .events = 1, .fragment_wires = WIRES};
    struct latencies l = {.inside = calloc(o->events, sizeof *l.inside),
                          .outside = calloc(o->events, sizeof *l.outside)};
    char endpoint[64];
    whole_endpoint(endpoint, sizeof endpoint, transport, 0);
    struct whole *w = whole_start(endpoint, o->model, 1);
    bool good = w != NULL && l.inside != NULL && l.outside != NULL &&
                feeder_open(&feeder, NULL, endpoint) && measure(w, &feeder, o->events, &l);
    if (good)
        show_distribution(o, transport, &l);
    if (good)
        show(o, transport, pipeline_run_info(w->pipeline)->windows_per_event, &l);
    feeder_close(&feeder);
    whole_stop(&w);
    free(l.inside);
    free(l.outside);
    return good ? 0 : 1;
}

int bench_latency(const struct bench_options *o)
{
    struct samples samples = {0};
    int status = 1;
    if (samples_make(&samples)) {
        status = bench_transport(o, "tcp", &samples);
        status |= bench_transport(o, "ipc", &samples);
    } else {
        (void)fprintf(stderr, "latency: no memory for an event\n");
    }
    samples_free(&samples);
    return status;
}
