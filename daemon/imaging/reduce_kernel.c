#include "imaging/reduce_kernel.h"

#include "base/processor.h"

#include <stddef.h>
#include <string.h>

static bool everywhere(void)
{
    return true;
}

/* Fastest first; the scalar kernel runs everywhere. */
static const struct {
    const struct reduce_kernel *kernel;
    bool (*supported)(void);
} table[] = {
#if defined(__x86_64__)
    {&reduce_avx512_kernel, processor_has_avx512},
    {&reduce_avx2_kernel, processor_has_avx2},
#endif
    {&reduce_scalar_kernel, everywhere},
};

const struct reduce_kernel *reduce_kernel_find(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool asked = strcmp(name, "auto") == 0 || strcmp(name, table[i].kernel->name) == 0;
        if (asked && table[i].supported())
            return table[i].kernel;
    }
    return NULL;
}
