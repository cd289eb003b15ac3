/* ring: pointers from one thread to one other thread, in order, without a lock.
 *
 *          tail (consumer)            head (producer)
 *            v                          v
 *     [ . . | A | B | C | D | . . . . . ]     count = head - tail, never above capacity
 *
 * Exactly one thread pushes and exactly one thread pops; either may be replaced
 * by another thread after a join. head and tail only grow and wrap at 2^32; each
 * stands in a cache line of its own, and each side keeps a copy of the other's
 * to read the shared one only when its copy says full or empty.
 */
#ifndef SPARSED_BASE_RING_H
#define SPARSED_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ring {
    void **slot;
    uint32_t capacity; /* a power of two */
    _Alignas(64) _Atomic uint32_t head;
    uint32_t tail_seen; /* producer's copy of tail */
    _Alignas(64) _Atomic uint32_t tail;
    uint32_t head_seen; /* consumer's copy of head */
};

/* Room for at least `least` pointers, 1 .. 2^31. False: no memory. */
bool ring_init(struct ring *r, uint32_t least);
void ring_fini(struct ring *r);

/* Producer. False: full, nothing was stored. */
bool ring_push(struct ring *r, void *item);

/* Consumer. NULL: empty. */
void *ring_pop(struct ring *r);

/* Consumer. The next item without taking it, or NULL. */
void *ring_peek(struct ring *r);

/* Anyone: how many are in it, exact only when both sides rest. */
uint32_t ring_count(const struct ring *r);

#endif
