/* dense_cast: a cast to a fixed-point type, worked out when a model is loaded.
 *
 * model/fixed.h casts any number to any type and asks everything each time. Where
 * the range of what comes in is known, most of it is settled beforehand: how far
 * to shift, what rounds, whether anything can overflow at all. What is left are a
 * few integers, the same for one number and for a vector of them:
 *
 *     y = x << left
 *     y = (y + add + (y < 0 ? add_negative : 0) + (bit `right` of y & parity)) >> right
 *     y = nothing | ((y & mask) ^ sign) - sign | clamp(y, low, high)
 *     y = y << up
 *
 * Ranges are followed from layer to layer: they prove that 32 or 64 bits suffice.
 * Pure functions, any thread.
 */
#ifndef SPARSED_ENGINE_CPU_DENSE_CAST_H
#define SPARSED_ENGINE_CPU_DENSE_CAST_H

#include "model/fixed.h"

#include <stdbool.h>
#include <stdint.h>

/* Every raw of a tensor lies in low .. high, both included. */
struct dense_range {
    int64_t low, high;
};

enum dense_overflow { DENSE_NEVER, DENSE_WRAPS, DENSE_SATURATES };

struct dense_cast {
    bool identity;
    enum dense_overflow overflow;
    uint32_t left, right, up; /* at most one of left and right is not 0 */
    int64_t add, add_negative, parity;
    int64_t mask, sign; /* DENSE_WRAPS */
    int64_t low, high;  /* DENSE_SATURATES */
};

/* Plans the cast of raws of *range on a grid of `fraction` bits to `to`, and makes
 * *range that of the result. False: 62 bits may not suffice. */
bool dense_cast_plan(struct dense_cast *c, struct dense_range *range, int fraction,
                     const struct fixed_type *to);

/* The same to an element of a quantize layer (width 0: always 0), then to the
 * grid of out_t, which holds it. */
bool dense_cast_plan_element(struct dense_cast *c, struct dense_range *range, int fraction,
                             const struct fixed_type *element, const struct fixed_type *out_t);

/* The range of a type. */
struct dense_range dense_cast_range(const struct fixed_type *t);

/* The smallest range that holds both. */
struct dense_range dense_cast_join(struct dense_range a, struct dense_range b);

/* Whether it lies in -2^(bits-1) .. 2^(bits-1) - 1. */
bool dense_cast_fits(struct dense_range r, int bits);

static inline int64_t dense_cast_one(const struct dense_cast *c, int64_t x)
{
    if (c->identity) {
        return x;
    }
    x = (int64_t)((uint64_t)x << c->left);
    x = (x + c->add + ((x >> 63) & c->add_negative) + ((x >> c->right) & c->parity)) >> c->right;
    if (c->overflow == DENSE_WRAPS) {
        x = ((x & c->mask) ^ c->sign) - c->sign;
    } else if (c->overflow == DENSE_SATURATES) {
        x = x < c->low ? c->low : x;
        x = x > c->high ? c->high : x;
    }
    return (int64_t)((uint64_t)x << c->up);
}

#endif
