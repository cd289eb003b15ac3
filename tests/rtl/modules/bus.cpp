// bus: axi_read and axi_write against a memory, registers against a host, fifo against a queue.
// Each side is, by turns, always ready, ready at random, ready one cycle in many and not ready at
// all for long; the memory answers late, in its order, and now and then with an error. No beat or
// word may be lost, doubled or moved, whatever the other side does.
#include "Vaxi_read.h"
#include "Vaxi_write.h"
#include "Vfifo.h"
#include "Vregisters.h"

#include "bench.h"

#include <map>

using namespace bench;

namespace
{

// How often a side is ready or has something, in percent of the cycles; with stalls of 200 cycles.
class Side
{
  public:
    explicit Side(int round) : percent_(PERCENT[round % 5]) {}
    bool goes()
    {
        if (stall_ == 0 && pick(400) == 0)
            stall_ = 200;
        stall_ -= stall_ > 0;
        return stall_ == 0 && chance(percent_);
    }

  private:
    static constexpr int PERCENT[] = {100, 50, 10, 80, 3};
    int percent_, stall_ = 0;
};

// ---- axi_read ----

uint32_t word_at(uint64_t address)
{
    return static_cast<uint32_t>((address * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

void reads(int rounds)
{
    struct Burst {
        uint64_t address;
        int beats;
    };
    Clocked<Vaxi_read> unit;
    Vaxi_read &m = unit.m;
    m.start_i = m.m_axi_arready_i = m.m_axi_rvalid_i = m.ready_i = 0;
    unit.reset();
    for (int round = 0; round < rounds && tally().different == 0; round++) {
        Side asks(round), answers(round / 2), takes(round / 3);
        uint64_t first = (draw() & ones(34)) << 12 | static_cast<uint64_t>(pick(64)) << 6;
        int beats = chance(30) ? 1 + pick(3) : between(1, 300);
        int fails_at = chance(20) ? pick(beats) : -1; // a beat that is answered with an error
        m.address_i = first;
        m.beats_i = static_cast<uint64_t>(beats);
        m.start_i = 1;
        unit.rise();
        m.start_i = 0;
        m.address_i = draw();
        std::deque<Burst> open;
        uint64_t next = first, held_address = 0;
        int asked = 0, got = 0, sent = 0, idle = 0;
        bool held = false, valid = false;
        for (; idle < 20 && tally().different == 0; idle += !m.busy_o) {
            m.m_axi_arready_i = asks.goes();
            valid = !open.empty() && (valid || answers.goes()); // stays until it is taken
            m.m_axi_rvalid_i = valid;
            m.ready_i = takes.goes();
            bool last = !open.empty() && open.front().beats == 1;
            m.m_axi_rlast_i = last;
            m.m_axi_rresp_i = valid && sent == fails_at ? 2 : 0;
            for (uint32_t i = 0; i < 16; i++)
                m.m_axi_rdata_i.m_storage[i] =
                    valid ? word_at(open.front().address + 4 * i) : static_cast<uint32_t>(draw());
            unit.settle();
            if (held)
                compare("request stays", static_cast<int64_t>(m.m_axi_araddr_o),
                        static_cast<int64_t>(held_address));
            compare("request stays", held && !m.m_axi_arvalid_o, 0);
            held = m.m_axi_arvalid_o && !m.m_axi_arready_i;
            held_address = m.m_axi_araddr_o;
            if (m.m_axi_arvalid_o && m.m_axi_arready_i) {
                int length = m.m_axi_arlen_o + 1;
                compare("address asked", static_cast<int64_t>(m.m_axi_araddr_o),
                        static_cast<int64_t>(next));
                compare("burst of more than 16 beats", length > 16, 0);
                compare("4 KiB border crossed",
                        (next & 4095) + static_cast<uint64_t>(length) * 64 > 4096, 0);
                open.push_back({next, length});
                compare("bursts open", open.size() > 8, 0);
                next += static_cast<uint64_t>(length) * 64;
                asked += length;
            }
            if (m.valid_o && m.ready_i) {
                for (uint32_t i = 0; i < 16; i += 5)
                    compare("data", m.data_o.m_storage[i],
                            word_at(first + static_cast<uint64_t>(got) * 64 + 4 * i));
                got++;
            }
            if (valid && m.m_axi_rready_o) {
                valid = false;
                sent++;
                open.front().address += 64;
                if (--open.front().beats == 0)
                    open.pop_front();
            }
            unit.rise();
        }
        compare("beats that came", got, asked);
        compare("failed", m.failed_o, fails_at >= 0);
        if (fails_at < 0)
            compare("beats asked", asked, beats);
        else
            compare("more asked than ordered", asked > beats || asked <= fails_at, 0);
    }
}

// ---- axi_write ----

void writes(int rounds)
{
    constexpr int WORDS = 300;
    Clocked<Vaxi_write> unit;
    Vaxi_write &m = unit.m;
    m.clear_i = m.valid_i = m.m_axi_awready_i = m.m_axi_wready_i = m.m_axi_bvalid_i = 0;
    unit.reset();
    for (int round = 0; round < rounds && tally().different == 0; round++) {
        Side addresses(round), words(round / 2), answers(round / 3), gives(round / 5);
        struct Word {
            uint64_t address;
            uint32_t data;
        };
        std::vector<Word> given;
        size_t n_address = 0, n_data = 0, n_answer = 0;
        int fails_at = chance(20) ? pick(WORDS) : -1;
        bool offered = false, answer = false, held_a = false, held_d = false;
        Word next = {0, 0}, old = {0, 0};
        m.clear_i = 1;
        unit.rise();
        m.clear_i = 0;
        for (int idle = 0; idle < 10 && tally().different == 0; idle += n_answer == WORDS) {
            if (!offered && given.size() < WORDS && gives.goes()) {
                offered = true;
                next = {draw() & ones(48), static_cast<uint32_t>(draw())};
            }
            m.valid_i = offered;
            m.address_i = offered ? next.address : draw();
            m.data_i = offered ? next.data : static_cast<uint32_t>(draw());
            m.m_axi_awready_i = addresses.goes();
            m.m_axi_wready_i = words.goes();
            size_t both = n_address < n_data ? n_address : n_data;
            answer = n_answer < both && (answer || answers.goes());
            m.m_axi_bvalid_i = answer;
            m.m_axi_bresp_i = answer && static_cast<int>(n_answer) == fails_at ? 3 : 0;
            unit.settle();
            compare("busy", m.busy_o, n_answer < given.size());
            compare("too many without an answer", given.size() - n_answer > 63, 0);
            if (held_a)
                compare("address stays", !m.m_axi_awvalid_o || m.m_axi_awaddr_o != old.address, 0);
            if (held_d)
                compare("word stays", !m.m_axi_wvalid_o || m.m_axi_wdata_o != old.data, 0);
            held_a = m.m_axi_awvalid_o && !m.m_axi_awready_i;
            held_d = m.m_axi_wvalid_o && !m.m_axi_wready_i;
            old = {m.m_axi_awaddr_o, m.m_axi_wdata_o};
            compare("address of no word", m.m_axi_awvalid_o && n_address >= given.size(), 0);
            compare("word of no address", m.m_axi_wvalid_o && n_data >= given.size(), 0);
            if (m.m_axi_awvalid_o && m.m_axi_awready_i && n_address < given.size())
                compare("address", static_cast<int64_t>(m.m_axi_awaddr_o),
                        static_cast<int64_t>(given[n_address++].address));
            if (m.m_axi_wvalid_o && m.m_axi_wready_i && n_data < given.size())
                compare("word", m.m_axi_wdata_o, given[n_data++].data);
            if (answer && m.m_axi_bready_o) {
                answer = false;
                n_answer++;
            }
            if (offered && m.ready_o) {
                given.push_back(next);
                offered = false;
            }
            unit.rise();
        }
        compare("words answered", static_cast<int64_t>(n_answer), WORDS);
        compare("failed", m.failed_o, fails_at >= 0);
    }
}

// ---- registers ----

struct Host {
    std::map<uint32_t, uint32_t> kept; // registers that a host writes
    bool start = false, done = false;
    uint32_t error = 0, cycles = 0;

    void write(uint32_t at, uint32_t data, uint32_t strobe)
    {
        if (at == 0 && (strobe & 1) != 0) {
            start |= (data & 1) != 0;
            done = done && (data & 0x11) == 0;
        } else if (strobe == 15 && kept.count(at) != 0) {
            kept[at] = data;
        }
    }
    uint32_t read(uint32_t at, bool idle) const
    {
        uint32_t d = done, i = idle, s = start;
        if (at == 0)
            return d << 3 | i << 2 | d << 1 | s;
        return at == 0x4c ? error : at == 0x50 ? cycles : kept.count(at) != 0 ? kept.at(at) : 0;
    }
};

uint32_t draw_register()
{
    static const uint32_t known[] = {0,    0,    0x10, 0x14, 0x1c, 0x20, 0x28,
                                     0x30, 0x38, 0x3c, 0x44, 0x48, 0x4c, 0x50};
    return chance(85) ? known[pick(14)] : static_cast<uint32_t>(pick(4096));
}

// What the circuit shows of what was written, each in its port.
void compare_ports(const Vregisters &m, Host &host)
{
    const struct {
        uint32_t at;
        uint64_t found;
    } ports[] = {{0x10, m.windows_o},       {0x14, m.windows_o >> 32}, {0x1c, m.results_o},
                 {0x20, m.results_o >> 32}, {0x28, m.n_windows_o},     {0x30, m.tag_o},
                 {0x38, m.image_o},         {0x3c, m.image_o >> 32},   {0x44, m.image_bytes_o},
                 {0x48, m.image_name_o}};
    for (const auto &p : ports)
        compare("port", static_cast<uint32_t>(p.found), host.kept[p.at]);
    compare("start", m.start_o, host.start);
}

void accesses(int rounds)
{
    Clocked<Vregisters> unit;
    Vregisters &m = unit.m;
    m.s_axi_awvalid_i = m.s_axi_wvalid_i = m.s_axi_arvalid_i = m.ready_i = m.done_i = 0;
    unit.reset();
    Host host;
    for (uint32_t at : {0x10, 0x14, 0x1c, 0x20, 0x28, 0x30, 0x38, 0x3c, 0x44, 0x48})
        host.kept[at] = 0;
    bool have_a = false, have_d = false, owes_b = false, owes_r = false;
    uint32_t address = 0, data = 0, strobe = 0, wanted = 0;
    for (int round = 0; round < rounds; round++) {
        Side addresses(round), words(round / 2), asks(round / 3), answered(round / 5),
            read(round / 7);
        for (int cycle = 0; cycle < 300; cycle++) {
            // what is offered stays until it is taken
            if (!m.s_axi_awvalid_i && addresses.goes()) {
                m.s_axi_awvalid_i = 1;
                m.s_axi_awaddr_i = static_cast<uint16_t>(draw_register());
            }
            if (!m.s_axi_wvalid_i && words.goes()) {
                m.s_axi_wvalid_i = 1;
                m.s_axi_wdata_i =
                    chance(30) ? static_cast<uint32_t>(pick(32)) : static_cast<uint32_t>(draw());
                m.s_axi_wstrb_i = static_cast<uint8_t>(chance(80) ? 15 : pick(16));
            }
            if (!m.s_axi_arvalid_i && asks.goes()) {
                m.s_axi_arvalid_i = 1;
                m.s_axi_araddr_i = static_cast<uint16_t>(draw_register());
            }
            m.s_axi_bready_i = answered.goes();
            m.s_axi_rready_i = read.goes();
            m.ready_i = chance(5);
            m.done_i = chance(5);
            m.idle_i = static_cast<uint8_t>(pick(2));
            m.error_i = static_cast<uint8_t>(host.error = static_cast<uint32_t>(pick(256)));
            m.cycles_i = host.cycles = static_cast<uint32_t>(draw());
            unit.settle();
            compare_ports(m, host);
            compare("answer to a write", m.s_axi_bvalid_o, owes_b);
            compare("answer to a read", m.s_axi_rvalid_o, owes_r);
            if (owes_r)
                compare("word read", m.s_axi_rdata_o, wanted);
            compare("responses", m.s_axi_bresp_o | m.s_axi_rresp_o, 0);
            bool took_a = m.s_axi_awvalid_i && m.s_axi_awready_o,
                 took_d = m.s_axi_wvalid_i && m.s_axi_wready_o;
            bool took_r = m.s_axi_arvalid_i && m.s_axi_arready_o,
                 writes = have_a && have_d && !owes_b;
            compare("a second address", took_a && (have_a || owes_b), 0);
            compare("a second word", took_d && (have_d || owes_b), 0);
            compare("a second read", took_r && owes_r, 0);
            if (owes_r && m.s_axi_rready_i)
                owes_r = false;
            if (took_r) {
                owes_r = true;
                wanted = host.read(m.s_axi_araddr_i, m.idle_i);
            }
            if (owes_b && m.s_axi_bready_i)
                owes_b = false;
            // the kernel's word comes before the host's, but a start is never lost
            host.start = host.start && !m.ready_i;
            if (writes) {
                host.write(address, data, strobe);
                have_a = have_d = false;
                owes_b = true;
            }
            host.done |= m.done_i != 0;
            if (took_a) {
                have_a = true;
                address = m.s_axi_awaddr_i;
            }
            if (took_d) {
                have_d = true;
                data = m.s_axi_wdata_i;
                strobe = m.s_axi_wstrb_i;
            }
            unit.rise();
            if (took_a)
                m.s_axi_awvalid_i = 0;
            if (took_d)
                m.s_axi_wvalid_i = 0;
            if (took_r)
                m.s_axi_arvalid_i = 0;
        }
    }
}

// ---- fifo ----

void queues(int rounds)
{
    constexpr size_t DEPTH = 16;
    Clocked<Vfifo> unit;
    Vfifo &m = unit.m;
    m.put_i = m.take_i = 0;
    unit.reset();
    std::deque<uint32_t> words;
    for (int round = 0; round < rounds; round++) {
        Side puts(round), takes(round / 5);
        for (int cycle = 0; cycle < 300; cycle++) {
            unit.settle();
            compare("empty", m.empty_o, words.empty());
            compare("full", m.full_o, words.size() == DEPTH);
            if (!words.empty())
                compare("word", m.data_o, words.front());
            m.put_i = words.size() < DEPTH && puts.goes();
            m.take_i = !words.empty() && takes.goes();
            m.data_i = static_cast<uint32_t>(draw());
            if (m.take_i)
                words.pop_front();
            if (m.put_i)
                words.push_back(m.data_i);
            unit.rise();
        }
    }
}

void run(int rounds)
{
    tally().what = "axi_read";
    reads(rounds);
    tally().what = "axi_write";
    writes(rounds);
    tally().what = "registers";
    accesses(rounds);
    tally().what = "fifo";
    queues(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    return finish(argc, argv, "bus", run);
}
