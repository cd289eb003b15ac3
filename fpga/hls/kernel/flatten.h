// flatten: slots back to the full grid, as one axis for the dense layers.
//
// Gathered, not scattered: each cell asks all slots for the one at its place, so that many
// cells can be written in a step (L::cells). Where two slots share a place all but the first
// are 0, and a cell takes what is not 0.
#ifndef SPARSED_HLS_FLATTEN_H
#define SPARSED_HLS_FLATTEN_H

#include "slots.h"

namespace sparsed
{

template <class L>
void sparse_flatten(const typename L::in_slots &in,
                    typename L::out_t out[L::height * L::width * L::channels])
{
#pragma HLS ARRAY_PARTITION variable = in.x complete dim = 0
#pragma HLS ARRAY_PARTITION variable = in.row complete
#pragma HLS ARRAY_PARTITION variable = in.col complete
#pragma HLS ARRAY_PARTITION variable = out cyclic factor = L::cells * L::channels
cells:
    for (int j0 = 0; j0 < L::height * L::width; j0 += L::cells) {
#pragma HLS PIPELINE II = 1
        for (int k = 0; k < L::cells; k++) {
#pragma HLS UNROLL
            int j = j0 + k;
            if (j >= L::height * L::width) {
                continue; // what fills the last step
            }
            for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
                typename L::in_t x = 0;
                for (int p = 0; p < L::n_slots; p++) {
#pragma HLS UNROLL
                    bool here =
                        int(in.row[p]) == j / L::width + 1 && int(in.col[p]) == j % L::width + 1;
                    if (here && in.x[p][c] != 0) {
                        x = in.x[p][c];
                    }
                }
                out[j * L::channels + c] = cast<typename L::out_t>(x);
            }
        }
    }
}

} // namespace sparsed

#endif
