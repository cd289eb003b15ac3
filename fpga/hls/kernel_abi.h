/* kernel_abi: a kernel as a shared object, libkernel_NAME.so, with a plain C interface.
 *
 * The same kernel in software: what the card does with a launch, kernel_run does in memory.
 * The emulated device, sparse-bench and the test bench use it; none of them needs to know the
 * fixed-point types.
 *
 * WINDOWS. A batch is n_windows records of `window_bytes` each, a multiple of 64 (a beat of the
 * memory). Little-endian; what fills a record up is not looked at. Numbers are raws of the
 * model's input type, `value_bytes` each (2 or 4), places count from 0, `place_bytes` each.
 *
 *     list     u32 number of pixels | pixel 0 | pixel 1 | ... n_slots records of pixel_bytes
 *              pixel:  row | col | value of each channel | up to a multiple of 4
 *     image    pixel of row 0, column 0 | row 0, column 1 | ...  records of pixel_bytes
 *              pixel:  value of each channel | up to a power of 2
 *
 * RESULTS. n_windows records of `result_bytes` each:
 *
 *     u32 tag + number of the window in the batch | u32 active pixels | raw of each output
 *
 * an output is an int32_t, or an int64_t if raw_bytes is 8 (then its lower half comes first,
 * and the record has no gaps). The active pixels are counted by the kernel in an image, before
 * the cut; in a list it is the number that the list gave. The tag is whatever the host chose:
 * a result that carries another one is left over from an earlier launch.
 *
 * REGISTERS of the card's AXI4-Lite port, ap_ctrl_chain; one write starts a batch:
 *
 *     0x00 control   0x10 windows (64 bits)   0x1c results (64 bits)   0x28 n_windows   0x30 tag
 *
 * A kernel that loads its network (rtl/kernel_circuit.h) serves many models: its info names none
 * (an empty model_sha256), n_slots is the most that it was built for, and the sizes of windows
 * and results are 0: those of the image that it is given.
 */
#ifndef SPARSED_HLS_KERNEL_ABI_H
#define SPARSED_HLS_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { KERNEL_ABI_VERSION = 1 };
enum kernel_form { KERNEL_LIST = 0, KERNEL_IMAGE = 1 };

struct kernel_info {
    uint32_t abi_version;     /* KERNEL_ABI_VERSION */
    const char *kernel_name;  /* the top function */
    const char *model_name;   /* as in the model file */
    const char *model_sha256; /* of the model file, 64 lower-case hexadecimal digits; or empty */
    const char *parallel;     /* the factors it was made with */
    uint32_t form;            /* enum kernel_form */
    uint32_t height, width, channels;
    uint32_t n_slots; /* pixels a list may hold; 0: no input reduction */
    uint32_t place_bytes, value_bytes, pixel_bytes, window_bytes;
    uint32_t n_outputs, raw_bytes, result_bytes;
    uint32_t n_layers;
};

/* What this kernel is; lives as long as the library. */
const struct kernel_info *kernel_info(void);

/* Scores a batch: n_windows * window_bytes in, n_windows * result_bytes out. Both stay the
 * caller's; nothing outside them is touched, whatever the windows hold. Any thread, several at
 * once. */
void kernel_run(const void *windows, void *results, uint32_t n_windows, uint32_t tag);

/* A layer's tensor, valid during the call: its raws in the layer's order, slots or (row,
 * column, channel); place[2 * slots] (row, column; from 1) in the sparse part, else NULL. */
typedef void kernel_see(void *user, uint32_t layer, const int64_t *value, uint64_t n_values,
                        const int64_t *place);

/* kernel_run that shows every layer of every window, in order. */
void kernel_trace(const void *windows, void *results, uint32_t n_windows, uint32_t tag,
                  kernel_see *see, void *user);

#ifdef __cplusplus
}
#endif

#endif
