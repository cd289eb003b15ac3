/* matter: how fast heavy charged particles lose energy in liquid argon.
 *
 * The Bethe formula with Sternheimer's density effect (PDG, Passage of particles
 * through matter, eq. 34.5 and 34.6), restricted to energy transfers below
 * delta_ray_min: electrons above are tracked on their own.
 */
#ifndef SIMULATE_MATTER_H
#define SIMULATE_MATTER_H

#include "simulate/constants.h"

enum { MATTER_MUON, MATTER_PION, MATTER_PROTON, MATTER_KINDS };
enum { MATTER_OCTAVE = 16, MATTER_OCTAVES = 34, MATTER_POINTS = MATTER_OCTAVE * MATTER_OCTAVES };

extern const double matter_mass[MATTER_KINDS]; /* MeV */
extern const double matter_electron_mass;

/* Losses at kinetic energies 2^-10 MeV and up, 16 points an octave. */
struct matter {
    double loss[MATTER_KINDS][MATTER_POINTS + 1]; /* MeV / cm */
    double landau;                                /* xi = landau / beta^2, MeV / cm */
};

void matter_init(struct matter *m, const struct constants *c);

/* MeV / cm at a kinetic energy above 0. */
double matter_loss(const struct matter *m, int kind, double mev);

/* The largest energy that can be given to an electron, MeV. */
double matter_largest_transfer(int kind, double mev);

#endif
