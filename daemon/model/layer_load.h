/* layer_load: one layer's group of a model file, read and checked.
 *
 * What is checked here, each with a sentence that names the attribute: it is
 * there, of the right class and shape, inside its range and type; the layer fits
 * what flows out of the layer before; and no exact value on the way needs more
 * than 63 bits. What only the whole model can tell (labels, preprocessing) is
 * checked in model.c.
 */
#ifndef SPARSED_MODEL_LAYER_LOAD_H
#define SPARSED_MODEL_LAYER_LOAD_H

#include "base/error.h"
#include "model/model.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

/* Limits, so that a file cannot ask for gigabytes or hours. */
enum {
    LAYER_MAX_SIDE = 16384,         /* pixels of one side of an image */
    LAYER_MAX_ELEMENTS = 1 << 22,   /* of one tensor */
    LAYER_MAX_SLOTS = 16384,        /* n_max_pixels */
    LAYER_MAX_PARAMETERS = 1 << 24, /* of a whole model: weights, types, table entries */
};

/* Values of one tensor. */
uint64_t layer_elements(const struct tensor_shape *shape);

/* Fills `l`, whose name is set already, from `group`. `before` is the layer
 * before, NULL for the first. *parameters counts towards LAYER_MAX_PARAMETERS.
 * On failure what `l` holds so far is the caller's to free. */
bool layer_load(hid_t group, const struct layer *before, struct layer *l, uint64_t *parameters,
                struct error *err);

void layer_free(struct layer *l);

#endif
