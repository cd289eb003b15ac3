/* arena: memory that protobuf-c takes for one header instead of the heap's. It hands out pieces
 * of one array and forgets them all at the next header. What does not fit gets NULL, which
 * protobuf-c takes as a failed unpacking: a header cannot make us allocate. One thread.
 */
#ifndef SPARSED_READOUT_ARENA_H
#define SPARSED_READOUT_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

enum { ARENA_BYTES = 64 * 1024, ARENA_ALIGN = 16 };

struct arena {
    ProtobufCAllocator allocator;
    size_t used;
    _Alignas(ARENA_ALIGN) unsigned char bytes[ARENA_BYTES];
};

/* Zeroed memory for a struct that holds an arena; free() ends it. NULL: none. */
void *arena_alloc_owner(size_t bytes);

void arena_init(struct arena *a);

/* For the next header: what was unpacked before is gone. Valid while the arena is. */
ProtobufCAllocator *arena_begin(struct arena *a);

#endif
