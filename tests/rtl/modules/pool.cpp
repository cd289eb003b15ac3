// pool: pool, and pool_between with its pool_setup, against the reference's average pool: random
// areas and grids with partial places at their edges, exact and saturating sums, every type of the
// result, all slots at one place; windows as close together as the schedule allows.
#include "Vpool_between_fast.h"
#include "Vpool_between_shared.h"
#include "Vpool_between_usual.h"
#include "Vpool_fast.h"
#include "Vpool_usual.h"

#include "slots.h"

using namespace bench;

namespace
{

constexpr int Y = RTL_Y_BITS, X = RTL_X_BITS, SUM = RTL_SUM_BITS, KEY = KEY_BITS + 1, PLACE = 6;

struct Network {
    layer l = {};
    fixed_type type = {};
    bool saturates = false;
    int y_bits = 0, drop = 0;
    int64_t reciprocal = 0; // as the kernel has it

    // The result has at most `bits` bits.
    void draw_network(int n, int channels, int bits)
    {
        saturates = chance(40);
        y_bits = between(2, Y);
        drop = pick(RTL_POOL_SHIFT + 1);
        type = draw_type(bits);
        l.kind = LAYER_SPARSE_AVG_POOL2D;
        l.in = {true, false, static_cast<uint32_t>(n), SIDE, SIDE, static_cast<uint32_t>(channels)};
        l.pool_h = static_cast<uint32_t>(between(1, 9));
        l.pool_w = static_cast<uint32_t>(between(1, 9));
        l.out = l.in;
        l.out.height = static_cast<uint32_t>(between(20, SIDE)) / l.pool_h;
        l.out.width = static_cast<uint32_t>(between(20, SIDE)) / l.pool_w;
        l.in_t = type_of(Y, 0, true, FIXED_TRN, FIXED_WRAP);
        l.accum_t = saturates ? type_of(between(1, SUM - 1), 0, false, FIXED_TRN, FIXED_SAT)
                              : type_of(SUM, 0, true, FIXED_TRN, FIXED_WRAP);
        l.recip_t = type_of(RTL_RECIP_BITS, drop, false, FIXED_TRN, FIXED_WRAP);
        l.recip_h_raw = 1 + draw_unsigned(RTL_RECIP_BITS - (RTL_POOL_SHIFT - drop) - 1);
        reciprocal = l.recip_h_raw << (RTL_POOL_SHIFT - drop);
        // the cast to `type` is made here: a type without bits is none of fixed.h
        l.out_t = type.width == 0 ? type_of(SUM, 0, true, FIXED_TRN, FIXED_WRAP) : type;
    }

    bool whole(int row, int col) const
    {
        return row / static_cast<int>(l.pool_h) < static_cast<int>(l.out.height) &&
               col / static_cast<int>(l.pool_w) < static_cast<int>(l.out.width);
    }
    // {in a whole place, its number}, with `pitch` places a row; as sparse-rtl writes the tables
    int row_part(int row, int pitch) const
    {
        int place = row / static_cast<int>(l.pool_h);
        return place < static_cast<int>(l.out.height) ? 1 << KEY_BITS | place * pitch : 0;
    }
    int col_part(int col) const
    {
        int place = col / static_cast<int>(l.pool_w);
        return place < static_cast<int>(l.out.width) ? 1 << KEY_BITS | place : 0;
    }
    int key(int row, int col, int pitch) const
    {
        int r = row_part(row, pitch), c = col_part(col);
        return (r & c & 1 << KEY_BITS) | ((r + c) & static_cast<int>(ones(KEY_BITS)));
    }
};

struct Due {
    Slots slots;
    std::vector<int64_t> x;  // [n][CHANNELS]
    std::vector<char> first; // of its place, and occupied
    uint64_t cycle;
};

// What comes of a window; all slots count as occupied, as in pool, or those that are.
Due pooled(const Network &net, const Slots &s, bool all, uint64_t now)
{
    size_t n = static_cast<size_t>(s.n), channels = net.l.in.channels;
    std::vector<int64_t> in, out(n * channels);
    std::vector<struct place> places;
    Due due = {s, std::vector<int64_t>(n * CHANNELS), {}, now};
    s.give(places, due.first);
    for (int p = 0; p < s.n; p++) {
        due.first[static_cast<size_t>(p)] |= all;
        for (size_t c = 0; c < channels; c++)
            in.push_back(s.at(p, static_cast<int>(c)));
    }
    tensors t = {};
    t.in = in.data();
    t.out = out.data();
    t.place = places.data();
    t.occupied = reinterpret_cast<bool *>(due.first.data());
    layer_run(&net.l, &t);
    for (size_t p = 0; p < n; p++) {
        for (size_t c = 0; c < channels; c++)
            due.x[p * CHANNELS + c] = net.type.width == 0 ? 0 : out[p * channels + c];
    }
    return due;
}

// ---- pool ----

template <class M> void alone(int n, int s, int rounds)
{
    constexpr int LATENCY = 9, WINDOWS = KINDS + 2;
    const int steps = n / s;
    Clocked<M> unit;
    unit.m.start_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Network net;
        net.draw_network(n, CHANNELS, SUM);
        const int pitch = static_cast<int>(net.l.out.width);
        unit.m.recip_i = static_cast<uint32_t>(net.reciprocal);
        unit.m.saturates_i = net.saturates;
        unit.m.sum_mask_i = net.saturates ? static_cast<uint32_t>(ones(net.l.accum_t.width)) : 0;
        unit.m.type_i = type_word(net.type, 0, false);
        std::deque<Due> due, early;
        int wait = 0, made = 0, out = 0, early_out = 0;
        for (int idle = 0; idle < 64; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS ? 0 : idle;
            bool start = wait == 0 && made < WINDOWS;
            unit.m.start_i = start;
            if (start) {
                Slots w = draw_slots(n, made++ % KINDS, CHANNELS, net.y_bits, !net.saturates);
                due.push_back(pooled(net, w, true, now));
                early.push_back(due.back());
                wait = draw_gap(steps);
                for (int p = 0; p < n; p++) {
                    size_t i = static_cast<size_t>(p);
                    put(unit.m.key_i, p * KEY, KEY, net.key(w.row[i], w.col[i], pitch));
                    for (int c = 0; c < CHANNELS; c++)
                        put(unit.m.y_i, (p * CHANNELS + c) * Y, Y, w.at(p, c));
                }
            }
            wait -= wait > 0;
            unit.settle();
            if (unit.m.early_valid_o && !early.empty()) {
                const Due &d = early.front();
                compare("cycle of a place", static_cast<int64_t>(now - d.cycle), 1 + early_out);
                compare("its last", unit.m.early_last_o, early_out == steps - 1);
                for (int i = 0; i < s; i++) {
                    size_t p = static_cast<size_t>(early_out * s + i);
                    compare("place, early",
                            static_cast<int64_t>(get(unit.m.early_key_o, i * KEY_BITS, KEY_BITS)),
                            net.key(d.slots.row[p], d.slots.col[p], pitch) &
                                static_cast<int>(ones(KEY_BITS)));
                }
                if (++early_out == steps) {
                    early.pop_front();
                    early_out = 0;
                }
            }
            // the sideband has no reset: what it held before the first window does not count
            if (unit.m.valid_o && !due.empty() && now - due.front().cycle >= LATENCY) {
                const Due &d = due.front();
                compare("cycle", static_cast<int64_t>(now - d.cycle), LATENCY + out);
                compare("first", unit.m.first_o, out == 0);
                compare("last", unit.m.last_o, out == steps - 1);
                for (int i = 0; i < s; i++) {
                    size_t p = static_cast<size_t>(out * s + i);
                    bool carries = d.first[p] != 0;
                    compare("carries", static_cast<int64_t>(get(unit.m.carries_o, i, 1)), carries);
                    compare("place",
                            static_cast<int64_t>(get(unit.m.key_o, i * KEY_BITS, KEY_BITS)),
                            net.key(d.slots.row[p], d.slots.col[p], pitch) &
                                static_cast<int>(ones(KEY_BITS)));
                    for (int c = 0; c < CHANNELS; c++)
                        compare("average", get_signed(unit.m.x_o, (i * CHANNELS + c) * SUM, SUM),
                                d.x[p * CHANNELS + static_cast<size_t>(c)]);
                }
                if (++out == steps) {
                    due.pop_front();
                    out = 0;
                }
            }
            unit.rise();
        }
        compare("windows that did not come out", static_cast<int64_t>(due.size() + early.size()),
                0);
    }
}

// ---- pool_between ----

// Slots come and go r cycles apart.
template <class M> void between_convolutions(int n, int s, int r, int rounds)
{
    constexpr int WINDOWS = KINDS + 2;
    const int steps = n / s;
    const uint64_t latency = 10 + static_cast<uint64_t>(r); // after the last slots
    Clocked<M> unit;
    unit.m.valid_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Network net;
        net.draw_network(n, 1, X);
        bool used = round % 4 != 3; // unused, a slot passes in no time
        unit.configure(UNIT_POOL_A, 0, static_cast<uint64_t>(net.reciprocal));
        unit.configure(UNIT_POOL_A, 1, type_word(net.type, 0, false));
        unit.configure(UNIT_POOL_A, 2,
                       static_cast<uint64_t>(used) | static_cast<uint64_t>(net.saturates) << 1 |
                           (net.saturates ? ones(net.l.accum_t.width) << 8 : 0));
        for (int i = 0; i < SIDE; i++) {
            unit.configure(UNIT_POOL_A, 64 + static_cast<uint32_t>(i),
                           static_cast<uint64_t>(net.row_part(i, SIDE)));
            unit.configure(UNIT_POOL_A, 128 + static_cast<uint32_t>(i),
                           static_cast<uint64_t>(net.col_part(i)));
            unit.configure(UNIT_POOL_B, 64 + static_cast<uint32_t>(i),
                           draw() & ones(KEY)); // another's
        }
        std::deque<Due> due;
        Due in = {Slots(n), {}, {}, 0};
        int wait = 0, made = 0, step = steps, out = 0, pause = 0;
        for (int idle = 0; idle < 64; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS || step < steps ? 0 : idle;
            if (wait == 0 && step == steps && made < WINDOWS) {
                Slots w = draw_slots(n, made++ % KINDS, used ? 1 : CHANNELS, used ? net.y_bits : X,
                                     !net.saturates);
                in = pooled(net, w, false, 0);
                step = 0;
                wait = draw_gap(steps * r);
            }
            wait -= wait > 0;
            bool valid = step < steps && pause == 0;
            pause = valid ? r - 1 : pause - (pause > 0);
            unit.m.valid_i = valid;
            unit.m.first_i = valid && step == 0;
            unit.m.last_i = valid && step == steps - 1;
            for (int p = 0; p < n; p++) {
                put(unit.m.p_row_i, p * PLACE, PLACE, in.slots.row[static_cast<size_t>(p)]);
                put(unit.m.p_col_i, p * PLACE, PLACE, in.slots.col[static_cast<size_t>(p)]);
            }
            for (int i = 0; i < s; i++) {
                size_t p = static_cast<size_t>(valid ? step * s + i : 0);
                put(unit.m.row_i, i * PLACE, PLACE, in.slots.row[p]);
                put(unit.m.col_i, i * PLACE, PLACE, in.slots.col[p]);
                put(unit.m.occupied_i, i, 1, in.slots.occupied[p]);
                for (int c = 0; c < CHANNELS; c++)
                    put(unit.m.x_i, (i * CHANNELS + c) * Y, Y, in.slots.at(static_cast<int>(p), c));
            }
            if (valid && ++step == steps) {
                in.cycle = now;
                due.push_back(in);
            }
            unit.settle();
            if (!used) {
                compare("passed: valid, first, last",
                        unit.m.valid_o << 2 | unit.m.first_o << 1 | unit.m.last_o,
                        unit.m.valid_i << 2 | unit.m.first_i << 1 | unit.m.last_i);
                compare("passed: row", unit.m.row_o, unit.m.row_i);
                compare("passed: col", unit.m.col_o, unit.m.col_i);
                compare("passed: occupied", unit.m.occupied_o, unit.m.occupied_i);
                compare("passed: places",
                        memcmp(&unit.m.p_row_o, &unit.m.p_row_i, sizeof unit.m.p_row_i) |
                            memcmp(&unit.m.p_col_o, &unit.m.p_col_i, sizeof unit.m.p_col_i),
                        0);
                for (int i = 0; i < s * CHANNELS; i++)
                    compare("passed: feature", get_signed(unit.m.x_o, i * X, X),
                            get_signed(unit.m.x_i, i * Y, X));
            } else if (unit.m.valid_o && !due.empty() && now >= due.front().cycle + latency) {
                const Due &d = due.front();
                compare("cycle", static_cast<int64_t>(now - d.cycle - latency), out * r);
                compare("first", unit.m.first_o, out == 0);
                compare("last", unit.m.last_o, out == steps - 1);
                for (int p = 0; out == 0 && p < n; p++) {
                    size_t i = static_cast<size_t>(p);
                    int place = net.key(d.slots.row[i], d.slots.col[i], SIDE);
                    compare("p_row", static_cast<int64_t>(get(unit.m.p_row_o, p * PLACE, PLACE)),
                            place >> PLACE & 63);
                    compare("p_col", static_cast<int64_t>(get(unit.m.p_col_o, p * PLACE, PLACE)),
                            place & 63);
                }
                for (int i = 0; i < s; i++) {
                    size_t p = static_cast<size_t>(out * s + i);
                    int place = net.key(d.slots.row[p], d.slots.col[p], SIDE);
                    compare("row", static_cast<int64_t>(get(unit.m.row_o, i * PLACE, PLACE)),
                            place >> PLACE & 63);
                    compare("col", static_cast<int64_t>(get(unit.m.col_o, i * PLACE, PLACE)),
                            place & 63);
                    compare("occupied", static_cast<int64_t>(get(unit.m.occupied_o, i, 1)),
                            d.first[p] != 0);
                    compare("average", get_signed(unit.m.x_o, i * CHANNELS * X, X),
                            d.x[p * CHANNELS]);
                }
                if (++out == steps) {
                    due.pop_front();
                    out = 0;
                }
            }
            unit.rise();
        }
        if (used)
            compare("windows that did not come out", static_cast<int64_t>(due.size()), 0);
    }
}

void run(int rounds)
{
    tally().what = "pool, a slot a cycle";
    alone<Vpool_usual>(8, 1, rounds);
    tally().what = "pool, two slots a cycle";
    alone<Vpool_fast>(8, 2, rounds);
    tally().what = "pool_between, a slot a cycle";
    between_convolutions<Vpool_between_usual>(8, 1, 1, rounds);
    tally().what = "pool_between, two slots a cycle";
    between_convolutions<Vpool_between_fast>(8, 2, 1, rounds);
    tally().what = "pool_between, a slot in two cycles";
    between_convolutions<Vpool_between_shared>(8, 1, 2, rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "pool", run);
}
