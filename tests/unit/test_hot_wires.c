/* Masks of single wires in the reduction, hits of wires, and wires that become hot. */
#include "unit/cmocka_all.h"

#include "base/bits.h"
#include "base/hash.h"
#include "imaging/hot_wires.h"
#include "imaging/reduce.h"

#include <math.h>
#include <string.h>

enum { WIRES = 96, POOL = 8, TICKS = 6 * 4 * 40, ROWS = 40 };

static uint64_t random_state = 3;

static uint32_t random_below(uint32_t n)
{
    random_state = hash_mix(random_state);
    return (uint32_t)(random_state >> 33) % n;
}

static void make_geometry(struct geometry *g, double pedestal)
{
    static const struct preprocessing recipe = {.time_rebin = 6,
                                                .bin_floor = 10,
                                                .bin_clip = 100,
                                                .window_time_bins = 32,
                                                .window_wires = 64,
                                                .pool_time = 4,
                                                .pool_wires = POOL,
                                                .pixel_threshold = 240,
                                                .image_height = 8,
                                                .image_width = 8,
                                                .pixel_scale = 4};
    struct detector_settings d = {.ticks = TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, WIRES, pedestal, 0.5};
    struct error err = {0};
    if (!geometry_init_wires(g, &d, &recipe, &err))
        fail_msg("%s", err.text);
}

/* ---- reducing ------------------------------------------------------------------ */

static int16_t counts[WIRES][TICKS], quiet_counts[WIRES][TICKS];
static float units[WIRES][TICKS], quiet_units[WIRES][TICKS];

struct result {
    struct reduced r;
    uint16_t hits[WIRES];
};

static void result_init(struct result *to, const struct geometry *g)
{
    memset(to, 0, sizeof *to);
    reduce_capacity(g, &to->r.hit_capacity, &to->r.edge_capacity);
    to->r.hit = calloc(to->r.hit_capacity + 1, sizeof *to->r.hit);
    to->r.edge = calloc(to->r.edge_capacity + 1, sizeof *to->r.edge);
    assert_true(to->r.hit != NULL && to->r.edge != NULL);
}

static void result_fini(struct result *r)
{
    free(r->r.hit);
    free(r->r.edge);
}

static void reduce(const struct geometry *g, const char *kernel, bool is_counts,
                   const void *samples, uint32_t first, uint32_t wires, bool count,
                   struct result *to)
{
    struct error err = {0};
    struct reducer *r = reducer_create(g, &err);
    assert_non_null(r);
    if (!reducer_use(r, kernel))
        assert_true(reducer_use(r, "scalar"));
    size_t wire_bytes = TICKS * (is_counts ? sizeof(int16_t) : sizeof(float));
    struct fragment f = {.kind = PAYLOAD_WIRES,
                         .sample_type = is_counts ? SAMPLE_INT16 : SAMPLE_FLOAT32,
                         .first_wire = first,
                         .wires = wires,
                         .samples = (const char *)samples + first * wire_bytes};
    to->r.wire_hits = count ? to->hits : NULL;
    assert_int_equal(reduce_fragment(r, &f, &to->r), FRAGMENT_ASSEMBLED);
    reducer_destroy(&r);
}

static void assert_same(const struct result *a, const struct result *b)
{
    assert_int_equal(a->r.n_hits, b->r.n_hits);
    assert_int_equal(a->r.n_edges, b->r.n_edges);
    assert_memory_equal(a->r.hit, b->r.hit, a->r.n_hits * sizeof *a->r.hit);
    assert_memory_equal(a->r.edge, b->r.edge, a->r.n_edges * sizeof *a->r.edge);
}

/* Wires 3 and 17, and all of 24 .. 31, are to be masked; wire w rests at 100 + w. */
static bool to_mask(uint32_t w)
{
    return w == 3 || w == 17 || (w >= 24 && w < 32);
}

/* The same event as a detector without pedestals sends it, with nothing on masked wires. */
static void make_samples(void)
{
    for (uint32_t w = 0; w < WIRES; w++) {
        for (uint32_t t = 0; t < TICKS; t++) {
            int16_t signal = (int16_t)(t / 60 % 3 == w % 3 ? random_below(60) : random_below(5));
            counts[w][t] = (int16_t)(signal + 100 + (int32_t)w);
            quiet_counts[w][t] = to_mask(w) ? 0 : signal;
            units[w][t] = (float)signal + (float)(100 + w);
            quiet_units[w][t] = to_mask(w) ? 0.0f : (float)signal;
        }
    }
    units[17][5] = NAN; /* of a masked wire: not looked at */
}

static void calibrate(struct geometry *g, enum sample_type type)
{
    double pedestal[WIRES];
    uint8_t status[WIRES];
    struct error err = {0};
    for (uint32_t w = 0; w < WIRES; w++) {
        pedestal[w] = 100 + w;
        status[w] = to_mask(w) ? (w % 2 == 0 ? WIRE_DEAD : WIRE_HOT) : WIRE_GOOD;
    }
    assert_true(geometry_calibrate(g, 0, type, pedestal, status, &err));
    assert_true(geometry_close_calibration(g, &err));
}

/* A masked wire must leave what a wire of zeros leaves, and a pedestal what no pedestal leaves,
 * in every kernel, whole columns and shared ones, counted or not: an offline program that
 * leaves a wire out in another way would find other decisions. */
static void masks_and_pedestals_are_exact(void **state)
{
    (void)state;
    static const char *const kernels[] = {"scalar", "avx2", "avx512"};
    static const uint32_t cuts[][2] = {{0, WIRES}, {3, 9}, {5, 61}, {24, 8}, {26, 3}, {90, 6}};
    uint32_t hits = 0, edges = 0;
    make_samples();
    for (size_t k = 0; k < 3; k++) {
        for (size_t c = 0; c < sizeof cuts / sizeof cuts[0]; c++) {
            for (int is_counts = 0; is_counts < 2; is_counts++) {
                struct geometry g, plain;
                struct result got, counted, want;
                make_geometry(&g, 5);
                make_geometry(&plain, 0);
                calibrate(&g, is_counts ? SAMPLE_INT16 : SAMPLE_FLOAT32);
                result_init(&got, &g);
                result_init(&counted, &g);
                result_init(&want, &plain);
                const void *full = is_counts ? (void *)counts : (void *)units;
                const void *quiet = is_counts ? (void *)quiet_counts : (void *)quiet_units;
                reduce(&g, kernels[k], is_counts, full, cuts[c][0], cuts[c][1], false, &got);
                reduce(&g, kernels[k], is_counts, full, cuts[c][0], cuts[c][1], true, &counted);
                reduce(&plain, kernels[k], is_counts, quiet, cuts[c][0], cuts[c][1], false, &want);
                assert_same(&got, &want);
                assert_same(&counted, &want);
                assert_int_equal(got.r.nonfinite_bins, 0);
                for (uint32_t w = 0; w < cuts[c][1]; w++)
                    assert_true(!to_mask(cuts[c][0] + w) || counted.hits[w] == 0);
                hits += got.r.n_hits;
                edges += got.r.n_edges;
                result_fini(&got);
                result_fini(&counted);
                result_fini(&want);
                geometry_fini(&g);
                geometry_fini(&plain);
            }
        }
    }
    assert_true(hits > 1000 && edges > 1000);
}

/* Hits are the pixels of which the wire has its share, 240 / 8 = 30 units: with a clip below the
 * threshold a wire can never reach the threshold alone, and nothing would ever be hot. */
static void hits_are_counted_by_the_share(void **state)
{
    (void)state;
    struct geometry g;
    struct result r;
    make_geometry(&g, 0);
    result_init(&r, &g);
    memset(counts, 0, sizeof counts);
    for (uint32_t row = 0; row < 10; row++)
        counts[9][24 * row] = 60; /* 30 units at once: just the share */
    for (uint32_t row = 0; row < 7; row++)
        counts[10][24 * row + 5] = 58; /* 29 units */
    for (uint32_t row = 0; row < 5; row++)
        counts[95][24 * row + 23] = 200;
    reduce(&g, "scalar", true, counts, 0, WIRES, true, &r);
    for (uint32_t w = 0; w < WIRES; w++)
        assert_int_equal(r.hits[w], w == 9 ? 10 : w == 95 ? 5 : 0);
    assert_int_equal(r.r.n_hits, 0);
    reduce(&g, "scalar", true, counts, 9, 2, true, &r);
    assert_int_equal(r.hits[0], 10);
    assert_int_equal(r.hits[1], 0);
    result_fini(&r);
    geometry_fini(&g);
}

/* ---- hot wires ------------------------------------------------------------------- */

struct fixture {
    struct geometry g;
    struct hot_wires *hot;
    struct monitor *monitor;
    struct event ev;
    uint64_t mask[ROWS], present[(WIRES + 63) / 64];
    uint16_t hits[WIRES];
};

static void setup(struct fixture *f, const struct hot_settings *s, bool calibrated)
{
    memset(f, 0, sizeof *f);
    make_geometry(&f->g, 0);
    if (calibrated)
        calibrate(&f->g, SAMPLE_INT16);
    f->monitor = calloc(1, sizeof *f->monitor);
    struct error err = {0};
    f->hot = hot_wires_create(s, &f->g, f->monitor, &err);
    assert_true(f->monitor != NULL && f->hot != NULL);
    assert_true(hot_wires_memory_bytes(f->hot) > (uint64_t)2 * WIRES * s->events);
    f->ev.plane[0] =
        (struct plane_image){.mask = f->mask, .wire_present = f->present, .wire_hits = f->hits};
    bits_fill(f->present, 0, WIRES);
}

static void teardown(struct fixture *f)
{
    hot_wires_destroy(&f->hot);
    free(f->monitor);
    geometry_fini(&f->g);
}

/* An event with all pixels set; `wire` has so many hits. */
static void pass(struct fixture *f, uint32_t wire, uint16_t hits)
{
    memset(f->mask, 0xff, sizeof f->mask);
    f->ev.plane[0].masked = f->g.plane[0].masked;
    f->ev.masked = f->g.masked;
    f->hits[wire] = hits;
    hot_wires_apply(f->hot, &f->ev);
    f->hits[wire] = 0;
}

static const struct hot_settings usual = {
    .events = 10, .hits = 5, .release = 2, .action = HOT_MASK, .most = 64};

/* Hot above 50 hits in 10 events, the event that says so masked already; quiet at 20. */
static void a_hot_wire_is_masked_and_released(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, &usual, false);
    for (uint32_t i = 0; i < 5; i++) {
        pass(&f, 21, 10);
        assert_int_equal(f.ev.masked.wires, 0);
        assert_true(f.mask[0] == UINT64_MAX && f.ev.plane[0].masked == NULL);
    }
    pass(&f, 21, 1); /* 51 */
    assert_true(hot_wires_is_hot(f.hot, 0, 21));
    assert_int_equal(f.ev.masked.wires, POOL);
    assert_int_equal(f.ev.masked.hot_wires, POOL);
    for (uint32_t row = 0; row < ROWS; row++)
        assert_true(f.mask[row] == ~(UINT64_C(1) << 2)); /* column 2: wires 16 .. 23 */
    assert_int_equal(bits_count(f.ev.plane[0].masked, 16, 8), 8);
    assert_int_equal(bits_count(f.ev.plane[0].masked, 0, WIRES), 8);
    assert_int_equal(counter_read(&f.monitor->hot_found[0]), 1);
    assert_int_equal(f.monitor->hot_masked[0], 8);
    uint32_t more = 0;
    while (hot_wires_is_hot(f.hot, 0, 21) && more < 20) {
        pass(&f, 0, 0);
        more++;
    }
    assert_int_equal(more, 8); /* after 4 the ring begins to lose its 10s: 21 after 7, 11 after 8 */
    assert_int_equal(f.ev.masked.wires, 0);
    assert_true(f.mask[0] == UINT64_MAX);
    assert_int_equal(counter_read(&f.monitor->hot_released[0]), 1);
    assert_int_equal(f.monitor->hot_wires[0], 0);
    teardown(&f);
}

/* A board that fell silent once looked like a board that was repaired: its hot wire was
 * released, came back with the board, and spoiled the events until it was found again. */
static void a_missing_wire_is_not_a_quiet_one(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, &usual, false);
    for (uint32_t i = 0; i < 10; i++)
        pass(&f, 70, 10);
    f.present[1] &= ~(UINT64_C(1) << (70 - 64));
    for (uint32_t i = 0; i < 100; i++)
        pass(&f, 0, 0);
    assert_true(hot_wires_is_hot(f.hot, 0, 70));
    bits_fill(f.present, 70, 1);
    for (uint32_t i = 0; i < 10; i++)
        pass(&f, 0, 0);
    assert_false(hot_wires_is_hot(f.hot, 0, 70));
    teardown(&f);
}

/* A plane whose pedestals jumped is all hot. Masking all of it would blind the trigger without
 * a word: `most` wires are masked, those that were first; the rest is reported. */
static void no_more_than_most_are_masked(void **state)
{
    (void)state;
    struct fixture f;
    struct hot_settings s = usual;
    s.most = 2;
    setup(&f, &s, false);
    for (uint32_t i = 0; i < 10; i++)
        pass(&f, 90, 10); /* column 11 */
    for (uint32_t i = 0; i < 10; i++) {
        for (uint32_t w = 0; w < WIRES; w++)
            f.hits[w] = 40;
        pass(&f, 90, 40);
    }
    assert_int_equal(f.monitor->hot_wires[0], WIRES);
    assert_int_equal(f.ev.masked.hot_wires, 2 * POOL); /* of wire 90 still, and of wire 0 */
    assert_true((f.mask[0] & 0xfff) == (0xfff & ~(UINT64_C(1) << 11) & ~UINT64_C(1)));
    s.action = HOT_REPORT;
    teardown(&f);
    setup(&f, &s, false);
    for (uint32_t i = 0; i < 10; i++)
        pass(&f, 90, 10);
    assert_true(hot_wires_is_hot(f.hot, 0, 90));
    assert_int_equal(f.ev.masked.wires, 0);
    assert_true(f.mask[0] == UINT64_MAX);
    teardown(&f);
}

/* Calibrated masks stay, are counted once, and the hash is of both together. */
static void calibrated_masks_stay(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, &usual, true);
    pass(&f, 0, 0);
    assert_int_equal(f.ev.masked.wires, 10);
    assert_int_equal(f.ev.masked.hot_wires, 0);
    assert_memory_equal(f.ev.masked.sha256, f.g.masked.sha256, SHA256_BYTES);
    for (uint32_t i = 0; i < 10; i++)
        pass(&f, 20, 10); /* beside wire 17, which is masked */
    assert_int_equal(f.ev.masked.wires, 17);
    assert_int_equal(f.ev.masked.hot_wires, 7);
    const uint64_t *masked[] = {f.ev.plane[0].masked};
    uint8_t list[8 * WIRES], sha256[SHA256_BYTES];
    hash_sha256(list, geometry_list_masked(&f.g, masked, list), sha256);
    assert_memory_equal(f.ev.masked.sha256, sha256, SHA256_BYTES);
    assert_memory_not_equal(sha256, f.g.masked.sha256, SHA256_BYTES);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_and_pedestals_are_exact),
        cmocka_unit_test(hits_are_counted_by_the_share),
        cmocka_unit_test(a_hot_wire_is_masked_and_released),
        cmocka_unit_test(a_missing_wire_is_not_a_quiet_one),
        cmocka_unit_test(no_more_than_most_are_masked),
        cmocka_unit_test(calibrated_masks_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
