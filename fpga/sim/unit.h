/* unit: one compute unit of the emulated card: its registers, and its kernel, which is a
 * shared object (fpga/hls/kernel_abi.h). A launch is computed when it is started; when the
 * host may see that it is done is the fault's business. A kernel that is a circuit has registers
 * of its own, to which all goes, and runs while they are read.
 *
 *     idle --start--> busy --(slow: after a while)--> done --continue--> idle
 *                      |
 *                      +--(hangs)--> busy for ever
 */
#ifndef FPGA_SIM_UNIT_H
#define FPGA_SIM_UNIT_H

#include "fault.h"
#include "hls/kernel_abi.h"
#include "memory.h"
#include "rtl/kernel_circuit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNIT_REGISTER_BYTES = 0x1000 };

struct unit_kernel {
    void *library;
    const struct kernel_info *info;
    void (*run)(const void *windows, void *results, uint32_t n_windows, uint32_t tag);
    /* of a circuit, which has no run; else NULL */
    struct kernel_circuit *(*create)(kernel_memory *memory, void *user);
    void (*destroy)(struct kernel_circuit *c);
    void (*write)(struct kernel_circuit *c, uint32_t offset, uint32_t word);
    uint32_t (*read)(struct kernel_circuit *c, uint32_t offset);
};

struct unit {
    const struct unit_kernel *kernel;
    const struct fault *fault;
    struct memory *memory;
    struct kernel_circuit *circuit; /* NULL: the kernel is none */
    uint32_t word[UNIT_REGISTER_BYTES / 4];
    bool busy, done;
    bool runs;        /* the circuit was started and has not ended */
    uint64_t done_ns; /* monotonic: when a busy unit becomes done; UINT64_MAX: never */
    uint64_t launches, refused;
};

/* False: not a kernel's shared object; said on standard error. */
bool unit_kernel_open(struct unit_kernel *k, const char *path);
void unit_kernel_close(struct unit_kernel *k);

/* A unit after a reset. False: no memory. `kernel`, `fault` and `memory` stay the caller's. */
bool unit_init(struct unit *u, const struct unit_kernel *kernel, const struct fault *fault,
               struct memory *memory);
void unit_fini(struct unit *u);

/* Registers from `offset` on, 4 bytes at a time; what is outside reads 0 and is not written.
 * `now_ns` is monotonic. */
void unit_write(struct unit *u, uint64_t offset, const uint8_t *data, size_t bytes,
                uint64_t now_ns);
void unit_read(struct unit *u, uint64_t offset, uint8_t *data, size_t bytes, uint64_t now_ns);

#endif
