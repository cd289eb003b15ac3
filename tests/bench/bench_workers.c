/* workers: the whole daemon with two workers against one. Over inproc, where nothing
 * is copied, so that the workers are what is busy. Two workers read memory twice as
 * fast only where one does not already read it as fast as it goes: a plain read by
 * two threads and by one is shown beside them. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/planes.h"
#include "bench/whole.h"

#include <string.h>
#include <unistd.h>

enum { EVENTS = 6, FRAGMENT_WIRES = 40 };
#define GOAL 1.8

struct crew {
    struct feeder feeder;
    struct whole *whole;
};

static uint64_t run_crew(void *state)
{
    struct crew *c = state;
    uint64_t begin = clock_monotonic_ns();
    if (!feeder_start(&c->feeder))
        return 0;
    bool good = true;
    for (int i = 0; good && i < EVENTS; i++)
        good = whole_receive(c->whole->decisions, NULL);
    uint64_t ns = clock_monotonic_ns() - begin;
    if (!good) /* the feeder may wait for ever: end it */
        (void)zmq_ctx_shutdown(c->whole->context);
    return feeder_join(&c->feeder) && good ? ns : 0;
}

/* ---- plain reads ---------------------------------------------------------------- */

struct readers {
    const struct samples *samples;
    int n;
};

struct part {
    const struct samples *samples;
    uint32_t first, step; /* planes are read in slices: this one's, every `step` */
    volatile uint64_t sink;
};

static void *read_part(void *arg)
{
    enum { SLICE_WIRES = 16 };
    struct part *p = arg;
    uint64_t word[8] = {0};
    for (uint32_t plane = 0; plane < WHOLE_PLANES; plane++) {
        for (uint32_t w = p->first * SLICE_WIRES; w < whole_wires[plane];
             w += p->step * SLICE_WIRES) {
            const int16_t *at = p->samples->plane[plane] + (size_t)w * PLANES_TICKS;
            for (size_t i = 0; i < (size_t)SLICE_WIRES * PLANES_TICKS; i += 32) {
                uint64_t x[8];
                memcpy(x, at + i, sizeof x);
                for (int k = 0; k < 8; k++)
                    word[k] |= x[k];
            }
        }
    }
    for (int k = 0; k < 8; k++)
        p->sink |= word[k];
    return NULL;
}

static uint64_t run_readers(void *state)
{
    const struct readers *r = state;
    struct part part[2];
    pthread_t second;
    uint64_t begin = clock_monotonic_ns();
    for (uint32_t i = 0; i < 2; i++)
        part[i] = (struct part){.samples = r->samples, .first = i, .step = (uint32_t)r->n};
    if (r->n == 2 && pthread_create(&second, NULL, read_part, &part[1]) != 0)
        return 0;
    (void)read_part(&part[0]);
    if (r->n == 2)
        (void)pthread_join(second, NULL);
    return clock_monotonic_ns() - begin;
}

/* ---- the subcommand ---------------------------------------------------------------- */

static bool crew_open(struct crew *c, const struct bench_options *o, const struct samples *samples,
                      uint32_t workers)
{
    char endpoint[64];
    whole_endpoint(endpoint, sizeof endpoint, "inproc", (int)workers);
    c->feeder =
        (struct feeder){.samples = samples, .events = EVENTS, .fragment_wires = FRAGMENT_WIRES};
    c->whole = whole_start(endpoint, o->model, workers);
    return c->whole != NULL && feeder_open(&c->feeder, c->whole->context, endpoint);
}

static int measure(const struct bench_options *o, struct crew crew[2], struct readers reader[2])
{
    static struct bench_series series[4]; /* series are large */
    double bytes = feeder_event_bytes();
    series[0] = (struct bench_series){"one worker", run_crew, &crew[0], EVENTS * bytes, 0, {0}};
    series[1] = (struct bench_series){"two workers", run_crew, &crew[1], EVENTS * bytes, 0, {0}};
    series[2] =
        (struct bench_series){"plain read, one thread", run_readers, &reader[0], bytes, 0, {0}};
    series[3] =
        (struct bench_series){"plain read, two threads", run_readers, &reader[1], bytes, 0, {0}};
    if (!bench_measure(series, 4, o->rounds))
        return 1;
    bench_title(o, "workers: the whole daemon over inproc, int16, GB/s");
    bench_row_rate(o, "workers", &series[0], NULL, 0);
    bench_row_rate(o, "workers", &series[1], &series[0], GOAL);
    bench_row_rate(o, "workers", &series[2], NULL, 0);
    bench_row_rate(o, "workers", &series[3], &series[2], 0);
    bench_note(o, "cores here: %ld; the feeder, the readout and the event thread need theirs",
               sysconf(_SC_NPROCESSORS_ONLN));
    goals_add_series(o->goals, "two workers", "GB/s", &series[1], &series[0], GOAL);
    goals_add_series(o->goals, "two plain readers", "GB/s", &series[3], &series[2], 0);
    return 0;
}

int bench_workers(const struct bench_options *o)
{
    struct samples samples = {0};
    struct crew crew[2] = {0};
    int status = 1;
    if (!samples_make(&samples)) {
        (void)fprintf(stderr, "workers: no memory for an event\n");
    } else if (crew_open(&crew[0], o, &samples, 1) && crew_open(&crew[1], o, &samples, 2)) {
        struct readers reader[2] = {{&samples, 1}, {&samples, 2}};
        status = measure(o, crew, reader);
    }
    for (int i = 0; i < 2; i++) {
        feeder_close(&crew[i].feeder);
        whole_stop(&crew[i].whole);
    }
    samples_free(&samples);
    return status;
}
