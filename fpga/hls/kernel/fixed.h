// fixed: a fixed-point number and the integer behind it.
//
// All arithmetic of the kernel is that of ap_fixed itself: a product and a sum of two
// numbers are exact, and cast<T> is the one cast of docs/model.md (rounding by the type's
// mode, then overflow). Raw integers appear only at the edges: weights come as integers,
// pixels and scores travel as integers.
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

// A signed type of one bit whose range is symmetric holds nothing but 0; ap_fixed gives -1.
template <class T> struct holds_only_zero {
    static const bool value = false;
};
template <int I, ap_q_mode Q, int N> struct holds_only_zero<ap_fixed<1, I, Q, AP_SAT_SYM, N>> {
    static const bool value = true;
};

// x on T's grid and in T's range. What ap_fixed does when it is assigned, but for one thing:
// where T's last bit lies above x's first (0.003 to whole numbers), the open headers read bits
// that x does not have. So x gets as many bits above as it needs first, which changes nothing.
template <class T, int W, int I, bool S, ap_q_mode Q, ap_o_mode O, int N>
T cast(const ap_fixed_base<W, I, S, Q, O, N> &x)
{
#pragma HLS INLINE
    static const int dropped = (W - I) - (T::width - T::iwidth);
    static const int more = dropped + 2 > W ? dropped + 2 - W : 0;
    ap_fixed_base<W + more, I + more, S> wide = x;
    T y = 0;
    if (!holds_only_zero<T>::value) {
        y = wide;
    }
    return y;
}

} // namespace sparsed

#endif
