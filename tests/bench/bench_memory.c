/* memory: the whole daemon over tcp as fast as it goes, for --seconds. Resident
 * memory is looked at as events are decided. It may never pass what the settings
 * allow: what was there at the start, what was taken when the run was configured (it
 * is touched as it is first used), and the messages that may be in flight at once:
 *
 *     feeder's queue + receiver's queue     WHOLE_HIGH_WATER each
 *     + jobs of the worker                  readout.fragment_queue
 *
 * How far it came in the second half above the first is shown beside it: on a machine
 * that does other things the queues fill up when they do, not at the beginning. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/planes.h"
#include "bench/whole.h"

#include <unistd.h>

enum { FRAGMENT_WIRES = 40 };

static double resident_mib(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

struct watch {
    uint64_t events;
    double seconds;
    double most[2]; /* MiB: until the middle, and after it */
    double allowed; /* MiB */
};

static bool soak(struct whole *w, struct feeder *f, uint32_t seconds, struct watch *out)
{
    uint64_t begin = clock_monotonic_ns(), limit = seconds * NS_PER_S, passed = 0;
    while ((passed = clock_monotonic_ns() - begin) < limit) {
        if (!feeder_start(f))
            return false;
        bool good = true;
        for (uint32_t i = 0; good && i < f->events; i++)
            good = whole_receive(w->decisions, NULL);
        if (!good)
            (void)zmq_ctx_shutdown(f->context);
        if (!feeder_join(f) || !good)
            return false;
        out->events += f->events;
        double mib = resident_mib();
        double *most = &out->most[passed > limit * 3 / 5];
        if (mib > *most)
            *most = mib;
    }
    out->seconds = (double)passed * 1e-9;
    return true;
}

static void show(const struct bench_options *o, const struct watch *w)
{
    double grown = w->most[1] > w->most[0] ? w->most[1] - w->most[0] : 0;
    char what[64];
    bench_note(o,
               "\nmemory: %.0f s, %llu events of %.0f MB, %.1f GB/s: resident at most %.1f MiB "
               "until the middle, %.1f MiB after it",
               w->seconds, (unsigned long long)w->events, feeder_event_bytes() * 1e-6,
               (double)w->events * feeder_event_bytes() * 1e-9 / w->seconds, w->most[0],
               w->most[1]);
    bench_object(o, json_pack("{s:s, s:f, s:I, s:f, s:f}", "table", "memory", "seconds", w->seconds,
                              "events", (json_int_t)w->events, "first_mib", w->most[0],
                              "second_mib", w->most[1]));
    double most = w->most[1] > w->most[0] ? w->most[1] : w->most[0];
    (void)snprintf(what, sizeof what, "memory in %.0f s at full rate", w->seconds);
    goals_add(o->goals, &(struct goal){.what = what,
                                       .against = "what the settings allow",
                                       .unit = "MiB",
                                       .best = most,
                                       .median = most,
                                       .ratio = most / w->allowed,
                                       .goal = 1,
                                       .sense = GOAL_AT_MOST});
    goals_add(o->goals, &(struct goal){.what = "memory, second half above the first",
                                       .against = "constant",
                                       .unit = "MiB",
                                       .best = grown,
                                       .median = grown,
                                       .ratio = grown,
                                       .sense = GOAL_AT_MOST});
}

static double allowed_mib(const struct whole *w)
{
    double message = (double)FRAGMENT_WIRES * PLANES_TICKS * sizeof(int16_t);
    double messages = w->settings.readout.fragment_queue + 2.0 * WHOLE_HIGH_WATER;
    return resident_mib() +
           ((double)atomic_load(&w->monitor.memory_bytes) + messages * message) / (1 << 20);
}

int bench_memory(const struct bench_options *o)
{
    struct samples samples = {0};
    struct feeder feeder = {.samples = &samples, .events = 3, .fragment_wires = FRAGMENT_WIRES};
    struct watch watch = {0};
    char endpoint[64];
    whole_endpoint(endpoint, sizeof endpoint, "tcp", 0);
    struct whole *w = samples_make(&samples) ? whole_start(endpoint, o->model, 1) : NULL;
    if (w != NULL)
        watch.allowed = allowed_mib(w);
    bool good =
        w != NULL && feeder_open(&feeder, NULL, endpoint) && soak(w, &feeder, o->soak_s, &watch);
    if (good)
        show(o, &watch);
    feeder_close(&feeder);
    whole_stop(&w);
    samples_free(&samples);
    return good ? 0 : 1;
}
