// stream: the standard CNN, to compare the sparse one with: pixel after pixel, in scan order,
// with line buffers. Its cost is height x width steps, however empty the image is.
//
//     beats -> read_image -> zero_pad2d -> conv2d -> relu -> ... -> avg_pool2d -> flatten -> array
//
// conv2d keeps kernel_h - 1 lines and a window of kernel_h x kernel_w pixels; docs/model.md has
// the arithmetic.
#ifndef SPARSED_HLS_STREAM_H
#define SPARSED_HLS_STREAM_H

#include "activation.h"
#include "axi.h"

namespace sparsed
{

// The image of a model without input reduction. Active are the pixels with a channel not 0.
template <class L>
void read_image(hls::stream<beat_t> &beats, hls::stream<typename L::out_pixel> &out,
                word_t &n_active)
{
    unsigned n = 0;
    int left = L::height * L::width;
beats:
    for (int b = 0; b < L::beats; b++) {
        beat_t beat = beats.read();
    lanes:
        for (int l = 0; l < L::pixels_in_beat; l++) {
#pragma HLS PIPELINE II = 1
            if (left > 0) {
                typename L::out_pixel v = unpack<L>(beat, l * L::image_pixel_bits);
                bool any = false;
                for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
                    any = any || v.x[c] != 0;
                }
                n += any ? 1 : 0;
                out.write(v);
                left--;
            }
        }
    }
    n_active = n;
}

template <class L>
void zero_pad2d(hls::stream<typename L::in_pixel> &in, hls::stream<typename L::out_pixel> &out)
{
rows:
    for (int h = 0; h < L::out_height; h++) {
    columns:
        for (int w = 0; w < L::out_width; w++) {
#pragma HLS PIPELINE II = 1
            int row = h - L::pad_top;
            int col = w - L::pad_left;
            bool inside = row >= 0 && row < L::height && col >= 0 && col < L::width;
            typename L::in_pixel x;
            if (inside) {
                x = in.read();
            }
            typename L::out_pixel y;
            for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
                y.x[c] = 0;
                if (inside) {
                    y.x[c] = cast<typename L::out_t>(x.x[c]);
                }
            }
            out.write(y);
        }
    }
}

// One output pixel from the window: acc = accum_t(bias), each product cast on its own.
template <class L>
typename L::out_pixel conv2d_pixel(const typename L::in_pixel window[L::kernel_h][L::kernel_w],
                                   const typename L::weight_rom weight[],
                                   const typename L::bias_rom bias[])
{
    typename L::out_pixel y;
filters:
    for (int f0 = 0; f0 < L::filters; f0 += L::filter_step) {
#pragma HLS PIPELINE II = 1
        for (int f = f0; f < f0 + L::filter_step; f++) {
#pragma HLS UNROLL
            if (f >= L::filters) {
                continue; // what fills the last step
            }
            typename L::accum_t acc =
                cast<typename L::accum_t>(from_raw<typename L::bias_t>(bias[f]));
            for (int t = 0; t < L::kernel_h * L::kernel_w; t++) {
#pragma HLS UNROLL
                for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
                    typename L::weight_t w = from_raw<typename L::weight_t>(
                        weight[(t * L::channels + c) * L::filters + f]);
                    typename L::accum_t m = cast<typename L::accum_t>(
                        w * window[t / L::kernel_w][t % L::kernel_w].x[c]);
                    acc = cast<typename L::accum_t>(acc + m);
                }
            }
            y.x[f] = cast<typename L::out_t>(acc);
        }
    }
    return y;
}

template <class L>
void conv2d(hls::stream<typename L::in_pixel> &in, const typename L::weight_rom weight[],
            const typename L::bias_rom bias[], hls::stream<typename L::out_pixel> &out)
{
    // lines[i] is the row i + 1 above the newest; a kernel of one row has a line nobody reads
    static const int n_lines = L::kernel_h > 1 ? L::kernel_h - 1 : 1;
    typename L::in_pixel lines[n_lines][L::width];
    typename L::in_pixel window[L::kernel_h][L::kernel_w];
#pragma HLS ARRAY_PARTITION variable = lines complete dim = 1
#pragma HLS ARRAY_PARTITION variable = window complete dim = 0
rows:
    for (int h = 0; h < L::height; h++) {
    columns:
        for (int w = 0; w < L::width; w++) {
            typename L::in_pixel x = in.read();
        shift:
            for (int i = 0; i < L::kernel_h; i++) {
#pragma HLS UNROLL
                for (int j = 0; j + 1 < L::kernel_w; j++) {
#pragma HLS UNROLL
                    window[i][j] = window[i][j + 1];
                }
                window[i][L::kernel_w - 1] =
                    i + 1 == L::kernel_h ? x : lines[L::kernel_h - 2 - i][w];
            }
        age:
            for (int i = n_lines - 1; i > 0; i--) {
#pragma HLS UNROLL
                lines[i][w] = lines[i - 1][w];
            }
            lines[0][w] = x;
            int top = h - (L::kernel_h - 1);
            int left = w - (L::kernel_w - 1);
            if (top >= 0 && left >= 0 && top % L::stride == 0 && left % L::stride == 0) {
                out.write(conv2d_pixel<L>(window, weight, bias));
            }
        }
    }
}

template <class L>
void relu_stream(hls::stream<typename L::in_pixel> &in, hls::stream<typename L::out_pixel> &out)
{
relu:
    for (int j = 0; j < L::height * L::width; j++) {
#pragma HLS PIPELINE II = 1
        typename L::in_pixel x = in.read();
        typename L::out_pixel y;
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            y.x[c] = relu_of<L>(x.x[c]);
        }
        out.write(y);
    }
}

template <class L>
void quantize_stream(hls::stream<typename L::in_pixel> &in, const unsigned char kind[],
                     hls::stream<typename L::out_pixel> &out)
{
quantize:
    for (int j = 0; j < L::height * L::width; j++) {
#pragma HLS PIPELINE II = 1
        typename L::in_pixel x = in.read();
        typename L::out_pixel y;
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            y.x[c] = L::quantize(kind[j * L::channels + c], x.x[c]);
        }
        out.write(y);
    }
}

// Sums of a row of pooled places; a sum is divided by the area, as an integer toward zero.
template <class L>
void avg_pool2d(hls::stream<typename L::in_pixel> &in, hls::stream<typename L::out_pixel> &out)
{
    typename L::accum_t sum[L::out_width][L::channels];
#pragma HLS ARRAY_PARTITION variable = sum complete dim = 2
rows:
    for (int h = 0; h < L::height; h++) {
    columns:
        for (int w = 0; w < L::width; w++) {
#pragma HLS PIPELINE II = 1
            typename L::in_pixel x = in.read();
            int col = w / L::pool_w;
            if (h / L::pool_h >= L::out_height || col >= L::out_width) {
                continue; // what fills no window
            }
            bool first = h % L::pool_h == 0 && w % L::pool_w == 0;
            bool last = h % L::pool_h == L::pool_h - 1 && w % L::pool_w == L::pool_w - 1;
            typename L::out_pixel y;
            for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
                typename L::accum_t v = cast<typename L::accum_t>(x.x[c]);
                if (!first) {
                    v = cast<typename L::accum_t>(sum[col][c] + v);
                }
                sum[col][c] = v;
                typename raw_of<typename L::accum_t>::type mean =
                    to_raw(v) / (L::pool_h * L::pool_w);
                y.x[c] = cast<typename L::out_t>(from_raw<typename L::accum_t>(mean));
            }
            if (last) {
                out.write(y);
            }
        }
    }
}

template <class L>
void flatten(hls::stream<typename L::in_pixel> &in,
             typename L::out_t out[L::height * L::width * L::channels])
{
flatten:
    for (int j = 0; j < L::height * L::width; j++) {
#pragma HLS PIPELINE II = 1
        typename L::in_pixel x = in.read();
        for (int c = 0; c < L::channels; c++) {
#pragma HLS UNROLL
            out[j * L::channels + c] = cast<typename L::out_t>(x.x[c]);
        }
    }
}

} // namespace sparsed

#endif
