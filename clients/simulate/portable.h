/* portable: exp, log, sine and cosine that give the same bits everywhere.
 *
 * A C library's functions may differ in the last bit between versions and
 * processors, and one bit is enough to send a shower another way. These use IEEE
 * additions, multiplications, divisions and square roots only, in a fixed order,
 * in sources compiled without contraction (-ffp-contract=off). Error below 1e-13
 * relative, more than a simulation needs. Pure functions.
 */
#ifndef SIMULATE_PORTABLE_H
#define SIMULATE_PORTABLE_H

double portable_exp(double x);                                /* 0 below -700, clamped at 700 */
double portable_log(double x);                                /* x > 0, normal */
double portable_pow(double x, double power);                  /* x > 0 */
void portable_sincos(double x, double *sine, double *cosine); /* |x| below 1e6 */

/* Integral of the normal distribution from minus infinity to x. */
double portable_normal(double x);

#endif
