/* The simulation's physics against numbers that are not its own: ranges, energy and
 * charge from tables; and the promise of the same bits for the same seed. */
#include "unit/cmocka_all.h"

#include "base/hash.h"
#include "simulate/event.h"
#include "simulate/pixels.h"
#include "simulate/portable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pixels of events 0 .. 2 of seed 1. */
static const unsigned long long expected_bits = 0xfb06f0e24aa83573u;

static struct physics *make_physics(const char *const *settings)
{
    struct constants c;
    struct error err = {0};
    constants_init(&c);
    for (; settings != NULL && *settings != NULL; settings++)
        if (!constants_set(&c, *settings, &err))
            fail_msg("%s", err.text);
    struct physics *p = calloc(1, sizeof *p);
    assert_non_null(p);
    if (!physics_init(p, &c, &err))
        fail_msg("%s", err.text);
    return p;
}

static struct tracker *make_tracker(const struct physics *p)
{
    struct tracker *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->physics = p;
    return t;
}

static void drop(struct tracker *t, struct physics *p)
{
    charge_fini(&t->charge);
    free(t);
    free(p);
}

/* A C library's exp may change a bit in its next version; ours may not be wrong
 * instead. */
static void our_functions_are_those_of_the_c_library(void **state)
{
    (void)state;
    for (double x = -30; x < 30; x += 0.0137) {
        double s, c, e = exp(x);
        portable_sincos(x, &s, &c);
        assert_true(fabs(portable_exp(x) - e) <= 1e-13 * e);
        assert_true(fabs(s - sin(x)) < 1e-13 && fabs(c - cos(x)) < 1e-13);
        assert_true(fabs(portable_log(e) - x) <= 1e-13 * (1 + fabs(x)));
        double normal = 0.5 * erfc(-x / 8 / sqrt(2));
        assert_true(fabs(portable_normal(x / 8) - normal) <= 1e-12);
    }
}

/* Moments of what is drawn; a table that is read one place off shifts them. */
static void random_numbers_have_their_distribution(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct random_table *table = calloc(1, sizeof *table);
    struct random r;
    random_table_init(table);
    random_init(&r, table, 7, 8, 9);
    double sum = 0, square = 0, moyal = 0, poisson = 0, beta = 0, gamma = 0;
    for (int i = 0; i < N; i++) {
        double x = random_normal(&r);
        sum += x;
        square += x * x;
        moyal += random_moyal(&r);
        poisson += random_poisson(&r, 2.5);
        beta += random_beta(&r, 1.6, 2.6);
        gamma += random_gamma(&r, 4, 0.25);
    }
    assert_true(fabs(sum / N) < 0.01);
    assert_true(fabs(square / N - 1) < 0.02);
    assert_true(fabs(moyal / N - 1.2704) < 0.03); /* Euler's constant + ln 2 */
    assert_true(fabs(moyal / N - table->moyal_mean) < 0.03);
    assert_true(fabs(poisson / N - 2.5) < 0.02);
    assert_true(fabs(beta / N - 1.6 / 4.2) < 0.005);
    assert_true(fabs(gamma / N - 1) < 0.01);
    free(table);
}

/* Muons once went 5 % too far: the energy of their delta rays was not taken from
 * them. Ranges: PDG, liquid argon, in a detector large enough to stop in. */
static void particles_stop_where_the_tables_say(void **state)
{
    (void)state;
    static const char *const large[] = {
        "x_max=2000",    "y_min=-5000", "y_max=5000",          "z_max=20000",
        "wires_y=16384", "ticks=16384", "proton_length=10000", NULL};
    static const struct {
        int32_t pdg;
        double mev, cm, tolerance;
    } range[] = {{13, 100, 31, 0.05},  {13, 200, 76, 0.03},    {13, 400, 171, 0.03},
                 {2212, 50, 2.3, 0.1}, {2212, 100, 7.8, 0.05}, {2212, 200, 26, 0.03},
                 {2212, 400, 81, 0.05}};
    struct physics *p = make_physics(large);
    struct tracker *t = make_tracker(p);
    const struct vec start = {500, 0, 1}, along = {0, 0, 1};
    for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
        double sum = 0, n = 0;
        for (uint64_t k = 0; k < 200; k++) {
            tracker_begin(t, 1, k);
            uint32_t j =
                tracker_run(t, range[i].pdg, -1, ORIGIN_COSMIC, start, along, range[i].mev, 0);
            double cm = t->particle[j].end.z - 1;
            if (cm < 0.7 * range[i].cm) /* a proton that met a nucleus */
                continue;
            sum += cm;
            n++;
        }
        if (fabs(sum / n / range[i].cm - 1) > range[i].tolerance)
            fail_msg("%d of %g MeV: %.1f cm, should be %g", range[i].pdg, range[i].mev, sum / n,
                     range[i].cm);
    }
    drop(t, p);
}

/* A branching shower must neither make nor lose energy: what an electron of 500 MeV
 * deposits is what it had, in a detector that it cannot leave. */
static void a_shower_keeps_its_energy(void **state)
{
    (void)state;
    static const char *const large[] = {"x_max=2000",    "y_min=-5000", "y_max=5000", "z_max=4000",
                                        "wires_y=16384", "ticks=16384", NULL};
    struct physics *p = make_physics(large);
    struct tracker *t = make_tracker(p);
    double sum = 0;
    for (uint64_t k = 0; k < 50; k++) {
        tracker_begin(t, 2, k);
        tracker_run(t, 11, -1, ORIGIN_COSMIC, (struct vec){400, 0, 1000}, (struct vec){0, 0, 1},
                    500, 0);
        for (uint32_t i = 0; i < t->charge.n[2]; i++)
            sum += (double)t->charge.list[2][i].mev;
    }
    /* Pairs take 1 MeV each for their masses: some per cent. */
    assert_true(sum / 50 > 470 && sum / 50 < 500);
    drop(t, p);
}

/* The unit of adc rests on this: a muon that crosses wires at a right angle leaves
 * 72 (most probable) to 85 (mean) units on each. */
static void a_minimum_ionising_muon_leaves_85_units_a_wire(void **state)
{
    (void)state;
    struct physics *p = make_physics(NULL);
    struct tracker *t = make_tracker(p);
    double units = 0;
    for (uint64_t k = 0; k < 100; k++) {
        tracker_begin(t, 3, k);
        tracker_run(t, 13, -1, ORIGIN_COSMIC, (struct vec){10, 0, 100}, (struct vec){0, 0, 1}, 350,
                    0);
        for (uint32_t i = 0; i < t->charge.n[2]; i++) {
            const struct deposit *d = &t->charge.list[2][i];
            if (d->wire >= 350 && d->wire < 450)
                units += (double)d->charge / CHARGE_UNIT / 100;
        }
    }
    assert_true(units / 100 > 80 && units / 100 < 90);
    drop(t, p);
}

/* Wire numbers give exactly the detector's wires (docs/simulation.md); a sign wrong
 * in one plane would turn its picture over and no statistics would notice. */
static void corners_of_the_detector_are_at_the_ends_of_the_planes(void **state)
{
    (void)state;
    struct physics *p = make_physics(NULL);
    int32_t wire[CHARGE_PLANES];
    charge_wires(&p->charge, (struct vec){0, 117.15, 0}, wire);
    assert_int_equal(wire[0], 0);
    charge_wires(&p->charge, (struct vec){0, -115.21, 0.25}, wire);
    assert_int_equal(wire[1], 0);
    assert_int_equal(wire[2], 0);
    charge_wires(&p->charge, (struct vec){0, -115.21, 1036.8}, wire);
    assert_int_equal(wire[0], 2399);
    assert_int_equal(wire[2], 3455);
    charge_wires(&p->charge, (struct vec){0, 117.15, 1036.8}, wire);
    assert_int_equal(wire[1], 2399);
    charge_wires(&p->charge, (struct vec){0, 300, -50}, wire);
    assert_int_equal(wire[0], -1);
    assert_int_equal(wire[2], -1);
    free(p);
}

/* One deposit, without noise: its pulse holds its charge, around its tick, on its
 * wire and no other; and it is labelled if the neutrino made it. */
static void a_pulse_keeps_its_charge(void **state)
{
    (void)state;
    static const char *const quiet[] = {"noise=0", "roi_threshold=0", NULL};
    struct physics *p = make_physics(quiet);
    struct wires *w = wires_create(p);
    int16_t *counts = calloc(6400, sizeof *counts);
    struct deposit d = {.wire = 17, .time = 1000 * CHARGE_SUBTICKS, .charge = 100 * CHARGE_UNIT};
    struct charge q = {.c = &p->c, .tables = &p->charge, .n = {1}, .capacity = {1}};
    struct wires_bins bins;
    q.list[0] = &d;
    for (int neutrino = 0; neutrino < 2; neutrino++) {
        d.neutrino = neutrino;
        assert_true(wires_plane(w, &q, 0, 1, 1));
        assert_false(wires_read(w, 16, counts, &bins));
        assert_true(wires_read(w, 17, counts, &bins));
        double sum = 0, first = 0, second = 0;
        uint64_t labelled = 0;
        for (int i = 0; i < 6400; i++) {
            sum += counts[i];
            first += (i + 0.5) * counts[i];
            second += (i + 0.5) * (i + 0.5) * counts[i];
        }
        for (uint32_t i = 0; i < bins.words; i++)
            labelled += (uint64_t)__builtin_popcountll(bins.labelled[i]);
        double mean = first / sum, sigma = sqrt(second / sum - mean * mean);
        assert_true(fabs(sum / WIRES_COUNTS_PER_UNIT - 100) < 1);
        assert_true(fabs(mean - 1000) < 0.1);
        assert_true(fabs(sigma - 2.86) < 0.1);
        assert_int_equal(labelled > 0, neutrino);
        memset(counts, 0, 6400 * sizeof *counts);
    }
    free(counts);
    wires_destroy(&w);
    free(p);
}

/* Pulses that hang over the first and the last tick are cut, not written beside. */
static void pulses_at_the_edges_stay_inside(void **state)
{
    (void)state;
    static const char *const quiet[] = {"noise=0", "roi_threshold=0", NULL};
    struct physics *p = make_physics(quiet);
    struct wires *w = wires_create(p);
    int16_t *counts = calloc(6400, sizeof *counts);
    const int32_t ticks[] = {-30, -14, -1, 0, 6399, 6413, 6430};
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        struct deposit d = {.time = ticks[i] * CHARGE_SUBTICKS + 3, .charge = 40 * CHARGE_UNIT};
        struct charge q = {.c = &p->c, .tables = &p->charge, .n = {0, 0, 1}, .capacity = {0, 0, 1}};
        struct wires_bins bins;
        q.list[2] = &d;
        assert_true(wires_plane(w, &q, 2, 1, 1));
        bool any = wires_read(w, 0, counts, &bins);
        double sum = 0;
        for (int k = 0; k < 6400; k++)
            sum += counts[k];
        bool near = ticks[i] >= -5 && ticks[i] < 6405;
        assert_true(!near || any);
        assert_true(sum <= 41 * WIRES_COUNTS_PER_UNIT);
        assert_true(!near || sum > 0);
        memset(counts, 0, 6400 * sizeof *counts);
    }
    free(counts);
    wires_destroy(&w);
    free(p);
}

static uint64_t hash_of_pixels(const struct pixels *p)
{
    uint64_t h = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t value;
        memcpy(&value, &p->row[i].value, sizeof value);
        h = hash_mix(h ^ value);
        h = hash_mix(h ^ ((uint64_t)p->row[i].plane << 40 | (uint64_t)p->row[i].row << 24 |
                          (uint64_t)p->row[i].col << 8 | p->row[i].neutrino));
    }
    return h;
}

/* "Same seed, same bits, on any machine": the bits are written down here. A change
 * of the physics changes them, and training files with it: then make the models
 * again. Deposits are turned around once, because the order in which charge is
 * added must not matter. */
static void the_same_seed_gives_the_same_bits_everywhere(void **state)
{
    (void)state;
    struct preprocessing pre = {6, 10, 100, 256, 512, 4, 8, 700, 63, 63, 3200};
    struct error err = {0};
    struct physics *p = make_physics(NULL);
    struct tracker *t = make_tracker(p);
    struct geometry g;
    assert_true(pixels_geometry(&g, &p->c, &pre, &err));
    struct pixel_maker *m = pixel_maker_create(&g, p, pre.pixel_threshold, &err);
    assert_non_null(m);
    struct pixels pixels = {0};
    struct neutrino nu;
    uint64_t all = 0, turned = 0;
    for (uint64_t event = 0; event < 3; event++) {
        event_make(t, 1, event, &nu);
        assert_true(pixel_maker_run(m, &t->charge, 1, event, &pixels));
        all = hash_mix(all ^ hash_of_pixels(&pixels));
        for (int plane = 0; plane < CHARGE_PLANES; plane++) {
            struct deposit *d = t->charge.list[plane];
            uint32_t n = t->charge.n[plane], of_neutrino = 0;
            while (of_neutrino < n && d[of_neutrino].neutrino)
                of_neutrino++;
            for (uint32_t i = of_neutrino, j = n; i + 1 < j; i++) { /* cosmic ones only */
                struct deposit kept = d[i];
                d[i] = d[--j];
                d[j] = kept;
            }
        }
        assert_true(pixel_maker_run(m, &t->charge, 1, event, &pixels));
        turned = hash_mix(turned ^ hash_of_pixels(&pixels));
    }
    assert_int_equal(turned, all);
    if (all != expected_bits)
        fail_msg("bits are 0x%016llx", (unsigned long long)all);
    pixels_fini(&pixels);
    pixel_maker_destroy(&m);
    geometry_fini(&g);
    drop(t, p);
}

static void constants_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"nonsense=1", "no constant \"nonsense\""},
                                           {"ticks=6400.5", "whole number"},
                                           {"ticks=0", "64 .. 16384"},
                                           {"noise=loud", "no number"},
                                           {"noise=nan", "no number"},
                                           {"noise", "NAME=VALUE"}};
    struct constants c;
    struct error err;
    constants_init(&c);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(constants_set(&c, wrong[i][0], &err));
        assert_non_null(strstr(err.text, wrong[i][1]));
    }
    for (uint32_t i = 0; i < CONSTANTS_COUNT; i++) {
        const struct constant_row *row = &constants_table[i];
        assert_true(row->initial >= row->min && row->initial <= row->max);
        assert_true(constants_value(&c, i) == row->initial); /* nothing wrong was taken */
    }
    assert_true(constants_set(&c, "y_min=200", &err));
    assert_false(constants_check(&c, &err));
    assert_non_null(strstr(err.text, "y_min = 200"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_functions_are_those_of_the_c_library),
        cmocka_unit_test(random_numbers_have_their_distribution),
        cmocka_unit_test(particles_stop_where_the_tables_say),
        cmocka_unit_test(a_shower_keeps_its_energy),
        cmocka_unit_test(a_minimum_ionising_muon_leaves_85_units_a_wire),
        cmocka_unit_test(corners_of_the_detector_are_at_the_ends_of_the_planes),
        cmocka_unit_test(a_pulse_keeps_its_charge),
        cmocka_unit_test(pulses_at_the_edges_stay_inside),
        cmocka_unit_test(the_same_seed_gives_the_same_bits_everywhere),
        cmocka_unit_test(constants_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
