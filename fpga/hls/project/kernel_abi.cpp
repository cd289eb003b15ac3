// kernel_abi.cpp: the C interface of kernel_abi.h around the top function: bytes become beats.
#include "kernel_abi.h"

#include "model.h"
#include "top.h"
#include "trace.h"

#include <string.h>
#include <vector>

static const struct kernel_info info = {
    KERNEL_ABI_VERSION, KERNEL_NAME,        MODEL_NAME,         MODEL_SHA256,      KERNEL_PARALLEL,
    KERNEL_FORM,        KERNEL_HEIGHT,      KERNEL_WIDTH,       KERNEL_CHANNELS,   KERNEL_SLOTS,
    KERNEL_PLACE_BYTES, KERNEL_VALUE_BYTES, KERNEL_PIXEL_BYTES, KERNEL_BEATS * 64, KERNEL_OUTPUTS,
    KERNEL_RAW_BYTES,   KERNEL_WORDS * 4,   KERNEL_LAYERS};

const struct kernel_info *kernel_info(void)
{
    return &info;
}

void kernel_run(const void *windows, void *results, uint32_t n_windows, uint32_t tag)
{
    // co-simulation copies as much as the interfaces' depth says, however small the batch is
    size_t room = n_windows < KERNEL_COSIM_WINDOWS ? KERNEL_COSIM_WINDOWS : n_windows;
    std::vector<sparsed::beat_t> beats(room * KERNEL_BEATS);
    std::vector<sparsed::word_t> words(room * KERNEL_WORDS);
    const unsigned char *from = static_cast<const unsigned char *>(windows);
    for (size_t b = 0; b < (size_t)n_windows * KERNEL_BEATS; b++) {
        for (int i = 0; i < sparsed::WORDS_IN_BEAT; i++, from += 4) {
            uint32_t word;
            memcpy(&word, from, sizeof word);
            beats[b].range(32 * i + 31, 32 * i) = word;
        }
    }
    KERNEL(beats.data(), words.data(), n_windows, tag);
    unsigned char *to = static_cast<unsigned char *>(results);
    for (size_t w = 0; w < (size_t)n_windows * KERNEL_WORDS; w++) {
        uint32_t word = words[w].to_uint();
        memcpy(to, &word, sizeof word);
        to += sizeof word;
    }
}

void kernel_trace(const void *windows, void *results, uint32_t n_windows, uint32_t tag,
                  kernel_see *see, void *user)
{
    sparsed::trace_state().see = see;
    sparsed::trace_state().user = user;
    kernel_run(windows, results, n_windows, tag);
    sparsed::trace_state().see = 0;
}
