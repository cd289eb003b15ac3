// kernel_rtl: the kernel in SystemVerilog, translated by Verilator, behind hls/kernel_abi.h.
//
// The network is an image of sparse-rtl, named by the environment variable SPARSE_RTL_IMAGE, else
// kernel_rtl.image beside the library. Every thread that calls has a card of its own.
//
// Beyond the interface of every kernel, for tests and measurements:
//     kernel_rtl_run     one launch, with what a test wants to know and to disturb
#include "card.h"
#include "hls/kernel_abi.h"
extern "C" {
#include "image.h"
}

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>

namespace
{

using rtl::Card;
constexpr uint64_t WINDOWS_AT = 0x10000, IMAGE_AT = 0x4000000000, RESULTS_AT = 0x8000000000;

struct Loaded {
    std::vector<uint8_t> bytes;
    struct image_facts facts;
    struct kernel_info info;
    bool good;
};

std::string image_path()
{
    const char *named = getenv("SPARSE_RTL_IMAGE");
    if (named != nullptr)
        return named;
    Dl_info self;
    if (dladdr(reinterpret_cast<void *>(&kernel_info), &self) == 0)
        return "kernel_rtl.image";
    std::string path = self.dli_fname;
    size_t slash = path.rfind('/');
    return (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "kernel_rtl.image";
}

bool read_file(const std::string &path, std::vector<uint8_t> &bytes)
{
    FILE *f = fopen(path.c_str(), "rb");
    if (f == nullptr)
        return false;
    uint8_t block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        bytes.insert(bytes.end(), block, block + n);
    fclose(f);
    return true;
}

bool take_facts(Loaded &l)
{
    uint32_t at;
    if (l.bytes.size() < IMAGE_HEADER_BYTES + sizeof l.facts)
        return false;
    memcpy(&at, l.bytes.data() + 20, sizeof at);
    if (at > l.bytes.size() - sizeof l.facts)
        return false;
    memcpy(&l.facts, l.bytes.data() + at, sizeof l.facts);
    l.facts.model_name[sizeof l.facts.model_name - 1] = '\0';
    l.facts.model_sha256[sizeof l.facts.model_sha256 - 1] = '\0';
    return l.facts.window_bytes % 64 == 0 && l.facts.window_bytes > 0 &&
           l.facts.result_bytes == 8 + 4 * l.facts.n_outputs && l.facts.n_outputs > 0;
}

const Loaded &loaded()
{
    static const Loaded *one = [] {
        Loaded *l = new Loaded();
        std::string path = image_path();
        l->good = read_file(path, l->bytes) && take_facts(*l);
        if (!l->good) {
            fprintf(stderr, "%s: no image of sparse-rtl\n", path.c_str());
            return static_cast<const Loaded *>(l);
        }
        const image_facts &f = l->facts;
        l->info = {KERNEL_ABI_VERSION, "sparse_kernel", f.model_name,
                   f.model_sha256,     "rtl",           f.form,
                   f.height,           f.width,         f.channels,
                   f.n_slots,          f.place_bytes,   f.value_bytes,
                   f.pixel_bytes,      f.window_bytes,  f.n_outputs,
                   f.raw_bytes,        f.result_bytes,  f.n_layers};
        return static_cast<const Loaded *>(l);
    }();
    return *one;
}

void write64(Card &card, uint32_t offset, uint64_t value)
{
    card.write(offset, static_cast<uint32_t>(value));
    card.write(offset + 4, static_cast<uint32_t>(value >> 32));
}

} // namespace

extern "C" {

const struct kernel_info *kernel_info(void)
{
    return &loaded().info;
}

void *kernel_rtl_create(void)
{
    return new Card();
}

void kernel_rtl_destroy(void *card)
{
    delete static_cast<Card *>(card);
}

// What a launch is given, and what it tells.
struct kernel_rtl_launch {
    const uint8_t *image; // NULL: the one that is loaded stays
    uint64_t image_bytes; // as the kernel is told; the memory has as many
    const uint8_t *windows;
    uint64_t windows_bytes;
    uint8_t *results;
    uint64_t results_bytes;
    uint32_t n_windows, tag;
    uint32_t beats, words; // of a window and a result, for the timing; 0: none
    uint32_t latency, stall_percent;
    uint32_t error, cycles;           // out: registers
    uint64_t *last_beat, *last_score; // out: [n_windows] or NULL
    uint64_t misalign;                // added to the address of the windows
};

// False: the kernel hung.
bool kernel_rtl_run(void *p, struct kernel_rtl_launch *l)
{
    Card &card = *static_cast<Card *>(p);
    card.memory = {{WINDOWS_AT, const_cast<uint8_t *>(l->windows), l->windows_bytes, false},
                   {RESULTS_AT, l->results, l->results_bytes, true}};
    card.latency = l->latency;
    card.stall_percent = l->stall_percent;
    card.beats_in_window = l->beats;
    card.words_in_result = l->words;
    if (l->image != nullptr) {
        card.memory.push_back({IMAGE_AT, const_cast<uint8_t *>(l->image), l->image_bytes, false});
        write64(card, rtl::IMAGE, IMAGE_AT);
        card.write(rtl::IMAGE_BYTES, static_cast<uint32_t>(l->image_bytes));
    }
    write64(card, rtl::WINDOWS, WINDOWS_AT + l->misalign);
    write64(card, rtl::RESULTS, RESULTS_AT);
    card.write(rtl::N_WINDOWS, l->n_windows);
    card.write(rtl::TAG, l->tag);
    uint64_t limit = 1000000 + 4000 * static_cast<uint64_t>(l->n_windows);
    if (!card.run(limit))
        return false;
    l->error = card.read(rtl::ERROR);
    l->cycles = card.read(rtl::CYCLES);
    for (size_t i = 0; l->last_beat != nullptr && i < l->n_windows; i++) {
        l->last_beat[i] = i < card.timing.last_beat.size() ? card.timing.last_beat[i] : 0;
        l->last_score[i] = i < card.timing.last_score.size() ? card.timing.last_score[i] : 0;
    }
    return true;
}

void kernel_run(const void *windows, void *results, uint32_t n_windows, uint32_t tag)
{
    struct Own {
        Card card;
        bool has_image = false;
    };
    static thread_local std::unique_ptr<Own> own;
    const Loaded &l = loaded();
    if (!l.good || n_windows == 0)
        return;
    if (!own)
        own.reset(new Own());
    kernel_rtl_launch launch = {};
    launch.image = own->has_image ? nullptr : l.bytes.data();
    launch.image_bytes = l.bytes.size();
    launch.windows = static_cast<const uint8_t *>(windows);
    launch.windows_bytes = static_cast<uint64_t>(n_windows) * l.facts.window_bytes;
    launch.results = static_cast<uint8_t *>(results);
    launch.results_bytes = static_cast<uint64_t>(n_windows) * l.facts.result_bytes;
    launch.n_windows = n_windows;
    launch.tag = tag;
    launch.latency = 30;
    if (!kernel_rtl_run(&own->card, &launch))
        fprintf(stderr, "kernel_rtl: the kernel does not end\n");
    else if (launch.error != 0)
        fprintf(stderr, "kernel_rtl: error code %u\n", launch.error);
    own->has_image = own->has_image || launch.error == 0;
}

} // extern "C"
