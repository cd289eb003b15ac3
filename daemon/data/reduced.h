/* reduced: what imaging leaves of a fragment: the pixels above threshold, and
 * for pixels that it shares with a neighbouring fragment the bins of its wires.
 * A thousand times smaller than the samples; no sample is needed afterwards.
 */
#ifndef SPARSED_DATA_REDUCED_H
#define SPARSED_DATA_REDUCED_H

#include "data/fragment.h"

#include <stdint.h>

/* A pixel's value: in units / pixel_scale for wires and float images, a raw
 * integer for int32 images. */
union pixel_value {
    float f;
    int32_t i;
};

struct hit {
    uint16_t row;
    uint16_t col; /* pixel column times channels, plus channel */
    union pixel_value value;
};

/* Sum over pool_time bins of one wire whose pixel column is not whole in this
 * fragment: counts for int16, units for float32; never 0. */
struct edge_value {
    uint16_t row;
    uint16_t wire; /* of the plane */
    union pixel_value sum;
};

struct whole_event; /* data/whole.h */

struct reduced {
    struct fragment fragment; /* samples are valid only while `message` is held */
    void *message;            /* kept for the recorder, or NULL: released */
    uint64_t nonfinite_bins;  /* NaN or infinity, taken as 0 */
    uint32_t n_hits, n_edges;
    uint32_t hit_capacity, edge_capacity;
    struct hit *hit;         /* [hit_capacity] */
    struct edge_value *edge; /* [edge_capacity] */
    /* [wires of the plane] Hits of each wire of the fragment, from its first one on: the
     * pixels of which the wire has at least its share of the threshold, pixel_threshold /
     * pool_wires. NULL: not counted. */
    uint16_t *wire_hits;
    /* Where whole events come (service.stages = "decision"): `hit` holds all planes', and this
     * says the rest. NULL: fragments come. */
    struct whole_event *whole;
};

#endif
