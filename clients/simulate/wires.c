/* Charge is added up in 1 / 4,096 unit, in integers: any order gives the same. The
 * accumulator has room before the first and after the last tick, so that a pulse
 * at the edge needs no test; a mask of touched bins says what to look at and what
 * to clear. Noise is drawn from a stream of the wire's own. */
#include "simulate/wires.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACCUMULATOR_UNIT = 4096, PAD = CHARGE_MAX_TAPS, NOISE_STREAM = 1 };

struct wires {
    const struct physics *physics;
    uint32_t ticks, bin_ticks, bins, words;
    uint32_t *first;        /* [wires + 1] of the sorted deposits */
    struct deposit *sorted; /* by wire; those of one wire in their order */
    uint32_t capacity;
    uint32_t plane;
    uint64_t seed, event;
    uint32_t *sum;     /* [PAD + ticks + PAD] 1 / 4,096 unit; unsigned: sums that overflow wrap */
    int32_t *neutrino; /* [bins] the neutrino's part */
    uint64_t *touched, *over, *region, *labelled; /* [words] */
    int32_t noise[RANDOM_QUANTILES];              /* quantiles of one tick's noise */
};

static void init_noise(struct wires *w)
{
    const struct physics *p = w->physics;
    double sigma = p->c.noise / sqrt(p->c.roi_bin) * ACCUMULATOR_UNIT;
    for (int i = 0; i < RANDOM_QUANTILES; i++) {
        double z = (p->random.normal[i] + p->random.normal[i + 1]) / 2;
        w->noise[i] = (int32_t)floor(z * sigma + 0.5);
    }
}

struct wires *wires_create(const struct physics *p)
{
    const struct constants *c = &p->c;
    struct wires *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->physics = p;
    w->ticks = (uint32_t)c->ticks;
    w->bin_ticks = (uint32_t)c->roi_bin;
    w->bins = (w->ticks + w->bin_ticks - 1) / w->bin_ticks;
    w->words = (w->bins + 63) / 64;
    uint32_t most = (uint32_t)fmax(c->wires_y, fmax(c->wires_u, c->wires_v));
    w->first = calloc(most + 1, sizeof *w->first);
    w->sum = calloc(w->ticks + 2 * PAD, sizeof *w->sum);
    w->neutrino = calloc(w->bins, sizeof *w->neutrino);
    w->touched = calloc(4 * (size_t)w->words, sizeof *w->touched);
    if (!w->first || !w->sum || !w->neutrino || !w->touched) {
        wires_destroy(&w);
        return NULL;
    }
    w->over = w->touched + w->words;
    w->region = w->over + w->words;
    w->labelled = w->region + w->words;
    init_noise(w);
    return w;
}

void wires_destroy(struct wires **w)
{
    if (*w == NULL)
        return;
    free((*w)->first);
    free((*w)->sorted);
    free((*w)->sum);
    free((*w)->neutrino);
    free((*w)->touched);
    free(*w);
    *w = NULL;
}

bool wires_plane(struct wires *w, const struct charge *q, uint32_t plane, uint64_t seed,
                 uint64_t event)
{
    uint32_t n = q->n[plane], wires = w->physics->charge.plane[plane].wires;
    const struct deposit *list = q->list[plane];
    if (n > w->capacity) {
        struct deposit *sorted = realloc(w->sorted, q->capacity[plane] * sizeof *sorted);
        if (sorted == NULL)
            return false;
        w->sorted = sorted;
        w->capacity = q->capacity[plane];
    }
    w->plane = plane;
    w->seed = seed;
    w->event = event;
    memset(w->first, 0, (wires + 1) * sizeof *w->first);
    for (uint32_t i = 0; i < n; i++)
        w->first[list[i].wire + 1]++;
    for (uint32_t i = 0; i < wires; i++)
        w->first[i + 1] += w->first[i];
    for (uint32_t i = 0; i < n; i++)
        w->sorted[w->first[list[i].wire]++] = list[i];
    memmove(w->first + 1, w->first, wires * sizeof *w->first);
    w->first[0] = 0;
    return true;
}

uint32_t wires_deposits(const struct wires *w, uint32_t wire, const struct deposit **list)
{
    *list = w->sorted == NULL ? NULL : w->sorted + w->first[wire]; /* NULL: no deposit at all */
    return w->first[wire + 1] - w->first[wire];
}

/* Adds one pulse and marks the bins it touches. */
static void add_pulse(struct wires *w, const struct deposit *d)
{
    const struct charge_pulses *p = &w->physics->charge.pulses;
    int32_t tick = d->time >= 0 ? d->time / CHARGE_SUBTICKS
                                : -((CHARGE_SUBTICKS - 1 - d->time) / CHARGE_SUBTICKS);
    uint32_t sub = (uint32_t)(d->time - tick * CHARGE_SUBTICKS), taps = p->taps;
    int32_t begin = tick - (int32_t)p->before, end = begin + (int32_t)taps;
    if (end <= 0 || begin >= (int32_t)w->ticks)
        return;
    const int32_t *weight = p->weight[d->width][sub];
    uint32_t *sum = w->sum + PAD + begin;
    /* 1 / 256 unit * 1 / 65,536 -> 1 / 4,096: a shift of 12. */
    if (d->charge < 32768) {
        for (uint32_t k = 0; k < taps; k++)
            sum[k] += (uint32_t)(d->charge * weight[k] + 2048) >> 12;
    } else {
        for (uint32_t k = 0; k < taps; k++)
            sum[k] += (uint32_t)(((uint64_t)d->charge * (uint64_t)weight[k] + 2048) >> 12);
    }
    uint32_t from = begin > 0 ? (uint32_t)begin / w->bin_ticks : 0;
    uint32_t to = ((uint32_t)end < w->ticks ? (uint32_t)end : w->ticks) - 1;
    for (uint32_t b = from; b <= to / w->bin_ticks; b++)
        w->touched[b / 64] |= (uint64_t)1 << b % 64;
}

static int32_t bin_sum(const struct wires *w, uint32_t bin)
{
    uint32_t from = bin * w->bin_ticks, to = from + w->bin_ticks, sum = 0;
    to = to < w->ticks ? to : w->ticks;
    for (uint32_t t = from; t < to; t++)
        sum += w->sum[PAD + t];
    return sum < INT32_MAX ? (int32_t)sum : INT32_MAX;
}

/* The first set bit from `bit` on; words * 64: none is left. */
static uint32_t next_bit(const uint64_t *mask, uint32_t words, uint32_t bit)
{
    for (uint32_t i = bit / 64; i < words; i++) {
        uint64_t left = i == bit / 64 ? mask[i] & (UINT64_MAX << bit % 64) : mask[i];
        if (left != 0)
            return i * 64 + (uint32_t)__builtin_ctzll(left);
    }
    return words * 64;
}

/* One bin each side of those that are over. */
static void find_regions(struct wires *w)
{
    for (uint32_t i = 0; i < w->words; i++) {
        uint64_t before = i > 0 ? w->over[i - 1] >> 63 : 0;
        uint64_t after = i + 1 < w->words ? w->over[i + 1] << 63 : 0;
        w->region[i] = w->over[i] | w->over[i] << 1 | w->over[i] >> 1 | before | after;
    }
    if (w->bins % 64 != 0)
        w->region[w->words - 1] &= ((uint64_t)1 << w->bins % 64) - 1;
}

static int16_t to_count(int32_t value)
{
    int32_t unit = ACCUMULATOR_UNIT / WIRES_COUNTS_PER_UNIT;
    int32_t count = value >= 0 ? (value + unit / 2) / unit : -((unit / 2 - value) / unit);
    return (int16_t)(count > INT16_MAX ? INT16_MAX : count < INT16_MIN ? INT16_MIN : count);
}

static void write_counts(struct wires *w, uint32_t wire, int16_t *counts)
{
    struct random r;
    uint64_t bits = 0;
    uint32_t left = 0;
    random_init(&r, &w->physics->random, w->seed, w->event,
                ((uint64_t)NOISE_STREAM << 32) | w->plane << 24 | wire);
    for (uint32_t bin = next_bit(w->region, w->words, 0); bin < w->bins;
         bin = next_bit(w->region, w->words, bin + 1)) {
        uint32_t from = bin * w->bin_ticks, to = from + w->bin_ticks;
        to = to < w->ticks ? to : w->ticks;
        for (uint32_t t = from; t < to; t++) {
            if (left-- == 0) { /* five numbers of 12 bits from one draw */
                bits = random_bits(&r);
                left = 4;
            }
            uint32_t sum = w->sum[PAD + t];
            int32_t charge = sum < (uint32_t)INT32_MAX / 2 ? (int32_t)sum : INT32_MAX / 2;
            counts[t] = to_count(charge + w->noise[bits % RANDOM_QUANTILES]);
            bits /= RANDOM_QUANTILES;
        }
    }
}

static void clear_touched(struct wires *w)
{
    const size_t bin_bytes = w->bin_ticks * sizeof *w->sum;
    for (uint32_t bin = next_bit(w->touched, w->words, 0); bin < w->bins;
         bin = next_bit(w->touched, w->words, bin + 1))
        memset(w->sum + PAD + bin * w->bin_ticks, 0, bin_bytes);
    memset(w->sum, 0, PAD * sizeof *w->sum);
    memset(w->sum + PAD + w->ticks, 0, PAD * sizeof *w->sum);
    memset(w->touched, 0, w->words * sizeof *w->touched);
}

bool wires_read(struct wires *w, uint32_t wire, int16_t *counts, struct wires_bins *bins)
{
    const struct deposit *list;
    uint32_t n = wires_deposits(w, wire, &list), i = 0;
    int32_t least = (int32_t)(w->physics->c.roi_threshold * ACCUMULATOR_UNIT);
    if (n == 0)
        return false;
    for (; i < n && list[i].neutrino; i++)
        add_pulse(w, &list[i]);
    bool neutrino = i > 0;
    if (neutrino) { /* bins that only a later, cosmic pulse touches have none of it */
        memset(w->neutrino, 0, w->bins * sizeof *w->neutrino);
        for (uint32_t bin = next_bit(w->touched, w->words, 0); bin < w->bins;
             bin = next_bit(w->touched, w->words, bin + 1))
            w->neutrino[bin] = bin_sum(w, bin);
    }
    for (; i < n; i++)
        add_pulse(w, &list[i]);
    memset(w->over, 0, w->words * sizeof *w->over);
    memset(w->labelled, 0, w->words * sizeof *w->labelled);
    bool any = false;
    for (uint32_t bin = next_bit(w->touched, w->words, 0); bin < w->bins;
         bin = next_bit(w->touched, w->words, bin + 1)) {
        int32_t sum = bin_sum(w, bin);
        if (sum <= least)
            continue;
        any = true;
        w->over[bin / 64] |= (uint64_t)1 << bin % 64;
        if (neutrino && w->neutrino[bin] >= sum - w->neutrino[bin])
            w->labelled[bin / 64] |= (uint64_t)1 << bin % 64;
    }
    if (any) {
        find_regions(w);
        write_counts(w, wire, counts);
        *bins = (struct wires_bins){w->words, w->region, w->labelled};
    }
    clear_touched(w);
    return any;
}
