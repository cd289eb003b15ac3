/* bits: ranges of a bit set that is an array of 64-bit words. */
#ifndef SPARSED_BASE_BITS_H
#define SPARSED_BASE_BITS_H

#include <stdint.h>

static inline uint32_t bits_words(uint32_t bits)
{
    return (bits + 63) / 64;
}

/* The bits of word `w` that belong to [first, first + count). */
static inline uint64_t bits_range_word(uint32_t w, uint32_t first, uint32_t count)
{
    uint32_t low = 64 * w, from = first > low ? first - low : 0;
    uint32_t to = first + count >= low + 64 ? 64 : first + count - low;
    uint64_t below = to == 64 ? UINT64_MAX : (UINT64_C(1) << to) - 1;
    return below & (UINT64_MAX << from);
}

/* How many bits of [first, first + count) are set. */
static inline uint32_t bits_count(const uint64_t *set, uint32_t first, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t w = first / 64; count > 0 && w <= (first + count - 1) / 64; w++)
        n += (uint32_t)__builtin_popcountll(set[w] & bits_range_word(w, first, count));
    return n;
}

static inline void bits_fill(uint64_t *set, uint32_t first, uint32_t count)
{
    for (uint32_t w = first / 64; count > 0 && w <= (first + count - 1) / 64; w++)
        set[w] |= bits_range_word(w, first, count);
}

/* 64 bits from bit `first` on; bits at and after `end` (the set's size) are 0. */
static inline uint64_t bits_load(const uint64_t *set, uint32_t first, uint32_t end)
{
    uint32_t w = first / 64, shift = first % 64;
    uint64_t low = set[w] >> shift;
    if (shift > 0 && 64 * (w + 1) < end)
        low |= set[w + 1] << (64 - shift);
    return low;
}

#endif
