/* A double's exponent and its four highest fraction bits are the table's index,
 * the rest of the fraction interpolates: no logarithm on the way of a step. */
#include "simulate/matter.h"

#include "simulate/portable.h"

#include <math.h>
#include <string.h>

const double matter_mass[MATTER_KINDS] = {105.6584, 139.5704, 938.2721};
const double matter_electron_mass = 0.5109989;

enum { FIRST_EXPONENT = 1023 - 10 };

/* Sternheimer's parametrisation for liquid argon (PDG atomic properties). */
static double density_effect(double beta_gamma)
{
    const double x0 = 0.2, x1 = 3, a = 0.19559, k = 3, c = 5.2146;
    double x = portable_log(beta_gamma) / 2.302585092994046;
    if (x < x0)
        return 0;
    double delta = 2 * 2.302585092994046 * x - c;
    return x < x1 ? delta + a * portable_pow(x1 - x, k) : delta;
}

double matter_largest_transfer(int kind, double mev)
{
    double gamma = 1 + mev / matter_mass[kind], ratio = matter_electron_mass / matter_mass[kind];
    return 2 * matter_electron_mass * (gamma * gamma - 1) / (1 + 2 * gamma * ratio + ratio * ratio);
}

static double bethe(const struct constants *c, int kind, double mev)
{
    double gamma = 1 + mev / matter_mass[kind], beta2 = 1 - 1 / (gamma * gamma);
    double beta_gamma = sqrt(gamma * gamma - 1);
    double largest = matter_largest_transfer(kind, mev), cut = fmin(c->delta_ray_min, largest);
    double excitation = c->excitation_energy * 1e-6;
    double log = portable_log(2 * matter_electron_mass * beta_gamma * beta_gamma * cut /
                              (excitation * excitation));
    double bracket = log / 2 - beta2 / 2 * (1 + cut / largest) - density_effect(beta_gamma) / 2;
    /* Below some tenths of an MeV the formula ends; what is left is a fraction of a step. */
    return 0.307075 * c->z_over_a * c->density / beta2 * fmax(bracket, 0.5);
}

void matter_init(struct matter *m, const struct constants *c)
{
    m->landau = 0.5 * 0.307075 * c->z_over_a * c->density;
    for (int kind = 0; kind < MATTER_KINDS; kind++) {
        double octave = 0x1p-10;
        for (int i = 0; i <= MATTER_POINTS; i++) {
            int step = i % MATTER_OCTAVE;
            m->loss[kind][i] = bethe(c, kind, octave * (1 + step / (double)MATTER_OCTAVE));
            octave *= step == MATTER_OCTAVE - 1 ? 2 : 1;
        }
    }
}

double matter_loss(const struct matter *m, int kind, double mev)
{
    uint64_t bits;
    memcpy(&bits, &mev, sizeof bits);
    int64_t i = (int64_t)(bits >> 48) - (int64_t)FIRST_EXPONENT * MATTER_OCTAVE;
    if (i < 0)
        return m->loss[kind][0];
    if (i >= MATTER_POINTS)
        return m->loss[kind][MATTER_POINTS];
    double fraction = (double)(bits & 0xffffffffffffu) * 0x1p-48;
    const double *loss = &m->loss[kind][i];
    return loss[0] + fraction * (loss[1] - loss[0]);
}
