/* verify_run: one engine over recorded vectors.
 *
 * Each event is computed once. The scalar engine shows every layer, and each recorded
 * tensor is compared; another engine shows its last integers only.
 */
#ifndef SPARSED_OFFLINE_VERIFY_RUN_H
#define SPARSED_OFFLINE_VERIFY_RUN_H

#include "base/error.h"
#include "engine/cpu/kernel.h"
#include "model/model.h"
#include "offline/verify_card.h"
#include "offline/verify_vectors.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_result {
    uint64_t compared, mismatches; /* numbers, over all tensors and input_float */
    bool has_last;                 /* the file holds the last integers: */
    uint64_t decisions_differ;     /* windows; one output: which side of the middle (score 0.5
                                      after a sigmoid, 0 before one), else which is largest */
    double last_difference;        /* largest, of the last integers times 2^-F */
    double training_difference;    /* largest, of the scores, where the file holds them */
};

/* Counts mismatches in v's tensors and sums them up in *result. An engine other than
 * scalar makes v forget all tensors but the last. False: `err` says why it cannot run. */
bool verify_run(const struct model *m, const struct kernel *kernel, struct verify_vectors *v,
                struct verify_result *result, struct error *err);

/* The same with a card, which shows its last integers only. */
bool verify_run_card(const struct model *m, const struct verify_card *card,
                     struct verify_vectors *v, struct verify_result *result, struct error *err);

#endif
