// table: sigmoid and softmax from tables of 1024 entries, as the firmware has them.
#ifndef SPARSED_HLS_TABLE_H
#define SPARSED_HLS_TABLE_H

#include "fixed.h"

namespace sparsed
{

// Entry 512 + (x in steps of 1/64, toward zero), at most 1023, at least 0: the rounding and
// the limits are those of a type of ten whole bits.
template <class L>
void sigmoid_table(const typename L::in_t in[L::channels], const typename L::table_rom table[1024],
                   typename L::out_t out[L::channels])
{
    typedef ap_fixed<10, 10, AP_TRN_ZERO, AP_SAT> step_t;
sigmoid:
    for (int i = 0; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        step_t step = cast<step_t>(in[i] * ap_ufixed<7, 7>(64));
        int at = to_raw(step).to_int() + 512;
        out[i] = cast<typename L::out_t>(from_raw<typename L::table_t>(table[at]));
    }
}

// The ten highest bits of a number, as an index.
template <class T> int top_bits(const T &x)
{
#pragma HLS INLINE
    ap_uint<10> bits = x.range(T::width - 1, T::width - 10);
    return bits.to_int();
}

// exp(x - largest), times 1 / their sum, both from tables.
template <class L>
void softmax_table(const typename L::in_t in[L::channels],
                   const typename L::table_rom exp_table[1024],
                   const typename L::inv_table_rom inv_table[1024],
                   typename L::out_t out[L::channels])
{
    typedef ap_fixed<L::in_t::width, L::in_t::iwidth, AP_TRN, AP_SAT> below_t;
    typename L::in_t most = in[0];
most:
    for (int i = 1; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        if (in[i] > most) {
            most = in[i];
        }
    }
    typename L::table_t e[L::channels];
    typename L::table_t sum = 0;
exponentials:
    for (int i = 0; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        below_t below = cast<below_t>(in[i] - most);
        e[i] = from_raw<typename L::table_t>(exp_table[top_bits(below)]);
        sum = cast<typename L::table_t>(sum + e[i]);
    }
    typename L::inv_table_t inverse = from_raw<typename L::inv_table_t>(inv_table[top_bits(sum)]);
normalise:
    for (int i = 0; i < L::channels; i++) {
#pragma HLS PIPELINE II = 1
        out[i] = cast<typename L::out_t>(e[i] * inverse);
    }
}

} // namespace sparsed

#endif
