/* sparse7: the plan of a neutrino-shaped network, for the kernels that run such
 * networks fast.
 *
 *     pixels -> [steps] -> conv 1 -> 1 -> [steps] -> conv 1 -> 3 -> [steps]
 *            -> average pool -> [steps] -> dense (at most 16) -> [steps] -> dense 1
 *
 * with kernels up to 7 x 7 and at most 64 slots; steps are relus, casts and
 * quantizers (sparse7_steps.h). The published networks of both firmware
 * generations and exports from Keras have this shape.
 *
 * sparse7_plan_create looks at shapes, types and the real weights and proves that
 * 32-bit lanes (or the 24 bits of a float) give the reference's bits for every
 * window. What it cannot prove it refuses, and the next kernel gets the model. A
 * plan holds the weights in the order the kernels want them:
 *
 *     A pixel's place is one code, row * 128 + column. For slots p and q
 *         d = code_p - code_q + 387 = (3 + rows apart) * 128 + (3 + columns apart)
 *     q lies in the field of p if and only if (d & 0xFC78) == 0, and then the low
 *     six bits of d | d >> 4 are the index of its weight in a table of 8 x 8, whose
 *     last row and column are 0. (All in 16 bits; columns up to 123, rows up to 251.)
 *
 * A plan is read-only; any thread.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE7_H
#define SPARSED_ENGINE_CPU_SPARSE7_H

#include "engine/cpu/kernel.h"
#include "engine/cpu/sparse7_steps.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SPARSE7_SLOTS = 64,   /* at most */
    SPARSE7_FILTERS = 3,  /* of the second convolution */
    SPARSE7_CELLS = 128,  /* pooled places, at most; one more takes what is outside */
    SPARSE7_HIDDEN = 16,  /* outputs of the first dense layer, at most */
    SPARSE7_TAPS = 64,    /* entries of a weight table, 8 x 8 */
    SPARSE7_CENTRE = 387, /* d of a slot and itself */
    SPARSE7_OUTSIDE = 0xFC78,
    SPARSE7_NO_TAP = 7, /* an entry that is 0 */
};

/* How a convolution sums. */
enum sparse7_sum {
    SPARSE7_EXACT,   /* a wide accumulator: exact, in int32 */
    SPARSE7_ROUNDED, /* the first firmware: each product is rounded, ties to even, and
                        clipped at 0; the sum ends at the accumulator's largest value */
};

struct sparse7_conv {
    _Alignas(64) int16_t weight[SPARSE7_FILTERS][SPARSE7_TAPS]; /* ROUNDED: none below 0 */
    int shift;                                                  /* ROUNDED: of each product */
    int32_t bias[SPARSE7_FILTERS]; /* on the sum's grid; not added to a sum of 0 */
    int32_t limit;                 /* ROUNDED: the largest sum; below 0 is 0 then */
    bool mask_slot;                /* every occupied slot is computed, not only features != 0 */
    /* ROUNDED and x, sum in 8 bits: [filter][x][tap], rounded and clipped; else NULL */
    uint8_t *product;
};

struct sparse7_pool {
    int32_t limit;   /* the sum ends here */
    uint32_t factor; /* both reciprocals together */
    int shift;       /* of sum * factor, with `add` before it */
    int64_t add;
    bool to_even;
    bool wide; /* the product needs 64 bits */
};

struct sparse7_plan {
    uint32_t slots, height, width;
    enum sparse7_sum sum;
    bool halves;    /* the second convolution's inputs may reach 16 bits */
    bool bytes;     /* product tables exist */
    uint32_t cells; /* pooled places; cell number `cells` takes what lies outside */
    /* row / pool height is row * cell_mul_h >> 16; cells count row by row */
    uint32_t cell_mul_h, cell_mul_w, pooled_height, pooled_width;
    struct sparse7_conv conv[2];
    struct sparse7_pool pool;
    /* after the list, conv 1, conv 2 (lane = filter), pool (lane = 4 * cell +
     * filter), dense 1 (lane = output) and dense 2 */
    struct sparse7_steps listed, between, features, pooled, hidden, last;
    /* [cell][filters 0 and 1, filter 2 and nothing][output][2] */
    _Alignas(64) int16_t dense1[SPARSE7_CELLS + 1][2][SPARSE7_HIDDEN][2];
    _Alignas(64) int32_t dense1_bias[SPARSE7_HIDDEN];
    _Alignas(64) int32_t dense2[SPARSE7_HIDDEN];
    int dense2_shift; /* of each product, rounded down */
    int32_t dense2_bias;
    bool has_table; /* ends with a sigmoid table */
    int table_shift;
    int64_t table[MODEL_TABLE_ENTRIES];
};

/* NULL: not such a network, or not proven (or no memory). */
struct sparse7_plan *sparse7_plan_create(const struct model *m);
void sparse7_plan_destroy(struct sparse7_plan **p);

/* The engine's last integer from the last dense layer's. */
int64_t sparse7_finish(const struct sparse7_plan *p, int32_t x);

/* `matches` of all kernels here. */
bool sparse7_matches(const struct model *m);

#if defined(__x86_64__)
extern const struct kernel sparse7_avx512_kernel;
extern const struct kernel sparse7_avx2_kernel;
#endif
extern const struct kernel sparse7_portable_kernel;

#endif
