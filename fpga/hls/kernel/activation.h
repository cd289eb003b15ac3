// activation: element by element: relu and quantizers, on slots and on plain arrays.
//
// A quantizer has a type for each channel, for each place and channel, or for each element.
// The model's few distinct types are numbered; a table holds each element's number, and
// L::quantize is a switch over them (written by sparse-hls), which synthesis turns into so many
// casts side by side and a multiplexer. Number 0 is "always 0".
#ifndef SPARSED_HLS_ACTIVATION_H
#define SPARSED_HLS_ACTIVATION_H

#include "slots.h"

namespace sparsed
{

template <class L> typename L::out_t relu_of(const typename L::in_t &x)
{
#pragma HLS INLINE
    typename L::out_t y = 0;
    if (x > 0) {
        y = cast<typename L::out_t>(x);
    }
    return y;
}

template <class L> void relu_slots(const typename L::in_slots &in, typename L::out_slots &out)
{
relu:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            out.x[p][c] = relu_of<L>(in.x[p][c]);
        }
        keep_place(in, out, p);
    }
}

template <class L>
void relu_array(const typename L::in_t in[L::channels], typename L::out_t out[L::channels])
{
relu:
    for (int i = 0; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        out[i] = relu_of<L>(in[i]);
    }
}

// A type for each channel, the same for all slots.
template <class L>
void quantize_slots(const typename L::in_slots &in, const unsigned char kind[L::channels],
                    typename L::out_slots &out)
{
quantize:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            out.x[p][c] = L::quantize(kind[c], in.x[p][c]);
        }
        keep_place(in, out, p);
    }
}

// A type for each place of the grid, found by the slot's place; outside it is 0.
template <class L>
void quantize_slots_by_place(const typename L::in_slots &in,
                             const unsigned char kind[L::height * L::width * L::channels],
                             typename L::out_slots &out)
{
quantize:
    for (int p = 0; p < L::n_slots; p++) {
#pragma HLS PIPELINE II = 1
        int row = int(in.row[p]) - 1;
        int col = int(in.col[p]) - 1;
        bool inside = row >= 0 && row < L::height && col >= 0 && col < L::width;
        int at = inside ? (row * L::width + col) * L::channels : 0;
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            out.x[p][c] = L::quantize(inside ? kind[at + c] : 0, in.x[p][c]);
        }
        keep_place(in, out, p);
    }
}

template <class L>
void quantize_array(const typename L::in_t in[L::channels], const unsigned char kind[L::channels],
                    typename L::out_t out[L::channels])
{
quantize:
    for (int i = 0; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        out[i] = L::quantize(kind[i], in[i]);
    }
}

} // namespace sparsed

#endif
