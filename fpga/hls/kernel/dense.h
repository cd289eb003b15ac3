// dense: acc = accum_t(bias); acc = accum_t(acc + accum_t(x * w)) for every input in ascending
// order; one cast to out_t. Each product is cast on its own (docs/model.md).
//
// L::inputs inputs of L::outputs outputs are handled in a step.
#ifndef SPARSED_HLS_DENSE_H
#define SPARSED_HLS_DENSE_H

#include "fixed.h"

namespace sparsed
{

template <class L>
void dense(const typename L::in_t in[L::n_in], const typename L::weight_rom weight[],
           const typename L::bias_rom bias[], typename L::out_t out[L::n_out])
{
#pragma HLS ARRAY_PARTITION variable = in cyclic factor = L::inputs
#pragma HLS ARRAY_PARTITION variable = weight cyclic factor = L::inputs * L::outputs
outputs:
    for (int j0 = 0; j0 < L::n_out; j0 += L::outputs) {
        typename L::accum_t acc[L::outputs];
#pragma HLS ARRAY_PARTITION variable = acc complete
    inputs:
        for (int i0 = 0; i0 < L::n_in; i0 += L::inputs) {
#pragma HLS PIPELINE II = 1
            for (int k = 0; k < L::outputs; k++) {
#pragma HLS UNROLL
                int j = j0 + k;
                if (j >= L::n_out) {
                    continue; // what fills the last step
                }
                typename L::accum_t a;
                if (i0 == 0) {
                    a = cast<typename L::accum_t>(from_raw<typename L::bias_t>(bias[j]));
                } else {
                    a = acc[k];
                }
                for (int i = i0; i < i0 + L::inputs; i++) {
#pragma HLS UNROLL
                    if (i < L::n_in) {
                        typename L::accum_t m = cast<typename L::accum_t>(
                            in[i] * from_raw<typename L::weight_t>(weight[i * L::n_out + j]));
                        a = cast<typename L::accum_t>(a + m);
                    }
                }
                acc[k] = a;
            }
        }
        for (int k = 0; k < L::outputs; k++) {
#pragma HLS UNROLL
            if (j0 + k < L::n_out) {
                out[j0 + k] = cast<typename L::out_t>(acc[k]);
            }
        }
    }
}

} // namespace sparsed

#endif
