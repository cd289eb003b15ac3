/* pixel: from a pooled sum to a pixel's value, the same arithmetic for every way
 * a plane may be cut into fragments.
 *
 *     fragment A  | wires 0 .. 11      pixel column 0 = wires 0 .. 7    whole in A
 *     fragment B  | wires 12 .. 23     pixel column 1 = wires 8 .. 15   shared: 4 + 4
 *                                      pixel column 2 = wires 16 .. 23  whole in B
 *
 * What is whole in a fragment imaging turns into hits. Of a shared column each
 * fragment leaves its wires' sums (struct edge_value); when the event is whole
 * or timed out, pixel_from_edges adds them in the order of the wires and gives
 * the hits that one fragment would have given, bit for bit. That works because a
 * value of 0 changes no sum: what is 0, or missing, need not be kept.
 *
 * A pixel is a hit if its sum is not 0 and not below the threshold. No state, no
 * memory, any thread.
 */
#ifndef SPARSED_DATA_PIXEL_H
#define SPARSED_DATA_PIXEL_H

#include "data/fragment.h"
#include "data/geometry.h"
#include "data/reduced.h"

#include <stdbool.h>
#include <stdint.h>

/* Threshold and scale for a sum of float32 samples, in units:
 * value = sum / pixel_scale. False: no hit, *value is untouched. */
static inline bool pixel_from_units(const struct plane_geometry *p, float sum, float *value)
{
    if (!(sum >= (float)p->pre.pixel_threshold) || sum == 0.0f)
        return false;
    *value = sum / (float)p->pre.pixel_scale;
    return true;
}

/* The same for a sum of int16 samples, in counts:
 * value = (float)(sum * scale) / pixel_scale. */
static inline bool pixel_from_counts(const struct plane_geometry *p, int32_t sum, float *value)
{
    if (sum < p->threshold_counts || sum == 0)
        return false;
    *value = (float)((double)sum * p->scale) / (float)p->pre.pixel_scale;
    return true;
}

/* All edge values of one plane of one event, `n` of them in any order, from any
 * number of fragments of one sample type (SAMPLE_INT16 or SAMPLE_FLOAT32; values
 * of any other give nothing), to hits in order of column, then row. Each (row,
 * wire) may be there once. Sorts edge[] in place. Writes at most `capacity` hits
 * (n always suffice) and returns how many. */
uint32_t pixel_from_edges(const struct plane_geometry *p, enum sample_type type,
                          struct edge_value *edge, uint32_t n, struct hit *hit, uint32_t capacity);

#endif
