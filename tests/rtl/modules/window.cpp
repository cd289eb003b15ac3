// window: window_input (with compress and cast_small in it) against a plain scan of the image:
// lists, images of 16 and of 8 bits, every width, threshold and number of slots; no active pixel,
// all of them, those at the borders; lists that lie about their length. The beats come at random or
// one a cycle, and room for results is there, now and then, or not for long.
#include "Vwindow_input.h"

#include "bench.h"

#include <algorithm>

using namespace bench;

namespace
{

constexpr int N = 20, X = RTL_X_BITS, PLACE = 6, BEAT_BITS = 512;
enum form { LIST, WORDS, BYTES, FORMS };

struct Input {
    form how;
    int width = 64, height = 64, slots, beats, last_lanes = 64, threshold, bits, shift, pace;
    bool is_signed;
    fixed_type type;

    explicit Input(form f) : how(f), slots(between(1, N)), is_signed(chance(50)), type(draw_type(X))
    {
        bits = f == BYTES ? 8 : 16;
        shift = pick(RTL_INPUT_SHIFT + 1);
        pace = chance(50) ? 10 : between(10, 60);
        int64_t least = is_signed ? -(1 << (bits - 1)) : 0;
        threshold = static_cast<int>(is_signed ? draw_signed(bits) : draw_unsigned(bits));
        if (chance(30))
            threshold = static_cast<int>(least) - 1; // all are active
        beats = (slots + 16) / 16;
        if (f == LIST)
            return;
        width = between(RTL_MIN_WIDTH, RTL_SIDE);
        height = between(1, RTL_SIDE);
        int lanes = BEAT_BITS / bits;
        beats = (width * height + lanes - 1) / lanes;
        last_lanes = width * height - (beats - 1) * lanes;
    }
};

// A pixel that a slot must hold.
struct Pixel {
    int row, col;
    int64_t x;
};

struct Window {
    std::vector<uint32_t> words; // beats, 16 each
    std::vector<Pixel> kept;
    uint32_t active = 0;
};

int64_t feature(const Input &in, int64_t value)
{
    return cast(value, in.shift, in.type, false);
}

Window draw_list(const Input &in)
{
    Window w;
    int used = pick(in.slots + 1);
    w.words.resize(static_cast<size_t>(in.beats) * 16);
    for (uint32_t &word : w.words)
        word = static_cast<uint32_t>(draw());
    if (chance(20))
        used = in.slots;
    w.active = chance(20) ? static_cast<uint32_t>(draw()) | static_cast<uint32_t>(in.slots)
                          : static_cast<uint32_t>(used);
    w.words[0] = w.active;
    used = w.active > static_cast<uint32_t>(in.slots) ? in.slots : static_cast<int>(w.active);
    for (int j = 0; j < used; j++) {
        uint32_t word = w.words[static_cast<size_t>(j) + 1];
        int64_t value = in.is_signed ? sign(word >> 16, 16) : word >> 16;
        w.kept.push_back(
            {static_cast<int>(word & 63), static_cast<int>(word >> 8 & 63), feature(in, value)});
    }
    return w;
}

Window draw_image(const Input &in)
{
    Window w;
    w.words.resize(static_cast<size_t>(in.beats) * 16);
    for (uint32_t &word : w.words) // what fills the last beat up is not looked at
        word = static_cast<uint32_t>(draw());
    int kind = pick(6), percent = kind == 0 ? 0 : kind == 1 ? 100 : between(0, 3);
    for (int row = 0; row < in.height; row++) {
        for (int col = 0; col < in.width; col++) {
            bool border = row == 0 || col == 0 || row == in.height - 1 || col == in.width - 1;
            bool hit = chance(percent) || (kind == 5 && border && chance(20));
            int64_t least = in.is_signed ? -(1 << (in.bits - 1)) : 0,
                    most = least + (1 << in.bits) - 1;
            // near the threshold on its two sides, or anything beyond it
            int64_t value = hit ? in.threshold + 1 : in.threshold;
            if (chance(40))
                value = hit ? most - pick(4) : least + pick(4);
            value = std::min(std::max(value, least), most);
            size_t bit = static_cast<size_t>(row * in.width + col) * static_cast<size_t>(in.bits);
            uint32_t field = static_cast<uint32_t>(ones(in.bits)) << bit % 32;
            w.words[bit / 32] =
                (w.words[bit / 32] & ~field) | (static_cast<uint32_t>(value) << bit % 32 & field);
            if (value <= in.threshold)
                continue;
            w.active++;
            if (w.kept.size() < static_cast<size_t>(in.slots))
                w.kept.push_back({row, col, feature(in, value)});
        }
    }
    return w;
}

void configure(Vwindow_input &m, const Input &in)
{
    m.form_i = static_cast<uint8_t>(in.how);
    m.slots_i = static_cast<uint8_t>(in.slots);
    m.beats_i = static_cast<uint16_t>(in.beats);
    m.last_lanes_i = static_cast<uint8_t>(in.last_lanes);
    m.width_i = static_cast<uint8_t>(in.width);
    m.threshold_i = static_cast<uint32_t>(in.threshold) & 0x1ffff;
    m.signed_i = in.is_signed;
    m.type_i = type_word(in.type, in.shift, false);
    m.pace_i = static_cast<uint8_t>(in.pace);
}

// How the two sides behave in a round, in percent of the cycles.
struct Manner {
    int valid, room;
};
constexpr Manner MANNERS[] = {{100, 100}, {30, 100}, {100, 10}, {50, 50}, {5, 100}};

void windows(int rounds)
{
    constexpr int WINDOWS = 8, LATENCY_LIST = 1, LATENCY_IMAGE = 8;
    Clocked<Vwindow_input> unit;
    Vwindow_input &m = unit.m;
    m.valid_i = 0;
    for (int round = 0; round < rounds; round++) {
        Input in(static_cast<form>(round % FORMS));
        Manner manner = MANNERS[round / FORMS % 5];
        configure(m, in);
        unit.reset();
        std::deque<Window> to_start, to_count;
        std::deque<uint64_t> ends;
        Window w;
        Window at_x; // its features come two cycles after its start
        uint64_t x_cycle = 0, last_end = 0;
        int made = 0;
        size_t at = 0; // next word
        bool offered = false;
        for (int idle = 0; idle < 40; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS || at < w.words.size() ? 0 : idle;
            if (at == w.words.size() && made < WINDOWS) {
                w = in.how == LIST ? draw_list(in) : draw_image(in);
                at = 0;
                made++;
            }
            bool more = at < w.words.size();
            offered = more && (offered || chance(manner.valid)); // stays until it is taken
            m.valid_i = offered;
            m.room_i = chance(manner.room);
            for (size_t i = 0; i < 16; i++)
                m.beat_i.m_storage[i] = offered ? w.words[at + i] : static_cast<uint32_t>(draw());
            unit.settle();
            bool last = more && at + 16 == w.words.size();
            bool taken = offered && m.ready_o;
            if (offered && !last)
                compare("ready within a window", m.ready_o, 1);
            if (offered && last && (!m.room_i || now < last_end + static_cast<uint64_t>(in.pace)))
                compare("ready without room, or too early", m.ready_o, 0);
            if (offered && last && m.room_i && now >= last_end + static_cast<uint64_t>(in.pace))
                compare("ready with room", m.ready_o, 1);
            compare("ended", m.ended_o, taken && last);
            if (taken) {
                if (at == 0 && in.how == LIST)
                    to_count.push_back(w); // counted with its first beat
                at += 16;
                offered = false;
                if (last) {
                    if (in.how != LIST)
                        to_count.push_back(w);
                    to_start.push_back(w);
                    ends.push_back(now);
                    last_end = now;
                }
            }
            if (m.counted_o && to_count.empty())
                compare("counted without a window", 1, 0);
            else if (m.counted_o) {
                compare("active pixels", m.active_o, to_count.front().active);
                to_count.pop_front();
            }
            for (int j = 0; now == x_cycle && j < N; j++) {
                bool used = static_cast<size_t>(j) < at_x.kept.size();
                compare("feature", get_signed(m.x_o, j * X, X),
                        used ? at_x.kept[static_cast<size_t>(j)].x : 0);
            }
            if (m.start_o && to_start.empty())
                compare("start without a window", 1, 0);
            else if (m.start_o) {
                at_x = to_start.front();
                x_cycle = now + 2;
                compare("cycle", static_cast<int64_t>(now - ends.front()),
                        in.how == LIST ? LATENCY_LIST : LATENCY_IMAGE);
                for (int j = 0; j < N; j++) {
                    bool used = static_cast<size_t>(j) < at_x.kept.size();
                    Pixel p = used ? at_x.kept[static_cast<size_t>(j)] : Pixel{0, 0, 0};
                    compare("occupied", static_cast<int64_t>(get(m.occupied_o, j, 1)), used);
                    compare("row", static_cast<int64_t>(get(m.row_o, j * PLACE, PLACE)), p.row);
                    compare("col", static_cast<int64_t>(get(m.col_o, j * PLACE, PLACE)), p.col);
                }
                to_start.pop_front();
                ends.pop_front();
            }
            unit.rise();
        }
        compare("windows that did not come out",
                static_cast<int64_t>(to_start.size() + to_count.size()), 0);
    }
}

void run(int rounds)
{
    tally().what = "window_input";
    windows(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "window", run);
}
