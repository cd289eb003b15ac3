/* sample: one number of a message's payload, which may lie at any address and is not
 * aligned: memcpy, which the compiler turns into a load. */
#ifndef SPARSED_IMAGING_SAMPLE_H
#define SPARSED_IMAGING_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float sample_float(const unsigned char *samples, size_t i)
{
    float x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

static inline int32_t sample_int16(const unsigned char *samples, size_t i)
{
    int16_t x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

static inline int32_t sample_int32(const unsigned char *samples, size_t i)
{
    int32_t x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

#endif
