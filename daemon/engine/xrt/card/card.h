/* card: one kernel on one card, through XRT. Only sparsed-xrt, a process of its own,
 * may use it: the library aborts, exits, spins and kills its process group.
 *
 * Each slot has a buffer of windows and one of results, allocated once. A launch copies
 * a slot's windows to the card and starts the kernel; when card_done says so, its
 * results are back. Several slots may be under way.
 *
 *     free --card_start--> on the card --card_done--> free
 */
#ifndef SPARSED_ENGINE_XRT_CARD_CARD_H
#define SPARSED_ENGINE_XRT_CARD_CARD_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { CARD_SLOTS = 16 };

struct card;

struct card_settings {
    uint32_t device;                       /* index, as xrt-smi counts */
    const char *xclbin;                    /* checked before (xclbin.h) */
    const char *kernel;                    /* name of the top function */
    uint32_t slots;                        /* 1 .. CARD_SLOTS */
    uint64_t windows_bytes, results_bytes; /* of a slot */
    /* of a kernel that loads its network (network.h): it lies in the card's memory all the time,
     * and each launch says where; 0 bytes: the kernel has its network */
    const uint8_t *image;
    uint64_t image_bytes;
    uint32_t image_name;
};

/* NULL: `err` says what the library refused. It may also never come back, or end the process. */
struct card *card_open(const struct card_settings *settings, struct error *err);
void card_close(struct card **card);

/* Host memory of a slot's buffers. */
uint8_t *card_windows(struct card *card, uint32_t slot);
const uint8_t *card_results(const struct card *card, uint32_t slot);

/* Starts scoring the first n_windows of a slot (`bytes` of windows). False: refused. */
bool card_start(struct card *card, uint32_t slot, uint64_t bytes, uint32_t n_windows, uint32_t tag);

enum card_state { CARD_BUSY, CARD_DONE, CARD_FAILED };

/* Whether a started slot has its results (`bytes` of them, copied back). Never waits. */
enum card_state card_done(struct card *card, uint32_t slot, uint64_t bytes);

/* The error code that a kernel which loads its network left in a register of any of its compute
 * units (kernel_error.h); 0: none has one, or XRT cannot read it. Only after a launch whose
 * results are missing: it costs what opening a kernel costs. */
uint32_t card_error(const struct card *card);

#endif
