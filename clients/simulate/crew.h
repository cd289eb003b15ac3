/* crew: workers make events in any order, the caller gets them in order.
 *
 *     workers   take the next number, make it in slot number % slots
 *     caller    takes slot 0, 1, 2, ... and gives each back
 *
 * What a worker makes depends on the number alone, so that the number of threads
 * changes how fast and nothing else. crew_run starts the threads and ends them.
 */
#ifndef SIMULATE_CREW_H
#define SIMULATE_CREW_H

#include "base/error.h"

#include <signal.h>
#include <stdint.h>

struct crew_work {
    uint64_t events;
    uint32_t threads;
    uint32_t slots; /* at least threads */
    const volatile sig_atomic_t *stop;
    void *context;
    /* Makes event `number` in slot `slot`, as worker `worker`. In a worker's thread;
     * false: everything ends with `err`. */
    bool (*make)(void *context, uint32_t worker, uint32_t slot, uint64_t number, struct error *err);
    /* The slot's event is made. In the caller's thread, in order of numbers. */
    bool (*take)(void *context, uint32_t slot, uint64_t number, struct error *err);
};

/* True: all events were taken, or *stop was set (*taken tells). False: `err`. */
bool crew_run(const struct crew_work *work, uint64_t *taken, struct error *err);

#endif
