/* layer_run: what each layer class computes, one function a class, in plain
 * int64 arithmetic, written to be read beside docs/model.md.
 *
 * The functions work on one window. A tensor goes in as t->in and out as t->out;
 * in the sparse part places and occupied slots go along and only the reduction
 * and the pools change them.
 */
#ifndef SPARSED_ENGINE_CPU_LAYER_RUN_H
#define SPARSED_ENGINE_CPU_LAYER_RUN_H

#include "data/window.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

/* Place of a slot on the grid at that point, 1-based as in the firmware. */
struct place {
    uint32_t row, col;
};

struct tensors {
    const int64_t *in; /* of the layer before; [slots][channels], [h][w][c] or [n] */
    int64_t *out;
    struct place *place; /* [slots] */
    bool *occupied;      /* [slots] */
    const struct window *window;
};

/* Computes the layer. Everything was checked when the model was loaded. */
void layer_run(const struct layer *l, struct tensors *t);

#endif
