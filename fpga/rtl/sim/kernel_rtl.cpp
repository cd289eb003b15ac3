// kernel_rtl: the kernel in SystemVerilog, translated by Verilator, behind kernel_circuit.h: its
// registers are the circuit's own, and networks are images of sparse-rtl in the card's memory.
// Tests and measurements have kernel_rtl.h too.
#include "kernel_rtl.h"

#include "card.h"
#include "hls/kernel_abi.h"
#include "rtl/kernel_circuit.h"

#include <string.h>

namespace
{

using rtl::Card;
constexpr uint64_t WINDOWS_AT = 0x10000, IMAGE_AT = 0x4000000000, RESULTS_AT = 0x8000000000;
constexpr uint64_t GOOD_WHILE = 20000; // cycles: some tenths of a second

const struct kernel_info info = {KERNEL_ABI_VERSION,
                                 "sparse_kernel",
                                 "",
                                 "",
                                 "rtl",
                                 KERNEL_LIST,
                                 0,
                                 0,
                                 0,
                                 SPARSED_RTL_SLOTS,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0};

const struct kernel_build build = {SPARSED_RTL_SLOTS, SPARSED_RTL_AT_ONCE, SPARSED_RTL_FILTERS,
                                   SPARSED_RTL_REUSE};

void write64(Card &card, uint32_t offset, uint64_t value)
{
    card.write(offset, static_cast<uint32_t>(value));
    card.write(offset + 4, static_cast<uint32_t>(value >> 32));
}

// A run of bytes that the kernel sees at `address`.
struct Region {
    uint64_t address;
    uint8_t *data;
    uint64_t bytes;
    bool writable;
};

uint8_t *find(const std::vector<Region> &regions, uint64_t address, uint64_t bytes, bool write)
{
    for (const Region &r : regions) {
        if (address >= r.address && bytes <= r.bytes && address - r.address <= r.bytes - bytes)
            return write && !r.writable ? nullptr : r.data + (address - r.address);
    }
    return nullptr;
}

// A card of a test, and how many images it was given: each has another name.
struct TestCard {
    Card card;
    uint32_t images = 0;
};

} // namespace

struct kernel_circuit {
    Card card;
};

extern "C" {

const struct kernel_info *kernel_info(void)
{
    return &info;
}

const struct kernel_build *kernel_build(void)
{
    return &build;
}

struct kernel_circuit *kernel_circuit_create(kernel_memory *memory, void *user)
{
    kernel_circuit *c = new kernel_circuit();
    c->card.memory = [memory, user](uint64_t address, uint64_t bytes, bool) {
        return memory(user, address, bytes);
    };
    return c;
}

void kernel_circuit_destroy(struct kernel_circuit *c)
{
    delete c;
}

void kernel_circuit_write(struct kernel_circuit *c, uint32_t offset, uint32_t word)
{
    c->card.write(offset, word);
}

uint32_t kernel_circuit_read(struct kernel_circuit *c, uint32_t offset)
{
    if (offset == rtl::CONTROL && (c->card.read(offset) & 1) != 0)
        c->card.settle(GOOD_WHILE);
    return c->card.read(offset);
}

void *kernel_rtl_create(void)
{
    return new TestCard();
}

void kernel_rtl_destroy(void *card)
{
    delete static_cast<TestCard *>(card);
}

bool kernel_rtl_run(void *p, struct kernel_rtl_launch *l)
{
    TestCard &test = *static_cast<TestCard *>(p);
    Card &card = test.card;
    std::vector<Region> regions = {
        {WINDOWS_AT, const_cast<uint8_t *>(l->windows), l->windows_bytes, false},
        {RESULTS_AT, l->results, l->results_bytes, true}};
    if (l->image != nullptr)
        regions.push_back({IMAGE_AT, const_cast<uint8_t *>(l->image), l->image_bytes, false});
    card.memory = [&regions](uint64_t address, uint64_t bytes, bool write) {
        return find(regions, address, bytes, write);
    };
    card.latency = l->latency;
    card.stall_percent = l->stall_percent;
    card.beats_in_window = l->beats;
    card.words_in_result = l->words;
    write64(card, rtl::IMAGE, IMAGE_AT);
    card.write(rtl::IMAGE_BYTES, l->image != nullptr ? static_cast<uint32_t>(l->image_bytes) : 0);
    card.write(rtl::IMAGE_NAME, l->image != nullptr ? ++test.images : test.images);
    write64(card, rtl::WINDOWS, WINDOWS_AT + l->misalign);
    write64(card, rtl::RESULTS, RESULTS_AT);
    card.write(rtl::N_WINDOWS, l->n_windows);
    card.write(rtl::TAG, l->tag);
    uint64_t limit = 1000000 + 4000 * static_cast<uint64_t>(l->n_windows);
    bool done = card.trace(l->trace) && card.run(limit);
    card.trace(nullptr);
    if (!done)
        return false;
    l->error = card.read(rtl::ERROR);
    l->cycles = card.read(rtl::CYCLES);
    for (size_t i = 0; l->last_beat != nullptr && i < l->n_windows; i++) {
        l->last_beat[i] = i < card.timing.last_beat.size() ? card.timing.last_beat[i] : 0;
        l->last_score[i] = i < card.timing.last_score.size() ? card.timing.last_score[i] : 0;
    }
    return true;
}

} // extern "C"
