#include "bench/planes.h"

#include "base/hash.h"

enum { BIN_TICKS = 6, PULSE_TICKS = 12, NOISE = 4 };

static uint32_t random_below(uint64_t *state, uint32_t n)
{
    *state = hash_mix(*state);
    return (uint32_t)(*state >> 33) % n;
}

static void put(void *samples, enum sample_type type, size_t at, int32_t sixteenths)
{
    if (type == SAMPLE_INT16)
        ((int16_t *)samples)[at] = (int16_t)(PLANES_PEDESTAL + sixteenths);
    else
        ((float *)samples)[at] = (float)sixteenths / PLANES_COUNTS_A_UNIT;
}

/* One pulse a wire along a straight line; returns the bins it fills. */
static uint64_t draw_track(void *samples, enum sample_type type, uint32_t wires, uint64_t *random)
{
    uint32_t length = 50 + random_below(random, 400), first = random_below(random, wires);
    double tick = random_below(random, PLANES_TICKS), slope = random_below(random, 64) - 31.5;
    uint32_t charge = 20 + random_below(random, 300); /* 1/16 units a tick */
    uint64_t bins = 0;
    for (uint32_t w = first; w < first + length && w < wires; w++, tick += slope) {
        if (tick < 0 || tick >= PLANES_TICKS - PULSE_TICKS)
            break;
        uint32_t begin = (uint32_t)tick / BIN_TICKS * BIN_TICKS;
        for (uint32_t t = begin; t < begin + PULSE_TICKS; t++)
            put(samples, type, (size_t)w * PLANES_TICKS + t, (int32_t)(charge + 10));
        bins += PULSE_TICKS / BIN_TICKS;
    }
    return bins;
}

double planes_fill(void *samples, enum sample_type type, uint32_t wires, uint64_t seed)
{
    uint64_t random = seed, bins = 0;
    uint64_t all = (uint64_t)wires * (PLANES_TICKS / BIN_TICKS);
    for (size_t i = 0; i < (size_t)wires * PLANES_TICKS; i++)
        put(samples, type, i, (int32_t)random_below(&random, 2 * NOISE + 1) - NOISE);
    while (bins * 200 < all) /* half a percent; bins hit twice count twice */
        bins += draw_track(samples, type, wires, &random);
    return (double)bins / (double)all;
}
