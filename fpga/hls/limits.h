/* limits: what no kernel is made of, each refused with a sentence.
 *
 * A model file may hold more than a card, or the C simulation's stack, can: the daemon's engine
 * takes such a model all the same.
 */
#ifndef SPARSED_FPGA_HLS_LIMITS_H
#define SPARSED_FPGA_HLS_LIMITS_H

#include "project.h"

enum {
    LIMITS_KEPT_VALUES = 1 << 16,   /* of one layer: registers or block RAM; a program's stack */
    LIMITS_KEPT_TOGETHER = 1 << 18, /* of all layers */
    LIMITS_PARAMETERS = 1 << 20,
    LIMITS_INTEGER_BITS = 128, /* of a type, either side of 0 */
    LIMITS_PIXEL_BYTES = 64,   /* of a pixel's record: a beat of the memory */
    LIMITS_TYPES = 255         /* distinct types of a quantizer: casts side by side */
};

/* Form and parallel factors against the model. Errors: MODEL, CONFIG. */
bool limits_check_options(const struct project *p, struct error *err);

/* The model itself, after the records are laid out. Errors: MODEL. */
bool limits_check_model(const struct project *p, struct error *err);

/* Numbers the distinct types of a quantizer from 1: kind[i] of element i, 0 where it is always
 * 0; first[] are elements that have them. Both [element_count]. Returns how many there are,
 * and ends with LIMITS_TYPES + 1. */
uint32_t limits_number_types(const struct layer *l, uint32_t *kind, uint32_t *first);

#endif
