/* How: rounding is monotonic, so the ends of a range stay the ends of what comes
 * out of it. Magnitudes stay below 2^61, so that x + add never leaves 63 bits. A
 * shift by more than 62 gives what a shift by 62 gives for such numbers.
 */
#include "engine/cpu/dense_cast.h"

static const int64_t limit = INT64_C(1) << 61;

static bool in_limit(struct dense_range r)
{
    return r.low > -limit && r.high < limit;
}

struct dense_range dense_cast_range(const struct fixed_type *t)
{
    int64_t high = fixed_max(t);
    bool symmetric = t->is_signed && t->overflow == FIXED_SAT_SYM;
    return (struct dense_range){symmetric ? -high : fixed_min(t), high};
}

struct dense_range dense_cast_join(struct dense_range a, struct dense_range b)
{
    return (struct dense_range){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

bool dense_cast_fits(struct dense_range r, int bits)
{
    int64_t most = INT64_C(1) << (bits - 1);
    return r.low >= -most && r.high < most;
}

/* What is added before the shift, for each rounding mode. */
static void plan_rounding(struct dense_cast *c, enum fixed_quantization q)
{
    int64_t half = INT64_C(1) << (c->right - 1);
    switch (q) {
    case FIXED_TRN:
        break;
    case FIXED_TRN_ZERO:
        c->add_negative = 2 * half - 1;
        break;
    case FIXED_RND:
        c->add = half;
        break;
    case FIXED_RND_CONV:
        c->add = half - 1;
        c->parity = 1;
        break;
    case FIXED_RND_ZERO:
        c->add = half - 1;
        c->add_negative = 1;
        break;
    case FIXED_RND_INF:
        c->add = half;
        c->add_negative = -1;
        break;
    case FIXED_RND_MIN_INF:
        c->add = half - 1;
        break;
    }
}

static bool plan_shift(struct dense_cast *c, struct dense_range *range, int shift,
                       enum fixed_quantization q)
{
    if (shift > 0) {
        c->right = shift > 62 ? 62 : (uint32_t)shift;
        plan_rounding(c, q);
    } else if (shift < 0 && (range->low != 0 || range->high != 0)) {
        if (shift < -60 || range->low <= -(limit >> -shift) || range->high >= limit >> -shift) {
            return false;
        }
        c->left = (uint32_t)-shift;
    }
    *range = (struct dense_range){dense_cast_one(c, range->low), dense_cast_one(c, range->high)};
    return true;
}

static int64_t clamp(int64_t x, struct dense_range to)
{
    return x < to.low ? to.low : x > to.high ? to.high : x;
}

static bool plan_overflow(struct dense_cast *c, struct dense_range *range,
                          const struct fixed_type *to)
{
    struct dense_range type = dense_cast_range(to);
    if (range->low >= type.low && range->high <= type.high) {
        return true;
    }
    if (to->overflow == FIXED_WRAP) {
        if (to->width > 61) {
            return false;
        }
        c->overflow = DENSE_WRAPS;
        c->mask = (INT64_C(1) << to->width) - 1;
        c->sign = to->is_signed ? INT64_C(1) << (to->width - 1) : 0;
        *range = type;
        return true;
    }
    c->overflow = DENSE_SATURATES;
    c->low = type.low;
    c->high = type.high;
    *range = (struct dense_range){clamp(range->low, type), clamp(range->high, type)};
    return true;
}

bool dense_cast_plan(struct dense_cast *c, struct dense_range *range, int fraction,
                     const struct fixed_type *to)
{
    *c = (struct dense_cast){.overflow = DENSE_NEVER};
    if (!in_limit(*range) || !plan_shift(c, range, fraction - to->fraction, to->quantization) ||
        !plan_overflow(c, range, to)) {
        return false;
    }
    c->identity = c->left == 0 && c->right == 0 && c->overflow == DENSE_NEVER;
    return true;
}

bool dense_cast_plan_element(struct dense_cast *c, struct dense_range *range, int fraction,
                             const struct fixed_type *element, const struct fixed_type *out_t)
{
    if (element->width == 0) {
        *c = (struct dense_cast){.overflow = DENSE_WRAPS};
        *range = (struct dense_range){0, 0};
        return true;
    }
    if (!dense_cast_plan(c, range, fraction, element)) {
        return false;
    }
    int up = out_t->fraction - element->fraction;
    if (range->low == 0 && range->high == 0) {
        up = 0;
    }
    if (up > 60 || range->low <= -(limit >> up) || range->high >= limit >> up) {
        return false;
    }
    c->up = (uint32_t)up;
    c->identity = c->identity && up == 0;
    range->low *= INT64_C(1) << up;
    range->high *= INT64_C(1) << up;
    return true;
}
