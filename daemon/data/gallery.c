#include "data/gallery.h"

#include <stdlib.h>
#include <string.h>

static bool try_lock(struct gallery *g, uint32_t i)
{
    return !atomic_flag_test_and_set_explicit(&g->place[i].busy, memory_order_acquire);
}

static void unlock(struct gallery *g, uint32_t i)
{
    atomic_flag_clear_explicit(&g->place[i].busy, memory_order_release);
}

/* Pictures go round: that of number n hangs in place n % GALLERY_PLACES, or, where that
 * one is being looked at, in one of the next. */
struct picture *gallery_begin(struct gallery *g, uint64_t now_ns)
{
    if (now_ns < g->next_ns)
        return NULL;
    uint64_t number = atomic_load_explicit(&g->newest, memory_order_relaxed) + 1;
    for (uint32_t k = 0; k < GALLERY_PLACES; k++) {
        uint32_t i = (uint32_t)((number + k) % GALLERY_PLACES);
        if (!try_lock(g, i))
            continue;
        struct picture *p = &g->place[i].picture;
        memset(p, 0, sizeof *p);
        p->number = number;
        g->next_ns = now_ns + GALLERY_INTERVAL_NS;
        return p;
    }
    return NULL;
}

void gallery_end(struct gallery *g, struct picture *p)
{
    uint64_t number = p->number;
    for (uint32_t i = 0; i < GALLERY_PLACES; i++) {
        if (&g->place[i].picture == p)
            unlock(g, i);
    }
    atomic_store_explicit(&g->newest, number, memory_order_release);
}

uint64_t gallery_newest(const struct gallery *g)
{
    return atomic_load_explicit(&g->newest, memory_order_acquire);
}

static int newest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct picture *)a)->number, y = ((const struct picture *)b)->number;
    return (x < y) - (x > y);
}

uint32_t gallery_copy(struct gallery *g, struct picture *to, uint32_t room)
{
    uint32_t n = 0;
    uint64_t newest = gallery_newest(g);
    for (uint32_t i = 0; i < GALLERY_PLACES && n < room; i++) {
        if (!try_lock(g, i))
            continue;
        uint64_t number = g->place[i].picture.number;
        /* of the last `room` only, so that an old one takes no new one's place */
        if (number != 0 && number + room > newest)
            to[n++] = g->place[i].picture;
        unlock(g, i);
    }
    qsort(to, n, sizeof *to, newest_first);
    return n;
}
