/* verify_card: windows scored on a card, for sparse-verify: the way of engine.kind = "fpga"
 * without the daemon around it: sparsed-xrt, real XRT, batches, and the self-test before any
 * of them. Nothing is scored on the CPU instead: a card that fails ends the comparison.
 */
#ifndef SPARSED_OFFLINE_VERIFY_CARD_H
#define SPARSED_OFFLINE_VERIFY_CARD_H

#include "base/error.h"
#include "data/window.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_card {
    const char *xclbin;         /* NULL: no card is asked for */
    const char *device_command; /* NULL: a card; else what starts an emulated one */
};

/* raw[n][n_outputs]: what the card gives for window[n]. Waits for it, a minute at most for its
 * start and for each batch. Errors: (CONFIG) the xclbin or the program; (SYSTEM) the card. */
bool verify_card_score(const struct verify_card *card, const struct model *m,
                       const struct window *window, uint64_t n, int64_t *raw, struct error *err);

#endif
