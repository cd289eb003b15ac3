// conv: conv_gather and conv_scatter (with conv_setup, conv_tap, conv_lane, adder_tree and
// conv_end in them) against the reference's sparse convolution: random networks of both
// generations, both masks, all kernels, one channel to several filters and chains of channels;
// windows as close together as the schedule allows.
#include "Vconv_gather_fast.h"
#include "Vconv_gather_shared.h"
#include "Vconv_gather_usual.h"
#include "Vconv_scatter_fast.h"
#include "Vconv_scatter_four.h"
#include "Vconv_scatter_shared.h"
#include "Vconv_scatter_usual.h"

#include "slots.h"

#include <algorithm>

using namespace bench;

namespace
{

constexpr int Y = RTL_Y_BITS, X = RTL_X_BITS, WEIGHT = RTL_CONV_WEIGHT_BITS, POINT = RTL_SHIFT,
              ACC = RTL_ACC_BITS, PLACE = 6;

// A convolution: the reference's layer without its last cast, and that cast for each filter.
struct Network {
    layer l = {};
    std::vector<int64_t> weight;
    int64_t bias[CHANNELS] = {};
    fixed_type type[CHANNELS] = {};
    bool relu[CHANNELS] = {};
    bool rounds = false, chain = false; // first generation; several channels
    int x_bits = 0, drop = 0;           // bits of a product below those of the result

    void draw_network(int n, int channels, int filters)
    {
        rounds = chance(40);
        chain = channels > 1;
        x_bits = between(2, X);
        drop = pick(POINT + 1);
        // as sparse-rtl guarantees: a window's sum and its bias fit the accumulator
        int w_bits = std::max(2, std::min(WEIGHT, 36 - x_bits) - (POINT - drop));
        l.kind = LAYER_SPARSE_CONV2D;
        l.in = {true, false, static_cast<uint32_t>(n), SIDE, SIDE, static_cast<uint32_t>(channels)};
        l.out = l.in;
        l.out.channels = static_cast<uint32_t>(filters);
        l.kernel_h = static_cast<uint32_t>(2 * pick(5) + 1);
        l.kernel_w = static_cast<uint32_t>(2 * pick(5) + 1);
        l.mask_slot = chance(50);
        l.in_t = type_of(X, 0, true, FIXED_TRN, FIXED_WRAP);
        l.weight_t = type_of(WEIGHT, drop, true, FIXED_TRN, FIXED_WRAP);
        l.bias_t = type_of(ACC, POINT, true, FIXED_TRN, FIXED_WRAP);
        l.accum_t = rounds ? type_of(between(1, X - 1), 0, false, FIXED_RND_CONV, FIXED_SAT)
                           : type_of(62, POINT, true, FIXED_TRN, FIXED_WRAP);
        l.out_t = l.accum_t;
        weight.resize(static_cast<size_t>(l.kernel_h * l.kernel_w) * l.in.channels *
                      l.out.channels);
        for (int64_t &w : weight)
            w = draw_signed(w_bits);
        for (int f = 0; f < filters; f++) {
            bias[f] = chance(25) ? 0 : draw_signed(chance(50) ? POINT + 6 : 40);
            type[f] = rounds ? l.accum_t : draw_type(Y);
            relu[f] = !rounds && chance(50);
        }
        l.weight = weight.data();
        l.bias = bias;
    }

    // Features [n][CHANNELS] that must come out.
    std::vector<int64_t> run(const Slots &s) const
    {
        size_t n = static_cast<size_t>(s.n);
        std::vector<int64_t> in, out(n * l.out.channels), wanted(n * CHANNELS);
        std::vector<struct place> places;
        std::vector<char> used;
        s.give(places, used);
        for (int p = 0; p < s.n; p++) {
            for (uint32_t c = 0; c < l.in.channels; c++)
                in.push_back(s.at(p, static_cast<int>(c)));
        }
        tensors t = {};
        t.in = in.data();
        t.out = out.data();
        t.place = places.data();
        t.occupied = reinterpret_cast<bool *>(used.data());
        layer_run(&l, &t);
        for (size_t p = 0; p < n; p++) {
            for (size_t f = 0; f < l.out.channels; f++)
                wanted[p * CHANNELS + f] =
                    cast(out[p * l.out.channels + f], l.accum_t.fraction, type[f], relu[f]);
        }
        return wanted;
    }
};

int tap_address(int row, int col)
{
    return row >= 8 ? 64 + col : col >= 8 ? 80 + row : row * 8 + col;
}

template <class M> void load(Clocked<M> &unit, const Network &net, rtl_unit weights, rtl_unit setup)
{
    const layer &l = net.l;
    unit.configure(setup, 0,
                   l.kernel_h | l.kernel_w << 4 | static_cast<uint32_t>(net.rounds) << 8 |
                       static_cast<uint32_t>(l.mask_slot) << 9 |
                       static_cast<uint32_t>(net.chain) << 10);
    for (uint32_t lane = 0; lane < CHANNELS; lane++) {
        uint32_t f = net.chain ? 0 : lane, c = net.chain ? lane : 0;
        bool there = net.chain || f < l.out.channels;
        unit.configure(setup, 4 + 2 * lane,
                       there ? static_cast<uint64_t>(net.bias[f]) & ones(ACC) : draw() & ones(ACC));
        unit.configure(setup, 5 + 2 * lane, there ? type_word(net.type[f], 0, net.relu[f]) : 0);
        for (uint32_t tap = 0; tap < 128;
             tap++) // what no tap has, is 0 in a chain and anything else
            unit.configure(weights, lane << 7 | tap, net.chain ? 0 : draw() & ones(WEIGHT));
        for (uint32_t tap = 0; there && c < l.in.channels && tap < l.kernel_h * l.kernel_w; tap++) {
            int64_t w = net.weight[(tap * l.in.channels + c) * l.out.channels + f];
            uint64_t field = static_cast<uint64_t>(w) << (POINT - net.drop);
            int at =
                tap_address(static_cast<int>(tap / l.kernel_w), static_cast<int>(tap % l.kernel_w));
            unit.configure(weights, lane << 7 | static_cast<uint32_t>(at), field & ones(WEIGHT));
        }
    }
}

struct Due {
    Slots slots;
    std::vector<int64_t> y;
    std::vector<int> key;
    uint64_t cycle; // of the start, or of the last slots
};

// ---- conv_gather ----

// r: slots that share a lane; a slot then takes r cycles, and one more is for the sum of its turns.
template <class M> void gather(int n, int s, int r, int filters_built, int rounds)
{
    constexpr int WINDOWS = KINDS + 2;
    const int steps = n / s, latency = r == 1 ? 13 : 13 + r;
    const fixed_type same = type_of(X, 0, true, FIXED_TRN, FIXED_WRAP);
    Clocked<M> unit;
    unit.m.start_i = 0;
    put(unit.m.type_i, 0, 48, static_cast<int64_t>(type_word(same, 0, false)));
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Network net;
        net.draw_network(n, 1, between(1, filters_built));
        load(unit, net, UNIT_A_WEIGHT, UNIT_A_SETUP);
        std::deque<Due> due; // begun, not all out
        int wait = 0, made = 0, out = 0;
        uint64_t x_cycle = 0;
        Slots next(n);
        for (uint64_t idle = 0; idle < 64; idle++) {
            if (made < WINDOWS)
                idle = 0;
            bool start = wait == 0 && made < WINDOWS;
            uint64_t now = tally().cycles;
            unit.m.start_i = start;
            if (start) {
                next = draw_slots(n, made++ % KINDS, 1, net.x_bits, true);
                due.push_back({next, net.run(next), {}, now});
                wait = draw_gap(steps * r);
                x_cycle = r == 1 ? now + 2 : now; // cast already, or to be
            }
            wait -= wait > 0;
            for (int p = 0; p < n; p++) { // places only with the start
                put(unit.m.row_i, p * PLACE, PLACE,
                    start ? next.row[static_cast<size_t>(p)] : pick(SIDE));
                put(unit.m.col_i, p * PLACE, PLACE,
                    start ? next.col[static_cast<size_t>(p)] : pick(SIDE));
                put(unit.m.occupied_i, p, 1,
                    start ? next.occupied[static_cast<size_t>(p)] : pick(2));
                put(unit.m.x_i, p * X, X, now == x_cycle ? next.at(p, 0) : draw_signed(X));
            }
            unit.settle();
            if (unit.m.valid_o && due.empty())
                compare("valid without a window", 1, 0);
            else if (unit.m.valid_o) {
                const Due &d = due.front();
                compare("cycle", static_cast<int64_t>(now - d.cycle), latency + out * r);
                compare("first", unit.m.first_o, out == 0);
                compare("last", unit.m.last_o, out == steps - 1);
                for (int p = 0; out == 0 && p < n; p++) {
                    compare("p_row", static_cast<int64_t>(get(unit.m.p_row_o, p * PLACE, PLACE)),
                            d.slots.row[static_cast<size_t>(p)]);
                    compare("p_col", static_cast<int64_t>(get(unit.m.p_col_o, p * PLACE, PLACE)),
                            d.slots.col[static_cast<size_t>(p)]);
                }
                for (int i = 0; i < s; i++) {
                    size_t p = static_cast<size_t>(out * s + i);
                    compare("row", static_cast<int64_t>(get(unit.m.row_o, i * PLACE, PLACE)),
                            d.slots.row[p]);
                    compare("col", static_cast<int64_t>(get(unit.m.col_o, i * PLACE, PLACE)),
                            d.slots.col[p]);
                    compare("occupied", static_cast<int64_t>(get(unit.m.occupied_o, i, 1)),
                            d.slots.occupied[p]);
                    for (int f = 0; f < CHANNELS; f++)
                        compare("feature", get_signed(unit.m.x_o, (i * CHANNELS + f) * Y, Y),
                                d.y[p * CHANNELS + static_cast<size_t>(f)]);
                }
                if (++out == steps) {
                    due.pop_front();
                    out = 0;
                }
            }
            unit.rise();
        }
        compare("windows that did not come out", static_cast<int64_t>(due.size()), 0);
    }
}

// ---- conv_scatter ----

// r as above: slots come r cycles apart, or further; a channel has one end, a cycle behind its
// sums.
template <class M> void scatter(int n, int s, int r, int rounds)
{
    constexpr int WINDOWS = KINDS + 2;
    const int steps = n / s, ends = r > 1 ? 1 : 5 * s, groups = (n + ends - 1) / ends;
    Clocked<M> unit;
    unit.m.valid_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Network net;
        bool chain = chance(40);
        net.draw_network(n, chain ? between(2, CHANNELS) : 1, chain ? 1 : between(1, CHANNELS));
        load(unit, net, UNIT_B_WEIGHT, UNIT_B_SETUP);
        std::deque<Due> due;
        Due in = {Slots(n), {}, {}, 0};
        int wait = 0, made = 0, step = steps; // of the window that goes in
        int pause = 0;                        // until its next slots
        std::vector<int> late;                // keys come a cycle after their slots
        for (uint64_t idle = 0; idle < 80; idle++) {
            uint64_t now = tally().cycles;
            if (made < WINDOWS || step < steps)
                idle = 0;
            if (wait == 0 && step == steps && pause == 0 && made < WINDOWS) {
                Slots drawn = draw_slots(n, made++ % KINDS, static_cast<int>(net.l.in.channels),
                                         net.x_bits, true);
                in = {drawn, net.run(drawn), {}, 0};
                for (int p = 0; p < n; p++)
                    in.key.push_back(pick(1 << (KEY_BITS + 1)));
                step = 0;
                wait = draw_gap(steps * r);
            }
            wait -= wait > 0;
            bool valid = step < steps && pause == 0;
            pause = valid ? r - 1 + (r > 1 && chance(5) ? pick(3) : 0) : pause - (pause > 0);
            unit.m.valid_i = valid;
            unit.m.first_i = valid ? step == 0 : chance(50);
            unit.m.last_i = valid ? step == steps - 1 : chance(50);
            for (int i = 0; i < s; i++)
                put(unit.m.key_i, i * (KEY_BITS + 1), KEY_BITS + 1,
                    late.empty() ? pick(1 << KEY_BITS) : late[static_cast<size_t>(i)]);
            late.clear();
            for (int p = 0; p < n; p++) {
                bool first = valid && step == 0;
                put(unit.m.p_row_i, p * PLACE, PLACE,
                    first ? in.slots.row[static_cast<size_t>(p)] : pick(SIDE));
                put(unit.m.p_col_i, p * PLACE, PLACE,
                    first ? in.slots.col[static_cast<size_t>(p)] : pick(SIDE));
            }
            for (int i = 0; i < s; i++) {
                size_t p = static_cast<size_t>(valid ? step * s + i : 0);
                put(unit.m.row_i, i * PLACE, PLACE, in.slots.row[p]);
                put(unit.m.col_i, i * PLACE, PLACE, in.slots.col[p]);
                put(unit.m.occupied_i, i, 1, valid ? in.slots.occupied[p] : pick(2));
                for (int c = 0; c < CHANNELS; c++)
                    put(unit.m.x_i, (i * CHANNELS + c) * X, X,
                        valid ? in.slots.at(static_cast<int>(p), c) : draw_signed(X));
                if (valid)
                    late.push_back(in.key[p]);
            }
            if (valid && ++step == steps) {
                in.cycle = now;
                due.push_back(in);
            }
            unit.settle();
            if (unit.m.valid_o && due.empty())
                compare("valid without a window", 1, 0);
            else if (unit.m.valid_o) {
                const Due &d = due.front();
                compare("cycle", static_cast<int64_t>(now - d.cycle),
                        7 + groups + 4 + 4 * net.chain + (r > 1));
                for (int p = 0; p < n; p++) {
                    compare(
                        "key",
                        static_cast<int64_t>(get(unit.m.key_o, p * (KEY_BITS + 1), KEY_BITS + 1)),
                        d.key[static_cast<size_t>(p)]);
                    for (int f = 0; f < CHANNELS; f++)
                        compare("feature", get_signed(unit.m.y_o, (p * CHANNELS + f) * Y, Y),
                                d.y[static_cast<size_t>(p * CHANNELS + f)]);
                }
                due.pop_front();
            }
            unit.rise();
        }
        compare("windows that did not come out", static_cast<int64_t>(due.size()), 0);
    }
}

void run(int rounds)
{
    tally().what = "conv_gather, a slot a cycle";
    gather<Vconv_gather_usual>(8, 1, 1, 3, rounds);
    tally().what = "conv_gather, two slots a cycle";
    gather<Vconv_gather_fast>(8, 2, 1, 1, rounds);
    tally().what = "conv_scatter, a slot a cycle";
    scatter<Vconv_scatter_usual>(8, 1, 1, rounds);
    tally().what = "conv_scatter, two slots a cycle";
    scatter<Vconv_scatter_fast>(8, 2, 1, rounds);
    tally().what = "conv_gather, two slots share a lane";
    gather<Vconv_gather_shared>(8, 1, 2, 3, rounds);
    tally().what = "conv_scatter, two slots share a lane";
    scatter<Vconv_scatter_shared>(12, 1, 2, rounds);
    tally().what = "conv_scatter, four slots share a lane";
    scatter<Vconv_scatter_four>(8, 1, 4, rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "conv", run);
}
