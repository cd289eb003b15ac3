/* Delta rays are put on the stack of the shower where they are knocked on, and
 * tracked when their mother has ended; their charge is hers. */
#include "simulate/tracker.h"

#include <math.h>
#include <stdlib.h>

bool physics_init(struct physics *p, const struct constants *c, struct error *err)
{
    p->c = *c;
    if (!constants_check(c, err) || !charge_tables_init(&p->charge, c, err))
        return false;
    random_table_init(&p->random);
    matter_init(&p->matter, c);
    return true;
}

double tracker_mass(int32_t pdg)
{
    switch (abs(pdg)) {
    case 11:
        return matter_electron_mass;
    case 13:
        return matter_mass[MATTER_MUON];
    case 211:
        return matter_mass[MATTER_PION];
    case 2212:
        return matter_mass[MATTER_PROTON];
    case 111:
        return 134.9768;
    default:
        return 0;
    }
}

void tracker_begin(struct tracker *t, uint64_t seed, uint64_t event)
{
    const struct physics *p = t->physics;
    random_init(&t->random, &p->random, seed, event, 0);
    t->charge.c = &p->c;
    t->charge.tables = &p->charge;
    t->charge.no_memory = false;
    for (int i = 0; i < CHARGE_PLANES; i++)
        t->charge.n[i] = 0;
    t->n_particles = t->n_stack = 0;
}

/* Electrons knocked on with more than delta_ray_min: dN/dT = landau / beta^2 / T^2
 * (1 - beta^2 T / largest), PDG eq. 34.8; drawn from 1 / T^2, then thinned. Returns
 * the energy that its mother lost. */
static double delta_ray(struct tracker *t, int kind, double mev, double beta2, double step,
                        struct vec at, struct vec direction)
{
    double least = t->physics->c.delta_ray_min, largest = matter_largest_transfer(kind, mev);
    if (largest <= least)
        return 0;
    double range = 1 / least - 1 / largest;
    if (random_uniform(&t->random) >= t->physics->matter.landau / beta2 * step * range)
        return 0;
    double energy = 1 / (1 / least - random_uniform(&t->random) * range);
    if (random_uniform(&t->random) < beta2 * energy / largest)
        return 0;
    double mass = matter_electron_mass;
    double cosine = sqrt(energy * (largest + 2 * mass) / (largest * (energy + 2 * mass)));
    tracker_push(t, false, energy, at, space_turn(&t->random, direction, fmin(cosine, 1)));
    return energy;
}

/* Loss over a step. Moyal's width is Landau's xi, but no wider than the energy that
 * the largest transfers allow (slow protons: many small ones). */
static double step_loss(struct tracker *t, int kind, double mev, double beta2, double step)
{
    const struct matter *m = &t->physics->matter;
    double mean = matter_loss(m, kind, mev) * step, xi = m->landau / beta2 * step;
    double largest = fmin(matter_largest_transfer(kind, mev), t->physics->c.delta_ray_min);
    double width = fmin(xi, sqrt(xi * largest / 4.93));
    double lost = mean + width * (random_moyal(&t->random) - t->physics->random.moyal_mean);
    return fmax(lost, 0.2 * mean);
}

/* Returns the energy left where it ended inside (0: stopped), or -1: outside. */
static double track_heavy(struct tracker *t, int kind, uint32_t owner, struct vec direction,
                          double mev, double free_path)
{
    const struct constants *c = &t->physics->c;
    struct particle *p = &t->particle[owner];
    const double mass = matter_mass[kind];
    struct vec at = p->start;
    double way = 0;
    while (way < free_path) {
        double gamma = 1 + mev / mass, beta2 = 1 - 1 / (gamma * gamma), step = c->step;
        double lost = step_loss(t, kind, mev, beta2, step);
        bool last = lost >= mev || mev < 0.5;
        if (last) {
            step = fmax(fmin(step, mev / matter_loss(&t->physics->matter, kind, mev)), 0.01);
            lost = mev;
        }
        charge_add(&t->charge, &t->random, space_along(at, step / 2, direction), lost, step,
                   p->late, (uint16_t)owner, p->origin == ORIGIN_NEUTRINO);
        at = p->end = space_along(at, step, direction);
        way += step;
        if (last)
            return 0;
        mev -= lost;
        if (!space_inside(c, at))
            return -1;
        mev -= delta_ray(t, kind, mev, beta2, step, at, direction);
        if (mev <= 0)
            return 0;
        double beta_p = mev * (mev + 2 * mass) / (mev + mass);
        direction =
            space_scatter(&t->random, direction, 13.6 / beta_p * sqrt(step / c->radiation_length));
    }
    return mev;
}

/* A stopped muon decays; x^2 (3 - 2 x) of the electron's energy, up to 52.8 MeV. */
static void michel(struct tracker *t, uint32_t muon)
{
    const struct constants *c = &t->physics->c;
    const struct particle *p = &t->particle[muon];
    if (random_uniform(&t->random) >= c->michel_fraction)
        return;
    double x = random_uniform(&t->random);
    while (random_uniform(&t->random) >= x * x * (3 - 2 * x))
        x = random_uniform(&t->random);
    double late = p->late + random_exponential(&t->random, c->muon_lifetime) / c->tick_us;
    struct vec at = p->end, direction = space_isotropic(&t->random);
    tracker_run(t, p->pdg > 0 ? 11 : -11, (int32_t)muon, p->origin, at, direction, x * 52.8, late);
}

/* Two photons, alike likely in all directions where the pion rests. */
static void pi0(struct tracker *t, uint32_t owner, struct vec direction, double mev)
{
    const struct particle *p = &t->particle[owner];
    double mass = tracker_mass(111), energy = mev + mass;
    double beta = sqrt(fmax(0, 1 - mass * mass / (energy * energy)));
    double cosine = random_range(&t->random, -1, 1);
    struct vec at = p->start, first = {0},
               total = {energy * beta * direction.x, energy * beta * direction.y,
                        energy * beta * direction.z};
    double late = p->late;
    enum particle_origin origin = p->origin;
    double k = energy / 2 * (1 + beta * cosine);
    first = space_turn(&t->random, direction, (beta + cosine) / (1 + beta * cosine));
    struct vec second = space_along(total, -k, first);
    tracker_run(t, 22, (int32_t)owner, origin, at, first, k, late);
    tracker_run(t, 22, (int32_t)owner, origin, at, space_unit(second), energy - k, late);
}

uint32_t tracker_run(struct tracker *t, int32_t pdg, int32_t parent, enum particle_origin origin,
                     struct vec at, struct vec direction, double kinetic_mev, double late)
{
    const struct constants *c = &t->physics->c;
    uint32_t i = t->n_particles < TRACKER_PARTICLES ? t->n_particles++ : TRACKER_PARTICLES - 1;
    double mass = tracker_mass(pdg), momentum = sqrt(kinetic_mev * (kinetic_mev + 2 * mass));
    t->particle[i] = (struct particle){pdg, parent, origin, momentum, late, at, at};
    const double endless = 1e9;
    switch (abs(pdg)) {
    case 13:
        if (track_heavy(t, MATTER_MUON, i, direction, kinetic_mev, endless) == 0) {
            tracker_shower(t, i);
            michel(t, i);
        }
        break;
    case 211:
        track_heavy(t, MATTER_PION, i, direction, kinetic_mev,
                    random_exponential(&t->random, c->pion_length));
        break;
    case 2212:
        track_heavy(t, MATTER_PROTON, i, direction, kinetic_mev,
                    random_exponential(&t->random, c->proton_length));
        break;
    case 11:
    case 22:
        tracker_push(t, pdg == 22, kinetic_mev, at, direction);
        break;
    case 111:
        pi0(t, i, direction, kinetic_mev);
        break;
    default:
        break;
    }
    tracker_shower(t, i);
    return i;
}
