/* verify_vectors: what a network should give, read from a vectors file.
 *
 *     input                     [event][h][w][c], raws of the model's input type
 *     input_float               optional; cast to that type it must give `input`
 *     expected/LAYER/feat hash  what a sparse layer gives, slot by slot
 *     expected/LAYER/out        what another layer gives
 *     training/predictions      optional: the training library's scores
 *
 * Any subset of the layers may be there; a layer that the model has not is an
 * error. docs/model.md has the file's format.
 */
#ifndef SPARSED_OFFLINE_VERIFY_VECTORS_H
#define SPARSED_OFFLINE_VERIFY_VECTORS_H

#include "base/error.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { VERIFY_MAX_TENSORS = 3000 };

/* One recorded tensor: its numbers and what came of the comparison. */
struct verify_tensor {
    uint32_t layer;   /* index in the model */
    const char *kind; /* "feat", "hash" or "out" */
    int64_t *value;   /* [event][per_event] */
    uint64_t per_event;
    uint64_t mismatches; /* counted by verify_run */
    bool other_type;     /* its attribute `type` is not the layer's */
};

struct verify_vectors {
    uint64_t events;
    int32_t *input; /* [event][h][w][c] */
    uint32_t n_tensors;
    struct verify_tensor tensor[VERIFY_MAX_TENSORS]; /* in the order of the layers */
    uint64_t input_values, input_mismatches;         /* of input_float, cast */
    float *training;                                 /* [event][n_outputs], or NULL */
};

/* Reads a whole file. NULL: `err` names the file and the data set. */
struct verify_vectors *verify_vectors_read(const struct model *m, const char *path,
                                           struct error *err);
void verify_vectors_destroy(struct verify_vectors **v);

/* The tensor of the model's last integers (what sigmoid or softmax takes), or NULL
 * where the file does not hold it. */
struct verify_tensor *verify_vectors_last(struct verify_vectors *v, const struct model *m);

/* Forgets all tensors but that of the last integers, for an engine that shows no
 * others. False: the file does not hold it. */
bool verify_vectors_keep_last(struct verify_vectors *v, const struct model *m, struct error *err);

#endif
