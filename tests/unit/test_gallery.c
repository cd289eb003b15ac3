/* gallery and picture: what the page shows of accepted events. */
#include "cmocka_all.h"
#include "run_fixture.h"

#include "data/gallery.h"
#include "model/fixed.h"
#include "output/picture.h"

#include <pthread.h>

enum { ROWS = 16, COLS = 16, WORDS = 1 };

static struct run_fixture *run;
static struct gallery *gallery;
static uint64_t mask[ROWS * WORDS];
static union pixel_value value[ROWS * COLS];

/* A plane of 16 x 16 pixels, 8 bins and 8 wires each; windows 0, 1, 2 lie on a diagonal. */
static int set_up(void **state)
{
    (void)state;
    run = fixture_create();
    gallery = &run->monitor.gallery;
    struct plane_geometry *pg = &run->geometry.plane[0];
    pg->rows = ROWS;
    pg->cols = COLS;
    pg->channels = 1;
    pg->words_per_row = WORDS;
    pg->pre.pool_time = 4;
    pg->pre.pool_wires = 8;
    memset(mask, 0, sizeof mask);
    memset(value, 0, sizeof value);
    run->event.plane[0].mask = mask;
    run->event.plane[0].value = value;
    run->model.height = run->model.width = 8;
    (void)snprintf(run->settings.trigger.rule[0].label, SETTINGS_NAME_BYTES, "neutrino");
    (void)snprintf(run->settings.trigger.rule[1].label, SETTINGS_NAME_BYTES, "cosmic");
    run->settings.trigger.rule[0].threshold = 0.4;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(run);
    return 0;
}

static void light(uint32_t row, uint32_t col, float v)
{
    mask[row] |= UINT64_C(1) << col;
    value[row * COLS + col].f = v;
}

static void a_picture_shows_the_window_that_decided(void **state)
{
    static struct picture p[GALLERY_PLACES];
    (void)state;
    light(4, 4, 1.5F); /* corner of window 2: bins from 16, wires from 32 */
    light(5, 6, 2.5F);
    light(6, 7, 3.5F);
    light(15, 15, 9); /* outside */
    static const struct pixel listed[] = {{0, 0}, {1, 2}};
    run->window[2].place = listed;
    run->window[2].n_listed = 2;
    run->window[2].n_active = 3;
    picture_take(gallery, &run->event, &run->info, 1000, 77);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 1);
    assert_int_equal(p->number, 1);
    assert_int_equal(p->id.event, 41);
    assert_int_equal(p->decided_time_ns, 77);
    assert_int_equal(p->latency_ns, 4500);
    assert_int_equal(p->n_rules, 1);
    assert_string_equal(p->rule[0], "neutrino");
    assert_string_equal(p->label, "neutrino");
    assert_float_equal(p->score, 0.5, 0); /* of the three, window 2 is the loudest */
    assert_int_equal(p->first_row, 4);
    assert_int_equal(p->first_col, 4);
    assert_int_equal(p->n_pixels, 3);
    assert_int_equal(p->pixel[1].row, 1);
    assert_int_equal(p->pixel[1].col, 2);
    assert_float_equal(p->pixel[1].value, 2.5, 0);
    /* The third was cut off by the model's maximum: it is there, and is not called given. */
    assert_true(p->pixel[0].given && p->pixel[1].given && !p->pixel[2].given);
    assert_int_equal(p->map_rows, ROWS);
    assert_int_equal(p->map[15][0], UINT64_C(1) << 15);
    assert_int_equal(p->map[5][0], UINT64_C(1) << 6);
}

/* Two rules fired: the label of the second must not be looked up for the first. */
static void a_rule_s_own_label_and_planes_are_used(void **state)
{
    static struct picture p[GALLERY_PLACES];
    (void)state;
    run->event.decision.rules_fired = 2;
    picture_take(gallery, &run->event, &run->info, 1000, 77);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 1);
    assert_string_equal(p->rule[0], "cosmic");
    assert_float_equal(p->score, 1, 0); /* window 0 */
    assert_int_equal(p->first_row, 0);
    /* A rule that looks at other planes than any window has no window to show. */
    run->settings.trigger.rule[1].planes = (struct settings_planes){1, {9}};
    picture_take(gallery, &run->event, &run->info, 1000 + GALLERY_INTERVAL_NS, 78);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 2);
    assert_int_equal(p->height, 0);
    assert_int_equal(p->n_pixels, 0);
}

/* Ready-made images come as integers on the model's grid. */
static void raw_values_are_given_as_numbers(void **state)
{
    static struct picture p[GALLERY_PLACES];
    struct fixed_type type = {.width = 16, .integer = 6, .fraction = 10};
    (void)state;
    run->geometry.images = true;
    run->event.plane[0].raw = true;
    run->model.input_t = &type;
    run->window[2].first_bin = run->window[2].first_wire = 0;
    light(3, 3, 0);
    value[3 * COLS + 3].i = 1536;
    picture_take(gallery, &run->event, &run->info, 1000, 77);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 1);
    assert_true(p->image);
    assert_float_equal(p->pixel[0].value, 1.5, 0);
}

/* Pass-through of noise lights every pixel: the picture is cut, its memory is not. */
static void a_bright_window_is_cut(void **state)
{
    static struct picture p[GALLERY_PLACES];
    enum { LARGE = 64 };
    static uint64_t all[LARGE];
    static union pixel_value lit[LARGE * LARGE];
    (void)state;
    memset(all, 0xff, sizeof all);
    struct plane_geometry *pg = &run->geometry.plane[0];
    pg->rows = pg->cols = run->model.height = run->model.width = LARGE;
    run->event.plane[0].mask = all;
    run->event.plane[0].value = lit;
    run->window[2].first_bin = run->window[2].first_wire = 0;
    picture_take(gallery, &run->event, &run->info, 1000, 77);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 1);
    assert_int_equal(p->n_pixels, GALLERY_PIXELS);
    assert_int_equal(p->map_rows, GALLERY_MAP_ROWS);
    assert_int_equal(p->map[GALLERY_MAP_ROWS - 1][0], UINT64_MAX);
}

/* At 10 kHz of accepted events the output thread paints ten a second, not all. */
static void pictures_are_a_sample_at_high_rate(void **state)
{
    static struct picture p[GALLERY_PLACES];
    (void)state;
    for (uint64_t i = 0; i < 10000; i++)
        picture_take(gallery, &run->event, &run->info, 1000 + i * 100000, 77);
    assert_int_equal(gallery_newest(gallery), 10);
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES - 1), GALLERY_PLACES - 1);
    for (uint32_t i = 0; i < GALLERY_PLACES - 1; i++)
        assert_int_equal(p[i].number, 10 - i);
}

/* A reader that was stopped with a picture in its hands must not stop the trigger. */
static void a_reader_that_hangs_costs_one_place(void **state)
{
    static struct picture p[GALLERY_PLACES];
    (void)state;
    uint64_t now = 1;
    for (; gallery_newest(gallery) < 20; now += GALLERY_INTERVAL_NS)
        gallery_end(gallery, gallery_begin(gallery, now));
    assert_false(atomic_flag_test_and_set(&gallery->place[4].busy));
    for (; gallery_newest(gallery) < 40; now += GALLERY_INTERVAL_NS)
        gallery_end(gallery, gallery_begin(gallery, now));
    uint32_t n = gallery_copy(gallery, p, GALLERY_PLACES - 1);
    assert_true(n >= GALLERY_PLACES - 2);
    assert_int_equal(p[0].number, 40);
    for (uint32_t i = 0; i < GALLERY_PLACES; i++)
        (void)atomic_flag_test_and_set(&gallery->place[i].busy);
    assert_null(gallery_begin(gallery, now));
    assert_int_equal(gallery_copy(gallery, p, GALLERY_PLACES), 0);
}

static _Atomic bool enough;

static void *look(void *self)
{
    static struct picture p[GALLERY_PLACES];
    uint64_t *torn = self;
    while (!atomic_load(&enough)) {
        uint32_t n = gallery_copy(gallery, p, GALLERY_PLACES);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < GALLERY_PIXELS; k++)
                *torn += p[i].pixel[k].row != (uint16_t)p[i].number;
    }
    return NULL;
}

/* A picture half of one event and half of the next would be believed. */
static void a_picture_is_whole_or_not_there(void **state)
{
    uint64_t torn = 0, painted = 0;
    pthread_t reader;
    (void)state;
    assert_int_equal(pthread_create(&reader, NULL, look, &torn), 0);
    for (uint64_t now = 1; painted < 20000; now += GALLERY_INTERVAL_NS) {
        struct picture *p = gallery_begin(gallery, now);
        assert_non_null(p); /* one reader holds one place: there is always another */
        for (uint32_t k = 0; k < GALLERY_PIXELS; k++)
            p->pixel[k].row = (uint16_t)p->number;
        gallery_end(gallery, p);
        painted++;
    }
    atomic_store(&enough, true);
    (void)pthread_join(reader, NULL);
    assert_int_equal(torn, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_picture_shows_the_window_that_decided), T(a_rule_s_own_label_and_planes_are_used),
        T(raw_values_are_given_as_numbers),         T(a_bright_window_is_cut),
        T(pictures_are_a_sample_at_high_rate),      T(a_reader_that_hangs_costs_one_place),
        T(a_picture_is_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
