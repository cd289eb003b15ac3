/* tracker: takes particles through the argon and leaves charge.
 *
 *     muon, pion, proton   steps: Bethe loss, Landau fluctuation, scattering,
 *                          delta rays; ends by range, by interaction, or outside
 *     electron             steps: constant loss, scattering, radiated photons
 *     photon               a free path, then a pair or a Compton electron
 *
 * All of an event's random numbers of physics are drawn here, in order, from the
 * event's stream. One thread at a time.
 */
#ifndef SIMULATE_TRACKER_H
#define SIMULATE_TRACKER_H

#include "simulate/charge.h"
#include "simulate/matter.h"

/* Tables that all threads share, made once. */
struct physics {
    struct constants c;
    struct random_table random;
    struct matter matter;
    struct charge_tables charge;
};

/* CONFIG: see constants_check and charge_tables_init. */
bool physics_init(struct physics *p, const struct constants *c, struct error *err);

enum particle_origin { ORIGIN_COSMIC = 0, ORIGIN_NEUTRINO = 1 };

/* One row of the particle table. */
struct particle {
    int32_t pdg;
    int32_t parent; /* index of its mother, -1: none */
    enum particle_origin origin;
    double momentum; /* MeV at the start */
    double late;     /* ticks after the trigger */
    struct vec start, end;
};

enum { TRACKER_PARTICLES = 4096, TRACKER_STACK = 4096 };

/* An electron, positron or photon that is still to be tracked. */
struct shower_item {
    bool photon;
    double mev; /* kinetic */
    struct vec at, direction;
};

struct tracker {
    const struct physics *physics;
    struct random random;
    struct charge charge;
    uint32_t n_particles; /* what is beyond TRACKER_PARTICLES is tracked with the last */
    struct particle particle[TRACKER_PARTICLES];
    uint32_t n_stack;
    struct shower_item stack[TRACKER_STACK];
};

void tracker_begin(struct tracker *t, uint64_t seed, uint64_t event);

/* Tracks a particle and all that comes of it. pdg: +-13, +-211, 2212, +-11, 22, 111;
 * others are listed and leave nothing. Returns its index. */
uint32_t tracker_run(struct tracker *t, int32_t pdg, int32_t parent, enum particle_origin origin,
                     struct vec at, struct vec direction, double kinetic_mev, double late);

/* Rest energy, MeV. */
double tracker_mass(int32_t pdg);

/* Tracks what is on the stack, for particle `owner`. (shower.c) */
void tracker_shower(struct tracker *t, uint32_t owner);
void tracker_push(struct tracker *t, bool photon, double mev, struct vec at, struct vec direction);

#endif
