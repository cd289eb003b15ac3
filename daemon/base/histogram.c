#include "base/histogram.h"

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

static size_t bucket_of(uint64_t v)
{
    if (v >= UINT64_C(1) << HISTOGRAM_EXPONENTS) {
        return HISTOGRAM_BUCKETS - 1;
    }
    if (v < SUB) {
        return (size_t)v;
    }
    unsigned exponent = 63U - (unsigned)__builtin_clzll(v);
    unsigned shift = exponent - HISTOGRAM_SUB_BITS;
    return ((size_t)(shift + 1) << HISTOGRAM_SUB_BITS) + (size_t)((v >> shift) & (SUB - 1));
}

uint64_t histogram_bucket_top_ns(size_t bucket)
{
    if (bucket < SUB) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t low = ((uint64_t)SUB + (bucket & (SUB - 1))) << shift;
    return low + (UINT64_C(1) << shift) - 1;
}

static void add(_Atomic uint64_t *cell, uint64_t n)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

void histogram_record(struct histogram *h, uint64_t value_ns)
{
    add(&h->bucket[bucket_of(value_ns)], 1);
    add(&h->sum_ns, value_ns);
    if (value_ns > atomic_load_explicit(&h->max_ns, memory_order_relaxed)) {
        atomic_store_explicit(&h->max_ns, value_ns, memory_order_relaxed);
    }
}

static uint64_t quantile(const uint64_t *bucket, uint64_t count, uint64_t permille, uint64_t max_ns)
{
    uint64_t rank = (count * permille + 999) / 1000; /* the rank-th smallest, from 1 */
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += bucket[i];
        if (seen >= rank && seen > 0) {
            uint64_t top = histogram_bucket_top_ns(i);
            return top < max_ns ? top : max_ns;
        }
    }
    return 0;
}

struct histogram_summary histogram_read(const struct histogram *h)
{
    uint64_t bucket[HISTOGRAM_BUCKETS];
    struct histogram_summary s = {0};
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        bucket[i] = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        s.count += bucket[i];
    }
    s.sum_ns = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
    s.max_ns = atomic_load_explicit(&h->max_ns, memory_order_relaxed);
    s.p50_ns = quantile(bucket, s.count, 500, s.max_ns);
    s.p99_ns = quantile(bucket, s.count, 990, s.max_ns);
    s.p999_ns = quantile(bucket, s.count, 999, s.max_ns);
    return s;
}
