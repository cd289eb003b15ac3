#include "base/wake.h"

#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool wake_init(struct wake *w)
{
    atomic_init(&w->sleeping, false);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd >= 0;
}

void wake_fini(struct wake *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}

/* Sequentially consistent on both sides: either the waker sees `sleeping`, or
 * the sleeper, looking at its rings afterwards, sees what was pushed. */
void wake_prepare(struct wake *w)
{
    atomic_store(&w->sleeping, true);
    atomic_thread_fence(memory_order_seq_cst);
}

void wake_cancel(struct wake *w)
{
    atomic_store(&w->sleeping, false);
}

void wake_clear(struct wake *w)
{
    atomic_store(&w->sleeping, false);
    uint64_t count;
    ssize_t ignored = read(w->fd, &count, sizeof count);
    (void)ignored;
}

void wake_sleep(struct wake *w, uint64_t timeout_ns)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    struct timespec t = {.tv_sec = (time_t)(timeout_ns / 1000000000U),
                         .tv_nsec = (long)(timeout_ns % 1000000000U)};
    (void)ppoll(&p, 1, &t, NULL);
    wake_clear(w);
}

void wake_force(struct wake *w)
{
    uint64_t one = 1;
    ssize_t ignored = write(w->fd, &one, sizeof one);
    (void)ignored;
}

void wake_signal(struct wake *w)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&w->sleeping, memory_order_relaxed)) {
        wake_force(w);
    }
}
