/* How: int16 samples are counted by value; a walk over the values between the least and the
 * largest gives everything. float32 samples are selected from (Hoare's quickselect). */
#include "model/wire_noise.h"

#include <math.h>
#include <string.h>

/* A Gaussian's sigma over its MAD: 1 / quantile(3/4). */
static const double sigma_of_mad = 1.482602218505602;
/* The rms of a Gaussian within 3 sigma: sqrt(1 - 6 phi(3) / (2 Phi(3) - 1)). */
static const double rms_within_3 = 0.986578;
enum { TRUNCATE_SIGMA = 3, QUANTUM_COUNTS = 3 };

/* ---- int16 ---- */

struct counted {
    uint32_t *of; /* of[value - INT16_MIN] */
    int32_t least, largest;
    uint32_t n;
};

static uint32_t count_of(const struct counted *c, int32_t value)
{
    return value < c->least || value > c->largest ? 0 : c->of[value - INT16_MIN];
}

/* Twice the value of the median: a whole number. */
static int32_t twice_median(const struct counted *c)
{
    uint32_t below = 0;
    int32_t low = c->largest, high = c->largest;
    for (int32_t v = c->least; v <= c->largest; v++) {
        if (below <= (c->n - 1) / 2 && below + count_of(c, v) > (c->n - 1) / 2)
            low = v;
        if (below <= c->n / 2 && below + count_of(c, v) > c->n / 2) {
            high = v;
            break;
        }
        below += count_of(c, v);
    }
    return low + high;
}

/* The MAD around a median given twice: the smallest distance within which half of them lie. */
static double mad_counts(const struct counted *c, int32_t twice)
{
    uint32_t seen = 0;
    for (int32_t d = twice & 1;; d += 2) { /* twice the distance */
        seen += count_of(c, (twice - d) / 2);
        if (d > 0)
            seen += count_of(c, (twice + d) / 2);
        if (seen >= (c->n + 1) / 2)
            return d / 2.0;
    }
}

struct wire_noise wire_noise_counts(const void *samples, uint32_t n,
                                    uint32_t histogram[WIRE_NOISE_VALUES])
{
    struct counted c = {.of = histogram, .least = INT16_MAX, .largest = INT16_MIN, .n = n};
    if (n == 0)
        return (struct wire_noise){0};
    for (uint32_t i = 0; i < n; i++) {
        int16_t x;
        memcpy(&x, (const char *)samples + i * sizeof x, sizeof x);
        c.of[x - INT16_MIN]++;
        c.least = x < c.least ? x : c.least;
        c.largest = x > c.largest ? x : c.largest;
    }
    int32_t twice = twice_median(&c);
    double around = twice / 2.0;
    double reach = fmax(TRUNCATE_SIGMA * sigma_of_mad * mad_counts(&c, twice), QUANTUM_COUNTS);
    double sum = 0, squares = 0;
    uint64_t used = 0;
    for (int32_t v = c.least; v <= c.largest; v++) {
        double d = v - around, times = count_of(&c, v);
        if (fabs(d) <= reach) {
            sum += times * d;
            squares += times * d * d;
            used += count_of(&c, v);
        }
    }
    memset(c.of + (c.least - INT16_MIN), 0, (size_t)(c.largest - c.least + 1) * sizeof *c.of);
    double mean = sum / (double)used;
    double variance = fmax(squares / (double)used - mean * mean, 0);
    return (struct wire_noise){around + mean, sqrt(variance) / rms_within_3, used};
}

/* ---- float32 ---- */

/* Brings the k-th smallest to value[k], smaller ones before it, larger ones behind. */
static float select_kth(float *value, uint32_t n, uint32_t k)
{
    uint32_t left = 0, right = n - 1;
    while (left < right) {
        float pivot = value[left + (right - left) / 2];
        uint32_t i = left, j = right;
        for (;;) {
            while (value[i] < pivot)
                i++;
            while (value[j] > pivot)
                j--;
            if (i >= j)
                break;
            float x = value[i];
            value[i++] = value[j];
            value[j--] = x;
        }
        if (k <= j)
            right = j;
        else
            left = j + 1;
    }
    return value[k];
}

float wire_noise_median(float *value, uint32_t n)
{
    float high = select_kth(value, n, n / 2);
    if (n % 2 == 1)
        return high;
    float low = value[0];
    for (uint32_t i = 1; i < n / 2; i++)
        low = value[i] > low ? value[i] : low;
    return (float)(((double)low + (double)high) / 2);
}

struct wire_noise wire_noise_units(const void *samples, uint32_t n, float *scratch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&scratch[kept], (const char *)samples + i * sizeof *scratch, sizeof *scratch);
        kept += isfinite(scratch[kept]) ? 1 : 0;
    }
    if (kept == 0)
        return (struct wire_noise){0};
    double around = (double)wire_noise_median(scratch, kept);
    double sum = 0, squares = 0;
    uint64_t used = 0;
    kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&scratch[kept], (const char *)samples + i * sizeof *scratch, sizeof *scratch);
        if (isfinite(scratch[kept])) {
            scratch[kept] = (float)fmin(fabs((double)scratch[kept] - around), (double)HUGE_VALF);
            kept++;
        }
    }
    double reach = TRUNCATE_SIGMA * sigma_of_mad * (double)wire_noise_median(scratch, kept);
    for (uint32_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, (const char *)samples + i * sizeof x, sizeof x);
        double d = (double)x - around;
        if (isfinite(x) && fabs(d) <= reach) {
            sum += d;
            squares += d * d;
            used++;
        }
    }
    double mean = used == 0 ? 0 : sum / (double)used;
    double variance = used == 0 ? 0 : fmax(squares / (double)used - mean * mean, 0);
    return (struct wire_noise){around + mean, sqrt(variance) / rms_within_3, used};
}
