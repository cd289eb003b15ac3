// small: the modules that a stage is built of, on their own, with new inputs every cycle: casts in
// all modes against daemon/model/fixed.h, the compression of the reduction and the sum against
// plain loops. One that mixes up neighbours in its pipeline is found too.
#include "Vadder_tree.h"
#include "Vcast_shift.h"
#include "Vcast_small.h"
#include "Vcompress.h"

#include "bench.h"

using namespace bench;

namespace
{

constexpr int N = 20, PIXELS = 32, VALUE = 17, TERM = 42, IN = 40, SMALL = 18, OUT = 18;
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
int64_t draw_value(int shift, int bits)
{
    int64_t near = shift > 0 ? INT64_C(1) << (shift - 1) : 1;
    int64_t one = INT64_C(1) << pick(shift + 1);
    int64_t value = draw_signed(between(2, bits));
    if (chance(40)) // around a half of the step
        value = (value & ~static_cast<int64_t>(ones(shift))) + near + pick(3) - 1;
    else if (chance(40)) // one bit alone is dropped, or two
        value = (value & ~static_cast<int64_t>(ones(shift))) + (chance(50) ? near | one : one);
    return sign(static_cast<uint64_t>(value), bits);
}

// Every rounding, overflow and sign in turn, with `most` bits to drop at most. `steady`: the type
// is the same for all that is on its way.
template <class M> void casts(int rounds, int bits, int most, size_t latency, bool steady)
{
    Clocked<M> unit;
    Later<int64_t> later(latency);
    int shift = 0, width = 0;
    for (int i = 0; i < rounds * CYCLES; i++) {
        int cycle = steady ? i / 8 : i;
        bool fresh = !steady || i % 8 == 0;
        bool is_signed = cycle / 21 % 2 != 0;
        if (fresh && steady)
            later = Later<int64_t>(latency);
        shift = fresh ? pick(most + 1) : shift;
        width = !fresh ? width : is_signed ? between(1, OUT) : pick(OUT);
        width = is_signed && width == 1 ? 0 : width;
        fixed_type t = type_of(width, 0, is_signed, cycle % 7, cycle / 7 % 3);
        int64_t x = draw_value(shift, bits);
        put(unit.m.x_i, 0, bits, x);
        unit.m.shift_i = static_cast<uint8_t>(shift);
        unit.m.round_i = static_cast<uint8_t>(t.quantization);
        unit.m.overflow_i = static_cast<uint8_t>(t.overflow);
        unit.m.signed_i = is_signed && width != 0;
        unit.m.mask_i = static_cast<uint32_t>(ones(width - unit.m.signed_i));
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
    Later<std::vector<Pixel>> later(4);
    Later<size_t> count_later(2);
    std::vector<Pixel> counted, before; // those whose number is here, those behind them
    uint64_t value[PIXELS] = {};
    for (int cycle = 0; cycle < rounds * CYCLES / 4; cycle++) {
        std::vector<Pixel> wanted;
        unit.m.active_i = draw_active();
        for (int i = 0; i < PIXELS; i++) {
            put(unit.m.value_i, i * VALUE, VALUE, static_cast<int64_t>(value[i])); // a cycle late
            value[i] = draw() & ones(VALUE);
            if ((unit.m.active_i >> i & 1) != 0)
                wanted.push_back({i, value[i]});
        }
        int base = chance(30) ? 0 : chance(20) ? between(N, 96) : pick(N);
        unit.m.base_i = static_cast<uint8_t>(base);
        unit.settle();
        const size_t *count = count_later.due(wanted.size());
        if (count != nullptr)
            compare("active pixels", unit.m.count_o, static_cast<int64_t>(*count));
        std::vector<Pixel> slots(static_cast<size_t>(base), Pixel{-1, 0});
        slots.insert(slots.end(), counted.begin(), counted.end());
        counted = before;
        before = wanted;
        const std::vector<Pixel> *due = later.due(slots);
        for (int j = 0; due != nullptr && cycle >= 6 && j < N; j++) {
            bool there =
                static_cast<size_t>(j) < due->size() && (*due)[static_cast<size_t>(j)].lane >= 0;
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

// ---- a sum ----

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
    casts<Vcast_shift>(rounds, IN, 31, 3, false);
    tally().what = "cast_small";
    casts<Vcast_small>(rounds, SMALL, 7, 2, true);
    tally().what = "compress";
    pixels(rounds);
    tally().what = "adder_tree";
    sums(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "small", run);
}
