/* fault: what an emulated card can be told to do wrong. --fault NAME or NAME=NUMBER.
 *
 * One row a fault: X(name, number's default, help)
 */
#ifndef FPGA_SIM_FAULT_H
#define FPGA_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULTS(X)                                                                                  \
    X(never_connects, 0, "sleeps and connects to nobody")                                          \
    X(slow, 100, "every launch takes NUMBER ms")                                                   \
    X(hangs, 1, "launch NUMBER, and every one after it, never ends")                               \
    X(dies, 1, "the process ends in launch NUMBER")                                                \
    X(wrong_bits, 1, "from launch NUMBER on one bit of one score is wrong")                        \
    X(stale, 2, "from launch NUMBER on nothing is written: results are the launch's before")       \
    X(bad_image, 1, "before launch NUMBER a bit of the network that a kernel loads flips")         \
    X(refuses_memory, 0, "no buffer can be allocated")

enum fault_kind {
    FAULT_none,
#define X(name, number, help) FAULT_##name,
    FAULTS(X)
#undef X
};

struct fault {
    enum fault_kind kind;
    uint64_t number;
};

/* "hangs=3", underscores as dashes. False: no such fault, or no number. */
bool fault_parse(const char *text, struct fault *fault);

/* One line a fault, for --help. */
void fault_help(char *text, uint32_t bytes);

#endif
