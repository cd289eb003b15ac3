#include "engine/cpu/kernel.h"

#include "engine/cpu/reference.h"

#include <stdio.h>
#include <string.h>

/* Fastest first; the reference matches everything and is the last. */
const struct kernel *const kernel_table[] = {
    &reference_kernel,
    &(const struct kernel){.name = NULL},
};

static void list_matching(const struct model *m, char *text, size_t bytes)
{
    size_t at = 0;
    for (size_t i = 0; kernel_table[i]->name != NULL && at < bytes; i++) {
        if (kernel_table[i]->matches(m)) {
            int n = snprintf(text + at, bytes - at, ", %s", kernel_table[i]->name);
            at += n > 0 ? (size_t)n : 0;
        }
    }
}

const struct kernel *kernel_choose(const char *name, const struct model *m, struct error *err)
{
    for (size_t i = 0; kernel_table[i]->name != NULL; i++) {
        const struct kernel *k = kernel_table[i];
        if ((strcmp(name, "auto") == 0 || strcmp(name, k->name) == 0) && k->matches(m)) {
            return k;
        }
    }
    char names[256] = "";
    list_matching(m, names, sizeof names);
    (void)error_set(err, ERROR_CONFIG, "kernel %s: no such kernel for %s: must be auto%s", name,
                    m->name, names);
    return NULL;
}
