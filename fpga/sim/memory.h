/* memory: the emulated card's memory, the buffers that a host has allocated.
 *
 * Addresses are the host library's choice. Outside of a buffer there is nothing: a
 * copy or a kernel that goes there is refused, where a card would quietly corrupt.
 */
#ifndef FPGA_SIM_MEMORY_H
#define FPGA_SIM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

enum { MEMORY_BUFFERS = 1024 };

struct memory {
    struct {
        uint64_t address, bytes;
        uint8_t *data;
    } buffer[MEMORY_BUFFERS];
    uint32_t n;
};

/* False: no room, an overlap, or above `limit_bytes` in all. */
bool memory_alloc(struct memory *m, uint64_t address, uint64_t bytes, uint64_t limit_bytes);
void memory_free(struct memory *m, uint64_t address);
void memory_fini(struct memory *m);

/* The `bytes` at `address`, or NULL if they do not all lie in one buffer. */
uint8_t *memory_at(struct memory *m, uint64_t address, uint64_t bytes);

#endif
