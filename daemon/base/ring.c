#include "base/ring.h"

#include <stddef.h>
#include <stdlib.h>

bool ring_init(struct ring *r, uint32_t least)
{
    uint32_t capacity = 1;
    while (capacity < least) {
        capacity *= 2;
    }
    *r = (struct ring){.capacity = capacity};
    r->slot = calloc(capacity, sizeof *r->slot);
    return r->slot != NULL;
}

void ring_fini(struct ring *r)
{
    free(r->slot);
    r->slot = NULL;
}

bool ring_push(struct ring *r, void *item)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - r->tail_seen == r->capacity) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head - r->tail_seen == r->capacity) {
            return false;
        }
    }
    r->slot[head & (r->capacity - 1)] = item;
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

void *ring_peek(struct ring *r)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == r->head_seen) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail == r->head_seen) {
            return NULL;
        }
    }
    return r->slot[tail & (r->capacity - 1)];
}

void *ring_pop(struct ring *r)
{
    void *item = ring_peek(r);
    if (item != NULL) {
        uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
        atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    }
    return item;
}

uint32_t ring_count(const struct ring *r)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    return head - tail > r->capacity ? r->capacity : head - tail;
}
