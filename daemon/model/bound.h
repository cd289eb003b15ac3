/* bound: how large an exact value on the way through a model can become.
 *
 * A network is computed in integers of 64 bits. What a layer holds before it casts
 * must fit, whatever comes in: so the loader follows the largest magnitude through
 * products, sums and changes of fraction bits, and asks once at the end.
 *
 *     conv:  in_t * weight_t  + accum_t            needs at most 63 bits?
 *            bound_times        bound_sum          bound_fits
 *
 * Bounds are magnitudes in uint64_t that stick at UINT64_MAX. Pure functions.
 */
#ifndef SPARSED_MODEL_BOUND_H
#define SPARSED_MODEL_BOUND_H

#include "base/error.h"
#include "model/fixed.h"

#include <stdbool.h>
#include <stdint.h>

/* The largest magnitude of a type, in its own steps. */
uint64_t bound_of(const struct fixed_type *t);

/* Of a number: |value|. */
uint64_t bound_of_raw(int64_t value);

uint64_t bound_plus(uint64_t a, uint64_t b);
uint64_t bound_times(uint64_t a, uint64_t b);

/* A magnitude rewritten with `bits` more fraction bits; with fewer it stays. */
uint64_t bound_finer(uint64_t a, int bits);

/* a / 2^fa + b / 2^fb, at the larger of the two fractions. */
uint64_t bound_sum(uint64_t a, int fa, uint64_t b, int fb);

/* Whether it fits into 63 bits; `err` names the attribute that made it so wide. */
bool bound_fits(uint64_t bound, const char *attribute, struct error *err);

#endif
