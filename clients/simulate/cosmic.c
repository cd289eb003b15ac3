/* Intensity cos^2 of the zenith angle. How many muons of a direction hit a box
 * goes with the box's area seen from there; a face is hit in proportion to its
 * share of that area, everywhere alike. So no muon is drawn that misses. */
#include "simulate/event.h"
#include "simulate/portable.h"

#include <math.h>

/* The momentum's shape; hand-made, see docs/simulation.md. */
static double muon_mev(struct tracker *t)
{
    const struct constants *c = &t->physics->c;
    struct random *r = &t->random;
    if (random_uniform(r) < c->cosmic_soft_fraction)
        return random_exponential(r, c->cosmic_soft_mean);
    double u = random_uniform(r);
    return fmin(c->cosmic_hard_min * portable_pow(u, -1 / c->cosmic_hard_power), 1e6);
}

/* A direction downwards, and the areas of the faces seen along it. */
static struct vec muon_direction(struct tracker *t, struct vec *area)
{
    const struct constants *c = &t->physics->c;
    double dy = c->y_max - c->y_min;
    struct vec face = {dy * c->z_max, c->x_max * c->z_max, c->x_max * dy};
    for (;;) {
        double cosine = portable_pow(random_uniform(&t->random), 1.0 / 3);
        struct vec d = space_turn(&t->random, (struct vec){0, -1, 0}, cosine);
        *area = (struct vec){face.x * fabs(d.x), face.y * fabs(d.y), face.z * fabs(d.z)};
        if (random_uniform(&t->random) * space_length(face) < area->x + area->y + area->z)
            return d;
    }
}

static void cosmic_muon(struct tracker *t)
{
    const struct constants *c = &t->physics->c;
    struct random *r = &t->random;
    struct vec area, d = muon_direction(t, &area);
    double which = random_uniform(r) * (area.x + area.y + area.z);
    struct vec at = {random_range(r, 0, c->x_max), random_range(r, c->y_min, c->y_max),
                     random_range(r, 0, c->z_max)};
    if (which < area.x)
        at.x = d.x > 0 ? 0 : c->x_max;
    else if (which < area.x + area.y)
        at.y = c->y_max;
    else
        at.z = d.z > 0 ? 0 : c->z_max;
    double late = random_range(r, c->cosmic_first_tick, c->cosmic_last_tick);
    double mev = muon_mev(t);
    int32_t pdg = random_uniform(r) < 0.56 ? -13 : 13; /* charge ratio 1.27 */
    tracker_run(t, pdg, -1, ORIGIN_COSMIC, at, d, mev, late);
}

void event_cosmics(struct tracker *t)
{
    uint32_t n = random_poisson(&t->random, t->physics->c.cosmic_muons);
    for (uint32_t i = 0; i < n; i++)
        cosmic_muon(t);
}
