#include "base/heap.h"

#include <malloc.h>

void heap_keep_freed(void)
{
#if defined(__GLIBC__)
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_WHOLE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_BYTES);
#endif
}
