#include "common/payload.h"

#include <stdlib.h>

struct payload *payload_new(size_t bytes)
{
    struct payload *p = malloc(sizeof *p + bytes);
    if (p) {
        atomic_init(&p->shares, 1);
        p->bytes = bytes;
    }
    return p;
}

struct payload *payload_share(struct payload *p)
{
    atomic_fetch_add_explicit(&p->shares, 1, memory_order_relaxed);
    return p;
}

void payload_release(void *data, void *payload)
{
    struct payload *p = payload;
    (void)data;
    if (atomic_fetch_sub_explicit(&p->shares, 1, memory_order_acq_rel) == 1)
        free(p);
}
