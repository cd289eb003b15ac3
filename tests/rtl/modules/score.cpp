// score: score_table with its softmax against the reference's tables: random tables, every input
// width, one to ten outputs, scores that are equal, at the ends of their range or a step apart,
// and sums as they are; windows as close together as the schedule allows.
#include "Vscore_table.h"

#include "bench.h"

#include <algorithm>

using namespace bench;

namespace
{

constexpr int Y = RTL_D2_BITS, TABLE = 18, ENTRIES = MODEL_TABLE_ENTRIES;
enum mode { AS_THEY_ARE, SIGMOID, SOFTMAX, MODES };

struct Table {
    layer l = {};
    std::vector<int64_t> one, two;
    mode how;
    int drop = 0; // bits of a softmax product below those of a score

    Table(mode m, int outputs) : how(m)
    {
        l.in = l.out = {false, true, 0, 1, 1, static_cast<uint32_t>(outputs)};
        bool exps = m == SOFTMAX;
        for (int i = 0; i < ENTRIES; i++) {
            one.push_back(exps ? draw_unsigned(TABLE - 1) : draw_signed(TABLE));
            two.push_back(draw_unsigned(TABLE - 1));
        }
        l.table = one.data();
        l.inv_table = two.data();
        if (m == SIGMOID) {
            int fraction = between(6, 37);
            l.kind = LAYER_SIGMOID_TABLE;
            l.in_t = type_of(between(std::max(10, fraction - 10), Y), fraction, true, FIXED_TRN,
                             FIXED_WRAP);
            l.table_t = l.out_t = type_of(TABLE, 0, true, FIXED_TRN, FIXED_WRAP);
        } else if (exps) {
            l.kind = LAYER_SOFTMAX_TABLE;
            l.in_t = type_of(between(10, 41), 0, true, FIXED_TRN, FIXED_WRAP);
            l.table_t = type_of(between(10, TABLE), 0, true, FIXED_TRN, FIXED_SAT);
            l.inv_table_t = type_of(TABLE, 0, true, FIXED_TRN, FIXED_SAT);
            for (int64_t &e : one)
                e &= static_cast<int64_t>(ones(l.table_t.width - 1));
            drop = pick(32);
            l.inv_table_t.fraction = drop; // all that is dropped, as the second factor's
            l.out_t = draw_type(TABLE);
            if (l.out_t.width == 0)
                l.out_t = type_of(2, 0, false, FIXED_RND, FIXED_SAT);
        } else {
            l.in_t = type_of(32, 0, true, FIXED_TRN, FIXED_WRAP);
        }
    }

    std::vector<int64_t> run(const std::vector<int64_t> &in) const
    {
        std::vector<int64_t> out = in;
        tensors t = {};
        t.in = in.data();
        t.out = out.data();
        if (how != AS_THEY_ARE)
            layer_run(&l, &t);
        return out;
    }
};

void load(Clocked<Vscore_table> &unit, const Table &t)
{
    uint64_t shift = t.how == SIGMOID   ? static_cast<uint64_t>(t.l.in_t.fraction - 6)
                     : t.how == SOFTMAX ? static_cast<uint64_t>(t.l.in_t.width - 10)
                                        : draw() & 31;
    unit.configure(UNIT_TABLE_SETUP, 0, static_cast<uint64_t>(t.how) | shift << 2);
    if (t.how == SOFTMAX) {
        unit.configure(UNIT_TABLE_SETUP, 1,
                       static_cast<uint64_t>(fixed_max(&t.l.table_t)) |
                           static_cast<uint64_t>(t.l.table_t.width - 10) << TABLE);
        unit.configure(UNIT_TABLE_SETUP, 2, static_cast<uint64_t>(fixed_min(&t.l.in_t)) & ones(Y));
        unit.configure(UNIT_TABLE_SETUP, 3, type_word(t.l.out_t, t.drop, false));
    }
    for (uint32_t i = 0; i < ENTRIES; i++) {
        unit.configure(UNIT_TABLE, i, static_cast<uint64_t>(t.one[i]) & ones(TABLE));
        if (t.how == SOFTMAX)
            unit.configure(UNIT_TABLE, ENTRIES + i, static_cast<uint64_t>(t.two[i]) & ones(TABLE));
    }
}

std::vector<int64_t> draw_sums(const Table &t, int outputs)
{
    std::vector<int64_t> y;
    int kind = pick(5), bits = kind == 0 ? between(2, t.l.in_t.width) : t.l.in_t.width;
    int64_t near =
        t.how == SIGMOID ? INT64_C(1) << std::min(t.l.in_t.fraction + 3, t.l.in_t.width - 2) : 0;
    for (int j = 0; j < outputs; j++) {
        int64_t v = draw_signed(bits);
        if (kind == 1 && j > 0) // equal
            v = y[0];
        if (kind == 2 && near != 0) // where the table ends
            v = (chance(50) ? near : -near) + pick(5) - 2;
        if (kind == 2 && near == 0 && j > 0) { // close together
            int64_t a_little = y[0] + (pick(5) - 2) * (INT64_C(1) << pick(t.l.in_t.width - 9));
            v = sign(static_cast<uint64_t>(a_little), t.l.in_t.width);
        }
        y.push_back(v);
    }
    return y;
}

void scores(int rounds)
{
    constexpr int WINDOWS = 20;
    struct Due {
        std::vector<int64_t> score;
        uint64_t first, last; // cycles in which its sums came
    };
    Clocked<Vscore_table> unit;
    unit.m.valid_i = unit.m.cfg_we_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        mode how = static_cast<mode>(round % MODES);
        int outputs = 1 + round / MODES % RTL_OUTPUTS;
        Table table(how, outputs);
        load(unit, table);
        std::deque<Due> due;
        std::vector<int64_t> y;
        uint64_t begun = 0;
        int wait = 0, made = 0, j = outputs, out = 0;
        for (int idle = 0; idle < 48; idle++) {
            uint64_t now = tally().cycles;
            idle = made < WINDOWS || j < outputs ? 0 : idle;
            if (wait == 0 && j == outputs && made < WINDOWS) {
                y = draw_sums(table, outputs);
                made++;
                j = 0;
                begun = now;
                int least = outputs + (how == SOFTMAX ? 5 : 2);
                wait = chance(70) ? least : least + pick(20);
            }
            wait -= wait > 0;
            bool valid = j < outputs;
            unit.m.valid_i = valid;
            unit.m.first_i = valid ? j == 0 : pick(2);
            unit.m.last_i = valid ? j == outputs - 1 : pick(2);
            put(unit.m.y_i, 0, Y,
                valid ? y[static_cast<size_t>(j)] : static_cast<int64_t>(draw() & ones(Y)));
            if (valid && ++j == outputs)
                due.push_back({table.run(y), begun, now});
            unit.settle();
            // a score leaves while the window's later sums still come: those are known here
            if (unit.m.valid_o) {
                bool early = due.empty();
                std::vector<int64_t> wanted = early ? table.run(y) : due.front().score;
                uint64_t since = how == SOFTMAX ? (early ? 0 : due.front().last + 13)
                                                : (early ? begun : due.front().first) + 3;
                compare("cycle", static_cast<int64_t>(now), static_cast<int64_t>(since) + out);
                if (out < outputs)
                    compare(how == SOFTMAX   ? "softmax"
                            : how == SIGMOID ? "sigmoid"
                                             : "as it is",
                            get_signed(unit.m.score_o, 0, 32), wanted[static_cast<size_t>(out)]);
                if (++out == outputs && !early) {
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
    tally().what = "score_table";
    scores(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "score", run);
}
