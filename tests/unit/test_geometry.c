/* Geometry: the published detector's numbers, and what cannot be one. */
#include "unit/cmocka_all.h"

#include "data/geometry.h"
#include "unit/published.h"

#include <math.h>
#include <string.h>

static struct detector_settings microboone(void)
{
    struct detector_settings d = {.ticks = 6400, .n_planes = 3};
    d.plane[0] = (struct plane_settings){0, 2400, 0, 0.0625};
    d.plane[1] = (struct plane_settings){1, 2400, 0.3, 0.0625};
    d.plane[2] = (struct plane_settings){2, 3456, -0.3, 0.3};
    return d;
}

static void microboone_has_266_x_432_pixels(void **state)
{
    (void)state;
    struct detector_settings d = microboone();
    struct preprocessing pre[3] = {published, published, published};
    struct geometry g;
    assert_true(geometry_init_wires(&g, &d, pre, NULL));
    assert_false(g.images);
    assert_int_equal(g.n_planes, 3);
    const struct plane_geometry *p = &g.plane[2];
    assert_int_equal(p->bins, 1066);
    assert_int_equal(p->rows, 266);
    assert_int_equal(p->cols, 432);
    assert_int_equal(p->words_per_row, 7);
    assert_int_equal(g.plane[0].cols, 300);
    assert_int_equal(g.plane[0].floor_counts, 160);
    assert_int_equal(g.plane[0].clip_counts, 1600);
    assert_int_equal(g.plane[0].threshold_counts, 11200);
    assert_int_equal(p->floor_counts, 34);              /* ceil(10 / 0.3) */
    assert_int_equal(p->clip_counts, 333);              /* floor(100 / 0.3) */
    assert_int_equal(p->threshold_counts, 2334);        /* ceil(700 / 0.3) */
    assert_int_equal(g.plane[1].pedestal_counts[0], 2); /* lrint(6 x 0.3) */
    assert_int_equal(p->pedestal_counts[3455], -2);
    assert_int_equal(geometry_find_plane(&g, 2), 2);
    assert_int_equal(geometry_find_plane(&g, 3), -1);
    geometry_fini(&g);
    assert_int_equal(geometry_find_plane(&g, 2), -1);
}

static void an_image_is_a_plane_of_its_own(void **state)
{
    (void)state;
    struct geometry g;
    geometry_init_image(&g, 48, 65, 3);
    assert_true(g.images);
    assert_int_equal(g.plane[0].rows, 48);
    assert_int_equal(g.plane[0].cols, 65);
    assert_int_equal(g.plane[0].channels, 3);
    assert_int_equal(g.plane[0].words_per_row, 2);
    assert_int_equal(g.plane[0].ticks, 0);
    assert_int_equal(geometry_find_plane(&g, 0), 0);
    geometry_fini(&g);
}

/* X(statement, what the sentence has to name). Two of them guard against overflow:
 * sums of int16 in 31 bits, where the pedestal counts too, and pixels in float32. */
#define BAD(X)                                                                                     \
    X(d.n_planes = 0, "detector.plane")                                                            \
    X(d.plane[2].id = 1, "id 1 is there twice")                                                    \
    X(d.plane[2].wires = 511, "511 wires, a window needs 512")                                     \
    X(d.plane[2].wires = 0, "wires = 0")                                                           \
    X(d.plane[2].wires = 65537, "wires = 65537")                                                   \
    X(d.plane[2].scale = 0, "scale = 0")                                                           \
    X(d.plane[2].scale = -1, "scale = -1")                                                         \
    X(d.plane[2].scale = (double)NAN, "scale = nan")                                               \
    X(d.plane[2].pedestal = 40000, "pedestal = 40000")                                             \
    X(d.plane[2].pedestal = (double)NAN, "pedestal = nan")                                         \
    X(d.ticks = 1535, "255 time bins")                                                             \
    X(d.ticks = 0, "0 time bins")                                                                  \
    X(d.ticks = UINT32_MAX, "rows")                                                                \
    X(pre[2].time_rebin = 0, "time_rebin = 0")                                                     \
    X(pre[2].pool_time = 0, "pool_time = 0")                                                       \
    X(pre[2].pool_wires = 0, "pool_wires = 0")                                                     \
    X(pre[2].window_wires = 0, "window_wires = 0")                                                 \
    X(pre[2].image_width = 65, "image_width = 65")                                                 \
    X(pre[2].image_height = 65, "image_height = 65")                                               \
    X(pre[2].pixel_scale = 0, "pixel_scale = 0")                                                   \
    X(pre[2].pixel_scale = 1e-50, "pixel_scale")                                                   \
    X(pre[2].bin_floor = 101, "bin_floor = 101")                                                   \
    X((pre[2].bin_floor = -2, pre[2].bin_clip = -1), "bin_clip = -1")                              \
    X(pre[2].bin_clip = (double)INFINITY, "finite")                                                \
    X(pre[2].bin_clip = 3e38, "float32")                                                           \
    X(pre[2].pixel_threshold = (double)NAN, "finite")                                              \
    X(pre[2].time_rebin = 2048, "31 bits")                                                         \
    X((pre[2].time_rebin = 1024, d.plane[2].pedestal = 32768), "31 bits")                          \
    X((pre[2].pool_time = UINT32_MAX, pre[2].pool_wires = UINT32_MAX), "31 bits")

static void each_impossible_detector_is_refused_by_name(void **state)
{
    (void)state;
#define X(change, names)                                                                           \
    {                                                                                              \
        struct detector_settings d = microboone();                                                 \
        struct preprocessing pre[3] = {published, published, published};                           \
        struct geometry g;                                                                         \
        struct error err = {0};                                                                    \
        change;                                                                                    \
        assert_false(geometry_init_wires(&g, &d, pre, &err));                                      \
        assert_int_equal(err.code, ERROR_CONFIG);                                                  \
        if (!strstr(err.text, names))                                                              \
            fail_msg("%s: %s", #change, err.text);                                                 \
        assert_int_equal(g.n_planes, 0);                                                           \
    }
    BAD(X)
#undef X
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(microboone_has_266_x_432_pixels),
        cmocka_unit_test(an_image_is_a_plane_of_its_own),
        cmocka_unit_test(each_impossible_detector_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
