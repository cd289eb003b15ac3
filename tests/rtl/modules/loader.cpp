// loader: images of random records, right ones and ones with a fault anywhere: what must come out
// on the configuration bus, in order and each once, and the error code; beats at random or one a
// cycle. The list of what a record may be is written here a second time, from docs/fpga.md and
// image.h.
#include "Vloader.h"
#include "Vloader_shared.h"

#include "bench.h"

#include <algorithm>

using namespace bench;

namespace
{

constexpr int N = 20, FILTERS = 3, VERSION = IMAGE_VERSION, UNITS = 15;
int reuse = 1; // slots that share a lane in the build that is looked at
enum error { NONE, MAGIC = 2, WRONG_VERSION, SIZE, UNIT, ADDRESS, VALUE, CHECK };

struct Record {
    uint64_t data;
    uint32_t address;
    uint8_t unit;
};

// Addresses of a unit and bits of the value there, 0: no such address.
struct Field {
    rtl_unit unit;
    uint32_t from, to; // to is not in it
    int bits;
};
constexpr Field FIELDS[] = {
    {UNIT_GLOBAL, 5, 6, 17},
    {UNIT_GLOBAL, 6, 7, 1},
    {UNIT_GLOBAL, 7, 8, 48},
    {UNIT_A_WEIGHT, 0, 384, 22},
    {UNIT_A_SETUP, 4, 5, 42},
    {UNIT_A_SETUP, 5, 6, 48},
    {UNIT_A_SETUP, 8, 9, 42},
    {UNIT_A_SETUP, 9, 10, 48},
    {UNIT_B_WEIGHT, 0, 384, 22},
    {UNIT_B_SETUP, 4, 5, 42},
    {UNIT_B_SETUP, 7, 8, 48},
    {UNIT_POOL_A, 0, 1, 30},
    {UNIT_POOL_A, 1, 3, 48},
    {UNIT_POOL_A, 64, 192, 13},
    {UNIT_POOL_B, 0, 1, 30},
    {UNIT_POOL_B, 64, 192, 13},
    {UNIT_DENSE1_WEIGHT, 0, 5120, 60},
    {UNIT_DENSE1_QUANT, 0, 256, 33},
    {UNIT_DENSE1_OUT, 0, 160, 48},
    {UNIT_DENSE1_SETUP, 0, 1, 5},
    {UNIT_DENSE1_SETUP, 1, 2, 48},
    {UNIT_DENSE1_SETUP, 2, 6, 8}, // more with a reuse: draw_record

    {UNIT_DENSE2_WEIGHT, 0, 1280, 20},
    {UNIT_DENSE2_SETUP, 0, 32, 44},
    {UNIT_TABLE, 0, 2048, 18},
    {UNIT_TABLE_SETUP, 1, 2, 23},
    {UNIT_TABLE_SETUP, 2, 3, 44},
    {UNIT_TABLE_SETUP, 3, 4, 48},
};
constexpr int N_FIELDS = sizeof FIELDS / sizeof FIELDS[0];

Record draw_record()
{
    Field f = FIELDS[pick(N_FIELDS)];
    if (f.unit == UNIT_DENSE1_SETUP && f.from == 2) {
        f.to = 2 + 4 * static_cast<uint32_t>(reuse);
        f.bits = 8 + reuse / 2;
    }
    return {draw() & ones(f.bits),
            f.from + static_cast<uint32_t>(pick(static_cast<int>(f.to - f.from))),
            static_cast<uint8_t>(f.unit)};
}

// Kernels are odd; so are the bits 0 and 4 of their sides.
uint64_t draw_kernel()
{
    return (draw() & 0x700) | static_cast<uint64_t>(2 * pick(5) + 1) |
           static_cast<uint64_t>(2 * pick(5) + 1) << 4;
}

// The registers on which the schedule rests, each once, such that they go together.
std::vector<Record> schedule()
{
    int form = pick(3), outputs = between(1, 10), passes = between(1, 4 * reuse), softmax = pick(3);
    int least =
        std::max(std::max(N * std::max(passes, reuse), outputs + (softmax == 2 ? 5 : 2)), 10);
    int most_beats = form == 0 ? (N + 16) / 16 : form == 1 ? 128 : 64;
    const int global[][2] = {{GLOBAL_FORM, form},
                             {GLOBAL_SLOTS, between(1, N)},
                             {GLOBAL_BEATS, between(1, most_beats)},
                             {GLOBAL_LAST_LANES, between(1, 64)},
                             {GLOBAL_WIDTH, between(22, 64)},
                             {GLOBAL_THRESHOLD, pick(1 << 17)},
                             {GLOBAL_SIGNED, pick(2)},
                             {GLOBAL_INPUT_TYPE, pick(1 << 30)},
                             {GLOBAL_PACE, between(least, 255)},
                             {GLOBAL_OUTPUTS, outputs},
                             {GLOBAL_PASSES, passes}};
    std::vector<Record> r;
    for (const auto &g : global)
        r.push_back({static_cast<uint64_t>(g[1]), static_cast<uint32_t>(g[0]), UNIT_GLOBAL});
    r.push_back({draw_kernel(), 0, UNIT_A_SETUP});
    r.push_back({draw_kernel(), 0, UNIT_B_SETUP});
    r.push_back({static_cast<uint64_t>(softmax) | (draw() & 31) << 2, 0, UNIT_TABLE_SETUP});
    return r;
}

struct Image {
    std::vector<Record> records;
    uint32_t header[16] = {};
    uint32_t bytes = 0;
    error wanted = NONE;
    size_t written = 0; // records that must come out
};

// One thing wrong with a record, and what that is called.
error spoil(Record &r)
{
    switch (pick(4)) {
    case 0:
        r.unit = static_cast<uint8_t>(between(UNITS, 255));
        return UNIT;
    case 1:
        r.address |= 1U << between(13, 23);
        return ADDRESS;
    case 2:
        r = {draw() & 1, static_cast<uint32_t>(between(1, 3)),
             UNIT_A_SETUP}; // between two registers
        return ADDRESS;
    default:
        for (const Field &f : FIELDS) {
            if (f.unit == r.unit && r.address >= f.from && r.address < f.to && f.bits < 64) {
                r.data |= UINT64_C(1) << between(f.bits, 63);
                return VALUE;
            }
        }
        r = {static_cast<uint64_t>(between(N + 1, 255)), GLOBAL_SLOTS, UNIT_GLOBAL};
        return VALUE;
    }
}

// A register of the schedule beyond its range.
Record draw_bad_register()
{
    const uint64_t bad[][3] = {
        {GLOBAL_FORM, 3, 255},    {GLOBAL_SLOTS, N + 1, 255},
        {GLOBAL_SLOTS, 0, 0},     {GLOBAL_BEATS, 0, 0},
        {GLOBAL_BEATS, 129, 255}, {GLOBAL_LAST_LANES, 65, 255},
        {GLOBAL_WIDTH, 0, 21},    {GLOBAL_WIDTH, 65, 255},
        {GLOBAL_PACE, 0, 9},      {GLOBAL_OUTPUTS, 11, 255},
        {GLOBAL_OUTPUTS, 0, 0},   {GLOBAL_PASSES, 0, 0},
        {GLOBAL_PACE, 256, 300},  {GLOBAL_PASSES, static_cast<uint64_t>(4 * reuse + 1), 255}};
    const uint64_t *b = bad[pick(static_cast<int>(sizeof bad / sizeof bad[0]))];
    return {b[1] + draw() % (b[2] - b[1] + 1), static_cast<uint32_t>(b[0]), UNIT_GLOBAL};
}

Image draw_image(int round)
{
    Image im;
    im.records = schedule();
    for (int i = pick(60); i > 0; i--)
        im.records.push_back(draw_record());
    for (size_t i = im.records.size() - 1; i > 0; i--)
        std::swap(im.records[i], im.records[static_cast<size_t>(pick(static_cast<int>(i) + 1))]);
    im.written = im.records.size();
    int fault = round % 3 == 0 ? -1 : pick(9);
    size_t at = static_cast<size_t>(pick(static_cast<int>(im.records.size())));
    if (fault == 0 || fault == 1) { // a bad record: those before it are written
        if (fault == 0)
            im.wanted = spoil(im.records[at]);
        else {
            im.records[at] = draw_bad_register();
            im.wanted = VALUE;
        }
        im.written = at;
    } else if (fault == 2) { // a register that is never given
        std::vector<Record> all = schedule();
        uint32_t missing = static_cast<uint32_t>(pick(11));
        im.records.erase(std::remove_if(im.records.begin(), im.records.end(),
                                        [missing](const Record &r) {
                                            return r.unit == UNIT_GLOBAL && r.address == missing;
                                        }),
                         im.records.end());
        im.written = im.records.size();
        im.wanted = VALUE;
    } else if (fault == 3) { // too quick for its passes
        for (Record &r : im.records) {
            if (r.unit == UNIT_GLOBAL && r.address == GLOBAL_PACE)
                r.data = static_cast<uint64_t>(between(10, N * reuse - 1));
        }
        im.wanted = VALUE;
    } else if (fault == 4 || fault == 5 || fault == 6) {
        im.written = fault == 4 ? im.written : 0;
        im.wanted = fault == 4 ? CHECK : fault == 5 ? MAGIC : WRONG_VERSION;
    } else if (fault >= 7) {
        im.written = 0;
        im.wanted = SIZE;
    }
    uint32_t check = 0;
    for (const Record &r : im.records)
        check ^= static_cast<uint32_t>(r.data) ^ static_cast<uint32_t>(r.data >> 32) ^ r.address ^
                 static_cast<uint32_t>(r.unit) << 24;
    const uint32_t header[] = {IMAGE_MAGIC,
                               VERSION,
                               static_cast<uint32_t>(im.records.size()),
                               check,
                               static_cast<uint32_t>(N | (reuse - 1) << 8),
                               0,
                               static_cast<uint32_t>(between(1, FILTERS))};
    memcpy(im.header, header, sizeof header);
    im.bytes = static_cast<uint32_t>(IMAGE_HEADER_BYTES + im.records.size() * IMAGE_RECORD_BYTES);
    if (fault == 4)
        im.header[3] ^= 1U << pick(32);
    if (fault == 5)
        im.header[0] ^= 1U << pick(32);
    if (fault == 6)
        im.header[1] ^= 1U << pick(32);
    if (fault == 7)
        im.header[chance(50) ? 4 : 6] += chance(50) ? 4 : 256; // another build's
    if (fault == 8)
        im.bytes -= static_cast<uint32_t>(between(1, 16));
    if (im.wanted != SIZE && chance(50))
        im.bytes += static_cast<uint32_t>(pick(1000)); // facts for the host
    return im;
}

// The beat at record 4 * i; what fills the last one up is not looked at.
template <class M> void put_beat(M &m, const Image &im, size_t i)
{
    for (size_t k = 0; k < 4; k++) {
        size_t at = 4 * i + k;
        Record r = at < im.records.size() ? im.records[at]
                                          : Record{draw(), static_cast<uint32_t>(draw()),
                                                   static_cast<uint8_t>(draw())};
        const uint32_t words[] = {static_cast<uint32_t>(r.data),
                                  static_cast<uint32_t>(r.data >> 32), r.address,
                                  static_cast<uint32_t>(r.unit) << 24};
        memcpy(m.beat_i.m_storage + 4 * k, words, sizeof words);
    }
}

template <class M> void images(int rounds)
{
    Clocked<M> unit;
    M &m = unit.m;
    m.valid_i = m.header_i = m.clear_i = m.judge_i = 0;
    unit.reset();
    for (int round = 0; round < rounds; round++) {
        Image im = draw_image(round);
        int percent = round % 2 == 0 ? 100 : between(5, 60);
        m.bytes_i = im.bytes;
        m.clear_i = 1;
        unit.rise();
        m.clear_i = 0;
        std::vector<Record> found;
        size_t beats = (im.records.size() + 3) / 4, at = 0;
        bool headed = false, offered = false, judged = false;
        for (int wait = 0; wait < 3;) {
            bool all = headed && at == beats;
            offered = !all && (offered || chance(percent));
            m.valid_i = offered;
            m.header_i = !headed;
            if (!headed)
                memcpy(m.beat_i.m_storage, im.header, sizeof im.header);
            else
                put_beat(m, im, at);
            unit.settle();
            if (m.cfg_we_o)
                found.push_back({m.cfg_data_o, m.cfg_addr_o, m.cfg_unit_o});
            // as the sequencer: what is taken is written, then judged, then asked a cycle later
            m.judge_i = all && m.idle_o && !judged;
            judged |= m.judge_i != 0;
            wait += judged && !m.judge_i;
            if (offered && m.ready_o) {
                offered = false;
                at += headed;
                headed = true;
            }
            unit.rise();
        }
        compare("error", m.error_o, im.wanted);
        compare("records written", static_cast<int64_t>(found.size()),
                static_cast<int64_t>(im.written));
        for (size_t i = 0; i < std::min(found.size(), im.written); i++) {
            compare("unit", found[i].unit, im.records[i].unit);
            compare("address", found[i].address, im.records[i].address);
            compare("data", static_cast<int64_t>(found[i].data),
                    static_cast<int64_t>(im.records[i].data));
        }
        if (im.wanted != MAGIC && im.wanted != WRONG_VERSION)
            compare("records", m.records_o, im.header[2]);
    }
}

void run(int rounds)
{
    tally().what = "loader";
    images<Vloader>(rounds);
    tally().what = "loader of a kernel whose slots share lanes";
    reuse = 2;
    images<Vloader_shared>(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "loader", run);
}
