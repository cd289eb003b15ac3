/* histogram: durations in ns, counted in buckets that are at most 1/16 of their
 * value wide, from 1 ns to 2^40 ns (18 minutes; longer ones count in the last).
 *
 * In the manner of HdrHistogram: the bucket of v is its exponent and the four
 * bits below its highest one. One thread records; any thread may read, and sees
 * each bucket whole. 600 buckets, 5 KB.
 */
#ifndef SPARSED_BASE_HISTOGRAM_H
#define SPARSED_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 4, HISTOGRAM_EXPONENTS = 40 };
enum { HISTOGRAM_BUCKETS = (HISTOGRAM_EXPONENTS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t max_ns;
};

/* What a reader took out of a histogram: consistent with itself. */
struct histogram_summary {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t p50_ns, p99_ns, p999_ns, max_ns; /* upper ends of their buckets; 0 when empty */
};

void histogram_record(struct histogram *h, uint64_t value_ns);
struct histogram_summary histogram_read(const struct histogram *h);

/* The largest value of a bucket. */
uint64_t histogram_bucket_top_ns(size_t bucket);

#endif
