/* image: what the kernel in SystemVerilog loads from memory: a network as a list of writes to
 * the kernel's configuration bus (sparse_pkg.sv and loader.sv have the other side).
 *
 *     64 bytes   "SPRT", version, number of records, exclusive or of their words, N of the
 *                kernel and above 8 bits its R - 1, offset of the facts, filters of the first
 *                convolution; rest 0
 *     records    16 bytes each: u64 data | u24 address, u8 0 | u24 0, u8 unit
 *     facts      what a host must know of the network; the kernel does not read them
 *
 * All little-endian. An image grows in memory; a failed allocation is kept and reported by
 * image_write.
 */
#ifndef FPGA_RTL_IMAGE_H
#define FPGA_RTL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_VERSION = 2, IMAGE_HEADER_BYTES = 64, IMAGE_RECORD_BYTES = 16 };
enum { IMAGE_MAGIC = 0x54525053, IMAGE_MAX_RECORDS = 65536 };

/* Widths and limits of the kernel, as in sparse_pkg.sv. */
enum {
    RTL_X_BITS = 18,
    RTL_Y_BITS = 25,
    RTL_WEIGHT_BITS = 20,
    RTL_CONV_WEIGHT_BITS = 22,
    RTL_SHIFT = 12,
    RTL_ACC_BITS = 42,
    RTL_SUM_BITS = 29,
    RTL_RECIP_BITS = 30,
    RTL_POOL_SHIFT = 29,
    RTL_D1_BITS = 48,
    RTL_D2_BITS = 44,
    RTL_D2_SHIFT = 4,
    RTL_CHANNELS = 3,
    RTL_LANE_OUTPUTS = 20, /* a pass; with a reuse of R an R-th of them, and R times as many ... */
    RTL_PASSES = 4,
    RTL_PLACES = 256, /* ... passes, and places in all passes */
    RTL_MOST_REUSE = 4,
    RTL_OUTPUTS = 10,
    RTL_SIDE = 64,
    RTL_KERNEL = 9,
    RTL_INPUT_SHIFT = 7,
    RTL_MIN_WIDTH = 22,
    RTL_MOST_PACE = 255,
};

enum rtl_unit {
    UNIT_GLOBAL,
    UNIT_A_WEIGHT,
    UNIT_A_SETUP,
    UNIT_B_WEIGHT,
    UNIT_B_SETUP,
    UNIT_POOL_A,
    UNIT_POOL_B,
    UNIT_DENSE1_WEIGHT,
    UNIT_DENSE1_QUANT,
    UNIT_DENSE1_OUT,
    UNIT_DENSE1_SETUP,
    UNIT_DENSE2_WEIGHT,
    UNIT_DENSE2_SETUP,
    UNIT_TABLE,
    UNIT_TABLE_SETUP,
};

enum rtl_global {
    GLOBAL_FORM,
    GLOBAL_SLOTS,
    GLOBAL_BEATS,
    GLOBAL_LAST_LANES,
    GLOBAL_WIDTH,
    GLOBAL_THRESHOLD,
    GLOBAL_SIGNED,
    GLOBAL_INPUT_TYPE,
    GLOBAL_PACE,
    GLOBAL_OUTPUTS,
    GLOBAL_PASSES,
};

/* Parameters of a kernel's build: N, S, F and R of sparse_kernel.sv. An image for one slot a cycle
 * also runs on a kernel that takes two, but at the pace of one. */
struct rtl_build {
    uint32_t slots;
    uint32_t at_once; /* slots a cycle; divides `slots` */
    uint32_t filters; /* of the first convolution */
    uint32_t reuse;   /* slots that share a lane: 1, 2 or 4, divides `slots`; 1 where at_once > 1 */
};

enum { RTL_SLOTS_MIN = 8, RTL_SLOTS_MAX = 63, RTL_MOST_AT_ONCE = 2 };

/* Whether there is such a kernel. */
bool image_build_exists(const struct rtl_build *b);

/* Numbers as in hls/kernel_abi.h, struct kernel_info. */
struct image_facts {
    uint32_t form, height, width, channels, n_slots;
    uint32_t place_bytes, value_bytes, pixel_bytes, window_bytes;
    uint32_t n_outputs, raw_bytes, result_bytes, n_layers;
    uint32_t reserved[3];
    char model_name[64];
    char model_sha256[65];
    char padding[63];
};

struct image {
    uint8_t *record;
    uint32_t n, room;
    uint32_t filters; /* that the network's first convolution has */
    bool no_memory;
};

void image_init(struct image *im);
void image_fini(struct image *im);

/* One write on the configuration bus. */
void image_put(struct image *im, enum rtl_unit unit, uint32_t address, uint64_t data);

/* The finished image for a kernel of this build in one block of *bytes, the caller's to free; NULL:
 * no memory, or more records than a kernel takes. */
uint8_t *image_finish(const struct image *im, const struct rtl_build *build,
                      const struct image_facts *facts, size_t *bytes);

#endif
