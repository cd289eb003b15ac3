/* planes: samples of a whole MicroBooNE plane, made up and the same every time:
 * noise around the pedestal, and straight tracks until half a percent of the time
 * bins are above the floor of 10 units.
 */
#ifndef SPARSED_TESTS_BENCH_PLANES_H
#define SPARSED_TESTS_BENCH_PLANES_H

#include "data/fragment.h"

#include <stdint.h>

enum { PLANES_TICKS = 6400, PLANES_PEDESTAL = 2048, PLANES_COUNTS_A_UNIT = 16 };

/* [wires][PLANES_TICKS] int16 (counts) or float32 (units) into memory of the caller;
 * returns the fraction of 6-tick bins of at least 10 units. */
double planes_fill(void *samples, enum sample_type type, uint32_t wires, uint64_t seed);

#endif
