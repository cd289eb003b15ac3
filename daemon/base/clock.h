/* clock: the two clocks, for those who may read one.
 *
 * Stages (readout, imaging, assembly, engine, trigger, output) never do: they
 * are given now_ns, so that a test can drive an hour in a loop. Only pipeline/,
 * service/, the log and programs read a clock, all of them through this file, so
 * that a test or a simulator can replace both clocks at once.
 */
#ifndef SPARSED_BASE_CLOCK_H
#define SPARSED_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

/* What stands in for the machine's clocks. */
struct clock_source {
    uint64_t (*monotonic_ns)(void);
    uint64_t (*wall_ns)(void);
};

/* NULL: the machine's. Set before any other thread is started; borrowed. */
extern const struct clock_source *clock_replacement;

static inline uint64_t clock_read_ns(clockid_t which)
{
    struct timespec t;
    (void)clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Never steps, starts anywhere. For durations and deadlines. */
static inline uint64_t clock_monotonic_ns(void)
{
    return clock_replacement == NULL ? clock_read_ns(CLOCK_MONOTONIC)
                                     : clock_replacement->monotonic_ns();
}

/* Since the epoch; may step. For records that leave the process, never for a wait. */
static inline uint64_t clock_wall_ns(void)
{
    return clock_replacement == NULL ? clock_read_ns(CLOCK_REALTIME) : clock_replacement->wall_ns();
}

#endif
