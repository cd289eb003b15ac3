// slots: windows for the benches of the sparse stages: slots with places, features and whether
// they are occupied, of every kind that a detector and a hostile list make.
#ifndef TESTS_RTL_SLOTS_H
#define TESTS_RTL_SLOTS_H

#include "bench.h"

namespace bench
{

// PACE: cycles between two windows, at least, whatever the build: the loader sees to it.
enum { CHANNELS = RTL_CHANNELS, SIDE = RTL_SIDE, KEY_BITS = 12, PACE = 10 };

struct Slots {
    int n; // of the build
    std::vector<int> row, col;
    std::vector<bool> occupied;
    std::vector<int64_t> x; // [n][CHANNELS]

    explicit Slots(int n_slots)
        : n(n_slots), row(static_cast<size_t>(n)), col(row), occupied(static_cast<size_t>(n)),
          x(static_cast<size_t>(n) * CHANNELS)
    {
    }
    int64_t &at(int p, int c) { return x[static_cast<size_t>(p * CHANNELS + c)]; }
    int64_t at(int p, int c) const { return x[static_cast<size_t>(p * CHANNELS + c)]; }
    int place(int p) const
    {
        return row[static_cast<size_t>(p)] * SIDE + col[static_cast<size_t>(p)];
    }

    // As layer_run wants them: places from 1.
    void give(std::vector<struct place> &places, std::vector<char> &used) const
    {
        for (size_t p = 0; p < static_cast<size_t>(n); p++) {
            places.push_back(
                {static_cast<uint32_t>(row[p]) + 1, static_cast<uint32_t>(col[p]) + 1});
            used.push_back(occupied[p]);
        }
    }
};

// The kinds come in turn, so that few rounds have met all of them.
enum window_kind { EMPTY, FULL, ONE_PLACE, CORNERS, BUT_ONE, EXTREME, CLUSTER, ANYWHERE, KINDS };

// Features of `channels` channels have `bits` bits, signed or not. Slots that nothing is in are 0
// at (0, 0), as window_input leaves them.
inline Slots draw_slots(int n, int kind, int channels, int bits, bool is_signed)
{
    Slots s(n);
    int used = kind == EMPTY ? 0 : kind == BUT_ONE ? n - 1 : kind >= CLUSTER ? between(1, n) : n;
    int top = pick(SIDE - 9), left = pick(SIDE - 9);
    for (int p = 0; p < used; p++) {
        size_t i = static_cast<size_t>(p);
        s.occupied[i] = true;
        s.row[i] = kind == ONE_PLACE ? top : top + pick(9);
        s.col[i] = kind == ONE_PLACE ? left : left + pick(9);
        if (kind == CORNERS) {
            s.row[i] = chance(50) ? pick(2) : SIDE - 1 - pick(2);
            s.col[i] = chance(50) ? pick(2) : SIDE - 1 - pick(2);
        }
        if (kind == ANYWHERE) {
            s.row[i] = pick(SIDE);
            s.col[i] = pick(SIDE);
        }
        bool high = chance(50);
        for (int c = 0; c < channels; c++) {
            int64_t value = is_signed ? draw_signed(bits) : draw_unsigned(bits - 1);
            if (kind == EXTREME)
                value = high || !is_signed ? static_cast<int64_t>(ones(bits - 1))
                                           : -static_cast<int64_t>(ones(bits - 1)) - 1;
            s.at(p, c) = kind == ANYWHERE && chance(20) ? 0 : value;
        }
    }
    return s;
}

// Cycles between two windows: mostly as few as there may be.
inline int draw_gap(int steps)
{
    int least = steps > PACE ? steps : PACE;
    return chance(70) ? least : least + pick(2 * least);
}

} // namespace bench

#endif
