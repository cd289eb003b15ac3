// axi: windows in, scores out: the three stages around the network.
//
//     memory --load--> beats of 512 bits --score--> words of 32 bits --store--> memory
//
// A batch is one launch: the stages overlap (dataflow), so that window n + 1 is read while
// window n is scored. Records are those of kernel_abi.h; everything is little-endian.
#ifndef SPARSED_HLS_AXI_H
#define SPARSED_HLS_AXI_H

#include "fixed.h"

#include <hls_stream.h>

namespace sparsed
{

static const int BEAT_BITS = 512;
static const int WORDS_IN_BEAT = BEAT_BITS / 32;
typedef ap_uint<BEAT_BITS> beat_t;
typedef ap_uint<32> word_t;

// All channels of one place.
template <class T, int C> struct pixel {
    T x[C];
};

// The channels of a pixel that begin at bit `at`, L::value_bits each.
template <class L, class BITS> pixel<typename L::in_t, L::channels> unpack(const BITS &bits, int at)
{
#pragma HLS INLINE
    pixel<typename L::in_t, L::channels> v;
    for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
        typename raw_of<typename L::in_t>::type raw =
            bits.range(at + c * L::value_bits + L::in_t::width - 1, at + c * L::value_bits);
        v.x[c] = from_raw<typename L::in_t>(raw);
    }
    return v;
}

template <int BEATS>
void load_windows(const beat_t *windows, unsigned n_windows, hls::stream<beat_t> &beats)
{
load:
    for (unsigned i = 0; i < n_windows * BEATS; i++) {
#pragma HLS PIPELINE II = 1
        beats.write(windows[i]);
    }
}

// A result: the window's tag, its active pixels, then each score's integer in one or two words.
template <class T, int N, int SCORE_WORDS>
void write_result(const T x[N], word_t tag, word_t n_active, hls::stream<word_t> &words)
{
    words.write(tag);
    words.write(n_active);
scores:
    for (int i = 0; i < N; i++) {
        ap_int<64> raw = to_raw(x[i]); // carries the sign into the upper word
        for (int w = 0; w < SCORE_WORDS; w++) {
#pragma HLS PIPELINE II = 1
            word_t word = raw.range(32 * w + 31, 32 * w);
            words.write(word);
        }
    }
}

template <int WORDS>
void store_results(hls::stream<word_t> &words, unsigned n_windows, word_t *results)
{
store:
    for (unsigned i = 0; i < n_windows * WORDS; i++) {
#pragma HLS PIPELINE II = 1
        results[i] = words.read();
    }
}

} // namespace sparsed

#endif
