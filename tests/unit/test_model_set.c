/* The models of a run, the detector and what [imaging] says must fit together. Each
 * misfit is a sentence a user can act on: it names the key, the model and both values. */
#include "model/model_set.h"

#include "cmocka_all.h"
#include "model_file.h"

#include <unistd.h>

enum { N_FILES = 3, N_PREPROCESSING = 11 };

/* 8 x 4 pixels to two scores; an image model leaves the first rows out. */
static const struct item wire_model[] = {
    WHOLE("preprocessing", "time_rebin", 6),
    REAL("preprocessing", "bin_floor", 10),
    REAL("preprocessing", "bin_clip", 100),
    WHOLE("preprocessing", "window_time_bins", 32),
    WHOLE("preprocessing", "window_wires", 32),
    WHOLE("preprocessing", "pool_time", 4),
    WHOLE("preprocessing", "pool_wires", 8),
    REAL("preprocessing", "pixel_threshold", 700),
    WHOLE("preprocessing", "image_height", 8),
    WHOLE("preprocessing", "image_width", 4),
    REAL("preprocessing", "pixel_scale", 3200),
    ROOT(2),
    SMALL_NETWORK(8, 4, 2, FILLED(SMALL_DENSE, "weight", 7, 2, 32, 2)),
};
enum { N_ITEMS = sizeof wire_model / sizeof *wire_model };

static char path[N_FILES][64];
static struct settings settings;
static struct model_set set;
static struct geometry geometry;

/* File `i`: a model called `name`, of which one number is another. */
static void write_model(int i, const char *name, bool images, const char *key, double value)
{
    struct item items[N_ITEMS];
    memcpy(items, wire_model, sizeof items);
    for (size_t k = 0; k < N_ITEMS; k++) {
        if (strcmp(items[k].name, "name") == 0)
            items[k].text = name;
        else if (key != NULL && strcmp(items[k].name, key) == 0)
            items[k].number = value;
    }
    size_t first = images ? N_PREPROCESSING : 0;
    model_file_write(path[i], items + first, N_ITEMS - first, NULL);
}

/* Two planes, 5 and 9, of 64 bins x 64 wires, and one model on both. */
static int begin(void **state)
{
    (void)state;
    memset(&settings, 0, sizeof settings);
    settings.detector.ticks = 384;
    settings.detector.n_planes = 2;
    settings.detector.plane[0] = (struct plane_settings){.id = 5, .wires = 64, .scale = 1};
    settings.detector.plane[1] = (struct plane_settings){.id = 9, .wires = 64, .scale = 1};
    settings.engine.n_models = 1;
    for (int i = 0; i < N_FILES; i++) {
        (void)snprintf(path[i], sizeof path[i], "/tmp/test_model_set-%d-%d.h5", (int)getpid(), i);
        (void)snprintf(settings.engine.model[i].file, SETTINGS_PATH_BYTES, "%s", path[i]);
    }
    write_model(0, "first", false, NULL, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < N_FILES; i++)
        (void)unlink(path[i]);
    return 0;
}

static void only_plane(uint32_t model, uint32_t id)
{
    settings.engine.model[model].planes = (struct settings_planes){.count = 1, .id = {id}};
}

static void assert_loads(void)
{
    struct error err = {0};
    if (!model_set_load(&set, &geometry, &settings, &err))
        fail_msg("%s", err.text);
}

/* Refused with every one of the words, and nothing is left behind. */
static void assert_refused(const char *a, const char *b, const char *c)
{
    struct error err = {0};
    if (model_set_load(&set, &geometry, &settings, &err))
        fail_msg("accepted; should have said %s ... %s ... %s", a, b, c);
    assert_int_equal(err.code, ERROR_CONFIG);
    if (!strstr(err.text, a) || !strstr(err.text, b) || !strstr(err.text, c))
        fail_msg("\"%s\" does not say %s, %s and %s", err.text, a, b, c);
    assert_int_equal(set.n_models, 0);
    assert_int_equal(geometry.n_planes, 0);
}

static void release(void)
{
    model_set_fini(&set);
    geometry_fini(&geometry);
}

/* Models name planes by id; stages count them in the configuration's order. */
static void planes_are_resolved_in_the_detectors_order(void **state)
{
    (void)state;
    assert_loads();
    assert_int_equal(set.entry[0].n_planes, 2);
    assert_int_equal(set.entry[0].plane[1], 1);
    release();
    settings.engine.n_models = 2;
    settings.engine.model[1].planes = (struct settings_planes){.count = 1, .id = {5}};
    only_plane(0, 9);
    write_model(1, "second", false, "pixel_threshold", 20);
    assert_loads();
    assert_int_equal(set.n_models, 2);
    assert_int_equal(set.max_outputs, 2);
    assert_int_equal(set.entry[0].plane[0], 1);
    assert_int_equal(set.entry[1].plane[0], 0);
    assert_int_equal(geometry.plane[0].id, 5);
    assert_true(geometry.plane[0].pre.pixel_threshold == 20);
    assert_true(geometry.plane[1].pre.pixel_threshold == 700);
    release();
}

static void a_run_needs_a_model_and_its_planes(void **state)
{
    (void)state;
    settings.detector.n_planes = 0;
    assert_refused("detector.plane", "first", "");
    settings.engine.n_models = 0;
    assert_refused("engine.model", "", "");
}

/* Fragments of a plane that nobody looks at would be reduced for nothing. */
static void every_plane_needs_a_model(void **state)
{
    (void)state;
    only_plane(0, 9);
    assert_refused("plane 5", "no model", "");
}

static void an_unknown_plane_is_named(void **state)
{
    (void)state;
    only_plane(0, 7);
    assert_refused("engine.model[0].planes", "plane 7", "");
}

/* A plane is reduced once, for all of its models. */
static void models_on_one_plane_must_agree(void **state)
{
    (void)state;
    static const struct {
        const char *key, *is;
        double other;
        const char *shown;
    } row[] = {
        {"time_rebin", "6", 3, "3"},           {"bin_floor", "10", 11, "11"},
        {"bin_clip", "100", 90, "90"},         {"pool_time", "4", 2, "2"},
        {"pool_wires", "8", 4, "4"},           {"pixel_threshold", "700", 650, "650"},
        {"pixel_scale", "3200", 3000, "3000"},
    };
    settings.engine.n_models = 2;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char first[64], second[64];
        write_model(1, "second", false, row[i].key, row[i].other);
        (void)snprintf(first, sizeof first, "first has %s = %s ", row[i].key, row[i].is);
        (void)snprintf(second, sizeof second, "second has %s", row[i].shown);
        assert_refused("plane 5", first, second);
    }
    write_model(1, "second", false, NULL, 0);
    assert_loads();
    release();
}

/* Only the window of the plane's last model was once held against the plane. */
static void every_models_window_must_fit(void **state)
{
    (void)state;
    settings.engine.n_models = 2;
    write_model(0, "first", false, "window_wires", 65);
    write_model(1, "second", false, NULL, 0);
    assert_refused("plane 5", "first", "65");
    write_model(0, "first", false, "window_time_bins", 65);
    assert_refused("plane 5", "first", "65");
    write_model(0, "first", false, "window_time_bins", 64);
    assert_loads();
    release();
}

static void imaging_may_repeat_the_model_but_not_contradict_it(void **state)
{
    (void)state;
    settings.imaging.pool_wires = 8;
    settings.imaging.window_wires = 32;
    assert_loads();
    release();
    settings.imaging.pool_wires = 7;
    assert_refused("imaging.pool_wires = 7", "first was trained with 8", "leave the key out");
    settings.imaging.pool_wires = 0;
    settings.imaging.window_wires = 33;
    assert_refused("imaging.window_wires = 33", "first was trained with 32", "");
}

static void images_have_one_size_and_no_planes(void **state)
{
    (void)state;
    write_model(0, "jets", true, NULL, 0);
    assert_refused("detector.plane", "jets", "ready-made");
    settings.detector.n_planes = 0;
    assert_loads();
    assert_true(geometry.images);
    assert_int_equal(geometry.plane[0].rows, 8);
    assert_int_equal(geometry.plane[0].cols, 4);
    assert_int_equal(set.entry[0].n_planes, 1);
    release();
    settings.imaging.time_rebin = 6;
    assert_refused("imaging.time_rebin = 6", "jets", "leave the key out");
    settings.imaging.time_rebin = 0;
    settings.engine.n_models = 2;
    struct item items[N_ITEMS];
    memcpy(items, wire_model, sizeof items);
    for (size_t k = 0; k < N_ITEMS; k++) { /* 4 x 8: the same 32 values, another shape */
        if (strcmp(items[k].name, "height") == 0)
            items[k].number = 4;
        if (strcmp(items[k].name, "width") == 0)
            items[k].number = 8;
    }
    model_file_write(path[1], items + N_PREPROCESSING, N_ITEMS - N_PREPROCESSING, NULL);
    assert_refused("jets takes 8x4x1", "test 4x8x1", "");
}

static void wires_and_images_do_not_mix(void **state)
{
    (void)state;
    settings.engine.n_models = 2;
    write_model(1, "jets", true, NULL, 0);
    assert_refused("first takes wires", "jets takes ready-made images", "");
}

/* The second file fails: the first must be released (leak sanitizer). */
static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct error err = {0};
    settings.engine.n_models = 2;
    assert_false(model_set_load(&set, &geometry, &settings, &err));
    assert_non_null(strstr(err.text, path[1]));
    assert_int_equal(set.n_models, 0);
}

/* A model that reduces a plane in another way cannot come into a run: fragments that are
 * half-way through an event were reduced as the old one says. Both values are told. */
static void a_successor_takes_what_its_predecessor_takes(void **state)
{
    (void)state;
    struct error err = {0};
    write_model(1, "second", false, NULL, 0);
    write_model(2, "coarse", false, "bin_floor", 12);
    struct model *first = model_load(path[0], &err), *second = model_load(path[1], &err);
    struct model *coarse = model_load(path[2], &err);
    if (first == NULL || second == NULL || coarse == NULL)
        fail_msg("%s", err.text);
    assert_true(model_set_interchangeable(first, second, &err));
    assert_false(model_set_interchangeable(first, coarse, &err));
    assert_int_equal(err.code, ERROR_CONFIG);
    if (!strstr(err.text, "bin_floor = 12") || !strstr(err.text, "first has 10"))
        fail_msg("\"%s\" does not say both values", err.text);
    model_destroy(&coarse);
    write_model(2, "images", true, NULL, 0);
    coarse = model_load(path[2], &err);
    assert_non_null(coarse);
    assert_false(model_set_interchangeable(first, coarse, &err));
    assert_non_null(strstr(err.text, "ready-made images"));
    model_destroy(&first);
    model_destroy(&second);
    model_destroy(&coarse);
}

/* Each key by itself: one that was forgotten would be the one that somebody changes. */
static void each_key_of_a_successor_is_compared(void **state)
{
    static const char *const keys[] = {"time_rebin",   "bin_floor",        "bin_clip",
                                       "pool_time",    "pool_wires",       "pixel_threshold",
                                       "pixel_scale",  "window_time_bins", "window_wires",
                                       "image_height", "image_width"};
    struct error err = {0};
    struct model *first = model_load(path[0], &err), *other = model_load(path[0], &err);
    (void)state;
    assert_true(first != NULL && other != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct preprocessing good = other->pre;
#define X(field) other->pre.field += strcmp(keys[i], #field) == 0 ? 1 : 0
        X(time_rebin);
        X(bin_floor);
        X(bin_clip);
        X(pool_time);
        X(pool_wires);
        X(pixel_threshold);
        X(pixel_scale);
        X(window_time_bins);
        X(window_wires);
        X(image_height);
        X(image_width);
#undef X
        if (model_set_interchangeable(first, other, &err) || strstr(err.text, keys[i]) == NULL)
            fail_msg("%s: \"%s\"", keys[i], err.text);
        other->pre = good;
    }
    uint32_t *const sides[] = {&other->height, &other->width, &other->channels};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        (*sides[i])++;
        assert_false(model_set_interchangeable(first, other, &err));
        assert_non_null(strstr(err.text, "takes images of"));
        (*sides[i])--;
    }
    assert_true(model_set_interchangeable(first, other, &err));
    first->has_preprocessing = false;
    assert_false(model_set_interchangeable(first, other, &err));
    assert_non_null(strstr(err.text, "takes wires, but model first takes ready-made images"));
    model_destroy(&first);
    model_destroy(&other);
}

static void each_key_of_imaging_is_compared(void **state)
{
    static const struct {
        const char *key;
        uint32_t *field;
        uint32_t right;
    } row[] = {{"time_rebin", &settings.imaging.time_rebin, 6},
               {"pool_time", &settings.imaging.pool_time, 4},
               {"pool_wires", &settings.imaging.pool_wires, 8},
               {"window_time_bins", &settings.imaging.window_time_bins, 32},
               {"window_wires", &settings.imaging.window_wires, 32}};
    (void)state;
    for (int images = 0; images < 2; images++) {
        write_model(0, "first", images == 1, NULL, 0);
        settings.detector.n_planes = images == 1 ? 0 : 2;
        for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
            char says[64];
            *row[i].field = row[i].right + 1;
            (void)snprintf(says, sizeof says, "imaging.%s = %u", row[i].key, row[i].right + 1);
            assert_refused(says, "first", "leave the key out");
            *row[i].field = images == 1 ? 0 : row[i].right;
            assert_loads();
            release();
            *row[i].field = 0;
        }
    }
}

/* What only wires have is refused for images, by its own key. */
static void images_have_no_wires(void **state)
{
    (void)state;
    write_model(0, "jets", true, NULL, 0);
    settings.detector.n_planes = 0;
    settings.imaging.hot.events = 5;
    assert_refused("imaging.hot.events = 5", "jets", "no wires");
    settings.imaging.hot.events = 0;
    (void)snprintf(settings.detector.calibration, SETTINGS_PATH_BYTES, "c.h5");
    assert_refused("detector.calibration = \"c.h5\"", "jets", "no wires");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(planes_are_resolved_in_the_detectors_order),
        TEST(a_run_needs_a_model_and_its_planes),
        TEST(every_plane_needs_a_model),
        TEST(an_unknown_plane_is_named),
        TEST(models_on_one_plane_must_agree),
        TEST(every_models_window_must_fit),
        TEST(imaging_may_repeat_the_model_but_not_contradict_it),
        TEST(images_have_one_size_and_no_planes),
        TEST(wires_and_images_do_not_mix),
        TEST(a_missing_file_is_named),
        TEST(a_successor_takes_what_its_predecessor_takes),
        TEST(each_key_of_a_successor_is_compared),
        TEST(each_key_of_imaging_is_compared),
        TEST(images_have_no_wires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
