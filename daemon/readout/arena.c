#include "readout/arena.h"

#include <stdlib.h>
#include <string.h>

static void *take(void *data, size_t bytes)
{
    struct arena *a = data;
    if (bytes > ARENA_BYTES)
        return NULL;
    size_t taken = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (taken > ARENA_BYTES - a->used)
        return NULL;
    void *piece = a->bytes + a->used;
    a->used += taken;
    return piece;
}

static void leave(void *data, void *piece)
{
    (void)data;
    (void)piece;
}

void *arena_alloc_owner(size_t bytes)
{
    size_t whole = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    void *owner = aligned_alloc(ARENA_ALIGN, whole);
    return owner == NULL ? NULL : memset(owner, 0, whole);
}

void arena_init(struct arena *a)
{
    a->allocator = (ProtobufCAllocator){take, leave, a};
    a->used = 0;
}

ProtobufCAllocator *arena_begin(struct arena *a)
{
    a->used = 0;
    return &a->allocator;
}
