/* reference: the plain scalar engine, one window at a time, layer by layer.
 *
 * It is written to be read, not to be fast, and stays as the judge of every
 * faster kernel: the last row of kernel_table, "scalar", which matches every
 * model. All memory is taken by reference_create; the model must outlive the
 * state. A state may be used by one thread at a time.
 */
#ifndef SPARSED_ENGINE_CPU_REFERENCE_H
#define SPARSED_ENGINE_CPU_REFERENCE_H

#include "base/error.h"
#include "data/window.h"
#include "engine/cpu/kernel.h"
#include "engine/cpu/layer_run.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct reference;

struct reference *reference_create(const struct model *m, struct error *err);
void reference_destroy(struct reference **r);

/* The last integers of one window, raw[m->n_outputs]. */
void reference_run(struct reference *r, const struct window *w, int64_t *raw);

/* What a layer gave, valid during the call: value[n_values] in the layer's shape
 * l->out; in the sparse part place[slots] and occupied[slots], else NULL. */
struct reference_tensor {
    const int64_t *value;
    uint64_t n_values;
    const struct place *place;
    const bool *occupied;
};
typedef void reference_see(void *user, uint32_t index, const struct layer *l,
                           const struct reference_tensor *t);

/* The same, and calls `see` after every layer; the input's own tensor is shown
 * only for models without a reduction (with one, no dense image is made). */
void reference_trace(struct reference *r, const struct window *w, int64_t *raw, reference_see *see,
                     void *user);

extern const struct kernel reference_kernel;

#endif
