/* Every kernel of imaging against the scalar one, bit for bit: random samples,
 * extremes, all sizes, any address, and a page that must not be touched right
 * behind the last sample. test_reduce.c holds the scalar kernel, and whatever the
 * processor runs by itself, to a naive implementation. */
#include "unit/cmocka_all.h"

#include "base/hash.h"
#include "imaging/reduce.h"
#include "imaging/reduce_kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const fast[] = {"avx512", "avx2"};
enum { N_FAST = sizeof fast / sizeof fast[0] };

static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state = hash_mix(random_state);
    return (uint32_t)(random_state >> 32);
}

static uint32_t random_below(uint32_t n)
{
    return random_bits() % n;
}

/* ---- samples ------------------------------------------------------------------ */

/* What a detector sends, mixed with what only a broken one sends. */
static float odd_float(void)
{
    static const float odd[] = {0.0f,       -0.0f,    NAN,      -NAN,        INFINITY,    -INFINITY,
                                FLT_MAX,    -FLT_MAX, 1e-40f,   -1e-45f,     FLT_MIN,     10.0f,
                                9.9999990f, 100.0f,   100.001f, 1.0f / 6.0f, 16777216.0f, -0.5f};
    return odd[random_below(sizeof odd / sizeof odd[0])];
}

enum flavour { SIGNAL, COARSE, ODD, BITS, N_FLAVOURS };

static float random_float(enum flavour flavour)
{
    switch (flavour) {
    case SIGNAL: /* off any grid: another order of sums would show */
        return (float)random_below(1000000) * (random_below(8) ? 3e-6f : 3e-5f) - 1.0f;
    case COARSE: /* bins that are the floor or the clip exactly */
        return (float)random_below(8) / 2.0f + (random_below(64) ? 0.0f : 15.0f);
    case ODD:
        return random_below(6) ? (float)random_below(64) : odd_float();
    default: {
        uint32_t bits = random_bits();
        float x;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    }
}

static int16_t random_int16(enum flavour flavour)
{
    switch (flavour) {
    case SIGNAL:
        return (int16_t)(2040 + random_below(20) + (random_below(16) ? 0 : random_below(100)));
    case COARSE: /* the same, at pedestal 0 */
        return (int16_t)(random_below(12) * 8 - 16);
    case ODD:
        return random_below(2) ? INT16_MAX : INT16_MIN;
    default:
        return (int16_t)random_bits();
    }
}

static void fill(unsigned char *samples, size_t n, bool counts, enum flavour flavour)
{
    for (size_t i = 0; i < n; i++) {
        if (counts) {
            int16_t x = random_int16(flavour);
            memcpy(samples + i * sizeof x, &x, sizeof x);
        } else {
            float x = random_float(flavour);
            memcpy(samples + i * sizeof x, &x, sizeof x);
        }
    }
}

/* ---- memory that ends where a page begins that nobody may touch --------------- */

struct guarded {
    unsigned char *memory, *end;
    size_t bytes;
};

static struct guarded guarded_take(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct guarded g = {.bytes = (bytes + page - 1) / page * page + page};
    g.memory = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.memory != MAP_FAILED);
    g.end = g.memory + g.bytes - page;
    assert_int_equal(mprotect(g.end, page, PROT_NONE), 0);
    return g;
}

static void guarded_give(struct guarded *g)
{
    assert_int_equal(munmap(g->memory, g->bytes), 0);
}

/* ---- one fragment through two kernels ------------------------------------------- */

/* Over all checks of one test, so that none compares nothing against nothing. */
static struct {
    uint64_t hits, edges, nonfinite;
} compared;

struct pair {
    struct geometry g;
    struct reducer *scalar, *kernel;
    struct reduced expected, got;
};

static void take_reduced(const struct geometry *g, struct reduced *out)
{
    memset(out, 0, sizeof *out);
    reduce_capacity(g, &out->hit_capacity, &out->edge_capacity);
    out->hit = malloc((out->hit_capacity + 1) * sizeof *out->hit);
    out->edge = malloc((out->edge_capacity + 1) * sizeof *out->edge);
    assert_non_null(out->hit);
    assert_non_null(out->edge);
}

/* False: the processor has not got the kernel. */
static bool pair_init(struct pair *p, const char *kernel, uint32_t wires, uint32_t ticks,
                      const struct preprocessing *pre, double pedestal, double scale)
{
    struct detector_settings d = {.ticks = ticks, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, wires, pedestal, scale};
    struct error err = {0};
    if (!geometry_init_wires(&p->g, &d, pre, &err))
        fail_msg("%u wires, %u ticks: %s", wires, ticks, err.text);
    for (uint32_t w = 0; w < wires; w++)
        p->g.plane[0].pedestal_counts[w] += (int32_t)(w % 5);
    p->scalar = reducer_create(&p->g, &err);
    p->kernel = reducer_create(&p->g, &err);
    assert_non_null(p->scalar);
    assert_non_null(p->kernel);
    assert_true(reducer_use(p->scalar, "scalar"));
    take_reduced(&p->g, &p->expected);
    take_reduced(&p->g, &p->got);
    return reducer_use(p->kernel, kernel);
}

static void pair_fini(struct pair *p)
{
    free(p->expected.hit);
    free(p->expected.edge);
    free(p->got.hit);
    free(p->got.edge);
    reducer_destroy(&p->scalar);
    reducer_destroy(&p->kernel);
    geometry_fini(&p->g);
}

static void check_fragment(struct pair *p, const void *samples, bool counts, uint32_t first_wire,
                           uint32_t wires)
{
    struct fragment f = {.kind = PAYLOAD_WIRES,
                         .sample_type = counts ? SAMPLE_INT16 : SAMPLE_FLOAT32,
                         .first_wire = first_wire,
                         .wires = wires,
                         .samples = samples};
    assert_int_equal(reduce_fragment(p->scalar, &f, &p->expected), FRAGMENT_ASSEMBLED);
    assert_int_equal(reduce_fragment(p->kernel, &f, &p->got), FRAGMENT_ASSEMBLED);
    if (p->expected.nonfinite_bins != p->got.nonfinite_bins ||
        p->expected.n_hits != p->got.n_hits || p->expected.n_edges != p->got.n_edges) {
        fail_msg("%s: %s, ticks %u, wires %u + %u, rebin %u, pool %u: bins not finite %lu (%lu), "
                 "hits %u (%u), edge values %u (%u)",
                 reducer_kernel(p->kernel), counts ? "int16" : "float32", p->g.plane[0].ticks,
                 first_wire, wires, p->g.plane[0].pre.time_rebin, p->g.plane[0].pre.pool_time,
                 (unsigned long)p->got.nonfinite_bins, (unsigned long)p->expected.nonfinite_bins,
                 p->got.n_hits, p->expected.n_hits, p->got.n_edges, p->expected.n_edges);
    }
    compared.hits += p->got.n_hits;
    compared.edges += p->got.n_edges;
    compared.nonfinite += p->got.nonfinite_bins;
    assert_memory_equal(p->expected.hit, p->got.hit, p->got.n_hits * sizeof *p->got.hit);
    assert_memory_equal(p->expected.edge, p->got.edge, p->got.n_edges * sizeof *p->got.edge);
}

static struct preprocessing preprocessing_of(uint32_t rebin, uint32_t pool_time,
                                             uint32_t pool_wires)
{
    return (struct preprocessing){.time_rebin = rebin,
                                  .bin_floor = 10,
                                  .bin_clip = 100,
                                  .window_time_bins = pool_time,
                                  .window_wires = pool_wires,
                                  .pool_time = pool_time,
                                  .pool_wires = pool_wires,
                                  .pixel_threshold = 30,
                                  .image_height = 1,
                                  .image_width = 1,
                                  .pixel_scale = 3200};
}

/* Fragments of a plane, ending right before the forbidden page. */
static void check_plane(const char *kernel, uint32_t wires, uint32_t ticks,
                        const struct preprocessing *pre, double pedestal)
{
    struct pair p;
    bool have = pair_init(&p, kernel, wires, ticks, pre, pedestal, 0.0625);
    struct guarded memory = guarded_take((size_t)wires * ticks * sizeof(float) + 64);
    for (int type = 0; have && type < 2; type++) {
        size_t wire_bytes = ticks * (type ? sizeof(int16_t) : sizeof(float));
        for (int flavour = 0; flavour < N_FLAVOURS; flavour++) {
            uint32_t first = random_below(wires), n = 1 + random_below(wires - first);
            size_t bytes = n * wire_bytes;
            fill(memory.end - bytes, (size_t)n * ticks, type, (enum flavour)flavour);
            check_fragment(&p, memory.end - bytes, type, first, n);
            size_t shift = 1 + random_below(63); /* any address */
            memmove(memory.end - bytes - shift, memory.end - bytes, bytes);
            check_fragment(&p, memory.end - bytes - shift, type, first, n);
        }
    }
    guarded_give(&memory);
    pair_fini(&p);
}

static int compared_nothing_yet(void **state)
{
    (void)state;
    memset(&compared, 0, sizeof compared);
    return 0;
}

static int compared_enough(void **state)
{
    (void)state;
    if (!reduce_kernel_find("avx2"))
        return 0; /* there was nothing to compare with */
    return compared.hits > 1000 && compared.edges > 1000 && compared.nonfinite > 1000 ? 0 : -1;
}

/* ---- stories ---------------------------------------------------------------------- */

/* Blocks of 8 or 16 rows, the overlap of the last one, and rows too few for any
 * block: each length of a wire takes another of these ways. */
static void every_length_gives_the_scalar_bits(void **state)
{
    (void)state;
    const struct preprocessing pre = preprocessing_of(6, 4, 8);
    for (int k = 0; k < N_FAST; k++) {
        for (uint32_t ticks = 24; ticks <= 200; ticks++)
            check_plane(fast[k], 8 + random_below(20), ticks, &pre, 0);
        for (uint32_t rows = 9; rows <= 70; rows++)
            check_plane(fast[k], 8 + random_below(20), 24 * rows + random_below(24), &pre, 2048.5);
        check_plane(fast[k], 33, 6400, &pre, 2048);
    }
}

/* A model may bring any factors; those without a way of their own must not come
 * out differently. */
static void every_factor_gives_the_scalar_bits(void **state)
{
    (void)state;
    for (int k = 0; k < N_FAST; k++) {
        for (uint32_t rebin = 1; rebin <= 13; rebin++) {
            for (uint32_t pool = 1; pool <= 9; pool++) {
                const struct preprocessing pre = preprocessing_of(rebin, pool, 1 + random_below(9));
                check_plane(fast[k], pre.pool_wires + random_below(12),
                            rebin * pool * (1 + random_below(70)) + random_below(rebin), &pre, 7);
            }
        }
    }
}

/* Floors below 0 keep negative bins and negative zeros; a clip equal to the floor,
 * thresholds that everything or nothing reaches. */
static void every_limit_gives_the_scalar_bits(void **state)
{
    (void)state;
    static const double limits[][3] = {{-1e30, 1e30, -1e30}, {-5, 0, -1000},    {0, 0, 0},
                                       {10, 10, 700},        {-3e4, 3e4, 1e30}, {-0.0, 1e30, 0},
                                       {-1e12, 1e12, -1e12}};
    for (int k = 0; k < N_FAST; k++) {
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            struct preprocessing pre = preprocessing_of(6, 4, 8);
            pre.bin_floor = limits[i][0];
            pre.bin_clip = limits[i][1];
            pre.pixel_threshold = limits[i][2];
            for (int repeat = 0; repeat < 10; repeat++)
                check_plane(fast[k], 8 + random_below(20), 400 + random_below(1000), &pre, -31.5);
        }
    }
}

/* Bins that two blocks share at the end of a wire are counted once: a detector of
 * NaN alone has as many bad bins as it has bins. */
static void a_bad_bin_is_counted_once(void **state)
{
    (void)state;
    const struct preprocessing pre = preprocessing_of(6, 4, 8);
    for (int k = 0; k < N_FAST; k++) {
        struct pair p;
        bool have = pair_init(&p, fast[k], 512, 19 * 24 + 5, &pre, 0, 1);
        float *samples = malloc(sizeof *samples * 512 * (19 * 24 + 5));
        assert_non_null(samples);
        for (size_t i = 0; i < 512 * (19 * 24 + 5); i++)
            samples[i] = NAN;
        if (have) {
            check_fragment(&p, samples, false, 0, 512);
            assert_int_equal(p.got.nonfinite_bins, 512 * 19 * 4);
        }
        free(samples);
        pair_fini(&p);
    }
}

/* A test that compares nothing passes on every machine: say which kernels there are. */
static void names_are_known(void **state)
{
    (void)state;
    assert_non_null(reduce_kernel_find("scalar"));
    assert_non_null(reduce_kernel_find("auto"));
    assert_null(reduce_kernel_find("avx1024"));
    for (int k = 0; k < N_FAST; k++)
        print_message("%s: %s\n", fast[k], reduce_kernel_find(fast[k]) ? "here" : "not here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known),
        cmocka_unit_test_setup_teardown(every_length_gives_the_scalar_bits, compared_nothing_yet,
                                        compared_enough),
        cmocka_unit_test_setup_teardown(every_factor_gives_the_scalar_bits, compared_nothing_yet,
                                        compared_enough),
        cmocka_unit_test_setup_teardown(every_limit_gives_the_scalar_bits, compared_nothing_yet,
                                        compared_enough),
        cmocka_unit_test(a_bad_bin_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
