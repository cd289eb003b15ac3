// How: every cycle the memory drives its side of the ports, the kernel settles, what shakes hands
// is noted, and the clock rises. An offered beat or answer stays until it is taken.
#include "card.h"

#include "Vkernel.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

#include <string.h>

namespace rtl
{

enum : uint32_t { START = 1, DONE = 2, CONTINUE = 16 }; // of CONTROL

Card::Card() : kernel_(new Vkernel)
{
    kernel_->clk_i = 0;
    kernel_->rst_ni = 0;
    for (int i = 0; i < 4; i++)
        cycle();
    kernel_->rst_ni = 1;
    for (int i = 0; i < 4; i++)
        cycle();
}

Card::~Card()
{
    trace(nullptr);
    kernel_->final();
}

bool Card::stalls()
{
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % 100 < stall_percent;
}

void Card::drive_memory()
{
    Vkernel &k = *kernel_;
    k.m_axi_arready_i = !stalls();
    k.m_axi_awready_i = !stalls();
    k.m_axi_wready_i = !stalls();
    if (!read_valid_)
        read_valid_ = !bursts_.empty() && bursts_.front().ready_at <= now_ && !stalls();
    k.m_axi_rvalid_i = read_valid_;
    if (read_valid_) {
        const Burst &b = bursts_.front();
        const uint8_t *from = memory(b.address, 64, false);
        k.m_axi_rresp_i = from != nullptr ? 0 : 3;
        k.m_axi_rlast_i = b.beats == 1;
        memset(&k.m_axi_rdata_i, 0, 64);
        if (from != nullptr)
            memcpy(&k.m_axi_rdata_i, from, 64);
    }
    if (!answer_valid_)
        answer_valid_ = !answers_.empty() && !stalls();
    k.m_axi_bvalid_i = answer_valid_;
    k.m_axi_bresp_i = answer_valid_ && !answers_.front() ? 3 : 0;
}

void Card::sample_memory()
{
    Vkernel &k = *kernel_;
    if (k.m_axi_arvalid_o && k.m_axi_arready_i)
        bursts_.push_back({k.m_axi_araddr_o, now_ + latency, k.m_axi_arlen_o + 1U});
    if (k.m_axi_rvalid_i && k.m_axi_rready_o) {
        Burst &b = bursts_.front();
        b.address += 64;
        if (--b.beats == 0)
            bursts_.pop_front();
        read_valid_ = false;
        if (running_ && beats_in_window != 0 && ++beats_ % beats_in_window == 0)
            timing.last_beat.push_back(now_);
    }
    if (k.m_axi_awvalid_o && k.m_axi_awready_i)
        write_addresses_.push_back(k.m_axi_awaddr_o);
    if (k.m_axi_wvalid_o && k.m_axi_wready_i)
        write_data_.push_back(k.m_axi_wdata_o);
    if (k.m_axi_bvalid_i && k.m_axi_bready_o) {
        answers_.pop_front();
        answer_valid_ = false;
    }
    while (!write_addresses_.empty() && !write_data_.empty()) {
        uint8_t *to = memory(write_addresses_.front(), 4, true);
        if (to != nullptr)
            memcpy(to, &write_data_.front(), 4);
        answers_.push_back(to != nullptr);
        if (words_in_result != 0 &&
            (write_addresses_.front() - results_) / 4 % words_in_result == words_in_result - 1)
            timing.last_score.push_back(now_);
        write_addresses_.pop_front();
        write_data_.pop_front();
    }
}

#if VM_TRACE
struct Trace {
    VerilatedVcdC vcd;
};

bool Card::trace(const char *path)
{
    if (trace_)
        trace_->vcd.close();
    trace_.reset();
    if (path == nullptr)
        return true;
    Verilated::traceEverOn(true);
    trace_.reset(new Trace());
    kernel_->trace(&trace_->vcd, 2);
    trace_->vcd.open(path);
    return trace_->vcd.isOpen();
}

void Card::dump()
{
    if (trace_)
        trace_->vcd.dump(now_);
}
#else
struct Trace {
};

bool Card::trace(const char *path)
{
    return path == nullptr;
}

void Card::dump() {}
#endif

void Card::cycle()
{
    Vkernel &k = *kernel_;
    drive_memory();
    k.eval();
    sample_memory();
    dump();
    k.clk_i = 1;
    k.eval();
    k.clk_i = 0;
    k.eval();
    now_++;
}

void Card::write(uint32_t offset, uint32_t value)
{
    Vkernel &k = *kernel_;
    k.s_axi_awvalid_i = k.s_axi_wvalid_i = 1;
    k.s_axi_awaddr_i = static_cast<uint16_t>(offset);
    k.s_axi_wdata_i = value;
    k.s_axi_wstrb_i = 0xf;
    k.s_axi_bready_i = 1;
    cycle();
    k.s_axi_awvalid_i = k.s_axi_wvalid_i = 0;
    while (!k.s_axi_bvalid_o)
        cycle();
    cycle();
}

uint32_t Card::read(uint32_t offset)
{
    Vkernel &k = *kernel_;
    k.s_axi_arvalid_i = 1;
    k.s_axi_araddr_i = static_cast<uint16_t>(offset);
    k.s_axi_rready_i = 0;
    cycle();
    k.s_axi_arvalid_i = 0;
    while (!k.s_axi_rvalid_o)
        cycle();
    uint32_t value = k.s_axi_rdata_o;
    k.s_axi_rready_i = 1;
    cycle();
    k.s_axi_rready_i = 0;
    return value;
}

bool Card::run(uint64_t limit)
{
    timing = Timing();
    beats_ = words_ = 0;
    results_ = read(RESULTS) | static_cast<uint64_t>(read(RESULTS + 4)) << 32;
    // beats of an image that is loaded are not a window's: only a run without one is timed
    running_ = true;
    write(CONTROL, START);
    bool done = settle(limit);
    if (done)
        write(CONTROL, CONTINUE);
    running_ = false;
    return done;
}

bool Card::settle(uint64_t limit)
{
    uint64_t end = now_ + limit;
    while (now_ < end) {
        for (int i = 0; i < 64; i++)
            cycle();
        if ((read(CONTROL) & DONE) != 0)
            return true;
    }
    return false;
}

} // namespace rtl
