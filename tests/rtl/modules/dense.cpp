// dense: dense_first (with its quantizer and dense_output) and dense_second against the
// reference's quantizer and dense layer: every number of passes and outputs, sums that wrap, a type
// for each input and output, windows as close together as the schedule allows.
#include "Vdense_first_fast.h"
#include "Vdense_first_shared.h"
#include "Vdense_first_usual.h"
#include "Vdense_second.h"
#include "Vdense_second_shared.h"

#include "slots.h"

#include <algorithm>

using namespace bench;

namespace
{

constexpr int X = RTL_X_BITS, WEIGHT = RTL_WEIGHT_BITS, SUM = RTL_SUM_BITS, POINT = RTL_SHIFT;

// What a build with a reuse of r has: outputs a pass, passes, places in all passes, and where in an
// address their numbers begin.
struct Shape {
    int outputs, passes, places;
    int pass_bits, place_bits;

    explicit Shape(int r)
        : outputs(RTL_LANE_OUTPUTS / r), passes(RTL_PASSES * r), places(RTL_PLACES * r),
          pass_bits(__builtin_ctz(static_cast<unsigned>(passes))),
          place_bits(__builtin_ctz(static_cast<unsigned>(places)))
    {
    }
    uint32_t pass_of(uint32_t j) const { return j / static_cast<uint32_t>(outputs); }
    uint32_t lane_of(uint32_t j) const { return j % static_cast<uint32_t>(outputs); }
};

fixed_type whole(int bits)
{
    return type_of(bits, 0, true, FIXED_TRN, FIXED_WRAP);
}

// layer_run on flat tensors.
std::vector<int64_t> run_layer(const layer &l, const std::vector<int64_t> &in)
{
    std::vector<int64_t> out(l.out.channels);
    tensors t = {};
    t.in = in.data();
    t.out = out.data();
    layer_run(&l, &t);
    return out;
}

layer flat(layer_class kind, int n_in, int n_out)
{
    layer l = {};
    l.kind = kind;
    l.in = {false, true, 0, 1, 1, static_cast<uint32_t>(n_in)};
    l.out = {false, true, 0, 1, 1, static_cast<uint32_t>(n_out)};
    return l;
}

// ---- dense_first ----

struct First {
    int passes = 0, places = 0, outputs = 0;
    layer quantize = {}, dense = {};
    std::vector<fixed_type> element; // of each input: drops `fraction` bits less than it has
    std::vector<int> shift;          // bits that its quantizer drops
    std::vector<int64_t> weight, bias;
    std::vector<int> drop; // bits of a product below those of the output
    std::vector<fixed_type> type;
    std::vector<char> relu;
    int rounding = 0, overflow = 0, acc_fraction = 0;

    void draw_network(const Shape &shape)
    {
        passes = between(1, shape.passes);
        places = between(1, std::min<int>(RTL_PLACES, shape.places / passes));
        outputs = passes * shape.outputs;
        rounding = pick(7);
        overflow = pick(3);
        size_t n = static_cast<size_t>(places) * CHANNELS;
        quantize = flat(LAYER_QUANTIZE, static_cast<int>(n), static_cast<int>(n));
        dense = flat(LAYER_DENSE, static_cast<int>(n), outputs);
        for (size_t i = 0; i < n; i++) {
            fixed_type t = draw_type(X);
            t.quantization = static_cast<fixed_quantization>(rounding);
            t.overflow = static_cast<fixed_overflow>(overflow);
            element.push_back(t);
            shift.push_back(pick(32));
        }
        acc_fraction = between(0, POINT);
        // some wrap, all of them at one bit; the highest is left to what rounding adds
        int most = RTL_D1_BITS - 1 - POINT + acc_fraction;
        int width = chance(50) ? most : between(acc_fraction + 2, most);
        dense.in_t = whole(X);
        dense.accum_t = type_of(width, acc_fraction, true, FIXED_TRN, FIXED_WRAP);
        dense.out_t = dense.accum_t;
        int drop_most = acc_fraction;
        for (int j = 0; j < outputs; j++) {
            drop.push_back(pick(drop_most + 1));
            type.push_back(draw_type(X));
            relu.push_back(chance(50));
            bias.push_back(chance(25) ? 0 : draw_signed(std::min(width, 40)));
        }
        // the reference has one fraction for all weights: the finest
        dense.weight_t = type_of(40, acc_fraction, true, FIXED_TRN, FIXED_WRAP);
        dense.bias_t = type_of(62, acc_fraction, true, FIXED_TRN, FIXED_WRAP);
        weight.resize(n * static_cast<size_t>(outputs));
        for (size_t i = 0; i < weight.size(); i++) {
            int d = drop[i % static_cast<size_t>(outputs)];
            weight[i] =
                draw_signed(std::max(1, WEIGHT - (POINT - d))) * (INT64_C(1) << (acc_fraction - d));
        }
        dense.weight = weight.data();
        dense.bias = bias.data();
    }

    // What the kernel's unit has for weight (i, j).
    uint64_t field(size_t i, int j) const
    {
        return static_cast<uint64_t>(
                   weight[i * static_cast<size_t>(outputs) + static_cast<size_t>(j)])
               << (POINT - acc_fraction);
    }

    // Outputs of a window: features of each place, already summed.
    std::vector<int64_t> run(const std::vector<int64_t> &pooled) const
    {
        std::vector<int64_t> in(pooled.size());
        for (size_t i = 0; i < in.size(); i++) // each with a grid of its own
            in[i] = cast(pooled[i], shift[i], element[i], false);
        std::vector<int64_t> out = run_layer(dense, in);
        for (size_t j = 0; j < out.size(); j++)
            out[j] = cast(out[j], acc_fraction, type[j], relu[j] != 0);
        return out;
    }
};

template <class M> void load(Clocked<M> &unit, const First &net, const Shape &shape)
{
    unit.configure(UNIT_DENSE1_SETUP, 0, static_cast<uint64_t>(net.rounding | net.overflow << 3));
    unit.configure(
        UNIT_DENSE1_SETUP, 1,
        ones(std::min<int>(RTL_D1_BITS, net.dense.accum_t.width + POINT - net.acc_fraction)));
    for (int p = 0; p < net.passes; p++)
        unit.configure(UNIT_DENSE1_SETUP, static_cast<uint32_t>(2 + p),
                       static_cast<uint64_t>(p * net.places));
    for (int place = 0; place < net.places; place++) {
        uint64_t kinds = 0;
        for (int c = 0; c < CHANNELS; c++) {
            size_t i = static_cast<size_t>(place * CHANNELS + c);
            const fixed_type &t = net.element[i];
            int is_signed = t.is_signed && t.width != 0;
            kinds |=
                static_cast<uint64_t>(is_signed << 10 | (t.width - is_signed) << 5 | net.shift[i])
                << (11 * c);
        }
        unit.configure(UNIT_DENSE1_QUANT, static_cast<uint32_t>(place), kinds);
    }
    for (int j = 0; j < net.outputs; j++) {
        size_t o = static_cast<size_t>(j);
        uint32_t lane = shape.lane_of(static_cast<uint32_t>(j));
        uint32_t pass = shape.pass_of(static_cast<uint32_t>(j));
        uint32_t at = lane << (shape.pass_bits + 1) | pass << 1;
        unit.configure(UNIT_DENSE1_OUT, at,
                       static_cast<uint64_t>(net.bias[o]) << (POINT - net.acc_fraction) &
                           ones(RTL_D1_BITS));
        unit.configure(UNIT_DENSE1_OUT, at | 1, type_word(net.type[o], 0, net.relu[o] != 0));
        for (int place = 0; place < net.places; place++) {
            uint64_t word = 0;
            for (int c = 0; c < CHANNELS; c++)
                word |= (net.field(static_cast<size_t>(place * CHANNELS + c), j) & ones(WEIGHT))
                        << (c * WEIGHT);
            unit.configure(UNIT_DENSE1_WEIGHT,
                           lane << shape.place_bits | (pass * static_cast<uint32_t>(net.places) +
                                                       static_cast<uint32_t>(place)),
                           word);
        }
    }
}

// Slots of a pooled window: those that carry something have places of their own.
struct Window {
    std::vector<int> place;
    std::vector<int64_t> x; // [n][CHANNELS]
    std::vector<int64_t> y; // outputs
    uint64_t cycle;
};

Window draw_window(const First &net, int n, int kind)
{
    Window w = {};
    std::vector<int> free;
    std::vector<int64_t> pooled(static_cast<size_t>(net.places) * CHANNELS);
    for (int i = 0; i < net.places; i++)
        free.push_back(i);
    int carry = kind == EMPTY ? 0 : kind == BUT_ONE ? n - 1 : kind == CLUSTER ? pick(n + 1) : n;
    int bits = between(2, SUM);
    for (int p = 0; p < n; p++) {
        bool carries = p < carry && !free.empty() && !(kind == ANYWHERE && chance(30));
        size_t k = carries ? static_cast<size_t>(pick(static_cast<int>(free.size()))) : 0;
        int place = carries ? free[k] : pick(net.places);
        if (carries)
            free.erase(free.begin() + static_cast<long>(k));
        w.place.push_back(place);
        for (int c = 0; c < CHANNELS; c++) {
            int64_t x = !carries          ? 0
                        : kind == EXTREME ? static_cast<int64_t>(ones(SUM - 1))
                                          : draw_signed(bits);
            w.x.push_back(x);
            pooled[static_cast<size_t>(place * CHANNELS + c)] += x;
        }
    }
    w.y = net.run(pooled);
    return w;
}

template <class M> void first(int n, int s, int r, int rounds)
{
    constexpr int EARLY = 8, WINDOWS = KINDS + 1;
    const int steps = n / s;
    const Shape shape(r);
    Clocked<M> unit;
    unit.m.early_valid_i = 0;
    unit.m.cfg_we_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        First net;
        net.draw_network(shape);
        load(unit, net, shape);
        unit.m.passes_i = static_cast<uint8_t>(net.passes);
        std::deque<Window> due;
        std::deque<std::vector<int64_t>> late; // features come EARLY cycles after their places
        Window in = {};
        int wait = 0, made = 0, step = steps, pass = 0;
        bool soon = false;
        for (int idle = 0; idle < 64 + net.passes * steps; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS || step < steps ? 0 : idle;
            if (wait == 0 && step == steps && made < WINDOWS) {
                in = draw_window(net, n, made++ % KINDS);
                step = 0;
                wait = draw_gap(steps * net.passes);
            }
            wait -= wait > 0;
            bool valid = step < steps;
            unit.m.early_valid_i = valid;
            unit.m.early_last_i = valid ? step == steps - 1 : chance(50);
            late.push_back({});
            for (int i = 0; i < s; i++) {
                size_t p = static_cast<size_t>(valid ? step * s + i : 0);
                put(unit.m.early_key_i, i * KEY_BITS, KEY_BITS,
                    valid ? in.place[p] : pick(net.places));
                for (int c = 0; c < CHANNELS; c++)
                    late.back().push_back(valid ? in.x[p * CHANNELS + static_cast<size_t>(c)]
                                                : draw_signed(SUM));
            }
            if (valid && ++step == steps) {
                in.cycle = now;
                due.push_back(in);
            }
            if (late.size() > EARLY) {
                for (int i = 0; i < s * CHANNELS; i++)
                    put(unit.m.x_i, i * SUM, SUM, late.front()[static_cast<size_t>(i)]);
                late.pop_front();
            }
            unit.settle();
            compare("soon, a cycle before", unit.m.valid_o, soon);
            soon = unit.m.soon_o;
            if (unit.m.soon_o && !unit.m.valid_o && !due.empty())
                compare("pass, with soon", unit.m.pass_o, pass);
            if (unit.m.valid_o && due.empty())
                compare("valid without a window", 1, 0);
            else if (unit.m.valid_o) {
                const Window &d = due.front();
                int shared = s == 1 ? 4 / r - 1 : 0; // outputs take turns in an end
                compare("cycle", static_cast<int64_t>(now - d.cycle), 18 + shared + pass * steps);
                compare("pass", unit.m.pass_o, pass);
                compare("last", unit.m.last_o, pass == net.passes - 1);
                for (int o = 0; o < shape.outputs; o++)
                    compare("output", get_signed(unit.m.x_o, o * X, X),
                            d.y[static_cast<size_t>(pass * shape.outputs + o)]);
                if (++pass == net.passes) {
                    due.pop_front();
                    pass = 0;
                }
            }
            unit.rise();
        }
        compare("windows that did not come out", static_cast<int64_t>(due.size()), 0);
    }
}

// ---- dense_second ----

struct Second {
    int passes, outputs, fraction;
    layer l;
    std::vector<int64_t> weight, bias;

    explicit Second(const Shape &shape)
        : passes(between(1, shape.passes)), outputs(between(1, RTL_OUTPUTS)),
          fraction(pick(RTL_D2_SHIFT + 1)), l(flat(LAYER_DENSE, passes * shape.outputs, outputs)),
          weight(static_cast<size_t>(passes * shape.outputs * outputs)),
          bias(static_cast<size_t>(outputs))
    {
        int width = chance(40) ? RTL_D2_BITS : between(2, RTL_D2_BITS);
        l.in_t = whole(X);
        l.weight_t = type_of(WEIGHT, fraction, true, FIXED_TRN, FIXED_WRAP);
        l.accum_t = whole(width);
        l.out_t = l.accum_t;
        l.bias_t = whole(62);
        for (int64_t &w : weight)
            w = draw_signed(WEIGHT - (RTL_D2_SHIFT - fraction));
        for (int64_t &b : bias)
            b = draw_signed(width);
        l.weight = weight.data();
        l.bias = bias.data();
    }
};

template <class M> void second(int r, int rounds)
{
    const Shape shape(r);
    constexpr int LATENCY = 7, WINDOWS = 8;
    struct Due {
        std::vector<int64_t> y;
        uint64_t cycle;
    };
    Clocked<M> unit;
    unit.m.soon_i = unit.m.valid_i = unit.m.cfg_we_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Second net(shape);
        unit.configure(UNIT_DENSE2_SETUP, 0, ones(net.l.accum_t.width));
        for (uint32_t j = 0; j < net.l.out.channels; j++) {
            unit.configure(UNIT_DENSE2_SETUP, 16 + j,
                           static_cast<uint64_t>(net.bias[j]) & ones(RTL_D2_BITS));
            for (uint32_t i = 0; i < net.l.in.channels; i++)
                unit.configure(UNIT_DENSE2_WEIGHT,
                               shape.lane_of(i) << (shape.pass_bits + 4) | shape.pass_of(i) << 4 |
                                   j,
                               static_cast<uint64_t>(net.weight[i * net.l.out.channels + j])
                                       << (RTL_D2_SHIFT - net.fraction) &
                                   ones(WEIGHT));
        }
        unit.m.outputs_i = static_cast<uint8_t>(net.outputs);
        std::deque<Due> due;
        std::vector<int64_t> in(net.l.in.channels);
        int wait = 1, made = 0, pass = 0, out = 0; // a pass's inputs come with wait 0
        for (int idle = 0; idle < 32; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS || pass > 0 ? 0 : idle;
            bool more = made < WINDOWS || pass > 0;
            unit.m.soon_i = more && wait == 1;
            unit.m.pass_i = static_cast<uint8_t>(unit.m.soon_i ? pass : pick(shape.passes));
            unit.m.valid_i = more && wait == 0;
            unit.m.last_i = unit.m.valid_i ? pass == net.passes - 1 : pick(2);
            if (unit.m.valid_i) {
                int bits = pass == 0 ? between(2, X) : X;
                if (pass == 0) {
                    for (int64_t &x : in)
                        x = made == 0   ? 0
                            : made == 1 ? static_cast<int64_t>(ones(X - 1))
                                        : draw_signed(bits);
                }
                for (int o = 0; o < shape.outputs; o++)
                    put(unit.m.x_i, o * X, X, in[static_cast<size_t>(pass * shape.outputs + o)]);
                if (++pass == net.passes) {
                    due.push_back({run_layer(net.l, in), now});
                    pass = 0;
                    made++;
                }
                wait = std::max(2, draw_gap(std::max(net.outputs, 8)));
            }
            wait -= wait > 0;
            unit.settle();
            if (unit.m.valid_o && due.empty())
                compare("valid without a window", 1, 0);
            else if (unit.m.valid_o) {
                const Due &d = due.front();
                compare("cycle", static_cast<int64_t>(now - d.cycle), LATENCY + out);
                compare("first", unit.m.first_o, out == 0);
                compare("last", unit.m.last_o, out == net.outputs - 1);
                compare("sum", get_signed(unit.m.y_o, 0, RTL_D2_BITS),
                        d.y[static_cast<size_t>(out)]);
                if (++out == net.outputs) {
                    due.pop_front();
                    out = 0;
                }
            }
            unit.rise();
        }
        compare("windows that did not come out", static_cast<int64_t>(due.size()), 0);
    }
}

void run(int rounds)
{
    tally().what = "dense_first, a slot a cycle";
    first<Vdense_first_usual>(10, 1, 1, rounds);
    tally().what = "dense_first, two slots a cycle";
    first<Vdense_first_fast>(16, 2, 1, rounds);
    tally().what = "dense_second";
    second<Vdense_second>(1, 10 * rounds);
    tally().what = "dense_first, half the outputs a pass";
    first<Vdense_first_shared>(10, 1, 2, rounds);
    tally().what = "dense_second, half the inputs a pass";
    second<Vdense_second_shared>(2, 10 * rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "dense", run);
}
