// fixed: a fixed-point number and the integer behind it.
//
// All arithmetic of the kernel is that of ap_fixed itself: a product and a sum of two
// numbers are exact, and assigning to a type is the one cast of docs/model.md (rounding by
// the type's mode, then overflow). Raw integers appear only at the edges: weights come as
// integers, pixels and scores travel as integers.
#ifndef SPARSED_HLS_FIXED_H
#define SPARSED_HLS_FIXED_H

#include <ap_fixed.h>
#include <ap_int.h>

// An element of a weight table. The synthesized memory is as wide as the type; a program
// takes a machine integer, because thousands of ap_int constructors compile slowly.
#ifdef __SYNTHESIS__
#define ROM(type) type
#else
#define ROM(type) long long
#endif

namespace sparsed
{

// The integer type of as many bits and of the same sign.
template <class T> struct raw_of;
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct raw_of<ap_fixed<W, I, Q, O, N>> {
    typedef ap_int<W> type;
};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> struct raw_of<ap_ufixed<W, I, Q, O, N>> {
    typedef ap_uint<W> type;
};

// The number whose integer is `raw`, which lies in T's range.
template <class T, class R> T from_raw(R raw)
{
#pragma HLS INLINE
    T x;
    typename raw_of<T>::type bits = raw;
    x.range(T::width - 1, 0) = bits;
    return x;
}

template <class T> typename raw_of<T>::type to_raw(const T &x)
{
#pragma HLS INLINE
    typename raw_of<T>::type bits = x.range(T::width - 1, 0);
    return bits;
}

} // namespace sparsed

#endif
