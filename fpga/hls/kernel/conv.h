// conv: the sparse convolution, N x N pairs of slots instead of height x width x kernel.
//
// docs/model.md, sparse_conv2d. For output slot p and filter f:
//
//     acc = 0
//     for every slot q near p:    sum = 0
//                                 for every channel c:  sum = accum_t(sum + weight * x[q][c])
//                                 acc = accum_t(acc + sum)
//     if acc != 0:  acc = accum_t(acc + bias[f])
//
// accum_t decides the generation: the output's own unsigned type rounds and clips every
// product (the first public firmware), a wide one makes sums exact (the second). Because the
// type may round or saturate, channels and slots are added in ascending order whatever the
// parallel factors are: a factor moves work between steps, never an addition before another.
#ifndef SPARSED_HLS_CONV_H
#define SPARSED_HLS_CONV_H

#include "slots.h"

namespace sparsed
{

// Which weight joins slot q to output slot p: kernel row * kernel_w + column, or -1 where q is
// too far away.
template <class L> int tap(const typename L::in_slots &in, int p, int q)
{
#pragma HLS INLINE
    int th = int(in.row[q]) - int(in.row[p]) + L::kernel_h / 2;
    int tw = int(in.col[q]) - int(in.col[p]) + L::kernel_w / 2;
    bool inside = th >= 0 && th < L::kernel_h && tw >= 0 && tw < L::kernel_w;
    return inside ? th * L::kernel_w + tw : -1;
}

// Whether slot p is computed at all.
template <class L> bool is_computed(const typename L::in_slots &in, int p)
{
#pragma HLS INLINE
    bool any = false;
    for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
        any = any || in.x[p][c] != 0;
    }
    return L::mask_slot ? in.occupied[p] : any;
}

// sum + the products of channels c0 .. c0 + channel_step of one neighbour, in order.
template <class L>
typename L::accum_t add_channels(typename L::accum_t sum, const typename L::in_slots &in, int q,
                                 const typename L::weight_rom weight[], int field, int c0, int f)
{
#pragma HLS INLINE
    for (int c = c0; c < c0 + L::channel_step; c++) {
#pragma HLS UNROLL
        if (c < L::channels && field >= 0) {
            typename L::weight_t w =
                from_raw<typename L::weight_t>(weight[(field * L::channels + c) * L::filters + f]);
            sum = cast<typename L::accum_t>(sum + w * in.x[q][c]);
        }
    }
    return sum;
}

// Bias, mask, and the one cast to the output's type.
template <class L>
typename L::out_t finish(typename L::accum_t acc, const typename L::bias_rom bias[], int f,
                         bool computed)
{
#pragma HLS INLINE
    if (acc != 0) { // a sum of exactly 0 gets no bias: in Keras it is a pixel that saw nothing
        acc = cast<typename L::accum_t>(acc + from_raw<typename L::bias_t>(bias[f]));
    }
    typename L::out_t y = 0;
    if (computed) {
        y = cast<typename L::out_t>(acc);
    }
    return y;
}

template <class L>
void sparse_conv2d(const typename L::in_slots &in, const typename L::weight_rom weight[],
                   const typename L::bias_rom bias[], typename L::out_slots &out)
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
    slots:
    for (int p0 = 0; p0 < L::n_slots; p0 += step::slots) {
    filters:
        for (int f0 = 0; f0 < L::filters; f0 += L::filter_step) {
            typename L::accum_t acc[step::slots][L::filter_step];
            typename L::accum_t sum[step::slots][step::neighbours][L::filter_step];
#pragma HLS ARRAY_PARTITION variable = acc complete dim = 0
#pragma HLS ARRAY_PARTITION variable = sum complete dim = 0
        neighbours:
            for (int q0 = 0; q0 < L::n_slots; q0 += step::neighbours) {
            channels:
                for (int c0 = 0; c0 < L::channels; c0 += L::channel_step) {
#pragma HLS PIPELINE II = 1
                    for (int i = 0; i < step::slots; i++) {
#pragma HLS UNROLL
                        for (int k = 0; k < L::filter_step; k++) {
#pragma HLS UNROLL
                            if (p0 + i >= L::n_slots || f0 + k >= L::filters) {
                                continue; // what fills the last step
                            }
                            typename L::accum_t a = 0;
                            if (q0 > 0 || c0 > 0) {
                                a = acc[i][k];
                            }
                            for (int j = 0; j < step::neighbours; j++) {
#pragma HLS UNROLL
                                int q = q0 + j;
                                if (q >= L::n_slots) {
                                    continue;
                                }
                                typename L::accum_t s = 0;
                                if (c0 > 0) {
                                    s = sum[i][j][k];
                                }
                                s = add_channels<L>(s, in, q, weight, tap<L>(in, p0 + i, q), c0,
                                                    f0 + k);
                                sum[i][j][k] = s;
                                if (c0 + L::channel_step >= L::channels) {
                                    // the neighbour is complete
                                    a = cast<typename L::accum_t>(a + s);
                                }
                            }
                            acc[i][k] = a;
                        }
                    }
                }
            }
        ends:
            for (int i = 0; i < step::slots; i++) {
#pragma HLS UNROLL
                for (int k = 0; k < L::filter_step; k++) {
#pragma HLS UNROLL
                    if (p0 + i < L::n_slots && f0 + k < L::filters) {
                        out.x[p0 + i][f0 + k] =
                            finish<L>(acc[i][k], bias, f0 + k, is_computed<L>(in, p0 + i));
                    }
                }
            }
        }
    }
places:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
        keep_place(in, out, p);
    }
}

} // namespace sparsed

#endif
