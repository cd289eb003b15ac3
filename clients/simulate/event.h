/* event: one readout: cosmic muons, and in some a neutrino.
 *
 * The neutrino comes first, so that its deposits come first on each wire (planes.h
 * relies on it). Everything follows from seed and event number.
 */
#ifndef SIMULATE_EVENT_H
#define SIMULATE_EVENT_H

#include "simulate/tracker.h"

/* What the truth table says of the neutrino; pdg 0: there was none. */
struct neutrino {
    int32_t pdg;
    bool charged_current;
    double mev, lepton_mev;
    struct vec direction, vertex;
};

/* Draws and tracks one readout into `t`. */
void event_make(struct tracker *t, uint64_t seed, uint64_t number, struct neutrino *nu);

/* A neutrino interaction in the active volume. (neutrino.c) */
void event_neutrino(struct tracker *t, struct neutrino *nu);

/* All cosmic muons of a readout. (cosmic.c) */
void event_cosmics(struct tracker *t);

#endif
