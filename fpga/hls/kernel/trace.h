// trace: in a program, every layer's tensor can be looked at; in hardware there is nothing.
//
// The generated top says SEE(layer, tensor) after each layer. Streams are emptied and filled
// again.
#ifndef SPARSED_HLS_TRACE_H
#define SPARSED_HLS_TRACE_H

#ifdef __SYNTHESIS__
#define SEE(layer, ...)
#else
#define SEE(layer, ...) sparsed::trace(layer, __VA_ARGS__)

#include "axi.h"
#include "kernel_abi.h"
#include "slots.h"

#include <stdint.h>
#include <vector>

namespace sparsed
{

// Who looks, in this thread; set by kernel_trace.
struct tracer {
    kernel_see *see;
    void *user;
};
inline tracer &trace_state()
{
    static thread_local tracer t = {0, 0};
    return t;
}

inline void trace_values(unsigned layer, const std::vector<int64_t> &v, const int64_t *place)
{
    trace_state().see(trace_state().user, layer, v.data(), v.size(), place);
}

template <class T, int N, int C, class P> void trace(unsigned layer, const slots<T, N, C, P> &s)
{
    if (trace_state().see == 0) {
        return;
    }
    std::vector<int64_t> value;
    std::vector<int64_t> place;
    for (int p = 0; p < N; p++) {
        for (int c = 0; c < C; c++) {
            value.push_back((int64_t)to_raw(s.x[p][c]));
        }
        place.push_back(s.row[p].to_int64());
        place.push_back(s.col[p].to_int64());
    }
    trace_values(layer, value, place.data());
}

template <class T, int N> void trace(unsigned layer, const T (&x)[N])
{
    if (trace_state().see == 0) {
        return;
    }
    std::vector<int64_t> value;
    for (int i = 0; i < N; i++) {
        value.push_back((int64_t)to_raw(x[i]));
    }
    trace_values(layer, value, 0);
}

template <class T, int C> void trace(unsigned layer, hls::stream<pixel<T, C>> &s)
{
    if (trace_state().see == 0) {
        return;
    }
    std::vector<pixel<T, C>> kept;
    std::vector<int64_t> value;
    while (!s.empty()) {
        kept.push_back(s.read());
        for (int c = 0; c < C; c++) {
            value.push_back((int64_t)to_raw(kept.back().x[c]));
        }
    }
    for (const pixel<T, C> &v : kept) {
        s.write(v);
    }
    trace_values(layer, value, 0);
}

} // namespace sparsed

#endif
#endif
