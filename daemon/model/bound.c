#include "model/bound.h"

uint64_t bound_of(const struct fixed_type *t)
{
    if (t->is_signed) {
        return UINT64_C(1) << (t->width - 1);
    }
    return UINT64_MAX >> (64 - t->width);
}

uint64_t bound_of_raw(int64_t value)
{
    return value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
}

uint64_t bound_plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t bound_times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

uint64_t bound_finer(uint64_t a, int bits)
{
    if (a == 0 || bits <= 0) {
        return a;
    }
    return bits > 63 || a > UINT64_MAX >> bits ? UINT64_MAX : a << bits;
}

uint64_t bound_sum(uint64_t a, int fa, uint64_t b, int fb)
{
    return bound_plus(bound_finer(a, fb - fa), bound_finer(b, fa - fb));
}

bool bound_fits(uint64_t bound, const char *attribute, struct error *err)
{
    return bound <= INT64_MAX ||
           error_set(err, ERROR_MODEL,
                     "attribute %s is too wide: an exact value before a cast would need more than "
                     "63 bits",
                     attribute);
}
