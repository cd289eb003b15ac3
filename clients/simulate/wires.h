/* wires: deposits of one plane to samples, one wire at a time.
 *
 *     deposits --pulses--> ticks --bins above roi_threshold--> regions --noise--> counts
 *
 * Outside regions of interest samples are 0, as the filtered, deconvolved signals
 * of the public files are. Cost follows the signal: only bins that a deposit
 * touches are looked at. A bin is labelled where its charge is above
 * roi_threshold and at least half of it is the neutrino's.
 */
#ifndef SIMULATE_WIRES_H
#define SIMULATE_WIRES_H

#include "simulate/tracker.h"

/* Samples are multiples of 1 / 16 unit; int16 counts of that size. */
enum { WIRES_COUNTS_PER_UNIT = 16 };

struct wires; /* scratch of one worker */

/* What wires_read leaves besides the counts. Words of 64 bins. */
struct wires_bins {
    uint32_t words;
    const uint64_t *region; /* bins that have samples */
    const uint64_t *labelled;
};

/* `p` must outlive it. NULL: no memory. */
struct wires *wires_create(const struct physics *p);
void wires_destroy(struct wires **w);

/* Sorts the deposits of a plane by wire; the list stays the caller's. False: no memory. */
bool wires_plane(struct wires *w, const struct charge *q, uint32_t plane, uint64_t seed,
                 uint64_t event);

/* Deposits on `wire` of the plane, in the order they were made. */
uint32_t wires_deposits(const struct wires *w, uint32_t wire, const struct deposit **list);

/* The samples of `wire` into counts[ticks], which must be 0 before; false: it has
 * no signal and counts are untouched. `bins` is valid until the next call. */
bool wires_read(struct wires *w, uint32_t wire, int16_t *counts, struct wires_bins *bins);

#endif
