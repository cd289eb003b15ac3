/* Reduction against a second implementation that is written for reading, for
 * random planes and every way of cutting them. */
#include "unit/cmocka_all.h"

#include "data/pixel.h"
#include "imaging/reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = hash_mix(random_state);
    return (uint32_t)(random_state >> 33) % n;
}

/* ---- the naive implementation --------------------------------------------- */

/* The left half is the largest power of two below n: the same tree as adding
 * neighbours round by round. */
static float tree_sum(const float *v, uint32_t n)
{
    uint32_t left = 1;
    if (n == 1)
        return v[0];
    while (2 * left < n)
        left *= 2;
    return tree_sum(v, left) + tree_sum(v + left, n - left);
}

/* One pixel of a whole plane; NaN: no hit. */
static float naive_pixel(const struct plane_geometry *p, enum sample_type type, const void *samples,
                         uint32_t row, uint32_t col)
{
    const struct preprocessing *pre = &p->pre;
    float units = 0;
    int64_t counts = 0;
    for (uint32_t i = 0; i < pre->pool_wires; i++) {
        uint32_t wire = col * pre->pool_wires + i;
        float bins[64];
        for (uint32_t b = 0; b < pre->pool_time; b++) {
            size_t t0 = (size_t)wire * p->ticks + (row * pre->pool_time + b) * pre->time_rebin;
            if (type == SAMPLE_INT16) {
                int32_t sum = -p->pedestal_counts[wire];
                for (uint32_t t = 0; t < pre->time_rebin; t++)
                    sum += ((const int16_t *)samples)[t0 + t];
                if (sum < p->floor_counts)
                    sum = 0;
                if (sum > p->clip_counts)
                    sum = p->clip_counts;
                counts += sum;
            } else {
                float sum = tree_sum((const float *)samples + t0, pre->time_rebin);
                if (!isfinite(sum))
                    sum = 0;
                if (sum < (float)pre->bin_floor)
                    sum = 0;
                if (sum > (float)pre->bin_clip)
                    sum = (float)pre->bin_clip;
                bins[b] = sum;
            }
        }
        if (type == SAMPLE_FLOAT32) {
            float wire_sum = tree_sum(bins, pre->pool_time);
            units = i == 0 ? wire_sum : units + wire_sum;
        }
    }
    if (type == SAMPLE_INT16) {
        if (counts < p->threshold_counts || counts == 0)
            return NAN;
        return (float)((double)counts * p->scale) / (float)pre->pixel_scale;
    }
    if (!(units >= (float)pre->pixel_threshold) || units == 0)
        return NAN;
    return units / (float)pre->pixel_scale;
}

static uint64_t naive_nonfinite(const struct plane_geometry *p, const float *samples)
{
    uint64_t n = 0;
    for (uint32_t wire = 0; wire < p->cols * p->pre.pool_wires; wire++) {
        for (uint32_t b = 0; b < p->rows * p->pre.pool_time; b++) {
            size_t at = (size_t)wire * p->ticks + (size_t)b * p->pre.time_rebin;
            n += isfinite(tree_sum(samples + at, p->pre.time_rebin)) ? 0 : 1;
        }
    }
    return n;
}

/* ---- a plane in pieces ------------------------------------------------------- */

struct bench {
    struct geometry g;
    struct reducer *reducer;
    struct reduced out;
    struct hit *last; /* hits made of edge values */
    struct edge_value *edges;
    uint32_t n_edges;
    float *image; /* [rows][cols]: NaN: no hit */
    uint64_t nonfinite;
};

static void bench_init(struct bench *b, uint32_t wires, uint32_t ticks,
                       const struct preprocessing *pre, double pedestal, double scale)
{
    memset(b, 0, sizeof *b);
    struct detector_settings d = {.ticks = ticks, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, wires, pedestal, scale};
    struct error err = {0};
    if (!geometry_init_wires(&b->g, &d, pre, &err))
        fail_msg("%s", err.text);
    b->reducer = reducer_create(&b->g, &err);
    assert_non_null(b->reducer);
    reduce_capacity(&b->g, &b->out.hit_capacity, &b->out.edge_capacity);
    /* Exactly as large as promised, so that a sanitizer sees one too many. */
    b->out.hit = malloc(b->out.hit_capacity * sizeof *b->out.hit);
    b->out.edge = malloc((b->out.edge_capacity + !b->out.edge_capacity) * sizeof *b->out.edge);
    uint32_t rows = b->g.plane[0].rows;
    b->edges = malloc((size_t)rows * wires * sizeof *b->edges);
    b->last = malloc((size_t)rows * wires * sizeof *b->last);
    b->image = malloc((size_t)rows * b->g.plane[0].cols * sizeof *b->image);
}

static void bench_fini(struct bench *b)
{
    reducer_destroy(&b->reducer);
    geometry_fini(&b->g);
    free(b->out.hit);
    free(b->out.edge);
    free(b->edges);
    free(b->last);
    free(b->image);
}

static void put_hits(struct bench *b, const struct hit *hit, uint32_t n)
{
    const struct plane_geometry *p = &b->g.plane[0];
    for (uint32_t i = 0; i < n; i++) {
        assert_true(hit[i].row < p->rows && hit[i].col < p->cols);
        float *pixel = &b->image[(size_t)hit[i].row * p->cols + hit[i].col];
        assert_true(isnan(*pixel)); /* no pixel comes twice */
        *pixel = hit[i].value.f;
    }
}

/* Reduces wires [first, first + n) from a copy that starts `shift` bytes off any
 * alignment and ends where its memory ends. */
static void reduce_piece(struct bench *b, enum sample_type type, const void *samples,
                         uint32_t first, uint32_t n, size_t shift)
{
    size_t wire_bytes = b->g.plane[0].ticks * sample_bytes(type);
    unsigned char *copy = malloc(shift + n * wire_bytes);
    memcpy(copy + shift, (const unsigned char *)samples + first * wire_bytes, n * wire_bytes);
    struct fragment f = {.kind = PAYLOAD_WIRES,
                         .sample_type = type,
                         .first_wire = first,
                         .wires = n,
                         .samples = copy + shift,
                         .samples_bytes = n * wire_bytes};
    assert_int_equal(reduce_fragment(b->reducer, &f, &b->out), FRAGMENT_ASSEMBLED);
    free(copy);
    put_hits(b, b->out.hit, b->out.n_hits);
    memcpy(b->edges + b->n_edges, b->out.edge, b->out.n_edges * sizeof *b->edges);
    b->n_edges += b->out.n_edges;
    b->nonfinite += b->out.nonfinite_bins;
}

static void reduce_begin(struct bench *b)
{
    const struct plane_geometry *p = &b->g.plane[0];
    for (size_t i = 0; i < (size_t)p->rows * p->cols; i++)
        b->image[i] = NAN;
    b->n_edges = 0;
    b->nonfinite = 0;
}

static void reduce_end(struct bench *b, enum sample_type type)
{
    for (uint32_t i = b->n_edges; i > 1; i--) { /* fragments come in any order */
        uint32_t j = random_below(i);
        struct edge_value other = b->edges[j];
        b->edges[j] = b->edges[i - 1];
        b->edges[i - 1] = other;
    }
    uint32_t n = pixel_from_edges(&b->g.plane[0], type, b->edges, b->n_edges, b->last, b->n_edges);
    put_hits(b, b->last, n);
}

static void check_image(const struct bench *b, enum sample_type type, const void *samples)
{
    const struct plane_geometry *p = &b->g.plane[0];
    for (uint32_t row = 0; row < p->rows; row++) {
        for (uint32_t col = 0; col < p->cols; col++) {
            float got = b->image[(size_t)row * p->cols + col];
            float want = naive_pixel(p, type, samples, row, col);
            if (isnan(want) != isnan(got) || (!isnan(want) && memcmp(&got, &want, sizeof got)))
                fail_msg("row %u col %u: %a, should be %a", row, col, (double)got, (double)want);
        }
    }
}

/* Pieces of `size` wires, the first of `first`; 0: of random sizes. */
static void check_cut(struct bench *b, enum sample_type type, const void *samples, uint32_t first,
                      uint32_t size)
{
    uint32_t wires = b->g.plane[0].wires;
    reduce_begin(b);
    for (uint32_t w = 0, n; w < wires; w += n) {
        n = w == 0 && first ? first
            : size          ? size
                            : 1 + random_below(2 * b->g.plane[0].pre.pool_wires);
        if (n > wires - w)
            n = wires - w;
        reduce_piece(b, type, samples, w, n, random_below(8));
    }
    reduce_end(b, type);
    check_image(b, type, samples);
    if (type == SAMPLE_FLOAT32)
        assert_int_equal(b->nonfinite, naive_nonfinite(&b->g.plane[0], samples));
}

static void check_all_cuts(struct bench *b, enum sample_type type, const void *samples)
{
    uint32_t wires = b->g.plane[0].wires, pool = b->g.plane[0].pre.pool_wires;
    for (uint32_t size = 1; size <= 2 * pool + 1; size++)
        check_cut(b, type, samples, 0, size);
    for (uint32_t first = 1; first < wires; first++)
        check_cut(b, type, samples, first, wires);
    for (uint32_t i = 0; i < 5; i++)
        check_cut(b, type, samples, 0, 0);
    check_cut(b, type, samples, 0, wires);
}

static void fill_float(float *v, size_t n, bool ugly)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, -0.0f, 1e-42f};
    for (size_t i = 0; i < n; i++) {
        v[i] = (float)random_below(1u << 20) / 37777.0f - 2.0f;
        if (ugly && random_below(40) == 0)
            v[i] = odd[random_below(sizeof odd / sizeof odd[0])];
    }
}

static void fill_int16(int16_t *v, size_t n, bool extreme)
{
    for (size_t i = 0; i < n; i++)
        v[i] = extreme ? (random_below(2) ? INT16_MAX : INT16_MIN)
                       : (int16_t)((int)random_below(600) - 50);
}

static const struct preprocessing neutrino = {.time_rebin = 6,
                                              .bin_floor = 10,
                                              .bin_clip = 100,
                                              .window_time_bins = 8,
                                              .window_wires = 16,
                                              .pool_time = 4,
                                              .pool_wires = 8,
                                              .pixel_threshold = 700,
                                              .image_height = 2,
                                              .image_width = 2,
                                              .pixel_scale = 3200};

static void check_plane(uint32_t wires, uint32_t ticks, const struct preprocessing *pre)
{
    struct bench b;
    bench_init(&b, wires, ticks, pre, 3.21, 0.0625);
    size_t n = (size_t)wires * ticks;
    float *units = malloc(n * sizeof *units);
    int16_t *counts = malloc(n * sizeof *counts);
    for (int ugly = 0; ugly < 2; ugly++) {
        fill_float(units, n, ugly);
        check_all_cuts(&b, SAMPLE_FLOAT32, units);
        fill_int16(counts, n, ugly);
        check_all_cuts(&b, SAMPLE_INT16, counts);
    }
    free(units);
    free(counts);
    bench_fini(&b);
}

/* The first version of any such code adds the wires of a shared pixel in the order
 * in which fragments came, or starts a shared sum from another wire: off a coarse
 * grid that changes more than half of the pixels in their last place. */
static void the_published_factors_give_the_same_bits_however_cut(void **state)
{
    (void)state;
    check_plane(37, 103, &neutrino); /* 5 wires, 7 ticks and 1 bin left over */
}

/* Factors of 6 and 4 have loops of their own; all others go the general way, where
 * an odd one out is carried to the next round of pairs. */
static void other_factors_give_the_same_bits_however_cut(void **state)
{
    (void)state;
    static const uint32_t factors[][3] = {{1, 1, 1}, {5, 3, 3}, {6, 5, 2}, {7, 4, 5}, {13, 2, 4}};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        struct preprocessing pre = neutrino;
        pre.time_rebin = factors[i][0];
        pre.pool_time = factors[i][1];
        pre.pool_wires = factors[i][2];
        pre.bin_floor = 3.3;
        pre.bin_clip = 17.7;
        pre.pixel_threshold = (double)i * 1.7; /* 0 among them: empty pixels are no hits */
        pre.window_wires = 2 * pre.pool_wires;
        pre.window_time_bins = 2 * pre.pool_time;
        check_plane(11, 97, &pre);
    }
}

/* Negative bins are kept where the floor says so. */
static void a_negative_floor_keeps_negative_bins(void **state)
{
    (void)state;
    struct preprocessing pre = neutrino;
    pre.bin_floor = -50;
    pre.pixel_threshold = -1000;
    check_plane(19, 70, &pre);
}

/* The worked example of the specification, by hand: one wire of one pixel, counts
 * of 16 a unit. 6 x 40 counts = 240 = 15 units a bin, 4 bins = 60 units a wire, 8
 * wires = 480: below 700. With one wire at the clip, 7 x 60 + 400 = 820: a hit. */
static void a_pixel_by_hand(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 16, 48, &neutrino, 0, 0.0625);
    int16_t counts[16][48];
    for (int w = 0; w < 16; w++) {
        for (int t = 0; t < 48; t++)
            counts[w][t] = w < 8 ? 40 : 0;
    }
    reduce_begin(&b);
    reduce_piece(&b, SAMPLE_INT16, counts, 0, 16, 0);
    assert_int_equal(b.out.n_hits, 0);
    for (int t = 24; t < 48; t++)
        counts[3][t] = 2000;
    reduce_begin(&b);
    reduce_piece(&b, SAMPLE_INT16, counts, 0, 16, 0);
    assert_int_equal(b.out.n_hits, 1);
    assert_int_equal(b.out.hit[0].row, 1);
    assert_int_equal(b.out.hit[0].col, 0);
    assert_true(b.out.hit[0].value.f == 820.0f / 3200.0f);
    bench_fini(&b);
}

/* An empty fragment says that its wires carry nothing: no samples are touched. */
static void an_empty_fragment_leaves_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 16, 48, &neutrino, 0, 0.0625);
    struct fragment f = {.sample_type = SAMPLE_INT16, .encoding = ENCODING_EMPTY, .wires = 16};
    b.out.n_hits = b.out.n_edges = 7;
    assert_int_equal(reduce_fragment(b.reducer, &f, &b.out), FRAGMENT_ASSEMBLED);
    assert_int_equal(b.out.n_hits + b.out.n_edges, 0);
    assert_int_equal(b.out.fragment.wires, 16);
    bench_fini(&b);
}

/* Room for one hit where two are: refused as a whole, not cut silently. */
static void too_little_room_is_said(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 16, 48, &neutrino, 0, 0.0625);
    int16_t counts[16 * 48];
    for (int i = 0; i < 16 * 48; i++)
        counts[i] = 2000;
    struct fragment f = {.sample_type = SAMPLE_INT16, .wires = 16, .samples = counts};
    b.out.hit_capacity = 3; /* 4 are needed */
    assert_int_equal(reduce_fragment(b.reducer, &f, &b.out), FRAGMENT_EDGE_FULL);
    assert_int_equal(b.out.n_hits, 0);
    f.wires = 7;
    b.out.edge_capacity = 13; /* 14 are needed */
    assert_int_equal(reduce_fragment(b.reducer, &f, &b.out), FRAGMENT_EDGE_FULL);
    assert_int_equal(b.out.n_edges, 0);
    b.out.edge_capacity = 14;
    assert_int_equal(reduce_fragment(b.reducer, &f, &b.out), FRAGMENT_ASSEMBLED);
    assert_int_equal(b.out.n_edges, 14);
    bench_fini(&b);
}

/* Images: each value that is not 0, where it stands; NaN and infinity are counted
 * and are no hits; integers come through as they are. */
static void images_are_lists_of_what_is_not_zero(void **state)
{
    (void)state;
    struct geometry g;
    geometry_init_image(&g, 2, 3, 2);
    struct reducer *r = reducer_create(&g, NULL);
    struct hit hit[12];
    struct reduced out = {.hit = hit};
    reduce_capacity(&g, &out.hit_capacity, &out.edge_capacity);
    assert_int_equal(out.hit_capacity, 12);
    assert_int_equal(out.edge_capacity, 0);
    float units[12] = {0, 1.5f, 0, 0, NAN, -0.0f, 0, -INFINITY, 0, 0, 0, -2};
    struct fragment f = {.kind = PAYLOAD_IMAGE, .sample_type = SAMPLE_FLOAT32, .samples = units};
    assert_int_equal(reduce_fragment(r, &f, &out), FRAGMENT_ASSEMBLED);
    assert_int_equal(out.n_hits, 2);
    assert_int_equal(out.nonfinite_bins, 2);
    assert_true(hit[0].row == 0 && hit[0].col == 1 && hit[0].value.f == 1.5f);
    assert_true(hit[1].row == 1 && hit[1].col == 5 && hit[1].value.f == -2.0f);
    int32_t raw[12] = {INT32_MIN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0};
    f.sample_type = SAMPLE_INT32;
    f.samples = raw;
    assert_int_equal(reduce_fragment(r, &f, &out), FRAGMENT_ASSEMBLED);
    assert_int_equal(out.n_hits, 2);
    assert_true(hit[0].value.i == INT32_MIN && hit[1].value.i == 7 && hit[1].col == 4);
    int16_t small[12] = {0, 0, -3};
    f.sample_type = SAMPLE_INT16;
    f.samples = small;
    assert_int_equal(reduce_fragment(r, &f, &out), FRAGMENT_ASSEMBLED);
    assert_int_equal(out.n_hits, 1);
    assert_true(hit[0].value.i == -3 && hit[0].col == 2);
    reducer_destroy(&r);
    geometry_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_factors_give_the_same_bits_however_cut),
        cmocka_unit_test(other_factors_give_the_same_bits_however_cut),
        cmocka_unit_test(a_negative_floor_keeps_negative_bins),
        cmocka_unit_test(a_pixel_by_hand),
        cmocka_unit_test(an_empty_fragment_leaves_nothing),
        cmocka_unit_test(too_little_room_is_said),
        cmocka_unit_test(images_are_lists_of_what_is_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
