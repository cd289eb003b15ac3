/* How: glibc has had no wrapper for long, and its own headers and the kernel's define the same
 * struct, so none of glibc's that deal with scheduling is included here. */
#include "base/slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool ask(struct sched_attr *a)
{
    *a = (struct sched_attr){.size = sizeof *a};
    return syscall(SYS_sched_getattr, 0, a, sizeof *a, 0) == 0;
}

/* Linux calls the slice of a thread without a real-time policy its run time. */
static bool is_ordinary(const struct sched_attr *a)
{
    return a->sched_policy == SCHED_NORMAL || a->sched_policy == SCHED_BATCH;
}

void slice_shorten(void)
{
    struct sched_attr a;
    if (!ask(&a) || !is_ordinary(&a))
        return;
    a.sched_runtime = SLICE_SHORT_NS;
    (void)syscall(SYS_sched_setattr, 0, &a, 0);
}

uint64_t slice_ns(void)
{
    struct sched_attr a;
    return ask(&a) && is_ordinary(&a) ? a.sched_runtime : 0;
}
