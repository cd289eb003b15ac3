/* exp: x = k ln2 + r, |r| <= ln2 / 2, Taylor series to r^13, then k into the
 * exponent. log: x = 2^k m, 0.7 < m <= 1.41, 2 artanh((m - 1) / (m + 1)).
 * sincos: x = k pi/2 + r, Taylor series. normal: the error function's series
 * near 0, its continued fraction farther out. */
#include "simulate/portable.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
static const double half_pi_high = 1.57079632673412561417, half_pi_low = 6.07710050650619224932e-11;

static double power_of_two(int k)
{
    uint64_t bits = (uint64_t)(1023 + k) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double portable_exp(double x)
{
    if (x < -700)
        return 0;
    if (x > 700)
        x = 700;
    double k = floor(x * 1.4426950408889634 + 0.5);
    double r = (x - k * ln2_high) - k * ln2_low;
    double sum = 1;
    for (int n = 13; n > 0; n--)
        sum = 1 + sum * r / n;
    return sum * power_of_two((int)k);
}

double portable_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int k = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 1.0 / 19;
    for (int n = 17; n > 0; n -= 2)
        sum = 1.0 / n + sum * s2;
    return k * ln2_high + (2 * s * sum + k * ln2_low);
}

double portable_pow(double x, double power)
{
    return portable_exp(power * portable_log(x));
}

void portable_sincos(double x, double *sine, double *cosine)
{
    double k = floor(x * 0.6366197723675814 + 0.5);
    double r = (x - k * half_pi_high) - k * half_pi_low, r2 = r * r;
    double s = 1, c = 1;
    for (int n = 16; n > 0; n -= 2) {
        s = 1 - s * r2 / (n * (n + 1));
        c = 1 - c * r2 / (n * (n - 1));
    }
    s *= r;
    switch ((int64_t)k & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}

double portable_normal(double x)
{
    double a = fabs(x), density = portable_exp(-a * a / 2) * 0.3989422804014327;
    double tail; /* from a to infinity */
    if (a > 38) {
        tail = 0;
    } else if (a > 3) { /* density / (a + 1 / (a + 2 / (a + ...))) */
        double fraction = a;
        for (int n = 60; n > 0; n--)
            fraction = a + n / fraction;
        tail = density / fraction;
    } else { /* a + a^3 / 3 + a^5 / (3 5) + ... */
        double term = a, sum = a;
        for (int n = 3; n < 100; n += 2) {
            term *= a * a / n;
            sum += term;
        }
        tail = 0.5 - density * sum;
    }
    return x > 0 ? 1 - tail : tail;
}
