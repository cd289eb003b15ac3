// reduce: from the memory's beats of 512 bits to slots: the input reduction.
//
// Two forms of input (kernel_abi.h has the layout of both):
//
//     list    active pixels, chosen by the host      one word of 32 bits a step
//     image   all pixels, chosen here                 stream: some lanes of a beat a step
//                                                     tree: all pixels at once, a slot a step
//
// The stream needs as many registers as there are slots and takes a beat after another; the
// tree holds the image in registers and finds the first active pixel N times, with a tree of
// comparisons: short for small images, unaffordable for large ones. Both give the same slots.
// Active: channel 0 > threshold, strictly, on the quantized value.
#ifndef SPARSED_HLS_REDUCE_H
#define SPARSED_HLS_REDUCE_H

#include "axi.h"
#include "slots.h"

namespace sparsed
{

template <class L> void set_unused(typename L::out_slots &out, int s)
{
#pragma HLS INLINE
    for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
        out.x[s][c] = 0;
    }
    out.row[s] = 1;
    out.col[s] = 1;
    out.occupied[s] = false;
}

// Puts a pixel at (row, col), from 0, into slot s.
template <class L>
void set_slot(typename L::out_slots &out, int s, const pixel<typename L::in_t, L::channels> &v,
              unsigned row, unsigned col)
{
#pragma HLS INLINE
    for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
        out.x[s][c] = cast<typename L::out_t>(v.x[c]);
    }
    out.row[s] = row + 1;
    out.col[s] = col + 1;
    out.occupied[s] = true;
}

template <class L> void clear_slots(typename L::out_slots &out)
{
clear:
    for (int s = 0; s < L::n_slots; s++) {
#pragma HLS UNROLL
        set_unused<L>(out, s);
    }
}

template <class L> bool is_active(const pixel<typename L::in_t, L::channels> &v)
{
#pragma HLS INLINE
    return to_raw(v.x[0]) > ap_int<L::in_t::width + 2>(L::threshold_raw);
}

// A list: a word with the number of pixels, then their records. More pixels than slots are
// not read: the host's list never has them, and nothing outside may write beyond the array.
template <class L>
void reduce_list(hls::stream<beat_t> &beats, typename L::out_slots &out, word_t &n_active)
{
#pragma HLS ARRAY_PARTITION variable = out.x complete dim = 0
#pragma HLS ARRAY_PARTITION variable = out.row complete
#pragma HLS ARRAY_PARTITION variable = out.col complete
#pragma HLS ARRAY_PARTITION variable = out.occupied complete
    clear_slots<L>(out);
    word_t count = 0;
    ap_uint<32 *L::pixel_words> record = 0;
    int slot = -1; // the header is one word before the first record
    int part = L::pixel_words - 1;
words:
    for (int b = 0; b < L::beats; b++) {
        beat_t beat = beats.read();
        for (int i = 0; i < WORDS_IN_BEAT; i++) {
#pragma HLS PIPELINE II = 1
            word_t word = beat.range(32 * i + 31, 32 * i);
            if (slot < 0) {
                count = word;
            } else {
                record.range(32 * part + 31, 32 * part) = word;
                if (part == L::pixel_words - 1 && slot < L::n_slots && word_t(slot) < count) {
                    unsigned row = record.range(L::place_bits - 1, 0);
                    unsigned col = record.range(2 * L::place_bits - 1, L::place_bits);
                    set_slot<L>(out, slot, unpack<L>(record, 2 * L::place_bits), row, col);
                }
            }
            part = part == L::pixel_words - 1 ? 0 : part + 1;
            slot += part == 0 ? 1 : 0;
        }
    }
    n_active = count;
}

// An image, `lanes` pixels a step. Every active pixel goes behind those before it.
template <class L>
void reduce_image_stream(hls::stream<beat_t> &beats, typename L::out_slots &out, word_t &n_active)
{
#pragma HLS ARRAY_PARTITION variable = out.x complete dim = 0
#pragma HLS ARRAY_PARTITION variable = out.row complete
#pragma HLS ARRAY_PARTITION variable = out.col complete
#pragma HLS ARRAY_PARTITION variable = out.occupied complete
    clear_slots<L>(out);
    unsigned n = 0;
    unsigned row = 0;
    unsigned col = 0;
beats:
    for (int b = 0; b < L::beats; b++) {
        beat_t beat = beats.read();
    lanes:
        for (int l0 = 0; l0 < L::pixels_in_beat; l0 += L::lanes) {
#pragma HLS PIPELINE II = 1
            for (int k = 0; k < L::lanes; k++) {
#pragma HLS UNROLL
                if (l0 + k >= L::pixels_in_beat || row >= L::height) {
                    continue; // what fills the last beat
                }
                pixel<typename L::in_t, L::channels> v =
                    unpack<L>(beat, (l0 + k) * L::image_pixel_bits);
                if (is_active<L>(v)) {
                    if (n < L::n_slots) {
                        set_slot<L>(out, n, v, row, col);
                    }
                    n++;
                }
                bool last = col == L::width - 1;
                col = last ? 0 : col + 1;
                row += last ? 1 : 0;
            }
        }
    }
    n_active = n;
}

// The first active pixel: each level of the tree keeps the left candidate if there is one.
template <int LEAVES, class I> I first_of(const I leaf[LEAVES], I none)
{
    I best[LEAVES];
#pragma HLS ARRAY_PARTITION variable = best complete
    for (int i = 0; i < LEAVES; i++) {
#pragma HLS UNROLL
        best[i] = leaf[i];
    }
levels:
    for (int n = LEAVES / 2; n > 0; n /= 2) {
#pragma HLS UNROLL
        for (int i = 0; i < n; i++) {
#pragma HLS UNROLL
            best[i] = best[2 * i] != none ? best[2 * i] : best[2 * i + 1];
        }
    }
    return best[0];
}

template <class L>
void reduce_image_tree(hls::stream<beat_t> &beats, typename L::out_slots &out, word_t &n_active)
{
    typedef unsigned index_t; // narrowed by synthesis to the bits of `none`
    const index_t none = L::height * L::width;
    pixel<typename L::in_t, L::channels> image[L::height * L::width];
    index_t leaf[L::leaves]; // a pixel's number while it is active and not taken, else none
#pragma HLS ARRAY_PARTITION variable = image complete
#pragma HLS ARRAY_PARTITION variable = leaf complete
    clear_slots<L>(out);
    for (int i = 0; i < L::leaves; i++) {
#pragma HLS UNROLL
        leaf[i] = none;
    }
    unsigned n = 0;
read:
    for (int b = 0; b < L::beats; b++) {
#pragma HLS PIPELINE II = 1
        beat_t beat = beats.read();
        for (int l = 0; l < L::pixels_in_beat; l++) {
#pragma HLS UNROLL
            int j = b * L::pixels_in_beat + l;
            if (j < L::height * L::width) {
                image[j] = unpack<L>(beat, l * L::image_pixel_bits);
                bool active = is_active<L>(image[j]);
                leaf[j] = active ? index_t(j) : none;
                n += active ? 1 : 0;
            }
        }
    }
    n_active = n;
take:
    for (int s = 0; s < L::n_slots; s++) {
        index_t j = first_of<L::leaves, index_t>(leaf, none);
        if (j != none) {
            set_slot<L>(out, s, image[j], j / L::width, j % L::width);
            leaf[j] = none;
        }
    }
}

} // namespace sparsed

#endif
