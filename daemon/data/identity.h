/* identity: (run, subrun, event) is what an event is called, everywhere. */
#ifndef SPARSED_DATA_IDENTITY_H
#define SPARSED_DATA_IDENTITY_H

#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

struct identity {
    uint32_t run;
    uint32_t subrun;
    uint64_t event;
};

static inline bool identity_equal(const struct identity *a, const struct identity *b)
{
    return a->event == b->event && a->run == b->run && a->subrun == b->subrun;
}

/* The same for the same identity and seed on every machine: choices such as a
 * prescale are made of it, so they depend on neither order nor thread. */
static inline uint64_t identity_hash(const struct identity *id, uint64_t seed)
{
    uint64_t run = ((uint64_t)id->run << 32) | id->subrun;
    return hash_mix(hash_mix(hash_mix(seed) ^ run) ^ id->event);
}

#endif
