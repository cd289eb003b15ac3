// card: the translated kernel with memory around it: a clock, AXI4-Lite writes and reads, an
// AXI4 memory that answers after some cycles and, if asked, stalls at random. One caller.
#ifndef FPGA_RTL_SIM_CARD_H
#define FPGA_RTL_SIM_CARD_H

#include <stdint.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

class Vkernel;

namespace rtl
{

// Registers of registers.sv.
enum Register : uint32_t {
    CONTROL = 0x00,
    WINDOWS = 0x10,
    RESULTS = 0x1c,
    N_WINDOWS = 0x28,
    TAG = 0x30,
    IMAGE = 0x38,
    IMAGE_BYTES = 0x44,
    IMAGE_NAME = 0x48,
    ERROR = 0x4c,
    CYCLES = 0x50,
};

// Where in the host the `bytes` at an address of the card lie; nullptr: nowhere, the bus answers
// with an error.
using Memory = std::function<uint8_t *(uint64_t address, uint64_t bytes, bool write)>;

// What a window's way through the kernel took, in cycles of one launch.
struct Timing {
    std::vector<uint64_t> last_beat;  // of each window, taken
    std::vector<uint64_t> last_score; // of each window, on the write port
};

struct Trace; // of all signals, cycle by cycle

class Card
{
  public:
    Card();
    ~Card();
    Memory memory;
    uint32_t latency = 30;      // cycles from a read's address to its data
    uint32_t stall_percent = 0; // of cycles in which a port is not ready, at random
    Timing timing;
    uint32_t beats_in_window = 0; // 0: no timing
    uint32_t words_in_result = 0;

    void write(uint32_t offset, uint32_t value);
    uint32_t read(uint32_t offset);
    // Starts, and waits for the end. False: none after `limit` cycles.
    bool run(uint64_t limit);
    // Writes what every signal of the kernel and its core is, each cycle from now on, as VCD; one
    // unit of time is a cycle. nullptr: ends it. False: no such file, or a library without.
    bool trace(const char *path);
    // Lets the clock run until a launch has ended, at most `limit` cycles; whether it has.
    bool settle(uint64_t limit);

  private:
    void cycle();
    void drive_memory();
    void sample_memory();
    bool stalls();
    void dump();

    struct Burst {
        uint64_t address, ready_at;
        uint32_t beats;
    };
    std::unique_ptr<Vkernel> kernel_;
    std::unique_ptr<Trace> trace_;
    std::deque<Burst> bursts_;
    std::deque<uint64_t> write_addresses_;
    std::deque<uint32_t> write_data_;
    std::deque<bool> answers_;
    uint64_t now_ = 0, beats_ = 0, words_ = 0;
    uint64_t results_ = 0;
    uint64_t random_ = 0x9e3779b97f4a7c15;
    bool read_valid_ = false, answer_valid_ = false, running_ = false;
};

} // namespace rtl

#endif
