// small: the modules that a stage is built of, on their own, with new inputs every cycle: casts in
// all modes against daemon/model/fixed.h, the compression and the shift of the reduction and the
// sum against plain loops. One that mixes up neighbours in its pipeline is found too.
#include "Vadder_tree.h"
#include "Vcast_shift.h"
#include "Vcast_shift_ones.h"
#include "Vcompress.h"
#include "Vshift_up.h"

#include "bench.h"

using namespace bench;

namespace
{

constexpr int N = 20, PIXELS = 32, VALUE = 17, ENTRY = 8, TERM = 42, IN = 40, OUT = 18;
constexpr int CYCLES = 1000; // a round

// What must come out `cycles` after it went in.
template <class T> class Later
{
  public:
    explicit Later(size_t cycles) : cycles_(cycles) {}
    // Before each rise of the clock, with what goes in now; NULL: nothing is due yet.
    const T *due(const T &in)
    {
        waiting_.push_back(in);
        if (waiting_.size() <= cycles_)
            return nullptr;
        out_ = waiting_.front();
        waiting_.pop_front();
        return &out_;
    }

  private:
    size_t cycles_;
    std::deque<T> waiting_;
    T out_;
};

// ---- casts ----

// Values on which roundings and overflows turn, among any others.
int64_t draw_value(int shift)
{
    int64_t near = shift > 0 ? INT64_C(1) << (shift - 1) : 1;
    int64_t one = INT64_C(1) << pick(shift + 1);
    int64_t value = draw_signed(between(2, IN));
    if (chance(40)) // around a half of the step
        value = (value & ~static_cast<int64_t>(ones(shift))) + near + pick(3) - 1;
    else if (chance(40)) // one bit alone is dropped, or two
        value = (value & ~static_cast<int64_t>(ones(shift))) + (chance(50) ? near | one : one);
    return sign(static_cast<uint64_t>(value), IN);
}

// Every rounding, overflow and sign in turn, with `most` bits to drop at most.
template <class M> void casts(int rounds, int most, size_t latency)
{
    Clocked<M> unit;
    Later<int64_t> later(latency);
    for (int cycle = 0; cycle < rounds * CYCLES; cycle++) {
        int shift = pick(most + 1);
        bool is_signed = cycle / 21 % 2 != 0;
        int width = is_signed ? between(1, OUT) : pick(OUT);
        width = is_signed && width == 1 ? 0 : width;
        fixed_type t = type_of(width, 0, is_signed, cycle % 7, cycle / 7 % 3);
        int64_t x = draw_value(shift);
        put(unit.m.x_i, 0, IN, x);
        unit.m.shift_i = static_cast<uint8_t>(shift);
        unit.m.round_i = static_cast<uint8_t>(t.quantization);
        unit.m.overflow_i = static_cast<uint8_t>(t.overflow);
        unit.m.signed_i = is_signed;
        unit.m.mask_i = static_cast<uint32_t>(ones(width));
        unit.settle();
        const int64_t *due = later.due(cast(x, shift, t, false));
        if (due != nullptr)
            compare("cast", get_signed(unit.m.z_o, 0, OUT), *due);
        unit.rise();
    }
}

// ---- compress ----

struct Pixel {
    int lane;
    uint64_t value;
};

// Beats without an active pixel, full ones, and any in between.
uint32_t draw_active()
{
    switch (pick(5)) {
    case 0:
        return 0;
    case 1:
        return 0xffffffff;
    case 2:
        return 1U << pick(PIXELS);
    case 3:
        return static_cast<uint32_t>(draw() & draw() & draw());
    default:
        return static_cast<uint32_t>(draw());
    }
}

void pixels(int rounds)
{
    Clocked<Vcompress> unit;
    Later<std::vector<Pixel>> later(5);
    Later<size_t> count_later(3);
    for (int cycle = 0; cycle < rounds * CYCLES / 4; cycle++) {
        std::vector<Pixel> wanted;
        unit.m.active_i = draw_active();
        for (int i = 0; i < PIXELS; i++) {
            uint64_t value = draw() & ones(VALUE);
            put(unit.m.value_i, i * VALUE, VALUE, static_cast<int64_t>(value));
            if ((unit.m.active_i >> i & 1) != 0)
                wanted.push_back({i, value});
        }
        unit.settle();
        const size_t *count = count_later.due(wanted.size());
        if (count != nullptr)
            compare("active pixels", unit.m.count_o, static_cast<int64_t>(*count));
        const std::vector<Pixel> *due = later.due(wanted);
        for (int j = 0; due != nullptr && j < N; j++) {
            bool there = static_cast<size_t>(j) < due->size();
            compare("valid", static_cast<int64_t>(get(unit.m.valid_o, j, 1)), there);
            if (!there)
                continue;
            const Pixel &p = (*due)[static_cast<size_t>(j)];
            compare("lane", static_cast<int64_t>(get(unit.m.lane_o, j * 5, 5)), p.lane);
            compare("value", static_cast<int64_t>(get(unit.m.value_o, j * VALUE, VALUE)),
                    static_cast<int64_t>(p.value));
        }
        unit.rise();
    }
}

// ---- a shift by entries, a sum ----

void shifts(int rounds)
{
    Clocked<Vshift_up> unit;
    Later<std::vector<int64_t>> later(2);
    for (int cycle = 0; cycle < rounds * CYCLES / 4; cycle++) {
        int by = cycle % 32;
        std::vector<int64_t> in, wanted;
        unit.m.by_i = static_cast<uint8_t>(by);
        for (int i = 0; i < N; i++) {
            in.push_back(pick(1 << ENTRY));
            put(unit.m.x_i, i * ENTRY, ENTRY, in.back());
            wanted.push_back(i < by ? 0 : in[static_cast<size_t>(i - by)]);
        }
        unit.settle();
        const std::vector<int64_t> *due = later.due(wanted);
        for (int i = 0; due != nullptr && i < N; i++)
            compare("entry", static_cast<int64_t>(get(unit.m.y_o, i * ENTRY, ENTRY)),
                    (*due)[static_cast<size_t>(i)]);
        unit.rise();
    }
}

void sums(int rounds)
{
    Clocked<Vadder_tree> unit;
    Later<uint64_t> later(3);
    for (int cycle = 0; cycle < rounds * CYCLES; cycle++) {
        uint64_t sum = 0;
        for (int i = 0; i < N; i++) {
            int64_t term = draw_signed(TERM);
            put(unit.m.x_i, i * TERM, TERM, term);
            sum += static_cast<uint64_t>(term);
        }
        unit.settle();
        const uint64_t *due = later.due(sum);
        if (due != nullptr)
            compare("sum", get_signed(unit.m.sum_o, 0, TERM), sign(*due, TERM));
        unit.rise();
    }
}

void run(int rounds)
{
    tally().what = "cast_shift";
    casts<Vcast_shift>(rounds, 31, 3);
    tally().what = "cast_shift of 0 to 7 bits";
    casts<Vcast_shift_ones>(rounds, 7, 2);
    tally().what = "compress";
    pixels(rounds);
    tally().what = "shift_up";
    shifts(rounds);
    tally().what = "adder_tree";
    sums(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "small", run);
}
