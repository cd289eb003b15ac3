/* wake: lets one thread sleep until another has work for it.
 *
 * The sleeper says that it is about to sleep, looks at its rings once more, and
 * sleeps; a waker writes the eventfd only if the sleeper said so. While both are
 * busy neither makes a system call.
 *
 *     sleeper                          waker
 *     wake_prepare(w)                  ring_push(...)
 *     if all rings are empty           wake_signal(w)
 *         wake_sleep(w, timeout)
 *     else wake_cancel(w)
 *
 * wake_signal may be called from any thread and from a signal handler.
 */
#ifndef SPARSED_BASE_WAKE_H
#define SPARSED_BASE_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct wake {
    int fd; /* readable while a signal is pending: a poll may include it */
    _Atomic bool sleeping;
};

bool wake_init(struct wake *w); /* false: no descriptor left */
void wake_fini(struct wake *w);

void wake_prepare(struct wake *w);
void wake_cancel(struct wake *w);

/* Sleeps until a signal or `timeout_ns`, then takes wake_prepare back. */
void wake_sleep(struct wake *w, uint64_t timeout_ns);

/* Takes pending signals and wake_prepare back, for sleepers that poll `fd`
 * themselves, among others. */
void wake_clear(struct wake *w);

void wake_signal(struct wake *w);

/* Writes the descriptor whether or not the sleeper said that it sleeps. */
void wake_force(struct wake *w);

#endif
