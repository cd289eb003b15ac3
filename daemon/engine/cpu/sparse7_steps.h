/* sparse7_steps: the element by element layers between two sums (casts, relu,
 * quantize), folded at load into the few operations that can change anything.
 *
 * A value is an int32 whose interval is known from the weights before it. A cast
 * that can neither round nor overflow on that interval is dropped; what is left
 * works in place on the grid of its input and moves to the new grid at the end:
 *
 *     t = rectify ? max(x, 0) : x
 *     t = t + add + (to_even ? (x >> shift) & 1 : 0)        rounding
 *     t = ((t & mask) ^ sign) - sign                         if masks: wrapping
 *     t = min(max(t, lo), hi)                                if clamps: saturation
 *     t = t >> shift, or t << -shift
 *
 * add, mask, sign, lo and hi are one number a lane, because a quantizer may have
 * a type for each channel or element. Read-only once filled; any thread.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE7_STEPS_H
#define SPARSED_ENGINE_CPU_SPARSE7_STEPS_H

#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPARSE7_MAX_STEPS = 4 };

struct sparse7_step {
    bool rectify, to_even, masks, clamps;
    int shift;
    const int32_t *add, *mask, *sign, *lo, *hi; /* [lanes], aligned to 64 bytes */
};

struct sparse7_steps {
    int n;
    struct sparse7_step step[SPARSE7_MAX_STEPS];
};

/* What is known of a value while a plan is made. */
struct sparse7_range {
    int fraction;
    bool rectify;     /* a relu that has still to be done with the next cast */
    size_t lanes;     /* a multiple of 16 */
    size_t stride;    /* lane i is element i % stride of its layer ... */
    size_t used;      /* ... if i % stride < used; other lanes hold 0 */
    int64_t *lo, *hi; /* [lanes], always with 0 inside */
};

/* All lanes in [lo, hi]. False: no memory. */
bool sparse7_range_init(struct sparse7_range *r, size_t lanes, size_t stride, size_t used,
                        int fraction, int64_t lo, int64_t hi);
void sparse7_range_fini(struct sparse7_range *r);

/* Adds a cast to `type`, of all lanes. False: not possible in int32 lanes. */
bool sparse7_steps_cast(struct sparse7_steps *s, struct sparse7_range *r,
                        const struct fixed_type *type);

/* Adds a relu or quantize layer; false as above, or a type a place where slots are. */
bool sparse7_steps_layer(struct sparse7_steps *s, struct sparse7_range *r, const struct layer *l);

/* Adds a relu that is still to be done. */
bool sparse7_steps_end(struct sparse7_steps *s, struct sparse7_range *r);
void sparse7_steps_fini(struct sparse7_steps *s);

/* The same in plain C, for one lane; unsigned, because sums that wrap may be any
 * 32 bits by then. */
static inline int32_t sparse7_steps_apply(const struct sparse7_steps *s, int32_t x, size_t lane)
{
    for (int i = 0; i < s->n; i++) {
        const struct sparse7_step *p = &s->step[i];
        uint32_t u = p->rectify && x < 0 ? 0 : (uint32_t)x;
        u += (uint32_t)p->add[lane] + (p->to_even ? (u >> p->shift) & 1 : 0);
        if (p->masks) {
            u = ((u & (uint32_t)p->mask[lane]) ^ (uint32_t)p->sign[lane]) - (uint32_t)p->sign[lane];
        }
        int32_t t = (int32_t)u;
        if (p->clamps) {
            t = t < p->lo[lane] ? p->lo[lane] : t > p->hi[lane] ? p->hi[lane] : t;
        }
        x = p->shift >= 0 ? t >> p->shift : (int32_t)((uint32_t)t << -p->shift);
    }
    return x;
}

#endif
