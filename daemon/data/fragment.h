/* fragment: a checked header and samples that stay where the message has them. */
#ifndef SPARSED_DATA_FRAGMENT_H
#define SPARSED_DATA_FRAGMENT_H

#include "data/identity.h"
#include "data/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values as in readout.proto; a test holds them together. */
enum payload_kind {
    PAYLOAD_WIRES = 0,
    PAYLOAD_IMAGE = 1,
    PAYLOAD_WINDOWS = 2, /* a whole event: of windows.proto, not of readout.proto */
};
enum sample_type { SAMPLE_INT16 = 1, SAMPLE_FLOAT32 = 2, SAMPLE_INT32 = 3 };
enum encoding { ENCODING_NONE = 0, ENCODING_LZ4 = 1, ENCODING_ZSTD = 2, ENCODING_EMPTY = 3 };

struct fragment {
    struct identity id;
    uint64_t event_time_ns; /* since the epoch */
    uint64_t arrived_ns;    /* monotonic, when the message was received */
    uint64_t sequence;      /* of its source */
    uint32_t source_id;
    uint32_t source; /* index into the table of sources */
    enum payload_kind kind;
    enum sample_type sample_type;
    enum encoding encoding;
    bool has_checksum;
    uint64_t checksum; /* XXH3-64 of the payload as sent */
    uint32_t plane;    /* index into the geometry's planes, not the id */
    uint32_t first_wire, wires;
    const void *payload;  /* as sent; borrowed from the message */
    size_t payload_bytes; /* as sent */
    /* Set by payload_open: decoded samples, [wires][ticks] or [row][col][channel];
     * NULL for an empty fragment. Borrowed from the message or a scratch buffer. */
    const void *samples;
    size_t samples_bytes;    /* what the header implies, decoded */
    struct receipt *receipt; /* the message's; NULL: its sender forgets */
};

/* Bytes of one sample. */
static inline size_t sample_bytes(enum sample_type type)
{
    return type == SAMPLE_INT16 ? 2 : 4;
}

#endif
