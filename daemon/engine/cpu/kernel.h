/* kernel: one way to compute a model on the CPU.
 *
 * Kernels are chosen when a model is loaded: the first row of kernel_table that
 * matches the model and the machine. The last row, the scalar reference, matches
 * every model and is the judge of all others. A kernel is one struct of
 * functions at the end of its file.
 */
#ifndef SPARSED_ENGINE_CPU_KERNEL_H
#define SPARSED_ENGINE_CPU_KERNEL_H

#include "base/error.h"
#include "data/window.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel {
    const char *name; /* "scalar", as in engine.kernel and sparse-verify --engine */
    const char *help; /* one line */
    bool (*matches)(const struct model *m);
    void *(*create)(const struct model *m, struct error *err);
    /* Computes the last integers of one window into raw[n_outputs]. Allocates
     * nothing; the state may be used by one thread at a time. */
    void (*run)(void *state, const struct window *w, int64_t *raw);
    void (*destroy)(void *state);
};

/* Ends with a row whose name is NULL. */
extern const struct kernel *const kernel_table[];

/* The kernel called `name`, or for "auto" the first that matches. NULL: no such
 * kernel, or it does not match; `err` lists those that do. */
const struct kernel *kernel_choose(const char *name, const struct model *m, struct error *err);

#endif
