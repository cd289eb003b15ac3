// modules: small modules of the kernel, each against what it should do in one line of C or C++:
// casts against the reference of daemon/model/fixed.h in every mode, the reduction's compression
// and shift against a plain loop, sums, the queue against std::deque. New inputs come every cycle,
// so a module that mixes up neighbours in its pipeline is found too.
//
//     modules [CYCLES]      exit status 0: no difference
#include "Vmodules.h"
#include "verilated.h"

extern "C" {
#include "model/fixed.h"
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <deque>
#include <vector>

double sc_time_stamp()
{
    return 0;
}

namespace
{

constexpr int N = 20, PIXELS = 32, VALUE_BITS = 17, TERM_BITS = 42, CAST_BITS = 40, OUT_BITS = 18;
constexpr int MODES = 7, OVERFLOWS = 3, MOST_SAID = 10;

uint64_t state = 0x9e3779b97f4a7c15;
uint64_t draw()
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// `bits` bits at `at` of a port that Verilator keeps in 32-bit words.
void put(uint32_t *words, int at, int bits, uint64_t value)
{
    for (int i = 0; i < bits; i++) {
        uint32_t mask = 1U << ((at + i) % 32);
        uint32_t &word = words[(at + i) / 32];
        word = (value >> i & 1) != 0 ? word | mask : word & ~mask;
    }
}

uint64_t get(const uint32_t *words, int at, int bits)
{
    uint64_t value = 0;
    for (int i = 0; i < bits; i++)
        value |= static_cast<uint64_t>(words[(at + i) / 32] >> ((at + i) % 32) & 1) << i;
    return value;
}

uint64_t low(int64_t value, int bits)
{
    return static_cast<uint64_t>(value) & ((UINT64_C(1) << bits) - 1);
}

int differences;

void compare(const char *module, uint64_t cycle, uint64_t found, uint64_t wanted)
{
    if (found == wanted)
        return;
    if (differences++ < MOST_SAID)
        fprintf(stderr, "%s: cycle %llu: %llx, must be %llx\n", module,
                static_cast<unsigned long long>(cycle), static_cast<unsigned long long>(found),
                static_cast<unsigned long long>(wanted));
}

// What must come out some cycles after it went in.
class Later
{
  public:
    explicit Later(size_t cycles) : cycles_(cycles) {}
    // After each rise of the clock; false: nothing is due yet.
    bool due(uint64_t in, uint64_t &out)
    {
        waiting_.push_back(in);
        if (waiting_.size() < cycles_)
            return false;
        out = waiting_.front();
        waiting_.pop_front();
        return true;
    }

  private:
    size_t cycles_;
    std::deque<uint64_t> waiting_;
};

// ---- casts ----

// Values on which roundings and overflows turn, among any others.
int64_t draw_value(int shift)
{
    int64_t near[] = {0, INT64_C(1) << (CAST_BITS - 1), (INT64_C(1) << (CAST_BITS - 1)) - 1,
                      shift > 0 ? INT64_C(1) << (shift - 1) : 1};
    uint64_t r = draw();
    int64_t value = r % 3 == 0 ? near[r / 3 % 4] + static_cast<int64_t>(r >> 8 & 7) - 3
                               : static_cast<int64_t>(draw() >> (r >> 8 & 31));
    value = r >> 16 & 1 ? -value : value;
    value &= (INT64_C(1) << CAST_BITS) - 1;
    return value >> (CAST_BITS - 1) != 0 ? value - (INT64_C(1) << CAST_BITS) : value;
}

struct Casts {
    Later whole{3}, small{2};

    void step(Vmodules &m, uint64_t cycle, uint64_t &want_whole, uint64_t &want_small)
    {
        int shift = static_cast<int>(draw() % 32), mode = static_cast<int>(cycle % MODES);
        int overflow = static_cast<int>(cycle / MODES % OVERFLOWS);
        bool is_signed = cycle / (MODES * OVERFLOWS) % 2 != 0;
        int width = static_cast<int>(draw() % (is_signed ? OUT_BITS + 1 : OUT_BITS));
        if (is_signed && width == 1)
            width = 2;
        int64_t x = draw_value(shift);
        m.cast_x_i = low(x, CAST_BITS);
        m.cast_shift_i = static_cast<uint8_t>(shift);
        m.cast_round_i = static_cast<uint8_t>(mode);
        m.cast_overflow_i = static_cast<uint8_t>(overflow);
        m.cast_signed_i = is_signed;
        m.cast_mask_i = static_cast<uint32_t>(low(-1, width));
        fixed_type t = {};
        t.width = t.integer = width;
        t.is_signed = is_signed;
        t.quantization = static_cast<fixed_quantization>(mode);
        t.overflow = static_cast<fixed_overflow>(overflow);
        want_whole = width == 0 ? 0 : low(fixed_cast(x, shift, &t), OUT_BITS);
        want_small = width == 0 ? 0 : low(fixed_cast(x, shift % 8, &t), OUT_BITS);
    }
};

// ---- compression: the active pixels, closed up ----

uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * UINT64_C(0x100000001b3);
}

uint64_t drive_pixels(Vmodules &m, uint64_t &count)
{
    uint64_t kind = draw() % 4;
    uint32_t active = kind == 0 ? 0xffffffff : static_cast<uint32_t>(draw());
    active &=
        kind == 1 ? static_cast<uint32_t>(draw()) & static_cast<uint32_t>(draw()) : 0xffffffff;
    m.active_i = active;
    uint64_t hash = 0;
    count = 0;
    for (int i = 0; i < PIXELS; i++) {
        uint64_t value = draw() & ((1U << VALUE_BITS) - 1);
        put(m.value_i.m_storage, i * VALUE_BITS, VALUE_BITS, value);
        if ((active >> i & 1) != 0 && count++ < N)
            hash = mix(hash, static_cast<uint64_t>(i) << VALUE_BITS | value);
    }
    return mix(hash, count < N ? count : N);
}

uint64_t read_pixels(const Vmodules &m)
{
    uint64_t hash = 0, count = 0;
    for (int j = 0; j < N; j++) {
        if ((m.valid_o >> j & 1) == 0)
            continue;
        count += j == static_cast<int>(count); // a gap would leave the number too small
        hash = mix(hash, get(m.lane_o.m_storage, j * 5, 5) << VALUE_BITS |
                             get(m.value_o.m_storage, j * VALUE_BITS, VALUE_BITS));
    }
    return mix(hash, count);
}

// ---- a shift by entries, a sum, the queue ----

uint64_t drive_shift(Vmodules &m)
{
    uint32_t by = static_cast<uint32_t>(draw() % 32);
    uint8_t in[N];
    uint64_t hash = 0;
    m.by_i = static_cast<uint8_t>(by);
    for (int i = 0; i < N; i++) {
        in[i] = static_cast<uint8_t>(draw());
        put(m.up_x_i.m_storage, i * 8, 8, in[i]);
    }
    for (uint32_t i = 0; i < N; i++)
        hash = mix(hash, i < by ? 0 : in[i - by]);
    return hash;
}

uint64_t read_shift(const Vmodules &m)
{
    uint64_t hash = 0;
    for (int i = 0; i < N; i++)
        hash = mix(hash, get(m.up_y_o.m_storage, i * 8, 8));
    return hash;
}

uint64_t drive_sum(Vmodules &m)
{
    uint64_t sum = 0;
    for (int i = 0; i < N; i++) {
        uint64_t term = draw() & ((UINT64_C(1) << TERM_BITS) - 1);
        put(m.terms_i.m_storage, i * TERM_BITS, TERM_BITS, term);
        sum += term;
    }
    return sum & ((UINT64_C(1) << TERM_BITS) - 1);
}

struct Queue {
    std::deque<uint32_t> words;
    bool filling = true; // waves, so that it is full and empty often

    void step(Vmodules &m, uint64_t cycle)
    {
        compare("fifo, empty", cycle, m.empty_o, words.empty());
        compare("fifo, full", cycle, m.full_o, words.size() == 16);
        if (!words.empty())
            compare("fifo, data", cycle, m.data_o, words.front());
        filling = words.empty() || (filling && words.size() < 16);
        m.put_i = words.size() < 16 && draw() % 4 < (filling ? 3 : 1);
        m.take_i = !words.empty() && draw() % 4 < (filling ? 1 : 3);
        m.data_i = static_cast<uint32_t>(draw());
        if (m.take_i)
            words.pop_front();
        if (m.put_i)
            words.push_back(m.data_i);
    }
};

void run(uint64_t cycles)
{
    Vmodules m;
    Casts casts;
    Queue queue;
    Later count_later(3), pixels_later(5), shift_later(2), sum_later(3);
    auto rise = [&m] {
        m.clk_i = 0;
        m.eval();
        m.clk_i = 1;
        m.eval();
    };
    m.rst_i = 1;
    rise();
    m.rst_i = 0;
    for (uint64_t c = 0; c < cycles; c++) {
        uint64_t whole, small, count, due;
        m.eval();
        queue.step(m, c);
        casts.step(m, c, whole, small);
        uint64_t pixels = drive_pixels(m, count), shifted = drive_shift(m), sum = drive_sum(m);
        rise();
        if (casts.whole.due(whole, due))
            compare("cast_shift", c, m.cast_z_o, due);
        if (casts.small.due(small, due))
            compare("cast_shift, 0 to 7 bits", c, m.short_z_o, due);
        if (count_later.due(count, due))
            compare("compress, count", c, m.count_o, due);
        if (pixels_later.due(pixels, due))
            compare("compress", c, read_pixels(m), due);
        if (shift_later.due(shifted, due))
            compare("shift_up", c, read_shift(m), due);
        if (sum_later.due(sum, due))
            compare("adder_tree", c, m.sum_o, due);
    }
    m.final();
}

} // namespace

int main(int argc, char **argv)
{
    uint64_t cycles = argc > 1 ? strtoull(argv[1], nullptr, 10) : 100000;
    run(cycles);
    printf("%llu cycles of cast_shift, compress, shift_up, adder_tree, fifo: %d differences\n",
           static_cast<unsigned long long>(cycles), differences);
    return differences == 0 && cycles > 0 ? 0 : 1;
}
