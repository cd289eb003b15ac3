/* window: one image as an engine takes it: active pixels in scan order (row by
 * row), never a dense array.
 *
 * For a model with an input reduction the list holds the first n_max_pixels
 * active pixels (channel 0 above the model's threshold); for any other model it
 * holds every pixel with a channel that is not 0.
 */
#ifndef SPARSED_DATA_WINDOW_H
#define SPARSED_DATA_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* Place of a pixel in its image, 0-based. */
struct pixel {
    uint16_t row; /* time */
    uint16_t col; /* wires */
};

struct window {
    uint32_t model;            /* index into the model set */
    uint32_t plane;            /* index into the geometry's planes */
    uint32_t first_bin;        /* time bin of the corner */
    uint32_t first_wire;       /* wire of the corner */
    uint32_t n_active;         /* active pixels before the cut */
    uint32_t n_listed;         /* entries of place[] */
    uint32_t missing_wires;    /* wires of this window without data */
    uint32_t masked_wires;     /* wires of this window that are left out, come or not */
    bool truncated;            /* n_active > n_listed because of the cut */
    const struct pixel *place; /* [n_listed], scan order */
    const int32_t *value;      /* [n_listed][channels], raw on the model's input grid */
};

#endif
