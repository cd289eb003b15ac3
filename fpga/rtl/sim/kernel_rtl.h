/* kernel_rtl: beyond ../kernel_circuit.h, for tests and measurements: one launch of the translated
 * kernel, with memory that can be told to be slow or wrong, and the cycle in which each window
 * came and went. */
#ifndef FPGA_RTL_SIM_KERNEL_RTL_H
#define FPGA_RTL_SIM_KERNEL_RTL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a launch is given, and what it tells. */
struct kernel_rtl_launch {
    const uint8_t *image; /* NULL: the one that is loaded stays */
    uint64_t image_bytes; /* as the kernel is told; the memory has as many */
    const uint8_t *windows;
    uint64_t windows_bytes;
    uint8_t *results;
    uint64_t results_bytes;
    uint32_t n_windows, tag;
    uint32_t beats, words; /* of a window and a result, for the timing; 0: none */
    uint32_t latency, stall_percent;
    uint32_t error, cycles; /* out: registers */
    /* out: [n_windows] or NULL: the cycle in which a window's last beat was taken at the read
     * port, and that in which its last score was on the write port */
    uint64_t *last_beat, *last_score;
    uint64_t misalign; /* added to the address of the windows */
    const char *trace; /* a VCD file of this launch (kernel_rtl_trace alone), or NULL */
};

/* A card after a reset, with the kernel in it; the caller's to destroy. */
void *kernel_rtl_create(void);
void kernel_rtl_destroy(void *card);

/* Runs to the end. False: the kernel hung, or there is no trace. One thread at a time. */
bool kernel_rtl_run(void *card, struct kernel_rtl_launch *launch);

#ifdef __cplusplus
}
#endif

#endif
