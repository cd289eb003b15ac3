// slots: what flows through the sparse part: N features with their places, instead of an image.
//
//     slot      0        1        2       ...
//     x[c]     12, 3    40, 0     0, 0            features of each channel
//     row, col (4, 17)  (4, 18)   (1, 1)          place on the grid of this layer, from 1
//     occupied  yes      yes      no              a pixel is (still) here
//
// Slots are in scan order. An unused slot is 0 at (1, 1) and not occupied; after a pool a slot
// is occupied only if it is the first of its place (docs/model.md). The occupied bit is what
// lets the kernel agree with Keras: a pixel whose features became 0 is still computed (mask
// "slot"). Every sparse layer takes one struct and gives one, so that layers can overlap
// (dataflow: one producer, one consumer).
#ifndef SPARSED_HLS_SLOTS_H
#define SPARSED_HLS_SLOTS_H

#include "fixed.h"

namespace sparsed
{

template <class T, int N, int C, class P> struct slots {
    T x[N][C];
    P row[N], col[N]; // ap_uint wide enough for the grid
    bool occupied[N];
};

// Copies slot p's place and bit.
template <class IN, class OUT> void keep_place(const IN &in, OUT &out, int p)
{
#pragma HLS INLINE
    out.row[p] = in.row[p];
    out.col[p] = in.col[p];
    out.occupied[p] = in.occupied[p];
}

template <class IN> bool same_place(const IN &in, int p, int q)
{
#pragma HLS INLINE
    return in.row[p] == in.row[q] && in.col[p] == in.col[q];
}

// The pairs (p, q) of slots that a layer handles in one step, from the parallel factor `pairs`:
// up to N, one slot p and so many of its neighbours; from N on, all neighbours of pairs / N
// slots. 1 is fully serial, N * N fully parallel.
template <int N, int PAIRS> struct pair_step {
    static const int slots = PAIRS > N ? PAIRS / N : 1;
    static const int neighbours = PAIRS < N ? PAIRS : N;
};

} // namespace sparsed

#endif
