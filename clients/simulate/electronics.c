/* How: a wire draws its kind and its pedestal from a stream that no event is in, its noise
 * from one of the event. All sums are integers of 1 / 256 count, so that every machine rounds
 * alike. */
#include "simulate/electronics.h"

#include <math.h>

enum { WIRE_STREAM = 2, UNIT = 256 };
static const uint64_t of_no_event = UINT64_MAX;

bool electronics_on(const struct constants *c)
{
    return c->pedestal != 0 || c->pedestal_spread > 0 || c->wire_noise > 0 ||
           c->dead_fraction > 0 || c->hot_fraction > 0;
}

static void open_stream(struct random *r, const struct physics *p, uint64_t seed, uint64_t event,
                        uint32_t plane, uint32_t wire)
{
    random_init(r, &p->random, seed, event, ((uint64_t)WIRE_STREAM << 32) | plane << 24 | wire);
}

static enum electronics_wire draw_kind(struct random *r, const struct constants *c)
{
    double u = random_uniform(r);
    if (u < c->dead_fraction)
        return ELECTRONICS_DEAD;
    return u < c->dead_fraction + c->hot_fraction ? ELECTRONICS_HOT : ELECTRONICS_GOOD;
}

static int16_t to_count(int64_t value)
{
    int64_t count = (value >= 0 ? value + UNIT / 2 : value - UNIT / 2) / UNIT;
    return (int16_t)(count > INT16_MAX ? INT16_MAX : count < INT16_MIN ? INT16_MIN : count);
}

void electronics_apply(const struct physics *p, uint64_t seed, uint64_t event, uint32_t plane,
                       uint32_t wire, int16_t *counts, uint32_t n)
{
    const struct constants *c = &p->c;
    struct random r;
    open_stream(&r, p, seed, of_no_event, plane, wire);
    enum electronics_wire kind = draw_kind(&r, c);
    double level = c->pedestal + c->pedestal_spread * random_normal(&r);
    int64_t pedestal = (int64_t)floor(level * UNIT + 0.5);
    bool hot = kind == ELECTRONICS_HOT && (double)event >= c->hot_first_event &&
               (double)event <= c->hot_last_event;
    double sigma = (hot ? c->hot_noise : c->wire_noise) * UNIT;
    open_stream(&r, p, seed, event, plane, wire);
    for (uint32_t t = 0; t < n; t++) {
        int64_t noise = kind == ELECTRONICS_DEAD || sigma == 0
                            ? 0
                            : (int64_t)floor(sigma * random_normal(&r) + 0.5);
        int64_t signal = kind == ELECTRONICS_DEAD ? 0 : (int64_t)counts[t] * UNIT;
        counts[t] = to_count(pedestal + noise + signal);
    }
}
