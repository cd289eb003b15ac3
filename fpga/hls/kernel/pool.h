// pool: slots move to the pooled grid; the first slot of a place carries its value.
//
// docs/model.md, "Pools". First is the lowest index, even a slot that is 0 itself; later slots
// of the place keep it, give 0 and are no longer occupied. A place outside the pooled grid, a
// partial window at the edge, gives 0. Nothing is moved between slots.
#ifndef SPARSED_HLS_POOL_H
#define SPARSED_HLS_POOL_H

#include "slots.h"

namespace sparsed
{

// Places of the pooled grid, and which slots carry a value.
template <class L>
void pool_places(const typename L::in_slots &in, typename L::out_slots &out, bool carries[])
{
places:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
        out.row[p] = (int(in.row[p]) - 1) / L::pool_h + 1;
        out.col[p] = (int(in.col[p]) - 1) / L::pool_w + 1;
    }
first:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
        bool first = int(out.row[p]) <= L::out_height && int(out.col[p]) <= L::out_width;
        for (int q = 0; q < p; q++) {
#pragma HLS UNROLL
            first = first && !same_place(out, p, q);
        }
        carries[p] = first;
        out.occupied[p] = in.occupied[p] && first;
    }
}

// The average: the sum in accum_t, slots in ascending order, times the reciprocals (exact).
template <class L> struct average {
    typedef typename L::accum_t value_t;
    static value_t add(value_t sum, const typename L::in_t &x)
    {
#pragma HLS INLINE
        return cast<value_t>(sum + x);
    }
    static typename L::out_t end(const value_t &sum)
    {
#pragma HLS INLINE
        return L::scale(sum);
    }
};

// The largest feature, floored at 0.
template <class L> struct largest {
    typedef typename L::in_t value_t;
    static value_t add(value_t most, const typename L::in_t &x)
    {
#pragma HLS INLINE
        return x > most ? x : most;
    }
    static typename L::out_t end(const value_t &most)
    {
#pragma HLS INLINE
        return cast<typename L::out_t>(most);
    }
};

template <class L, class KIND>
void sparse_pool2d(const typename L::in_slots &in, typename L::out_slots &out)
{
#pragma HLS ARRAY_PARTITION variable = in.x complete dim = 0
#pragma HLS ARRAY_PARTITION variable = in.row complete
#pragma HLS ARRAY_PARTITION variable = in.col complete
#pragma HLS ARRAY_PARTITION variable = in.occupied complete
#pragma HLS ARRAY_PARTITION variable = out.x complete dim = 0
#pragma HLS ARRAY_PARTITION variable = out.row complete
#pragma HLS ARRAY_PARTITION variable = out.col complete
#pragma HLS ARRAY_PARTITION variable = out.occupied complete
    typedef pair_step<L::n_slots, L::pairs> step;
    bool carries[L::n_slots];
#pragma HLS ARRAY_PARTITION variable = carries complete
    pool_places<L>(in, out, carries);
    slots:
    for (int p0 = 0; p0 < L::n_slots; p0 += step::slots) {
    channels:
        for (int c0 = 0; c0 < L::channels; c0 += L::channel_step) {
            typename KIND::value_t value[step::slots][L::channel_step];
#pragma HLS ARRAY_PARTITION variable = value complete dim = 0
        neighbours:
            for (int q0 = 0; q0 < L::n_slots; q0 += step::neighbours) {
#pragma HLS PIPELINE II = 1
                for (int i = 0; i < step::slots; i++) {
#pragma HLS UNROLL
                    for (int k = 0; k < L::channel_step; k++) {
#pragma HLS UNROLL
                        if (p0 + i >= L::n_slots || c0 + k >= L::channels) {
                            continue; // what fills the last step
                        }
                        typename KIND::value_t v = 0;
                        if (q0 > 0) {
                            v = value[i][k];
                        }
                        for (int j = 0; j < step::neighbours; j++) {
#pragma HLS UNROLL
                            int q = q0 + j;
                            if (q < L::n_slots && same_place(out, p0 + i, q)) {
                                v = KIND::add(v, in.x[q][c0 + k]);
                            }
                        }
                        value[i][k] = v;
                    }
                }
            }
        ends:
            for (int i = 0; i < step::slots; i++) {
#pragma HLS UNROLL
                for (int k = 0; k < L::channel_step; k++) {
#pragma HLS UNROLL
                    if (p0 + i < L::n_slots && c0 + k < L::channels) {
                        typename L::out_t y = 0;
                        if (carries[p0 + i]) {
                            y = KIND::end(value[i][k]);
                        }
                        out.x[p0 + i][c0 + k] = y;
                    }
                }
            }
        }
    }
}

} // namespace sparsed

#endif
