// bench: what the benches of the kernel's modules share: random numbers, ports of any width, a
// clock, the configuration bus, and the count of differences.
//
// A bench drives one translated module, N and S as its CMake line says, and compares all that
// comes out with the reference of daemon/engine/cpu (layer_run) or with a plain loop. A cycle is
//
//     set the inputs --> settle() --> look at the outputs --> rise()
//
// so that an output which hangs on an input of the same cycle is seen as the circuit sees it.
// State without a reset begins with random bits.
//
//     rtl_bench_NAME ROUNDS [--planted]    exit status 0: no difference; with --planted, for a
//                                          module with a fault in it: some
#ifndef TESTS_RTL_BENCH_H
#define TESTS_RTL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <deque>
#include <vector>

extern "C" {
#include "base/error.h"
#include "data/window.h"
#define class kind // a field of struct layer, which C++ keeps for itself
#include "engine/cpu/layer_run.h"
#undef class
#include "rtl/image.h"
}

#include "verilated.h"

namespace bench
{

// ---- random numbers: the same in every run ----

inline uint64_t draw()
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(0x2545f4914f6cdd1d) >> 1;
}

// 0 .. below - 1
inline int pick(int below)
{
    return static_cast<int>(draw() % static_cast<uint64_t>(below));
}

inline int between(int least, int most)
{
    return least + pick(most - least + 1);
}

inline bool chance(int percent)
{
    return pick(100) < percent;
}

inline uint64_t ones(int bits)
{
    return bits >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
}

// A value of `bits` bits; one in four is an end of the range or next to it, many are small.
inline int64_t draw_signed(int bits)
{
    if (bits <= 0)
        return 0;
    int64_t most = static_cast<int64_t>(ones(bits - 1));
    switch (pick(8)) {
    case 0:
        return -most - 1;
    case 1:
        return most;
    case 2:
    case 3:
        return static_cast<int64_t>(draw() % 8) % (most + 1);
    default:
        return static_cast<int64_t>(draw() & ones(bits)) - most - 1;
    }
}

inline int64_t draw_unsigned(int bits)
{
    int64_t value = draw_signed(bits + 1);
    return value < 0 ? ~value : value;
}

// ---- ports: `bits` bits at `at` ----

template <size_t WORDS> void put(VlWide<WORDS> &port, int at, int bits, int64_t value)
{
    for (int i = 0; i < bits; i++) {
        uint32_t mask = 1U << ((at + i) % 32);
        uint32_t &word = port.m_storage[(at + i) / 32];
        word = (value >> i & 1) != 0 ? word | mask : word & ~mask;
    }
}

template <class PORT> void put(PORT &port, int at, int bits, int64_t value)
{
    uint64_t field = ones(bits) << at;
    port = static_cast<PORT>((port & ~field) | (static_cast<uint64_t>(value) << at & field));
}

template <size_t WORDS> uint64_t get(const VlWide<WORDS> &port, int at, int bits)
{
    uint64_t value = 0;
    for (int i = 0; i < bits; i++)
        value |= static_cast<uint64_t>(port.m_storage[(at + i) / 32] >> ((at + i) % 32) & 1) << i;
    return value;
}

template <class PORT> uint64_t get(const PORT &port, int at, int bits)
{
    return static_cast<uint64_t>(port) >> at & ones(bits);
}

inline int64_t sign(uint64_t value, int bits)
{
    uint64_t top = UINT64_C(1) << (bits - 1);
    return static_cast<int64_t>((value & ones(bits)) ^ top) - static_cast<int64_t>(top);
}

template <class PORT> int64_t get_signed(const PORT &port, int at, int bits)
{
    return sign(get(port, at, bits), bits);
}

// ---- what was compared ----

struct Tally {
    uint64_t compared, different, cycles;
    const char *what; // is looked at
};

inline Tally &tally()
{
    static Tally one = {};
    return one;
}

inline void compare(const char *what, int64_t found, int64_t wanted)
{
    enum { MOST_SAID = 10 };
    Tally &t = tally();
    t.compared++;
    if (found == wanted || t.different++ >= MOST_SAID)
        return;
    fprintf(stderr, "%s, %s: cycle %llu: %lld, must be %lld\n", t.what, what,
            static_cast<unsigned long long>(t.cycles), static_cast<long long>(found),
            static_cast<long long>(wanted));
}

// ---- a module and its clock ----

template <class M> struct Clocked {
    M m;

    void settle()
    {
        m.clk_i = 0;
        m.eval();
    }

    void rise()
    {
        settle();
        m.clk_i = 1;
        m.eval();
        tally().cycles++;
    }

    // As long as the longest delay line.
    void reset()
    {
        m.rst_i = 1;
        for (int i = 0; i < 16; i++)
            rise();
        m.rst_i = 0;
    }

    // A record of an image, as the loader writes it.
    void configure(rtl_unit unit, uint32_t address, uint64_t data)
    {
        m.cfg_we_i = 1;
        m.cfg_unit_i = static_cast<uint8_t>(unit);
        m.cfg_addr_i = address;
        m.cfg_data_i = data;
        rise();
        m.cfg_we_i = 0;
        m.cfg_unit_i = static_cast<uint8_t>(draw());
        m.cfg_data_i = draw();
    }
};

// ---- types ----

inline fixed_type type_of(int width, int fraction, bool is_signed, int rounding, int overflow)
{
    fixed_type t = {};
    t.width = width;
    t.fraction = fraction;
    t.integer = width - fraction;
    t.is_signed = is_signed;
    t.quantization = static_cast<fixed_quantization>(rounding);
    t.overflow = static_cast<fixed_overflow>(overflow);
    return t;
}

// Any type of whole numbers that `bits` signed bits hold; now and then one without bits.
inline fixed_type draw_type(int bits)
{
    bool is_signed = chance(50);
    int width = chance(5) ? 0 : between(is_signed ? 2 : 1, is_signed ? bits : bits - 1);
    return type_of(width, 0, is_signed, pick(7), pick(3));
}

// The kernel's word for it (sparse_pkg.sv).
inline uint64_t type_word(const fixed_type &t, int shift, bool relu)
{
    bool is_signed = t.is_signed && t.width != 0;
    return static_cast<uint64_t>(t.quantization) | static_cast<uint64_t>(t.overflow) << 3 |
           static_cast<uint64_t>(is_signed) << 5 | static_cast<uint64_t>(shift) << 6 |
           static_cast<uint64_t>(relu) << 11 | ones(t.width - is_signed) << 16;
}

// What a stage leaves of an exact value with `fraction` fraction bits.
inline int64_t cast(int64_t value, int fraction, const fixed_type &t, bool relu)
{
    if (t.width == 0 || (relu && value < 0))
        return 0;
    return fixed_cast(value, fraction, &t);
}

// ---- main ----

inline int finish(int argc, char **argv, const char *name, void (*run)(int rounds))
{
    bool planted = argc > 2 && strcmp(argv[2], "--planted") == 0;
    int rounds = argc > 1 ? atoi(argv[1]) : 0;
    if (rounds <= 0) {
        fprintf(stderr, "usage: %s ROUNDS [--planted]\n", argv[0]);
        return 2;
    }
    Verilated::randReset(2);
    Verilated::randSeed(11);
    run(rounds);
    const Tally &t = tally();
    printf("%s: %d rounds, %llu cycles, %llu values compared, %llu differences%s\n", name, rounds,
           static_cast<unsigned long long>(t.cycles), static_cast<unsigned long long>(t.compared),
           static_cast<unsigned long long>(t.different), planted ? " by the planted fault" : "");
    return (t.different != 0) == planted && t.compared > 0 ? 0 : 1;
}

} // namespace bench

#endif
