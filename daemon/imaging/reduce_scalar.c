/* One wire at a time, in stages that each are a plain loop over a short array, so
 * that a wire's samples are read from memory once and everything after that stays
 * in the first-level cache: pairs of ticks, time bins, floor and clip, rows.
 *
 * The published factors 6 and 4 have loops of their own; others are added by the
 * general pairwise sum. Written to be read: the other kernels are held to it. */
#include "imaging/reduce_kernel.h"

#include "imaging/sample.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Adds v[0 .. n) pairwise in index order, overwriting v: neighbours first, then
 * neighbouring sums, an odd one out carried to the next round. */
static float pairwise(float *v, uint32_t n)
{
    while (n > 1) {
        uint32_t half = n / 2;
        for (uint32_t i = 0; i < half; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n & 1)
            v[half] = v[n - 1];
        n = half + (n & 1);
    }
    return v[0];
}

/* ---- float32 --------------------------------------------------------------- */

static void bins_float(const struct reduce_scratch *s, const unsigned char *wire, uint32_t rebin,
                       uint32_t bins)
{
    float *bin = s->bin_f, *tick = s->tick_f;
    if (rebin == 6) {
        for (uint32_t i = 0; i < 3 * bins; i++)
            tick[i] = sample_float(wire, 2 * i) + sample_float(wire, 2 * i + 1);
        for (uint32_t b = 0; b < bins; b++)
            bin[b] = (tick[3 * b] + tick[3 * b + 1]) + tick[3 * b + 2];
        return;
    }
    for (uint32_t b = 0; b < bins; b++) {
        memcpy(tick, wire + (size_t)b * rebin * sizeof *tick, rebin * sizeof *tick);
        bin[b] = pairwise(tick, rebin);
    }
}

/* Returns how many bins were not finite. */
static uint32_t condition_float(float *bin, uint32_t bins, float pedestal, float low, float high)
{
    uint32_t bad = 0;
    for (uint32_t b = 0; b < bins; b++) {
        float x = bin[b] - pedestal;      /* a pedestal of 0 changes no bit */
        int finite = fabsf(x) <= FLT_MAX; /* false for NaN too */
        bad += (uint32_t)!finite;
        x = finite ? x : 0.0f;
        x = x < low ? 0.0f : x;
        bin[b] = x > high ? high : x;
    }
    return bad;
}

static uint32_t wire_float(const struct reduce_scratch *s, const struct plane_geometry *p,
                           const unsigned char *wire, float pedestal, float *sum, bool first)
{
    uint32_t pool = p->pre.pool_time, bins = p->rows * pool;
    float *bin = s->bin_f;
    bins_float(s, wire, p->pre.time_rebin, bins);
    uint32_t bad =
        condition_float(bin, bins, pedestal, (float)p->pre.bin_floor, (float)p->pre.bin_clip);
    for (uint32_t i = 0; i < p->rows; i++, bin += pool) {
        float row = pool == 4 ? (bin[0] + bin[1]) + (bin[2] + bin[3]) : pairwise(bin, pool);
        sum[i] = first ? row : sum[i] + row;
    }
    return bad;
}

/* ---- int16 ----------------------------------------------------------------- */

static void bins_counts(int32_t *bin, const unsigned char *wire, uint32_t rebin, uint32_t bins)
{
    if (rebin == 6) {
        for (uint32_t b = 0; b < bins; b++) {
            size_t t = (size_t)b * 6;
            bin[b] = sample_int16(wire, t) + sample_int16(wire, t + 1) + sample_int16(wire, t + 2) +
                     sample_int16(wire, t + 3) + sample_int16(wire, t + 4) +
                     sample_int16(wire, t + 5);
        }
        return;
    }
    for (uint32_t b = 0; b < bins; b++) {
        int32_t sum = 0;
        for (uint32_t t = 0; t < rebin; t++)
            sum += sample_int16(wire, (size_t)b * rebin + t);
        bin[b] = sum;
    }
}

static void wire_counts(const struct reduce_scratch *s, const struct plane_geometry *p,
                        const unsigned char *wire, int32_t pedestal, int32_t *sum, bool first)
{
    uint32_t pool = p->pre.pool_time, bins = p->rows * pool;
    int32_t *bin = s->bin_i, low = p->floor_counts, high = p->clip_counts;
    bins_counts(bin, wire, p->pre.time_rebin, bins);
    for (uint32_t b = 0; b < bins; b++) {
        int32_t x = bin[b] - pedestal;
        x = x < low ? 0 : x;
        bin[b] = x > high ? high : x;
    }
    for (uint32_t i = 0; i < p->rows; i++) {
        int32_t row = 0;
        for (uint32_t b = 0; b < pool; b++)
            row += bin[i * pool + b];
        sum[i] = first ? row : sum[i] + row;
    }
}

/* ---- hits ------------------------------------------------------------------ */

static void above_float(const float *sum, uint32_t words, float threshold, uint64_t *mask)
{
    for (uint32_t w = 0; w < words; w++, sum += 64) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i++)
            mask[w] |= (uint64_t)(sum[i] >= threshold && sum[i] != 0.0f) << i;
    }
}

static void above_counts(const int32_t *sum, uint32_t words, int32_t threshold, uint64_t *mask)
{
    for (uint32_t w = 0; w < words; w++, sum += 64) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i++)
            mask[w] |= (uint64_t)(sum[i] >= threshold && sum[i] != 0) << i;
    }
}

const struct reduce_kernel reduce_scalar_kernel = {
    .name = "scalar",
    .wire_float = wire_float,
    .wire_counts = wire_counts,
    .above_float = above_float,
    .above_counts = above_counts,
};
