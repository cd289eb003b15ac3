/* reduce_kernel: one way to turn a wire's samples into sums, by instruction set.
 *
 *     wire  [ticks] --wire_float, wire_counts--> sum[rows]   written, or added to
 *     sum[rows]     --above_float, above_counts--> mask      one bit a hit
 *
 *     avx512    sixteen rows of pixels at a time
 *     avx2      eight
 *     scalar    plain C, the judge of the others
 *
 * All kernels give the same bits for every input, in the order of sums of
 * imaging/reduce.h. They read exactly the samples that fill a row of pixels: never
 * a wire's last ticks that do not, never beyond. Samples may lie at any address.
 *
 * A kernel is one struct at the end of its file. The files of an instruction set
 * are compiled with flags of their own (daemon/CMakeLists.txt); nothing of them
 * runs before the processor was asked (base/processor.h). No state: any thread,
 * with its own scratch.
 */
#ifndef SPARSED_IMAGING_REDUCE_KERNEL_H
#define SPARSED_IMAGING_REDUCE_KERNEL_H

#include "data/geometry.h"

#include <stdbool.h>
#include <stdint.h>

enum { REDUCE_SUM_MULTIPLE = 64 }; /* rows of a mask word */

/* Memory for the steps between samples and sums: one wire of the largest plane. */
struct reduce_scratch {
    float *tick_f;  /* [max(3 * bins, time_rebin)] */
    float *bin_f;   /* [bins] */
    int32_t *bin_i; /* [bins] */
};

struct reduce_kernel {
    const char *name;
    /* One wire to sum[0 .. rows): written if `first`, else added. `pedestal` is a time
     * bin's. Returns how many time bins were not finite. */
    uint32_t (*wire_float)(const struct reduce_scratch *s, const struct plane_geometry *p,
                           const unsigned char *wire, float pedestal, float *sum, bool first);
    void (*wire_counts)(const struct reduce_scratch *s, const struct plane_geometry *p,
                        const unsigned char *wire, int32_t pedestal, int32_t *sum, bool first);
    /* Bit i of mask[]: sum[i] >= threshold and not 0. sum[] has 64 * words entries
     * at an address that 64 divides; those that are no rows are 0. */
    void (*above_float)(const float *sum, uint32_t words, float threshold, uint64_t *mask);
    void (*above_counts)(const int32_t *sum, uint32_t words, int32_t threshold, uint64_t *mask);
};

extern const struct reduce_kernel reduce_scalar_kernel;
extern const struct reduce_kernel reduce_avx2_kernel;   /* x86-64 only */
extern const struct reduce_kernel reduce_avx512_kernel; /* x86-64 only */

/* The kernel of this name, if the processor has what it needs; "auto": the fastest
 * there is. NULL: no such kernel, or not here. */
const struct reduce_kernel *reduce_kernel_find(const char *name);

#endif
