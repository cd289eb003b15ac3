/* Shapes, not a generator: the energy from a gamma distribution, the share that
 * the hadrons take from a beta distribution, Q2 exponential; the lepton's angle
 * follows from the three. One proton and a Poisson number more share what pions
 * leave, along the momentum transfer with a wide spread (Fermi motion, rescattering). */
#include "simulate/event.h"
#include "simulate/portable.h"

#include <math.h>

static const double spread = 0.5; /* radians, of hadrons about the momentum transfer */

static double neutrino_mev(struct tracker *t)
{
    const struct constants *c = &t->physics->c;
    for (;;) {
        double mev = random_gamma(&t->random, (uint32_t)c->energy_shape, c->energy_scale);
        if (mev >= c->energy_min && mev <= c->energy_max)
            return mev;
    }
}

/* Lepton energy (total, MeV) and direction; beam along z. */
static double lepton(struct tracker *t, double beam, double mass, struct vec *direction)
{
    for (int i = 0; i < 1000; i++) {
        double energy = beam * (1 - random_beta(&t->random, 1.6, 2.6));
        double q2 = random_exponential(&t->random, t->physics->c.q2_mean) * 1e6;
        if (energy <= mass + 1)
            continue;
        double momentum = sqrt(energy * energy - mass * mass);
        double cosine = (energy - (q2 + mass * mass) / (2 * beam)) / momentum;
        if (cosine < -1 || cosine > 1)
            continue;
        *direction = space_turn(&t->random, (struct vec){0, 0, 1}, cosine);
        return energy;
    }
    *direction = (struct vec){0, 0, 1}; /* close to threshold: straight on, half the energy */
    return mass + (beam - mass) / 2;
}

static void hadrons(struct tracker *t, struct vec vertex, struct vec transfer, double mev)
{
    const struct constants *c = &t->physics->c;
    struct random *r = &t->random;
    double chance = fmin((mev - c->pion_threshold) / c->pion_slope, c->pion_most);
    if (random_uniform(r) < chance) {
        int32_t pdg = random_uniform(r) < c->pi0_fraction ? 111 : 211;
        double mass = tracker_mass(pdg), most = mev - mass;
        if (most > 0) {
            double kinetic = most * random_uniform(r);
            struct vec d = space_scatter(r, transfer, spread);
            tracker_run(t, pdg, -1, ORIGIN_NEUTRINO, vertex, d, kinetic, 0);
            mev -= mass + kinetic;
        }
    }
    uint32_t n = 1 + random_poisson(r, c->proton_mean);
    for (uint32_t i = n; i > 0 && mev > 1; i--) {
        /* One after the other takes its part of what is left: shares all alike. */
        double share = i == 1 ? 1 : 1 - portable_pow(random_uniform(r), 1.0 / (i - 1));
        struct vec d = space_scatter(r, transfer, spread);
        tracker_run(t, 2212, -1, ORIGIN_NEUTRINO, vertex, d, fmax(mev * share, 0.01), 0);
        mev -= mev * share;
    }
}

void event_neutrino(struct tracker *t, struct neutrino *nu)
{
    const struct constants *c = &t->physics->c;
    struct random *r = &t->random;
    bool electron = random_uniform(r) < c->nue_fraction;
    nu->pdg = electron ? 12 : 14;
    nu->charged_current = electron || random_uniform(r) >= c->nc_fraction;
    nu->mev = neutrino_mev(t);
    nu->direction = (struct vec){0, 0, 1};
    nu->vertex = (struct vec){random_range(r, 0, c->x_max), random_range(r, c->y_min, c->y_max),
                              random_range(r, 0, c->z_max)};
    int32_t pdg = !nu->charged_current ? nu->pdg : nu->pdg - 1;
    double mass = tracker_mass(pdg);
    struct vec direction;
    nu->lepton_mev = lepton(t, nu->mev, mass, &direction);
    double momentum = sqrt(nu->lepton_mev * nu->lepton_mev - mass * mass);
    struct vec transfer = space_along((struct vec){0, 0, nu->mev}, -momentum, direction);
    tracker_run(t, pdg, -1, ORIGIN_NEUTRINO, nu->vertex, direction, nu->lepton_mev - mass, 0);
    hadrons(t, nu->vertex, space_unit(transfer), nu->mev - nu->lepton_mev);
}
