/* A shower is a stack of electrons and photons. An electron loses energy at a
 * constant rate and radiates photons with a spectrum 1 / k, one radiation length
 * after the other; photons make pairs, soft ones Compton electrons. Profiles and
 * fluctuations come out of the branching, nothing is parametrised. */
#include "simulate/portable.h"
#include "simulate/tracker.h"

#include <math.h>

void tracker_push(struct tracker *t, bool photon, double mev, struct vec at, struct vec direction)
{
    if (t->n_stack < TRACKER_STACK)
        t->stack[t->n_stack++] = (struct shower_item){photon, mev, at, direction};
}

static void track_electron(struct tracker *t, struct shower_item e, uint32_t owner)
{
    const struct constants *c = &t->physics->c;
    struct particle *p = &t->particle[owner];
    const double loss = c->electron_loss, softest = c->photon_min;
    while (e.mev > 0) {
        double step = fmin(c->step, e.mev / loss), lost = step * loss;
        charge_add(&t->charge, &t->random, space_along(e.at, step / 2, e.direction), lost, step,
                   p->late, (uint16_t)owner, p->origin == ORIGIN_NEUTRINO);
        e.at = space_along(e.at, step, e.direction);
        e.mev -= lost;
        if (e.mev < 0.01 || !space_inside(c, e.at))
            return;
        /* Highland's formula without its logarithm, so that steps add up. */
        double total = e.mev + matter_electron_mass;
        double beta_p = e.mev * (e.mev + 2 * matter_electron_mass) / total;
        e.direction = space_scatter(&t->random, e.direction,
                                    13.6 / beta_p * sqrt(step / c->radiation_length));
        if (e.mev <= softest)
            continue;
        double logarithm = portable_log(e.mev / softest);
        if (random_uniform(&t->random) < step / c->radiation_length * logarithm) {
            double k = softest * portable_exp(random_uniform(&t->random) * logarithm);
            tracker_push(t, true, k, e.at, e.direction);
            e.mev -= k;
        }
    }
}

static void track_photon(struct tracker *t, struct shower_item g)
{
    const struct constants *c = &t->physics->c;
    const double mass = matter_electron_mass;
    for (;;) {
        double path = g.mev > 30 ? c->radiation_length * 9 / 7 : c->photon_length;
        g.at = space_along(g.at, random_exponential(&t->random, path), g.direction);
        if (!space_inside(c, g.at))
            return;
        if (g.mev > c->compton_max && g.mev > 2 * mass) {
            double kinetic = g.mev - 2 * mass, share = random_uniform(&t->random);
            for (int i = 0; i < 2; i++)
                tracker_push(t, false, kinetic * (i ? share : 1 - share), g.at,
                             space_scatter(&t->random, g.direction, mass / g.mev));
            return;
        }
        /* Compton: the electron's energy flat up to its largest, the angles follow. */
        double largest = 2 * g.mev * g.mev / (mass + 2 * g.mev);
        double taken = largest * random_uniform(&t->random), left = g.mev - taken;
        double cosine = 1 - mass * (1 / left - 1 / g.mev);
        struct vec before = g.direction;
        g.direction = space_turn(&t->random, before, fmax(-1, cosine));
        struct vec momentum = {g.mev * before.x - left * g.direction.x,
                               g.mev * before.y - left * g.direction.y,
                               g.mev * before.z - left * g.direction.z};
        tracker_push(t, false, taken, g.at, space_unit(momentum));
        g.mev = left;
        if (g.mev < 0.1) {
            tracker_push(t, false, g.mev, g.at, g.direction);
            return;
        }
    }
}

void tracker_shower(struct tracker *t, uint32_t owner)
{
    while (t->n_stack > 0) {
        struct shower_item item = t->stack[--t->n_stack];
        if (item.photon)
            track_photon(t, item);
        else
            track_electron(t, item, owner);
    }
}
