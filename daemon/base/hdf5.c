#include "base/hdf5.h"

#include "base/clock.h"

#include <hdf5.h>
#include <pthread.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void hdf5_prepare(void)
{
    (void)H5dont_atexit();
}

void hdf5_lock(void)
{
    (void)pthread_mutex_lock(&turn);
}

/* The machine's clock, whatever stands in for it: the system waits by that one. */
bool hdf5_lock_within(uint64_t limit_ns)
{
    uint64_t at = clock_read_ns(CLOCK_MONOTONIC) + limit_ns;
    struct timespec until = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
    return pthread_mutex_clocklock(&turn, CLOCK_MONOTONIC, &until) == 0;
}

void hdf5_unlock(void)
{
    (void)pthread_mutex_unlock(&turn);
}
