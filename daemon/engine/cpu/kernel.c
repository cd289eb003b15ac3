#include "engine/cpu/kernel.h"

#include "base/processor.h"
#include "engine/cpu/cnn_chain.h"
#include "engine/cpu/reference.h"
#include "engine/cpu/sparse7.h"
#include "engine/cpu/sparse_chain.h"

#include <stdio.h>
#include <string.h>

/* Fastest first; the reference matches everything and is the last. */
const struct kernel *const kernel_table[] = {
#if defined(__x86_64__)
    &sparse7_avx512_kernel,   &sparse_chain_avx512_kernel, &cnn_chain_avx512_kernel,
    &sparse7_avx2_kernel,     &sparse_chain_avx2_kernel,   &cnn_chain_avx2_kernel,
#endif
    &sparse7_portable_kernel, &reference_kernel,           &(const struct kernel){.name = NULL},
};

/* ---- families ---- */

static bool has_plain_c(void)
{
    return true;
}

const struct kernel_family kernel_family_table[] = {
    {"avx512", "kernels for AVX-512 with VBMI and VNNI", processor_has_avx512},
    {"avx2", "kernels for AVX2 and FMA", processor_has_avx2},
    {"portable", "kernels in plain C for any processor", has_plain_c},
    {"scalar", "plain int64 arithmetic, the judge of all others", has_plain_c},
    {NULL, NULL, NULL},
};

static const struct kernel_family *find_family(const char *name)
{
    for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* ---- choosing ---- */

bool kernel_usable(const struct kernel *k, const struct model *m)
{
    return find_family(k->family)->supported() && k->matches(m);
}

/* "auto", the families of this processor, and the kernels that match the model. */
static void list_usable(const struct model *m, char *text, size_t bytes)
{
    size_t at = (size_t)snprintf(text, bytes, "auto");
    for (const struct kernel_family *f = kernel_family_table; f->name != NULL && at < bytes; f++) {
        if (f->supported()) {
            at += (size_t)snprintf(text + at, bytes - at, ", %s", f->name);
        }
    }
    for (size_t i = 0; kernel_table[i]->name != NULL && at < bytes; i++) {
        const struct kernel *k = kernel_table[i];
        if (kernel_usable(k, m) && find_family(k->name) == NULL) {
            at += (size_t)snprintf(text + at, bytes - at, ", %s", k->name);
        }
    }
}

static bool asks_for(const char *name, const struct kernel *k)
{
    return strcmp(name, "auto") == 0 || strcmp(name, k->family) == 0 || strcmp(name, k->name) == 0;
}

const struct kernel *kernel_choose(const char *name, const struct model *m, struct error *err)
{
    const struct kernel_family *family = find_family(name);
    if (family != NULL && !family->supported()) {
        (void)error_set(err, ERROR_CONFIG, "kernel %s: this processor has not got it: use auto",
                        name);
        return NULL;
    }
    for (size_t i = 0; kernel_table[i]->name != NULL; i++) {
        const struct kernel *k = kernel_table[i];
        if (asks_for(name, k) && kernel_usable(k, m)) {
            return k;
        }
    }
    if (family != NULL) {
        return &reference_kernel;
    }
    char names[256];
    list_usable(m, names, sizeof names);
    (void)error_set(err, ERROR_CONFIG, "kernel %s: no such kernel for %s: must be one of %s", name,
                    m->name, names);
    return NULL;
}
