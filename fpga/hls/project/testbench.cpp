// testbench: a kernel against recorded vectors, every layer, bit by bit.
//
//     testbench VECTORS [--outputs-only]
//
// How: each window is scored in a launch of its own and every recorded tensor compared; then
// all windows in one launch, and the first 16 in launches of 7, whose results must be the same and
// must not touch a byte behind them; last, windows of random bytes. --outputs-only leaves out inner
// tensors and takes the first 16 windows: for co-simulation, which shows no tensors and is
// slow. Exit status: 0 nothing differs, 1 something does, or the vectors are not this kernel's.
//
// VECTORS, little-endian, written by sparse-hls: "sparsed vectors 1" in 24 bytes, the model's
// SHA-256 in 64; u32 window bytes, outputs, windows, tensors; a tensor: u32 layer, u32 kind
// (0 values, 1 places), u64 numbers a window; then for each window its bytes, u64 active
// pixels, i64 numbers of every tensor, i64 raws of the outputs.
#include "kernel_abi.h"

#include <stdio.h>
#include <string.h>
#include <string>
#include <vector>

namespace
{

struct tensor {
    uint32_t layer, kind;
    uint64_t n;
    std::vector<int64_t> expected;
    uint64_t compared, mismatches;
    bool seen;
};

struct bench {
    FILE *file;
    uint32_t windows;
    std::vector<tensor> tensors;
    std::vector<unsigned char> input;  // [window][window_bytes]
    std::vector<unsigned char> result; // [window][result_bytes], from launches of one window
    std::vector<int64_t> raw;          // expected, [window][output]
    std::vector<uint64_t> active;
    uint64_t result_mismatches;
};

bool read(bench &b, void *to, size_t bytes)
{
    return fread(to, 1, bytes, b.file) == bytes;
}

bool fail(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    return false;
}

const uint32_t COSIM_WINDOWS = 16; // as in model.h

bool open(bench &b, const char *path, bool outputs_only)
{
    const struct kernel_info *k = kernel_info();
    char magic[24] = "";
    char sha[65] = "";
    uint32_t head[4] = {0};
    b.file = fopen(path, "rb");
    if (b.file == NULL) {
        return fail(path, "cannot be read");
    }
    if (!read(b, magic, 24) || strncmp(magic, "sparsed vectors 1", 24) != 0 || !read(b, sha, 64)) {
        return fail(path, "is no file of vectors");
    }
    if (!read(b, head, sizeof head) || strcmp(sha, k->model_sha256) != 0 ||
        head[0] != k->window_bytes || head[1] != k->n_outputs || head[2] == 0) {
        return fail(path, "belongs to another kernel");
    }
    b.windows = outputs_only && head[2] > COSIM_WINDOWS ? COSIM_WINDOWS : head[2];
    for (uint32_t i = 0; i < head[3]; i++) {
        tensor t = tensor();
        if (!read(b, &t.layer, 4) || !read(b, &t.kind, 4) || !read(b, &t.n, 8) ||
            t.n > (1u << 24)) {
            return fail(path, "is cut short");
        }
        t.expected.resize(t.n);
        b.tensors.push_back(t);
    }
    b.input.resize((size_t)b.windows * k->window_bytes);
    b.result.resize((size_t)b.windows * k->result_bytes);
    b.raw.resize((size_t)b.windows * k->n_outputs);
    b.active.resize(b.windows);
    return true;
}

// Called by the kernel with each layer's tensor.
void compare(void *user, uint32_t layer, const int64_t *value, uint64_t n, const int64_t *place)
{
    bench &b = *static_cast<bench *>(user);
    for (tensor &t : b.tensors) {
        if (t.layer != layer) {
            continue;
        }
        const int64_t *is = t.kind == 0 ? value : place;
        bool same_size = t.kind == 0 ? n == t.n : place != NULL && t.n % 2 == 0;
        t.seen = true;
        t.compared += t.n;
        for (uint64_t i = 0; i < t.n; i++) {
            t.mismatches += !same_size || is[i] != t.expected[i];
        }
    }
}

uint64_t wrong_results(const bench &b, uint32_t window)
{
    const struct kernel_info *k = kernel_info();
    const unsigned char *r = b.result.data() + (size_t)window * k->result_bytes;
    uint32_t head[2];
    memcpy(head, r, 8);
    uint64_t wrong = head[0] != window + 1;
    wrong += head[1] != b.active[window];
    for (uint32_t i = 0; i < k->n_outputs; i++) {
        int32_t narrow;
        int64_t is;
        if (k->raw_bytes == 4) {
            memcpy(&narrow, r + 8 + 4 * i, 4);
            is = narrow;
        } else {
            memcpy(&is, r + 8 + 8 * i, 8);
        }
        wrong += is != b.raw[(size_t)window * k->n_outputs + i];
    }
    return wrong;
}

bool run_windows(bench &b, const char *path, bool outputs_only)
{
    const struct kernel_info *k = kernel_info();
    for (uint32_t w = 0; w < b.windows; w++) {
        unsigned char *in = b.input.data() + (size_t)w * k->window_bytes;
        bool good = read(b, in, k->window_bytes) && read(b, &b.active[w], 8);
        for (tensor &t : b.tensors) {
            good = good && read(b, t.expected.data(), 8 * t.n);
            t.seen = false;
        }
        if (!good || !read(b, &b.raw[(size_t)w * k->n_outputs], 8 * (size_t)k->n_outputs)) {
            return fail(path, "is cut short");
        }
        unsigned char *out = b.result.data() + (size_t)w * k->result_bytes;
        if (outputs_only) {
            kernel_run(in, out, 1, w + 1);
        } else {
            kernel_trace(in, out, 1, w + 1, compare, &b);
        }
        for (tensor &t : b.tensors) {
            t.mismatches += !outputs_only && !t.seen; // a layer that was never shown
        }
        b.result_mismatches += wrong_results(b, w);
    }
    return true;
}

// Launches of `batch` windows must give the bytes that launches of one gave; the first `most`.
uint64_t run_batches(const bench &b, uint32_t batch, uint32_t most)
{
    const struct kernel_info *k = kernel_info();
    const size_t guard = 64;
    uint32_t windows = b.windows < most ? b.windows : most;
    uint64_t wrong = 0;
    for (uint32_t w = 0; w < windows; w += batch) {
        uint32_t n = windows - w < batch ? windows - w : batch;
        std::vector<unsigned char> out(n * (size_t)k->result_bytes + guard, 0xa5);
        kernel_run(b.input.data() + (size_t)w * k->window_bytes, out.data(), n, w + 1);
        size_t bytes = n * (size_t)k->result_bytes;
        wrong += memcmp(out.data(), b.result.data() + (size_t)w * k->result_bytes, bytes) != 0;
        for (size_t i = bytes; i < out.size(); i++) {
            wrong += out[i] != 0xa5;
        }
    }
    return wrong;
}

// Windows of random bytes: scores mean nothing, but a kernel must end, write nothing behind the
// results, and give the same again. `make csim` with -fsanitize=address sees what is read.
uint64_t run_rubbish(uint32_t n)
{
    const struct kernel_info *k = kernel_info();
    const size_t guard = 64;
    std::vector<unsigned char> in((size_t)n * k->window_bytes);
    std::vector<unsigned char> out[2];
    uint32_t state = 1;
    for (unsigned char &byte : in) {
        state = state * 1664525u + 1013904223u;
        byte = (unsigned char)(state >> 24);
    }
    for (int i = 0; i < 2; i++) {
        out[i].assign((size_t)n * k->result_bytes + guard, 0xa5);
        kernel_run(in.data(), out[i].data(), n, 0);
    }
    uint64_t wrong = out[0] != out[1];
    for (size_t i = out[0].size() - guard; i < out[0].size(); i++) {
        wrong += out[0][i] != 0xa5;
    }
    return wrong;
}

} // namespace

int main(int argc, char **argv)
{
    bool outputs_only = argc == 3 && strcmp(argv[2], "--outputs-only") == 0;
    if (argc != 2 && !outputs_only) {
        fprintf(stderr, "usage: testbench VECTORS [--outputs-only]\n");
        return 1;
    }
    bench b = bench();
    if (!open(b, argv[1], outputs_only) || !run_windows(b, argv[1], outputs_only)) {
        return 1;
    }
    fclose(b.file);
    uint64_t compared = (uint64_t)b.windows * (kernel_info()->n_outputs + 2);
    uint64_t differ = b.result_mismatches;
    for (const tensor &t : b.tensors) {
        compared += t.compared;
        differ += t.mismatches;
        if (t.mismatches != 0) {
            printf("layer %03u %s: %llu of %llu differ\n", t.layer,
                   t.kind == 0 ? "values" : "places", (unsigned long long)t.mismatches,
                   (unsigned long long)t.compared);
        }
    }
    uint64_t batches = run_batches(b, b.windows, b.windows) + run_batches(b, 7, 16);
    batches += outputs_only ? 0 : run_rubbish(16);
    printf("%s: %u windows, %llu numbers compared, %llu differ, %llu batches differ\n",
           kernel_info()->model_name, b.windows, (unsigned long long)compared,
           (unsigned long long)differ, (unsigned long long)batches);
    return differ != 0 || batches != 0 ? 1 : 0;
}
