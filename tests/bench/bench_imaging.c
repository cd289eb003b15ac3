/* imaging: a plane's samples to its list of hits, against plainly reading the same
 * buffer with one core: the fastest of several reads, each an OR of all bytes in
 * four registers, with and without prefetching at several distances. */
#include "base/clock.h"
#include "bench/goals.h"
#include "bench/planes.h"
#include "imaging/reduce.h"

#include <stdlib.h>
#include <string.h>

enum { WIRES = 3456 };

struct plane {
    const unsigned char *samples;
    size_t bytes;
    struct fragment fragment;
    struct reduced out;
    struct reducer *reducer;
};

struct kernel_run {
    struct plane *plane;
    const char *kernel;
};

/* What is read ends here, so that no compiler leaves the reading out. */
static volatile uint64_t sink;

/* ---- the peer: plain reads ----------------------------------------------------- */

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f"))) static uint64_t read_512(const unsigned char *p, size_t bytes,
                                                            size_t ahead)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t i = 0; i + 256 <= bytes; i += 256, p += 256) {
        for (size_t line = 0; ahead > 0 && line < 256; line += 64)
            _mm_prefetch((const char *)p + ahead + line, _MM_HINT_T0);
        a = _mm512_or_si512(a, _mm512_loadu_si512(p));
        b = _mm512_or_si512(b, _mm512_loadu_si512(p + 64));
        c = _mm512_or_si512(c, _mm512_loadu_si512(p + 128));
        d = _mm512_or_si512(d, _mm512_loadu_si512(p + 192));
    }
    a = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
    return (uint64_t)_mm512_reduce_or_epi64(a);
}

__attribute__((target("avx2"))) static uint64_t read_256(const unsigned char *p, size_t bytes,
                                                         size_t ahead)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i + 128 <= bytes; i += 128, p += 128) {
        for (size_t line = 0; ahead > 0 && line < 128; line += 64)
            _mm_prefetch((const char *)p + ahead + line, _MM_HINT_T0);
        const __m256i *v = (const __m256i *)(const void *)p;
        a = _mm256_or_si256(a, _mm256_loadu_si256(v));
        b = _mm256_or_si256(b, _mm256_loadu_si256(v + 1));
        c = _mm256_or_si256(c, _mm256_loadu_si256(v + 2));
        d = _mm256_or_si256(d, _mm256_loadu_si256(v + 3));
    }
    a = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
    return (uint64_t)_mm256_extract_epi64(a, 0) | (uint64_t)_mm256_extract_epi64(a, 1);
}
#endif

static uint64_t read_words(const unsigned char *p, size_t bytes, size_t ahead)
{
    uint64_t word[4] = {0};
    (void)ahead;
    for (size_t i = 0; i + sizeof word <= bytes; i += sizeof word) {
        uint64_t x[4];
        memcpy(x, p + i, sizeof x);
        for (int k = 0; k < 4; k++)
            word[k] |= x[k];
    }
    return word[0] | word[1] | word[2] | word[3];
}

struct read_run {
    const char *name;
    const char *kernel; /* whose instruction set it needs */
    uint64_t (*read)(const unsigned char *p, size_t bytes, size_t ahead);
    size_t ahead;
    const struct plane *plane;
};

static const struct read_run reads[] = {
#if defined(__x86_64__)
    {"read, 64 bytes a load", "avx512", read_512, 0, NULL},
    {"read, 64 bytes, 4 KiB ahead", "avx512", read_512, 4096, NULL},
    {"read, 64 bytes, 8 KiB ahead", "avx512", read_512, 8192, NULL},
    {"read, 64 bytes, 16 KiB ahead", "avx512", read_512, 16384, NULL},
    {"read, 32 bytes a load", "avx2", read_256, 0, NULL},
    {"read, 32 bytes, 8 KiB ahead", "avx2", read_256, 8192, NULL},
#endif
    {"read, plain C", "scalar", read_words, 0, NULL},
};
enum { N_READS = sizeof reads / sizeof reads[0] };

static uint64_t run_read(void *state)
{
    const struct read_run *r = state;
    uint64_t begin = clock_monotonic_ns();
    sink = r->read(r->plane->samples, r->plane->bytes, r->ahead);
    return clock_monotonic_ns() - begin;
}

/* ---- ours ------------------------------------------------------------------------ */

static uint64_t run_reduce(void *state)
{
    struct kernel_run *k = state;
    struct plane *p = k->plane;
    (void)reducer_use(p->reducer, k->kernel);
    uint64_t begin = clock_monotonic_ns();
    enum fragment_fate fate = reduce_fragment(p->reducer, &p->fragment, &p->out);
    uint64_t ns = clock_monotonic_ns() - begin;
    return fate == FRAGMENT_ASSEMBLED && p->out.n_hits > 0 ? ns : 0;
}

static int bench_type(const struct bench_options *o, struct plane *p, const char *type, double goal)
{
    static const char *const kernels[] = {"avx512", "avx2", "scalar"};
    struct bench_series series[N_READS + 3];
    struct read_run read[N_READS];
    struct kernel_run kernel[3];
    uint32_t n_reads = 0, n = 0;
    memset(series, 0, sizeof series);
    for (uint32_t i = 0; i < N_READS; i++) {
        if (!reducer_use(p->reducer, reads[i].kernel))
            continue;
        read[n] = reads[i];
        read[n].plane = p;
        series[n] = (struct bench_series){
            .name = read[n].name, .run = run_read, .state = &read[n], .work = (double)p->bytes};
        n_reads = ++n;
    }
    for (uint32_t i = 0; i < 3; i++) {
        kernel[i] = (struct kernel_run){p, kernels[i]};
        if (!reducer_use(p->reducer, kernels[i]))
            continue;
        series[n++] = (struct bench_series){
            .name = kernels[i], .run = run_reduce, .state = &kernel[i], .work = (double)p->bytes};
    }
    if (!bench_measure(series, n, o->rounds)) {
        (void)fprintf(stderr, "imaging: a plane of %s gave no hits\n", type);
        return 1;
    }
    char title[160];
    (void)snprintf(title, sizeof title,
                   "imaging, %s: %.1f MB to %u hits, GB/s, against the fastest plain read", type,
                   (double)p->bytes * 1e-6, p->out.n_hits);
    bench_title(o, title);
    const struct bench_series *peer = bench_fastest(series, n_reads);
    for (uint32_t i = 0; i < n; i++) {
        bool fastest_kernel = i == n_reads;
        bench_row_rate(o, type, &series[i], i < n_reads ? NULL : peer, fastest_kernel ? goal : 0);
    }
    bench_note(o, "peer: %s", peer->name);
    char what[64];
    (void)snprintf(what, sizeof what, "imaging, %s, %s", type, series[n_reads].name);
    goals_add_series(o->goals, what, "GB/s", &series[n_reads], peer, goal, GOAL_AT_LEAST);
    if (p->fragment.sample_type == SAMPLE_INT16)
        goals_rates(o->goals)->imaging_bytes_per_ns =
            (double)p->bytes / (double)bench_min_ns(&series[n_reads]);
    return 0;
}

static int bench_plane(const struct bench_options *o, const struct geometry *g,
                       enum sample_type type, const char *name, double goal)
{
    struct plane p = {.bytes = (size_t)WIRES * PLANES_TICKS * sample_bytes(type)};
    struct error err = {0};
    void *samples = aligned_alloc(4096, p.bytes);
    p.reducer = reducer_create(g, &err);
    reduce_capacity(g, &p.out.hit_capacity, &p.out.edge_capacity);
    p.out.hit = malloc(p.out.hit_capacity * sizeof *p.out.hit);
    p.out.edge = malloc(p.out.edge_capacity * sizeof *p.out.edge);
    int status = 1;
    if (samples && p.reducer && p.out.hit && p.out.edge) {
        (void)planes_fill(samples, type, WIRES, 1);
        p.samples = samples;
        p.fragment = (struct fragment){
            .kind = PAYLOAD_WIRES, .sample_type = type, .wires = WIRES, .samples = samples};
        status = bench_type(o, &p, name, goal);
    } else {
        (void)fprintf(stderr, "imaging: no memory for a plane\n");
    }
    free(p.out.hit);
    free(p.out.edge);
    free(samples);
    reducer_destroy(&p.reducer);
    return status;
}

int bench_imaging(const struct bench_options *o)
{
    const struct preprocessing pre = {.time_rebin = 6,
                                      .bin_floor = 10,
                                      .bin_clip = 100,
                                      .window_time_bins = 256,
                                      .window_wires = 512,
                                      .pool_time = 4,
                                      .pool_wires = 8,
                                      .pixel_threshold = 700,
                                      .image_height = 63,
                                      .image_width = 63,
                                      .pixel_scale = 3200};
    struct detector_settings d = {.ticks = PLANES_TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, WIRES, PLANES_PEDESTAL, 1.0 / PLANES_COUNTS_A_UNIT};
    struct geometry g;
    struct error err = {0};
    if (!geometry_init_wires(&g, &d, &pre, &err)) {
        (void)fprintf(stderr, "imaging: %s\n", err.text);
        return 1;
    }
    int status = bench_plane(o, &g, SAMPLE_INT16, "int16", 0.90);
    status |= bench_plane(o, &g, SAMPLE_FLOAT32, "float32", 0.95);
    geometry_fini(&g);
    return status;
}
