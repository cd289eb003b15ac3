/* cast_chain: several casts in a row as the one that the kernel makes.
 *
 * Between two sums a model may cast a value several times: to the layer's type, through a relu,
 * to a quantizer's type. Nearly always all but one of them change nothing, because the type
 * before fits into the one after. A chain follows the range of a value from cast to cast, and
 * keeps the one cast that changes something; a second one is refused.
 */
#ifndef FPGA_RTL_CAST_CHAIN_H
#define FPGA_RTL_CAST_CHAIN_H

#include "model/model.h"

struct cast_chain {
    int from;          /* fraction bits of the exact value */
    int fraction;      /* ... of what the chain leaves: the cast's, or `from` */
    int64_t low, high; /* range, in steps of 2^-fraction */
    bool relu;         /* negative values become 0 before the cast */
    bool casts;        /* there is one that changes something: */
    bool zero;         /* ... to nothing: a type without bits */
    struct fixed_type type;
};

/* An exact value between low and high, in steps of 2^-fraction. */
struct cast_chain cast_chain_begin(int fraction, int64_t low, int64_t high);

/* Adds a cast; width 0 makes every value 0. False: a second one that changes something. */
bool cast_chain_cast(struct cast_chain *c, const struct fixed_type *type);

/* Adds the negative part's end. False: after a cast that wraps. */
bool cast_chain_relu(struct cast_chain *c);

/* The kernel's type word (sparse_pkg.sv) for a value of `bits` signed bits, with `shift` bits to
 * drop. False: the result needs more bits. */
bool cast_chain_word(const struct cast_chain *c, int bits, int shift, uint64_t *word);

/* The same for a type on its own. */
uint64_t cast_chain_type_word(const struct fixed_type *type, int shift, bool relu);

#endif
