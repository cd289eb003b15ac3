/* shared: what the daemon and sparsed-xrt, the process that holds the card, have in
 * common: one piece of memory, two eventfds. Made anew for each start of the process, so
 * that one that died or went astray writes into nothing that is still used.
 *
 *     a batch     free --daemon fills--> SUBMITTED --card--> DONE (or FAILED) --daemon--> free
 *
 * The daemon owns a slot that is free, DONE or FAILED; the process owns one that is
 * SUBMITTED. `state` is written last, with release, and read first, with acquire.
 *
 *     struct shared | pad | windows of slot 0 | slot 1 | ... | results of slot 0 | slot 1 | ...
 *     | image of the network, for a kernel that loads it
 */
#ifndef SPARSED_ENGINE_XRT_SHARED_H
#define SPARSED_ENGINE_XRT_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

enum { SHARED_VERSION = 3, SHARED_SLOTS = 8, SHARED_PAGE = 4096, SHARED_TEXT_BYTES = 256 };

/* Descriptors as the process inherits them. */
enum { SHARED_FD_MEMORY = 3, SHARED_FD_WORK = 4, SHARED_FD_DONE = 5 };

enum shared_process_state { PROCESS_STARTING, PROCESS_READY, PROCESS_REFUSED };
enum shared_batch_state { BATCH_FREE, BATCH_SUBMITTED, BATCH_DONE, BATCH_FAILED };

struct shared_batch {
    _Alignas(64) _Atomic uint32_t state; /* enum shared_batch_state */
    uint32_t n_windows, tag;
    uint64_t started_ns, done_ns; /* monotonic: handed to XRT; seen done */
};

/* Where things lie. The daemon keeps its own and does not read the one in the memory, which
 * a process gone astray may have written to. */
struct shared_layout {
    uint32_t n_slots;
    uint64_t window_bytes, result_bytes; /* of one window */
    uint64_t batch_windows;              /* windows a slot has room for */
    uint64_t image_bytes;                /* of the network (network.h); 0: the kernel has it */
    uint32_t image_name;
};

struct shared {
    uint32_t version;
    struct shared_layout layout;   /* for the process */
    _Atomic uint32_t process;      /* enum shared_process_state */
    char error[SHARED_TEXT_BYTES]; /* why it is PROCESS_REFUSED, or why a batch FAILED */
    struct shared_batch batch[SHARED_SLOTS];
};

static inline uint64_t shared_round(uint64_t bytes)
{
    return (bytes + SHARED_PAGE - 1) / SHARED_PAGE * SHARED_PAGE;
}

static inline uint64_t shared_windows_bytes(const struct shared_layout *l)
{
    return shared_round(l->window_bytes * l->batch_windows);
}

static inline uint64_t shared_results_bytes(const struct shared_layout *l)
{
    return shared_round(l->result_bytes * l->batch_windows);
}

static inline uint64_t shared_bytes(const struct shared_layout *l)
{
    return shared_round(sizeof(struct shared)) +
           l->n_slots * (shared_windows_bytes(l) + shared_results_bytes(l)) +
           shared_round(l->image_bytes);
}

static inline uint8_t *shared_windows(struct shared *s, const struct shared_layout *l,
                                      uint32_t slot)
{
    return (uint8_t *)s + shared_round(sizeof *s) + slot * shared_windows_bytes(l);
}

static inline uint8_t *shared_results(struct shared *s, const struct shared_layout *l,
                                      uint32_t slot)
{
    return (uint8_t *)s + shared_round(sizeof *s) + l->n_slots * shared_windows_bytes(l) +
           slot * shared_results_bytes(l);
}

static inline uint8_t *shared_image(struct shared *s, const struct shared_layout *l)
{
    return shared_results(s, l, l->n_slots);
}

#endif
