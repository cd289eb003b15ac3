/* wire_noise: pedestal and noise of one wire from samples that may hold signals.
 *
 *     median          where the wire rests: half of the samples may be signal
 *     1.4826 x MAD    how far it moves: the median of |x - median|, as a Gaussian's sigma
 *     truncated mean  the pedestal: of the samples within 3 sigma of the median
 *     truncated rms   the noise: of the same, divided by what 3 sigma cut off a Gaussian
 *
 * Median and MAD alone are robust, but of int16 samples they are whole numbers (or
 * halves), and half a count of pedestal is 3 counts of a bin of 6 ticks. Mean and rms
 * alone are precise, and one track spoils them. So the first two say which samples are
 * noise, the other two measure them. 3 sigma is at least 3 counts for int16: a wire
 * quieter than a count would lose its neighbours' values else.
 *
 * No state but the scratch; any thread with its own.
 */
#ifndef SPARSED_MODEL_WIRE_NOISE_H
#define SPARSED_MODEL_WIRE_NOISE_H

#include <stdint.h>

struct wire_noise {
    double pedestal, noise; /* in what the samples are; 0 where n is 0 */
    uint64_t n;             /* samples they are of: finite, within 3 sigma */
};

enum { WIRE_NOISE_VALUES = 65536 }; /* of an int16 */

/* Of n samples at any address. `histogram` is all 0, and is again afterwards. */
struct wire_noise wire_noise_counts(const void *samples, uint32_t n,
                                    uint32_t histogram[WIRE_NOISE_VALUES]);

/* The same for float32; scratch has room for n. NaN and infinity are left out. */
struct wire_noise wire_noise_units(const void *samples, uint32_t n, float *scratch);

/* The median of value[0 .. n), n > 0, none of them NaN, which it reorders: the middle one, or
 * the mean of the middle two. */
float wire_noise_median(float *value, uint32_t n);

#endif
