/* electronics: what a wire's samples are before anybody has filtered them: a pedestal, noise
 * at every tick, and wires that are dead or hot.
 *
 *     counts = pedestal of the wire + noise of the wire + signal
 *     dead     the pedestal alone
 *     hot      noise of hot_noise instead, in events hot_first_event .. hot_last_event
 *
 * Off (all constants 0, the default) nothing is changed: samples are then deconvolved and
 * zero-suppressed, as the public files' are. Which wires are dead or hot, and their pedestals,
 * follow from the run's seed; noise from seed, event and wire.
 */
#ifndef SIMULATE_ELECTRONICS_H
#define SIMULATE_ELECTRONICS_H

#include "simulate/tracker.h"

#include <stdbool.h>

enum electronics_wire { ELECTRONICS_GOOD, ELECTRONICS_DEAD, ELECTRONICS_HOT };

/* Whether any of the constants asks for it: then every wire has samples. */
bool electronics_on(const struct constants *c);

/* Makes counts[0 .. n) of the signal what the electronics give. */
void electronics_apply(const struct physics *p, uint64_t seed, uint64_t event, uint32_t plane,
                       uint32_t wire, int16_t *counts, uint32_t n);

#endif
