/* constants: every number of the simulation, once: name, default, unit, range,
 * where it comes from and what it does. `--set NAME=VALUE` changes it,
 * `--constants` prints the table, a simulated file keeps all of them as attributes
 * of its group /detector, and docs/simulation.md has the same table, made by
 * `sparse-simulate --constants=markdown`.
 *
 *     x  drift, 0 at the wires .. x_max at the cathode, cm
 *     y  up
 *     z  along the beam
 *
 * Read-only once the command line is read; any thread.
 */
#ifndef SIMULATE_CONSTANTS_H
#define SIMULATE_CONSTANTS_H

#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

/* X(name, default, unit, min, max, source, help) */
#define CONSTANTS_DETECTOR(X)                                                                      \
    X(ticks, 6400, "ticks", 64, 16384, "OpenSamples README", "samples a wire; whole number")       \
    X(wires_u, 2400, "wires", 8, 16384, "OpenSamples README", "wires of plane 0; whole number")    \
    X(wires_v, 2400, "wires", 8, 16384, "OpenSamples README", "wires of plane 1; whole number")    \
    X(wires_y, 3456, "wires", 8, 16384, "OpenSamples README", "wires of plane 2; whole number")    \
    X(x_max, 256, "cm", 1, 2000, "uboone/OpenSamples microboone_utils.py", "drift length")         \
    X(y_min, -115.5, "cm", -5000, 5000, "uboone/OpenSamples microboone_utils.py", "floor")         \
    X(y_max, 117.5, "cm", -5000, 5000, "uboone/OpenSamples microboone_utils.py", "ceiling")        \
    X(z_max, 1037, "cm", 1, 20000, "uboone/OpenSamples microboone_utils.py", "length")             \
    X(wire_pitch, 0.3, "cm", 0.01, 10, "arXiv:1612.05824", "between two wires of a plane")         \
    X(wire_angle, 30, "degrees", 0, 80, "arXiv:1612.05824", "of planes 0 and 1 to the vertical")   \
    X(u_origin_y, 117.15, "cm", -5000, 5000, "OpenSamples wire numbers", "wire 0 of plane 0")      \
    X(v_origin_y, -115.21, "cm", -5000, 5000, "OpenSamples wire numbers", "wire 0 of plane 1")     \
    X(y_origin_z, 0.25, "cm", -5000, 5000, "OpenSamples wire numbers", "wire 0 of plane 2")        \
    X(cm_per_tick, 0.0548965, "cm", 0.001, 1, "uboone/OpenSamples microboone_utils.py",            \
      "drift in one tick")                                                                         \
    X(tick_us, 0.5, "us", 0.01, 10, "arXiv:1612.05824", "length of a tick")                        \
    X(trigger_tick, 800, "ticks", -16384, 16384, "uboone/OpenSamples microboone_utils.py",         \
      "tick of the beam at the wires")

#define CONSTANTS_ARGON(X)                                                                         \
    X(density, 1.396, "g/cm3", 0.1, 5, "PDG atomic properties", "of the liquid")                   \
    X(radiation_length, 14, "cm", 1, 100, "PDG atomic properties", "electrons and photons")        \
    X(z_over_a, 0.45059, "", 0.1, 1, "PDG atomic properties", "18 / 39.948")                       \
    X(excitation_energy, 188, "eV", 10, 1000, "PDG; newer 197, arXiv:2212.06286",                  \
      "mean, in the Bethe formula")                                                                \
    X(step, 0.15, "cm", 0.01, 1, "half a wire pitch", "length of a step of a track")               \
    X(delta_ray_min, 1, "MeV", 0.2, 100, "range of 0.5 cm, two wires",                             \
      "knocked-on electrons above are tracked")                                                    \
    X(electron_loss, 2.1, "MeV/cm", 0.5, 10, "PDG, minimum ionisation",                            \
      "collision loss of an electron")                                                             \
    X(photon_min, 0.7, "MeV", 0.05, 10, "prototype against the real windows",                      \
      "softest photon that an electron radiates")                                                  \
    X(photon_length, 16, "cm", 1, 100, "PDG photon attenuation", "free path below 30 MeV")         \
    X(compton_max, 10, "MeV", 1, 100, "PDG photon attenuation", "photons below scatter")           \
    X(pion_length, 90, "cm", 1, 10000, "PDG nuclear interaction length",                           \
      "free path of charged pions")                                                                \
    X(proton_length, 80, "cm", 1, 10000, "PDG nuclear interaction length", "free path of protons") \
    X(muon_lifetime, 2.197, "us", 0.01, 100, "PDG", "of a stopped muon")                           \
    X(michel_fraction, 0.76, "", 0, 1, "mu+/mu- 1.27, capture in argon 0.72 of mu- (PDG)",         \
      "stopped muons that give an electron")

#define CONSTANTS_CHARGE(X)                                                                        \
    X(electrons_per_mev, 42370, "1/MeV", 1000, 1e6, "Miyajima, Phys. Rev. A 9 (1974) 1438",        \
      "before recombination; W = 23.6 eV")                                                         \
    X(field, 0.2739, "kV/cm", 0.01, 5, "arXiv:1612.05824", "drift field")                          \
    X(box_a, 0.93, "", 0.1, 2, "ArgoNeuT, arXiv:1306.1712", "modified box model")                  \
    X(box_b, 0.212, "(kV/cm)(g/cm2)/MeV", 0.01, 2, "ArgoNeuT, arXiv:1306.1712",                    \
      "modified box model")                                                                        \
    X(lifetime_ms, 18, "ms", 0.05, 1e6, "arXiv:1710.00396", "of drifting electrons, at least")     \
    X(diffusion_long, 3.74, "cm2/s", 0, 100, "arXiv:2104.06551", "along the drift")                \
    X(diffusion_trans, 5.85, "cm2/s", 0, 100, "arXiv:2104.06551 and references",                   \
      "across the drift")                                                                          \
    X(electrons_per_unit, 200, "e", 20, 1e5,                                                       \
      "frame_scale 0.005 of Wire-Cell; fits the real windows", "one unit of adc")                  \
    X(pulse_sigma, 2.86, "ticks", 0.3, 20, "Gaussian filter of 0.11 MHz, arXiv:1802.08709",        \
      "deconvolved pulse without diffusion")                                                       \
    X(roi_bin, 6, "ticks", 1, 64, "prototype against the real windows",                            \
      "bins in which regions of interest are found; whole number")                                 \
    X(roi_threshold, 8, "units", 0, 1000, "prototype against the real windows",                    \
      "a bin above is a region, with one bin each side; and can be labelled")                      \
    X(noise, 2, "units", 0, 100, "400 e a wire, arXiv:1705.07341", "rms of a bin inside a region")

#define CONSTANTS_ELECTRONICS(X)                                                                   \
    X(pedestal, 0, "counts", -16000, 16000, "0: samples are deconvolved, as the public files'",    \
      "of raw samples")                                                                            \
    X(pedestal_spread, 0, "counts", 0, 1000, "choice", "rms from wire to wire")                    \
    X(wire_noise, 0, "counts", 0, 1000, "0: samples are zero-suppressed",                          \
      "rms of every sample of every wire")                                                         \
    X(dead_fraction, 0, "", 0, 1, "choice", "of the wires: their pedestal and nothing else")       \
    X(hot_fraction, 0, "", 0, 1, "choice", "of the wires: hot_noise instead of wire_noise")        \
    X(hot_noise, 200, "counts", 0, 16000, "choice", "rms of every sample of a hot wire")           \
    X(hot_first_event, 0, "", 0, 1e9, "choice", "event number from which hot wires are")           \
    X(hot_last_event, 1e9, "", 0, 1e9, "choice", "event number up to which they are")

#define CONSTANTS_COSMIC(X)                                                                        \
    X(cosmic_muons, 26, "", 0, 1000, "1 / cm2 / min, PDG cosmic rays; arXiv:2012.14324",           \
      "mean number a readout, over all arrival times")                                             \
    X(cosmic_first_tick, -5463, "ticks", -100000, 100000, "full drift before the first tick",      \
      "earliest arrival after the trigger")                                                        \
    X(cosmic_last_tick, 5600, "ticks", -100000, 100000, "last tick of the readout",                \
      "latest arrival after the trigger")                                                          \
    X(cosmic_soft_fraction, 0.55, "", 0, 1, "shape of PDG cosmic rays", "with a soft spectrum")    \
    X(cosmic_soft_mean, 1500, "MeV", 10, 1e6, "shape of PDG cosmic rays", "exponential")           \
    X(cosmic_hard_min, 2000, "MeV", 10, 1e6, "shape of PDG cosmic rays", "where it begins")        \
    X(cosmic_hard_power, 1.7, "", 0.1, 10, "shape of PDG cosmic rays", "integral power law")

#define CONSTANTS_NEUTRINO(X)                                                                      \
    X(neutrino_fraction, 0.5, "", 0, 1, "choice", "events with a neutrino interaction")            \
    X(nue_fraction, 0.55, "", 0, 1, "so that 66 % of the signal windows are its, as published",    \
      "of the neutrinos: electron neutrino, charged current")                                      \
    X(nc_fraction, 0.25, "", 0, 1, "neutrino cross sections, arXiv:1805.06887",                    \
      "of the muon neutrinos: neutral current")                                                    \
    X(energy_shape, 4, "", 1, 20, "interacting spectrum, arXiv:2010.02390",                        \
      "gamma distribution; whole number")                                                          \
    X(energy_scale, 270, "MeV", 10, 1e5, "interacting spectrum, arXiv:2010.02390",                 \
      "gamma distribution")                                                                        \
    X(energy_min, 200, "MeV", 10, 1e5, "choice", "softest neutrino")                               \
    X(energy_max, 4000, "MeV", 20, 1e6, "choice", "hardest neutrino")                              \
    X(q2_mean, 0.25, "GeV2", 0.001, 10, "shape of arXiv:1805.06887", "exponential")                \
    X(proton_mean, 0.6, "", 0, 20, "topologies of arXiv:1805.06887",                               \
      "protons besides the first, Poisson")                                                        \
    X(pion_threshold, 150, "MeV", 0, 1e4, "pion mass and binding",                                 \
      "hadronic energy where pions begin")                                                         \
    X(pion_slope, 600, "MeV", 1, 1e5, "shape", "above it: (energy - threshold) / slope ...")       \
    X(pion_most, 0.85, "", 0, 1, "shape", "... at most: probability of a pion")                    \
    X(pi0_fraction, 0.36, "", 0, 1, "about a third", "of the pions: neutral")

#define CONSTANTS(X)                                                                               \
    CONSTANTS_DETECTOR(X)                                                                          \
    CONSTANTS_ARGON(X)                                                                             \
    CONSTANTS_CHARGE(X)                                                                            \
    CONSTANTS_ELECTRONICS(X)                                                                       \
    CONSTANTS_COSMIC(X)                                                                            \
    CONSTANTS_NEUTRINO(X)

struct constants {
#define X(name, ...) double name;
    CONSTANTS(X)
#undef X
};

struct constant_row {
    const char *name;
    double initial;
    const char *unit;
    double min, max;
    const char *source, *help;
};

enum { CONSTANTS_COUNT = sizeof(struct constants) / sizeof(double) };

/* In the order of the members of struct constants. */
extern const struct constant_row constants_table[CONSTANTS_COUNT];

void constants_init(struct constants *c);

/* The value of row `i`. */
double constants_value(const struct constants *c, uint32_t i);

/* "NAME=VALUE". CONFIG: unknown name, no number, outside its range; the sentence
 * names all three. */
bool constants_set(struct constants *c, const char *assignment, struct error *err);

/* What no single range can say: y_min < y_max, energy_min < energy_max ... */
bool constants_check(const struct constants *c, struct error *err);

void constants_print(const struct constants *c, bool markdown, FILE *out);

#endif
