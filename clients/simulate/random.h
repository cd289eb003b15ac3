/* random: xoshiro256++ (Blackman and Vigna, ACM Trans. Math. Softw. 47 (2021) 36,
 * public domain), seeded through splitmix64 from the run's seed and numbers that
 * name a stream: an event, a wire. So events can be made in any order, on any
 * number of threads, with the same bits; and what one wire draws does not depend
 * on the wires before it.
 */
#ifndef SIMULATE_RANDOM_H
#define SIMULATE_RANDOM_H

#include <stdint.h>

enum { RANDOM_QUANTILES = 4096 };

/* Quantiles of the normal distribution at k / 4096, from which normal and Moyal
 * numbers are drawn with linear interpolation; the ends are at 4 sigma. */
struct random_table {
    double normal[RANDOM_QUANTILES + 1];
    double moyal[RANDOM_QUANTILES + 1];
    double moyal_mean;
};

struct random {
    const struct random_table *table;
    uint64_t state[4];
};

void random_table_init(struct random_table *t);

void random_init(struct random *r, const struct random_table *t, uint64_t seed, uint64_t stream,
                 uint64_t substream);

uint64_t random_bits(struct random *r);
double random_uniform(struct random *r); /* 0 < u < 1 */
double random_range(struct random *r, double from, double to);
double random_normal(struct random *r);

/* Moyal's distribution, an analytic stand-in for Landau's: most probable at 0,
 * width 1. J. E. Moyal, Phil. Mag. 46 (1955) 263. */
double random_moyal(struct random *r);
double random_exponential(struct random *r, double mean);
double random_gamma(struct random *r, uint32_t shape, double scale);
double random_beta(struct random *r, double a, double b); /* a, b >= 1 */
uint32_t random_poisson(struct random *r, double mean);   /* mean below 5,000 */

#endif
