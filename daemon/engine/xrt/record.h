/* record: a window as a kernel reads it, and a result as it writes it: the layout of
 * fpga/hls/kernel_abi.h, with the sizes that the kernel's xclbin gives. No state.
 */
#ifndef SPARSED_ENGINE_XRT_RECORD_H
#define SPARSED_ENGINE_XRT_RECORD_H

#include "data/window.h"
#include "engine/xrt/xclbin.h"

#include <stdint.h>

/* Writes all x->window_bytes of one window; w->n_listed is at most x->n_slots for a list. */
void record_window(const struct xclbin *x, const struct window *w, uint8_t *to);

/* Takes the scores of one result, raw[n_outputs]. False: it does not carry `tag`, so it is
 * not the answer to this window. */
bool record_result(const struct xclbin *x, const uint8_t *from, uint32_t tag, int64_t *raw);

#endif
