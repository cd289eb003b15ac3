/* reduce: a fragment's samples are read once and leave pixels.
 *
 *     samples [wire][tick]
 *        | sum time_rebin ticks       time bins; not finite: 0, and counted
 *        | floor, clip
 *        | sum pool_time bins         one wire's row of a pixel
 *        | sum pool_wires wires       a pixel, if all its wires are in this fragment ...
 *        v threshold, scale
 *      hits                           ... else the wire's sums are kept as edge values
 *                                     until its neighbours come (data/pixel.h)
 *
 * Order of sums (docs/messages.md speaks of what is sent, this of what is done):
 * float32 ticks and bins are added pairwise in index order, ((t0+t1)+(t2+t3))+(t4+t5)
 * and (b0+b1)+(b2+b3); wires in ascending order. int16 is integers to the end, in
 * counts, floor and clip and threshold too, so that any order gives the same.
 * Every kernel (imaging/reduce_kernel.h) gives the same bits.
 *
 * Left unread: ticks, bins and wires that do not fill a bin, a row or a column.
 *
 * A masked wire (data/geometry.h) is left unread too, as if all its samples were 0;
 * its neighbours are added as ever. Before the floor a bin loses the wire's pedestal.
 *
 * Where out->wire_hits is given each wire's hits are counted: the pixels of which it has
 * at least its share of the threshold, pixel_threshold / pool_wires. (Alone it may never
 * reach the threshold, with a clip below it.) That needs each wire's sums apart, and so costs a
 * pass over the rows of a wire, a few hundred; never one over its samples.
 *
 * A ready-made image is not summed: every value that is not 0 is a hit.
 */
#ifndef SPARSED_IMAGING_REDUCE_H
#define SPARSED_IMAGING_REDUCE_H

#include "base/error.h"
#include "data/fate.h"
#include "data/geometry.h"
#include "data/reduced.h"

#include <stdbool.h>
#include <stdint.h>

struct reducer;

/* Scratch memory for one worker: a wire's bins and a column's sums, some tens of
 * KB. `g` must outlive it. NULL: no memory (SYSTEM). */
struct reducer *reducer_create(const struct geometry *g, struct error *err);
void reducer_destroy(struct reducer **r);

/* The kernel in use: the fastest that the processor has, unless reducer_use chose
 * another: "avx512", "avx2" or "scalar". False: no such kernel, or the processor
 * has not got it; the one before stays. */
const char *reducer_kernel(const struct reducer *r);
bool reducer_use(struct reducer *r, const char *name);

/* What a struct reduced must have room for, whatever a fragment holds: hits of
 * the largest plane, and edge values of the two columns that a fragment may share
 * with its neighbours. */
void reduce_capacity(const struct geometry *g, uint32_t *hits, uint32_t *edges);

/* Reduces a fragment that decode_fragment and payload_open have accepted (the
 * samples need no alignment). Copies *f to out->fragment and fills n_hits, n_edges,
 * nonfinite_bins and wire_hits; out->message is the caller's and is left alone. Order of
 * hits: column by column, rows ascending (images: scan order). Order of edge
 * values: wire by wire, rows ascending.
 * FRAGMENT_ASSEMBLED: good so far. FRAGMENT_EDGE_FULL: hit_capacity or
 * edge_capacity is smaller than reduce_capacity said and did not suffice; `out`
 * then holds no hits and no edge values. One thread at a time per reducer. */
enum fragment_fate reduce_fragment(struct reducer *r, const struct fragment *f,
                                   struct reduced *out);

#endif
