#include "cast_chain.h"

struct cast_chain cast_chain_begin(int fraction, int64_t low, int64_t high)
{
    return (struct cast_chain){.from = fraction, .fraction = fraction, .low = low, .high = high};
}

/* Whether every value between low and high, in steps of 2^-fraction, is one of the type's. */
static bool holds(const struct fixed_type *t, int fraction, int64_t low, int64_t high)
{
    int up = t->fraction - fraction;
    if (low == 0 && high == 0)
        return true;
    if (up < 0 || up > 40 || high > INT64_MAX >> (up + 1) || low < INT64_MIN >> (up + 1))
        return false;
    int64_t step = INT64_C(1) << up;
    return low * step >= fixed_min(t) && high * step <= fixed_max(t) &&
           !(t->overflow == FIXED_SAT_SYM && t->is_signed && low * step == fixed_min(t));
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What the cast leaves of the range; where it wraps, all of the type. */
static void narrow(struct cast_chain *c, const struct fixed_type *t)
{
    int64_t low = fixed_cast(c->low, c->fraction, t);
    int64_t high = fixed_cast(c->high, c->fraction, t);
    bool whole = t->overflow == FIXED_WRAP;
    c->low = whole ? fixed_min(t) : smaller(low, high);
    c->high = whole ? fixed_max(t) : (low < high ? high : low);
    c->fraction = t->fraction;
}

bool cast_chain_cast(struct cast_chain *c, const struct fixed_type *t)
{
    if (t->width == 0) {
        c->zero = true;
        c->low = c->high = 0;
        return true;
    }
    if (c->zero || holds(t, c->fraction, c->low, c->high))
        return true;
    if (c->casts)
        return fixed_equal(t, &c->type);
    c->casts = true;
    c->type = *t;
    narrow(c, t);
    return true;
}

bool cast_chain_relu(struct cast_chain *c)
{
    if (c->low >= 0)
        return true;
    if (c->casts && c->type.overflow == FIXED_WRAP)
        return false;
    c->relu = true;
    c->low = 0;
    c->high = c->high < 0 ? 0 : c->high;
    return true;
}

uint64_t cast_chain_type_word(const struct fixed_type *t, int shift, bool relu)
{
    bool is_signed = t->is_signed && t->width != 0;
    uint64_t mask = (UINT64_C(1) << (t->width - is_signed)) - 1;
    return (uint64_t)t->quantization | (uint64_t)t->overflow << 3 | (uint64_t)is_signed << 5 |
           (uint64_t)shift << 6 | (uint64_t)relu << 11 | mask << 16;
}

bool cast_chain_word(const struct cast_chain *c, int bits, int shift, uint64_t *word)
{
    struct fixed_type t = {.width = bits, .is_signed = true};
    if (c->zero)
        t.width = 0;
    else if (c->casts)
        t = c->type;
    int64_t most = (INT64_C(1) << (bits - 1)) - 1;
    *word = cast_chain_type_word(&t, shift, c->relu);
    return t.width <= (t.is_signed ? bits : bits - 1) && c->low >= -most - 1 && c->high <= most;
}
