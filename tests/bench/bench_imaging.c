/* imaging: a plane's samples to its list of hits, against plainly reading the same
 * buffer with one core: the fastest of several reads, each an OR of all bytes in
 * four registers, with and without prefetching at several distances. */
#include "bench/goals.h"
#include "bench/planes.h"
#include "imaging/reduce.h"
#include "unit/published.h"

#include <stdlib.h>
#include <string.h>

enum { WIRES = 3456 };

struct plane {
    const unsigned char *samples;
    size_t bytes;     /* of the fragment */
    uint32_t repeats; /* of each run over it */
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
    uint64_t begin = bench_thread_ns();
    for (uint32_t i = 0; i < r->plane->repeats; i++)
        sink = r->read(r->plane->samples, r->plane->bytes, r->ahead);
    return bench_thread_ns() - begin;
}

/* ---- ours ------------------------------------------------------------------------ */

static uint64_t run_reduce(void *state)
{
    struct kernel_run *k = state;
    struct plane *p = k->plane;
    (void)reducer_use(p->reducer, k->kernel);
    uint64_t begin = bench_thread_ns();
    enum fragment_fate fate = FRAGMENT_ASSEMBLED;
    for (uint32_t i = 0; fate == FRAGMENT_ASSEMBLED && i < p->repeats; i++)
        fate = reduce_fragment(p->reducer, &p->fragment, &p->out);
    uint64_t ns = bench_thread_ns() - begin;
    return fate == FRAGMENT_ASSEMBLED ? ns : 0;
}

struct measurement {
    uint32_t n_reads, n; /* reads come first, then our kernels, the fastest first */
    struct bench_series series[N_READS + 3];
    struct read_run read[N_READS];
    struct kernel_run kernel[3];
};

/* All reads and kernels that the processor can run, over the plane's fragment. */
static bool measure(struct measurement *m, struct plane *p, uint32_t rounds)
{
    static const char *const kernels[] = {"avx512", "avx2", "scalar"};
    double work = (double)p->bytes * p->repeats;
    memset(m, 0, sizeof *m);
    for (uint32_t i = 0; i < N_READS; i++) {
        if (!reducer_use(p->reducer, reads[i].kernel))
            continue;
        uint32_t n = m->n;
        m->read[n] = reads[i];
        m->read[n].plane = p;
        m->series[n] = (struct bench_series){
            .name = m->read[n].name, .run = run_read, .state = &m->read[n], .work = work};
        m->n_reads = ++m->n;
    }
    for (uint32_t i = 0; i < 3; i++) {
        m->kernel[i] = (struct kernel_run){p, kernels[i]};
        if (!reducer_use(p->reducer, kernels[i]))
            continue;
        m->series[m->n++] = (struct bench_series){
            .name = kernels[i], .run = run_reduce, .state = &m->kernel[i], .work = work};
    }
    return bench_measure(m->series, m->n, rounds);
}

static int bench_type(const struct bench_options *o, struct plane *p, const char *type, double goal)
{
    static struct measurement m; /* series are large */
    p->repeats = 1;
    if (!measure(&m, p, o->rounds) || p->out.n_hits == 0) {
        (void)fprintf(stderr, "imaging: a plane of %s gave no hits\n", type);
        return 1;
    }
    char title[160], what[64];
    (void)snprintf(title, sizeof title,
                   "imaging, %s: %.1f MB to %u hits, GB/s, against the fastest plain read", type,
                   (double)p->bytes * 1e-6, p->out.n_hits);
    bench_title(o, title);
    const struct bench_series *peer = bench_fastest(m.series, m.n_reads);
    const struct bench_series *ours = &m.series[m.n_reads];
    for (uint32_t i = 0; i < m.n; i++)
        bench_row_rate(o, type, &m.series[i], i < m.n_reads ? NULL : peer,
                       &m.series[i] == ours ? goal : 0);
    bench_note(o, "peer: %s", peer->name);
    (void)snprintf(what, sizeof what, "imaging, %s, %s", type, ours->name);
    goals_add_series(o->goals, what, "GB/s", ours, peer, goal);
    if (p->fragment.sample_type == SAMPLE_INT16)
        goals_rates(o->goals)->imaging_bytes_per_ns = ours->work / (double)bench_min_ns(ours);
    return 0;
}

/* ---- from cache to memory ---------------------------------------------------------- */

static void show_size(const struct bench_options *o, const char *type, double bytes,
                      const char *name, const struct bench_series *s)
{
    double best = s->work / (double)bench_min_ns(s), median = s->work / (double)bench_median_ns(s);
    bench_object(o, json_pack("{s:s, s:s, s:f, s:s, s:f, s:f}", "table", "roofline", "type", type,
                              "bytes", bytes, "name", name, "best_per_ns", best, "median_per_ns",
                              median));
    if (!o->json)
        printf(" %10.1f", best);
}

/* The same over fragments that fit a cache and such that do not: the read is the roof.
 * A run reads about 16 MB, however small the fragment. */
static int bench_sizes(const struct bench_options *o, struct plane *p, const char *type)
{
    static const uint32_t wires[] = {8, 16, 40, 80, 160, 320, 640, 1280, WIRES};
    static struct measurement m;
    if (!o->json)
        printf("\nimaging, %s, by size: GB/s at best\n%-12s %10s %10s %10s %10s\n", type, "KB",
               "read", "avx512", "avx2", "scalar");
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        size_t wire_bytes = PLANES_TICKS * sample_bytes(p->fragment.sample_type);
        p->fragment.wires = wires[i];
        p->bytes = wires[i] * wire_bytes;
        p->repeats = (uint32_t)(1 + ((size_t)16 << 20) / p->bytes);
        if (!measure(&m, p, o->rounds < 7 ? o->rounds : 7)) {
            (void)fprintf(stderr, "imaging: %u wires of %s were refused\n", wires[i], type);
            return 1;
        }
        if (!o->json)
            printf("%-12.1f", (double)p->bytes * 1e-3);
        show_size(o, type, (double)p->bytes, "read", bench_fastest(m.series, m.n_reads));
        for (uint32_t k = m.n_reads; k < m.n; k++)
            show_size(o, type, (double)p->bytes, m.series[k].name, &m.series[k]);
        if (!o->json)
            printf("\n");
    }
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
        status |= bench_sizes(o, &p, name);
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
    struct detector_settings d = {.ticks = PLANES_TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, WIRES, PLANES_PEDESTAL, 1.0 / PLANES_COUNTS_A_UNIT};
    struct geometry g;
    struct error err = {0};
    if (!geometry_init_wires(&g, &d, &published, &err)) {
        (void)fprintf(stderr, "imaging: %s\n", err.text);
        return 1;
    }
    int status = bench_plane(o, &g, SAMPLE_INT16, "int16", 0.90);
    status |= bench_plane(o, &g, SAMPLE_FLOAT32, "float32", 0.95);
    geometry_fini(&g);
    return status;
}
