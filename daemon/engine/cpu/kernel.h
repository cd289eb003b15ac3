/* kernel: one way to compute a model on the CPU.
 *
 * Kernels are chosen when a model is loaded: the first row of kernel_table that
 * the processor can run and that matches the model. The last row, the scalar
 * reference, matches every model and is the judge of all others.
 *
 *     family    what its kernels may use
 *     avx512    AVX-512 F, BW, CD, DQ, VL, VBMI, VNNI (Ice Lake, Zen 4 and later)
 *     avx2      AVX2, FMA, BMI, BMI2 (Haswell, Zen and later)
 *     portable  plain C, specialised to a shape
 *     scalar    the reference: plain C, any model
 *
 * One binary holds all of them: each instruction set is in files of its own,
 * compiled with flags of their own (NAME_avx512.c, NAME_avx2.c; see
 * daemon/CMakeLists.txt), and nothing of them runs before the family was asked.
 * A kernel is one struct of functions at the end of its file.
 */
#ifndef SPARSED_ENGINE_CPU_KERNEL_H
#define SPARSED_ENGINE_CPU_KERNEL_H

#include "base/error.h"
#include "data/window.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel {
    const char *family; /* "scalar": one of kernel_family_table */
    const char *name;   /* "avx512-sparse7", of its own; the reference is "scalar" */
    const char *help;   /* one line */
    /* Whether it gives this model's very bits for every input, proven from its
     * classes, shapes, types and weights. Says nothing about the processor. */
    bool (*matches)(const struct model *m);
    void *(*create)(const struct model *m, struct error *err);
    /* Computes the last integers of one window into raw[n_outputs]. Allocates
     * nothing; the state may be used by one thread at a time. */
    void (*run)(void *state, const struct window *w, int64_t *raw);
    void (*destroy)(void *state);
};

struct kernel_family {
    const char *name;
    const char *help;        /* one line */
    bool (*supported)(void); /* by this processor and its operating system */
};

/* Both end with a row whose name is NULL; fastest first. */
extern const struct kernel *const kernel_table[];
extern const struct kernel_family kernel_family_table[];

/* Whether this processor can run `k` and `k` can run `m`. */
bool kernel_usable(const struct kernel *k, const struct model *m);

/* The kernel that `name` asks for: "auto", the first that is usable; a kernel's
 * own name; or a family, its first that is usable and, where it has none for this
 * model, the reference (compare the result's family to see it). NULL: no such
 * name, it does not match, or the processor has not got the family; `err` lists
 * what there is. */
const struct kernel *kernel_choose(const char *name, const struct model *m, struct error *err);

#endif
