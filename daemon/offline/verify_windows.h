/* verify_windows: windows that a card and the CPU scored differently, computed again.
 *
 * The daemon saves them (engine.fpga.save_directory) as lines of JSON with their pixels and
 * both answers; engine/disagreement.h writes them. Here an engine, the CPU's or a card,
 * scores them once more, and is compared with both.
 */
#ifndef SPARSED_OFFLINE_VERIFY_WINDOWS_H
#define SPARSED_OFFLINE_VERIFY_WINDOWS_H

#include "base/error.h"
#include "data/window.h"
#include "model/model.h"

#include <stdint.h>

struct verify_windows {
    uint64_t n;
    struct window *window; /* [n] */
    int64_t *cpu, *card;   /* [n][n_outputs]: what they gave then */
};

/* Reads a whole file. NULL, and `err` (DATA) names file, line and key: no such file, no JSON,
 * a window of another model (its hash), pixels that this model never takes. */
struct verify_windows *verify_windows_read(const struct model *m, const char *path,
                                           struct error *err);
void verify_windows_destroy(struct verify_windows **w);

/* Windows of which raw[n][n_outputs] and `then` are not the same. */
uint64_t verify_windows_compare(const struct verify_windows *w, const struct model *m,
                                const int64_t *raw, const int64_t *then);

#endif
