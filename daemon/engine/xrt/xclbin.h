/* xclbin: what a kernel's container says of itself, checked before XRT sees it: the
 * library crashes on an empty one, ends the process on a truncated one, and takes one of
 * the wrong mode without a word.
 *
 * Which model the kernel was made from, and how its windows lie in memory
 * (fpga/hls/kernel_abi.h), stands in its user metadata as JSON; sparse-xclbin puts it
 * there for emulation, xclbinutil for a card (fpga/README.md). A kernel that loads its network
 * names no model; how windows lie is then known when it has one (network.h).
 */
#ifndef SPARSED_ENGINE_XRT_XCLBIN_H
#define SPARSED_ENGINE_XRT_XCLBIN_H

#include "base/error.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum kernel_form { KERNEL_LIST, KERNEL_IMAGE };

/* As struct kernel_info of fpga/hls/kernel_abi.h. */
struct xclbin {
    char kernel[64];
    char model_sha256[65]; /* lower-case hexadecimal */
    bool loads;            /* it was made from no model: see network.h, which has the sizes */
    bool emulation;        /* made for hardware emulation, not for a card */
    uint32_t n_units;      /* compute units: launches it runs at a time */
    enum kernel_form form;
    uint32_t height, width, channels;
    uint32_t n_slots; /* pixels a list may hold; of a kernel that loads: at most */
    uint32_t place_bytes, value_bytes, pixel_bytes, window_bytes;
    uint32_t n_outputs, raw_bytes, result_bytes;
    uint32_t at_once, filters, reuse; /* of a kernel that loads: kernel_circuit.h of fpga/rtl */
};

/* Errors (CONFIG), naming the file: unreadable, no xclbin, truncated, of a mode or platform
 * that nothing here runs, no kernel or no user metadata in it, figures that do not fit each
 * other. */
bool xclbin_read(const char *path, struct xclbin *x, struct error *err);

/* The same of a file's contents; `path` is for sentences. */
bool xclbin_parse(const char *path, const uint8_t *data, uint64_t bytes, struct xclbin *x,
                  struct error *err);

/* Whether it was made from this model, or has its network, and for emulation where `emulation` is
 * asked for. Errors (CONFIG) name both. */
bool xclbin_fits(const struct xclbin *x, const char *path, const struct model *m, bool emulation,
                 struct error *err);

#endif
