/* dense_tail: the end of a network, from the flattened image to the last integers:
 * flatten, dense, relu, quantize, tables; shared by the kernels of sparse chains
 * and of standard CNNs.
 *
 * The flattened image comes as a list of what is not 0 in it: every layer before
 * the first dense one keeps a 0. Weights are in 32 bits, rows of outputs padded to
 * whole vectors. Sums are in 32 bits where that is proven, else in 64, which hold
 * every sum of a wrapping accumulator (modulo 2^64); a saturating one must be
 * proven never to saturate.
 *
 *     dense_tail_plan    when the model is loaded; nothing of the instruction set
 *     dense_tail_run.h   the work itself, compiled for each instruction set
 */
#ifndef SPARSED_ENGINE_CPU_DENSE_TAIL_H
#define SPARSED_ENGINE_CPU_DENSE_TAIL_H

#include "engine/cpu/dense_cast.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { DENSE_TAIL_PAD = 16 }; /* outputs are padded to whole vectors of any set */

enum dense_step_kind { DENSE_STEP_DENSE, DENSE_STEP_CAST, DENSE_STEP_RELU, DENSE_STEP_TABLE };

struct dense_step {
    enum dense_step_kind kind;
    const struct layer *layer;
    uint32_t n_in, n_out, padded_out;
    /* CAST, RELU: one for all or one for each element; DENSE: of the result */
    struct dense_cast *cast;
    bool cast_each;
    /* DENSE */
    bool narrow;               /* 32 bits suffice for the sum */
    int32_t *weight;           /* [n_in][padded_out], on the accumulator's grid or finer */
    int64_t *bias;             /* [padded_out], cast to the accumulator */
    struct dense_cast product; /* of each product; identity where it is exact */
    struct dense_cast accum;   /* of the sum */
};

struct dense_tail {
    uint32_t n_steps, n_outputs, n_in;
    struct dense_step *step;
    uint32_t n_before; /* steps before the first dense one */
    int64_t *value[2]; /* [largest padded tensor] */
};

/* Plans layers first .. n_layers - 1 of the model, the first of which is the one
 * that flattens; `range` is that of what it gets. False: not proven exact, or no
 * memory; *t then needs no dense_tail_fini. The model must outlive *t. */
bool dense_tail_plan(struct dense_tail *t, const struct model *m, uint32_t first,
                     struct dense_range range);
void dense_tail_fini(struct dense_tail *t);

#endif
