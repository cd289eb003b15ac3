/* stream: a fuzzer's bytes, taken from the front. When they are used up it gives zeros, so
 * that every input is a whole one and a short one is the plain case. */
#ifndef SPARSED_FUZZ_STREAM_H
#define SPARSED_FUZZ_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct stream {
    const uint8_t *data;
    size_t bytes;
};

/* The next n (at most 8) bytes, little-endian. */
static inline uint64_t stream_take(struct stream *s, size_t n)
{
    uint64_t value = 0;
    size_t k = n < s->bytes ? n : s->bytes;
    if (k > 0) {
        memcpy(&value, s->data, k);
        s->data += k;
        s->bytes -= k;
    }
    return value;
}

static inline double stream_take_double(struct stream *s)
{
    uint64_t bits = stream_take(s, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
