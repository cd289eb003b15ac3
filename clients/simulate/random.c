#include "simulate/random.h"

#include "simulate/portable.h"

/* By bisection: slow, exact to the last bits, once at the start. */
static double normal_quantile(double p)
{
    double low = -9, high = 9;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (portable_normal(middle) < p)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* Moyal's variable is -ln(z^2) of a normal z: its quantile at p is that of z at
 * 1 - p / 2. Close to 0 the logarithm runs away, so the ends are cut. */
void random_table_init(struct random_table *t)
{
    const double n = RANDOM_QUANTILES;
    double sum = 0;
    for (int i = 0; i <= RANDOM_QUANTILES; i++) {
        double p = i / n;
        t->normal[i] = i == 0 ? -4 : i == RANDOM_QUANTILES ? 4 : normal_quantile(p);
        double z = i == 0 ? 4 : normal_quantile(1 - (i < n ? p : (n - 0.25) / n) / 2);
        t->moyal[i] = -portable_log(z * z);
    }
    for (int i = 0; i < RANDOM_QUANTILES; i++)
        sum += (t->moyal[i] + t->moyal[i + 1]) / 2;
    t->moyal_mean = sum / n;
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void random_init(struct random *r, const struct random_table *t, uint64_t seed, uint64_t stream,
                 uint64_t substream)
{
    uint64_t x = seed;
    x = splitmix(&x) ^ stream;
    x = splitmix(&x) ^ substream;
    for (int i = 0; i < 4; i++)
        r->state[i] = splitmix(&x);
    r->table = t;
}

static inline uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t random_bits(struct random *r)
{
    uint64_t *s = r->state, result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_uniform(struct random *r)
{
    return ((double)(random_bits(r) >> 12) + 0.5) * 0x1p-52;
}

double random_range(struct random *r, double from, double to)
{
    return from + (to - from) * random_uniform(r);
}

static double from_table(struct random *r, const double *table)
{
    uint64_t bits = random_bits(r);
    uint32_t i = (uint32_t)(bits >> 52);
    double fraction = (double)(bits & 0xffffffffu) * 0x1p-32;
    return table[i] + fraction * (table[i + 1] - table[i]);
}

double random_normal(struct random *r)
{
    return from_table(r, r->table->normal);
}

double random_moyal(struct random *r)
{
    return from_table(r, r->table->moyal);
}

double random_exponential(struct random *r, double mean)
{
    return -mean * portable_log(random_uniform(r));
}

double random_gamma(struct random *r, uint32_t shape, double scale)
{
    double sum = 0;
    for (uint32_t i = 0; i < shape; i++)
        sum += random_exponential(r, scale);
    return sum;
}

/* By trial under the curve's top. */
double random_beta(struct random *r, double a, double b)
{
    double mode = a + b > 2 ? (a - 1) / (a + b - 2) : 0.5;
    double top = (mode > 0 ? (a - 1) * portable_log(mode) : 0) +
                 (mode < 1 ? (b - 1) * portable_log(1 - mode) : 0);
    for (;;) {
        double x = random_uniform(r);
        double height = (a - 1) * portable_log(x) + (b - 1) * portable_log(1 - x);
        if (portable_log(random_uniform(r)) < height - top)
            return x;
    }
}

/* Arrivals of a unit rate within `mean`. */
uint32_t random_poisson(struct random *r, double mean)
{
    uint32_t n = 0;
    double t = random_exponential(r, 1);
    while (t < mean) {
        t += random_exponential(r, 1);
        n++;
    }
    return n;
}
