/* kernel_circuit: a kernel as a shared object that has registers of its own, as the translated
 * circuit has, in place of kernel_run (hls/kernel_abi.h, whose kernel_info it has). It loads its
 * network from an image in the card's memory (image.h). Registers beyond those of kernel_abi.h:
 *
 *     0x38 image (64 bits)   0x44 bytes of the image, 0: the loaded one stays   0x48 its name: it
 *     is loaded if the loaded one has another   0x4c error code of the last launch (read only)
 *     0x50 cycles of the last launch (read only)
 */
#ifndef FPGA_RTL_KERNEL_CIRCUIT_H
#define FPGA_RTL_KERNEL_CIRCUIT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What it was built with, and an image must be made for: N, S, F, R of sparse_kernel.sv. */
struct kernel_build {
    uint32_t slots, at_once, filters, reuse;
};

/* Lives as long as the library. */
const struct kernel_build *kernel_build(void);

struct kernel_circuit;

/* Where the `bytes` at an address of the card's memory lie; NULL: nowhere. */
typedef uint8_t *kernel_memory(void *user, uint64_t address, uint64_t bytes);

/* One compute unit after a reset, the caller's to destroy. One thread at a time. */
struct kernel_circuit *kernel_circuit_create(kernel_memory *memory, void *user);
void kernel_circuit_destroy(struct kernel_circuit *c);

/* Its AXI4-Lite port. Time goes on only here: a read of control lets the clock run until the
 * launch ends, a good while at most. */
void kernel_circuit_write(struct kernel_circuit *c, uint32_t offset, uint32_t word);
uint32_t kernel_circuit_read(struct kernel_circuit *c, uint32_t offset);

#ifdef __cplusplus
}
#endif

#endif
