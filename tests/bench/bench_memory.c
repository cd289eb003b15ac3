/* memory: the whole daemon over tcp as fast as it goes, for --seconds. Resident
 * memory is looked at after every event. What is taken when the run is configured is
 * touched as it is first used, and libzmq's buffers fill up to their high-water
 * marks, so the first fifth does not count; from then on nothing may grow. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/whole.h"

#include <unistd.h>

enum { FRAGMENT_WIRES = 40 };
#define GOAL_MIB 4.0 /* libzmq's messages in flight come and go */

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
        if (passed > limit / 5 && mib > *most)
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
    (void)snprintf(what, sizeof what, "memory, growth in %.0f s at full rate", w->seconds);
    goals_add(o->goals, &(struct goal){.what = what,
                                       .against = "constant",
                                       .unit = "MiB",
                                       .best = grown,
                                       .median = grown,
                                       .ratio = grown,
                                       .goal = GOAL_MIB,
                                       .sense = GOAL_AT_MOST});
}

int bench_memory(const struct bench_options *o)
{
    struct samples samples = {0};
    struct feeder feeder = {.samples = &samples, .events = 3, .fragment_wires = FRAGMENT_WIRES};
    struct watch watch = {0};
    char endpoint[64];
    whole_endpoint(endpoint, sizeof endpoint, "tcp", 0);
    struct whole *w = samples_make(&samples) ? whole_start(endpoint, o->model, 1) : NULL;
    bool good =
        w != NULL && feeder_open(&feeder, NULL, endpoint) && soak(w, &feeder, o->soak_s, &watch);
    if (good)
        show(o, &watch);
    feeder_close(&feeder);
    whole_stop(&w);
    samples_free(&samples);
    return good ? 0 : 1;
}
