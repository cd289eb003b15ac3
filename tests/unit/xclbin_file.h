/* xclbin_file: small containers for tests, a section at a time, so that a test can make a
 * good one and spoil one thing in it. Written anew from the layout (daemon/engine/xrt/xclbin.c
 * has the offsets), not by sparse-xclbin: the reader has another judge than its own writer. */
#ifndef SPARSED_TESTS_XCLBIN_FILE_H
#define SPARSED_TESTS_XCLBIN_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { XCLBIN_FILE_BYTES = 8192, XCLBIN_FILE_SECTIONS = 4 };

struct xclbin_file {
    uint16_t mode;           /* 4: hardware emulation */
    const char *platform;    /* "sparsed_emulation" */
    const char *metadata;    /* JSON */
    const char *kernel_unit; /* "k:k_1" */
    uint32_t units;          /* entries of IP_LAYOUT */
    uint32_t sections;       /* of 4: metadata XML, memory, units, JSON */
    uint64_t bytes;
    uint8_t data[XCLBIN_FILE_BYTES];
};

static inline void xclbin_file_put(struct xclbin_file *f, uint64_t at, uint64_t value,
                                   uint32_t bytes)
{
    memcpy(f->data + at, &value, bytes);
}

static inline void xclbin_file_section(struct xclbin_file *f, uint32_t index, uint32_t kind,
                                       const void *data, uint64_t bytes)
{
    uint64_t header = 456 + (uint64_t)index * 40, at = (f->bytes + 7) / 8 * 8;
    xclbin_file_put(f, header, kind, 4);
    xclbin_file_put(f, header + 24, at, 8);
    xclbin_file_put(f, header + 32, bytes, 8);
    memcpy(f->data + at, data, bytes);
    f->bytes = at + bytes;
}

/* Fills data[] and bytes from the rest. */
static inline void xclbin_file_make(struct xclbin_file *f)
{
    uint8_t units[8 + 16 * 80] = {0};
    memset(f->data, 0, sizeof f->data);
    memcpy(f->data, "xclbin2", 8);
    f->bytes = 456 + f->sections * 40;
    memcpy(units, &f->units, 4);
    for (uint32_t i = 0; i < f->units && i < 16; i++)
        (void)snprintf((char *)units + 8 + (size_t)i * 80 + 16, 64, "%s", f->kernel_unit);
    const struct {
        uint32_t kind;
        const void *data;
        uint64_t bytes;
    } section[XCLBIN_FILE_SECTIONS] = {
        {2, "<project/>", 10},
        {6, "memory", 6},
        {8, units, 8 + (f->units < 16 ? f->units : 16) * 80U},
        {16, f->metadata, strlen(f->metadata)},
    };
    for (uint32_t i = 0; i < f->sections; i++)
        xclbin_file_section(f, i, section[i].kind, section[i].data, section[i].bytes);
    xclbin_file_put(f, 304, f->bytes, 8);
    xclbin_file_put(f, 332, f->mode, 2);
    (void)snprintf((char *)f->data + 352, 64, "%s", f->platform);
    xclbin_file_put(f, 448, f->sections, 4);
}

#define XCLBIN_FILE_METADATA XCLBIN_FILE_METADATA_OF("2")
#define XCLBIN_FILE_METADATA_OF(n_outputs)                                                         \
    "{\"kernel_name\": \"k\", \"model_sha256\": "                                                  \
    "\"0000000000000000000000000000000000000000000000000000000000000000\", "                       \
    "\"form\": 0, \"height\": 9, \"width\": 7, \"channels\": 1, \"n_slots\": 5, "                  \
    "\"place_bytes\": 1, \"value_bytes\": 2, \"pixel_bytes\": 4, \"window_bytes\": 64, "           \
    "\"n_outputs\": " n_outputs ", \"raw_bytes\": 4, \"result_bytes\": 16}"

#define XCLBIN_FILE_GOOD                                                                           \
    {                                                                                              \
        .mode = 4, .platform = "sparsed_emulation", .metadata = XCLBIN_FILE_METADATA,              \
        .kernel_unit = "k:k_1", .units = 2, .sections = XCLBIN_FILE_SECTIONS                       \
    }

#endif
