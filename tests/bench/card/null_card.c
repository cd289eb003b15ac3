/* null-card: stands where sparsed-xrt stands, with a card that takes no time: it answers
 * every batch at once, with scores of 0. What is left is the way there and back. */
#include "base/clock.h"
#include "engine/xrt/shared.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signal.h>

static void answer(struct shared *s, uint32_t slot)
{
    struct shared_batch *b = &s->batch[slot];
    uint8_t *result = shared_results(s, &s->layout, slot);
    b->started_ns = clock_monotonic_ns();
    for (uint32_t i = 0; i < b->n_windows; i++, result += s->layout.result_bytes) {
        uint32_t tag = b->tag + i;
        memset(result, 0, s->layout.result_bytes);
        memcpy(result, &tag, sizeof tag);
    }
    b->done_ns = clock_monotonic_ns();
    atomic_store_explicit(&b->state, BATCH_DONE, memory_order_release);
    uint64_t one = 1;
    (void)!write(SHARED_FD_DONE, &one, sizeof one);
}

int main(void)
{
    struct stat size;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fstat(SHARED_FD_MEMORY, &size) != 0)
        return 2;
    struct shared *s =
        mmap(NULL, (size_t)size.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, SHARED_FD_MEMORY, 0);
    if (s == MAP_FAILED || s->version != SHARED_VERSION)
        return 2;
    atomic_store_explicit(&s->process, PROCESS_READY, memory_order_release);
    uint64_t one = 1;
    (void)!write(SHARED_FD_DONE, &one, sizeof one);
    for (;;) {
        struct pollfd p = {.fd = SHARED_FD_WORK, .events = POLLIN};
        if (poll(&p, 1, -1) > 0)
            (void)!read(SHARED_FD_WORK, &one, sizeof one);
        for (uint32_t i = 0; i < s->layout.n_slots; i++) {
            if (atomic_load_explicit(&s->batch[i].state, memory_order_acquire) == BATCH_SUBMITTED)
                answer(s, i);
        }
    }
}
