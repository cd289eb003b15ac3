/* Calibration: what a wire's samples say of it, and a file that says so to the daemon. */
#include "unit/cmocka_all.h"

#include "base/hash.h"
#include "base/rehearse.h"
#include "model/calibration.h"
#include "model/wire_noise.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t random_state = 7;

static double uniform(void)
{
    random_state = hash_mix(random_state);
    return ((double)(random_state >> 11) + 0.5) * 0x1p-53;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * 3.14159265358979 * uniform());
}

/* ---- one wire ------------------------------------------------------------- */

enum { TICKS = 6400 };
static int16_t counts[TICKS];
static float units[TICKS], scratch[TICKS];
static uint32_t histogram[WIRE_NOISE_VALUES];

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double naive_median(double *value, uint32_t n)
{
    qsort(value, n, sizeof *value, by_value);
    return n % 2 == 1 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

/* The header's words as a program. `least`: 3 counts for int16. */
static struct wire_noise naive(const double *sample, uint32_t n, double least)
{
    static double sorted[TICKS];
    memcpy(sorted, sample, n * sizeof *sorted);
    double median = naive_median(sorted, n), sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = fabs(sample[i] - median);
    double reach = fmax(3 * 1.482602218505602 * naive_median(sorted, n), least);
    uint64_t used = 0;
    for (uint32_t i = 0; i < n; i++) {
        double d = sample[i] - median;
        if (fabs(d) <= reach) {
            sum += d;
            squares += d * d;
            used++;
        }
    }
    double mean = sum / (double)used;
    return (struct wire_noise){
        median + mean, sqrt(fmax(squares / (double)used - mean * mean, 0)) / 0.986578, used};
}

/* The histogram's and the selection's way against sorting, for odd and even numbers of
 * samples, quiet and loud wires, and the ends of int16. */
static void estimators_are_what_their_header_says(void **state)
{
    static double sample[TICKS];
    static const double sigma[] = {0, 0.1, 0.4, 3, 100, 8000, 60000};
    (void)state;
    for (uint32_t k = 0; k < sizeof sigma / sizeof sigma[0]; k++) {
        for (uint32_t n = 1; n < TICKS; n = n * 3 + k % 2) {
            for (uint32_t i = 0; i < n; i++) {
                double x = fmin(fmax(rint(1500.3 + sigma[k] * normal()), INT16_MIN), INT16_MAX);
                counts[i] = (int16_t)x;
                sample[i] = x;
            }
            struct wire_noise want = naive(sample, n, 3);
            struct wire_noise got = wire_noise_counts(counts, n, histogram);
            if (n % 2 == 1) /* an even MAD may be a half between two values: either is one */
                assert_int_equal(got.n, want.n);
            if (got.n == want.n) {
                assert_true(fabs(got.pedestal - want.pedestal) < 1e-9 * 60000);
                assert_true(fabs(got.noise - want.noise) < 1e-6 * (1 + want.noise));
            }
            for (uint32_t i = 0; i < n; i++)
                sample[i] = (double)(units[i] = (float)(10 + sigma[k] * normal()));
            want = naive(sample, n, 0);
            got = wire_noise_units(units, n, scratch);
            assert_true(got.n + 2 >= want.n && want.n + 2 >= got.n); /* medians are floats */
            assert_true(fabs(got.pedestal - want.pedestal) < 1e-3 * (1 + sigma[k]));
        }
    }
    for (uint32_t i = 0; i < WIRE_NOISE_VALUES; i++)
        assert_int_equal(histogram[i], 0);
}

/* A track of a thousand samples once moved a mean by 78 counts, and made a good wire hot. */
static void signals_do_not_count(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < TICKS; i++) {
        counts[i] = (int16_t)rint(2048.3 + 3 * normal() + (i < 2000 ? 500 : 0));
        units[i] = (float)(0.7 + 0.2 * normal() + (i % 4 == 0 ? 40 : 0));
    }
    units[7] = NAN;
    units[9] = INFINITY;
    struct wire_noise w = wire_noise_counts(counts, TICKS, histogram);
    assert_true(fabs(w.pedestal - 2048.3) < 0.3 && fabs(w.noise - 3) < 0.3);
    w = wire_noise_units(units, TICKS, scratch);
    assert_true(fabs(w.pedestal - 0.7) < 0.03 && fabs(w.noise - 0.2) < 0.03);
    for (uint32_t i = 0; i < TICKS; i++)
        units[i] = i % 2 ? NAN : -INFINITY;
    assert_int_equal(wire_noise_units(units, TICKS, scratch).n, 0);
    assert_int_equal(wire_noise_counts(counts, 0, histogram).n, 0);
}

/* ---- a file ----------------------------------------------------------------- */

enum { WIRES = 100, PLANES = 2 };

/* What is written instead of what is right. */
struct spoil {
    const char *item; /* "format", "plane_2", "plane_2/noise" ... NULL: nothing */
    double value;     /* of a column's wire 3, or of a number */
    const char *text; /* of a text */
    bool drop, shorter, as_text;
};

static bool is(const struct spoil *s, const char *item)
{
    return s->item != NULL && strcmp(s->item, item) == 0;
}

static void put_text(hid_t at, const char *name, const char *text, const struct spoil *s)
{
    if (is(s, name) && s->drop)
        return;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    (void)H5Tset_size(type, 40);
    char value[40];
    (void)snprintf(value, sizeof value, "%s", is(s, name) ? s->text : text);
    hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(a, type, value) >= 0);
    (void)H5Aclose(a);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
}

static void put_number(hid_t at, const char *name, int32_t value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(at, name, H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(a, H5T_NATIVE_INT32, &value) >= 0);
    (void)H5Aclose(a);
    (void)H5Sclose(space);
}

static void put_column(hid_t group, const char *plane, const char *name, const double *value,
                       const struct spoil *s)
{
    char item[64];
    (void)snprintf(item, sizeof item, "%s/%s", plane, name);
    double column[WIRES];
    memcpy(column, value, sizeof column);
    if (is(s, item) && s->drop)
        return;
    if (is(s, item))
        column[3] = s->value;
    hsize_t n = is(s, item) && s->shorter ? WIRES - 1 : WIRES;
    hid_t space = H5Screate_simple(1, &n, NULL), type = H5Tcopy(H5T_C_S1);
    hid_t stored = is(s, item) && s->as_text ? type : H5T_NATIVE_DOUBLE;
    hid_t set = H5Dcreate2(group, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (stored == H5T_NATIVE_DOUBLE)
        assert_true(H5Dwrite(set, stored, H5S_ALL, H5S_ALL, H5P_DEFAULT, column) >= 0);
    (void)H5Dclose(set);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
}

/* Wire w of plane 2 rests at 2000 + w / 8, that of plane 0 at 100 more; wires 10 and 11 are
 * dead, wire 99 is hot. */
static double pedestal_of(uint32_t plane, uint32_t wire)
{
    return (plane == 0 ? 2100 : 2000) + wire / 8.0;
}

static void write_file(const char *path, const char *type, const struct spoil *s)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_text(file, "format", "sparsed-calibration", s);
    put_text(file, "sample_type", type, s);
    put_number(file, "format_version", is(s, "format_version") ? (int32_t)s->value : 1);
    for (uint32_t p = 0; p < 3; p += 2) {
        char plane[16];
        double column[WIRES];
        (void)snprintf(plane, sizeof plane, "plane_%u", p);
        if (is(s, plane) && s->drop)
            continue;
        hid_t group = H5Gcreate2(file, plane, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        put_number(group, "wires", is(s, plane) ? (int32_t)s->value : WIRES);
        for (uint32_t w = 0; w < WIRES; w++)
            column[w] = w;
        put_column(group, plane, "wire", column, s);
        for (uint32_t w = 0; w < WIRES; w++)
            column[w] = pedestal_of(p, w);
        put_column(group, plane, "pedestal", column, s);
        for (uint32_t w = 0; w < WIRES; w++)
            column[w] = 3;
        put_column(group, plane, "noise", column, s);
        for (uint32_t w = 0; w < WIRES; w++)
            column[w] = w == 10 || w == 11 ? WIRE_DEAD : w == 99 ? WIRE_HOT : WIRE_GOOD;
        put_column(group, plane, "status", column, s);
        (void)H5Gclose(group);
    }
    assert_true(H5Fclose(file) >= 0);
}

static void make_geometry(struct geometry *g)
{
    static const struct preprocessing recipe = {.time_rebin = 6,
                                                .bin_floor = 10,
                                                .bin_clip = 100,
                                                .window_time_bins = 8,
                                                .window_wires = 16,
                                                .pool_time = 4,
                                                .pool_wires = 4,
                                                .pixel_threshold = 70,
                                                .image_height = 2,
                                                .image_width = 4,
                                                .pixel_scale = 1};
    struct detector_settings d = {.ticks = 240, .n_planes = PLANES};
    d.plane[0] = (struct plane_settings){2, WIRES, 7, 0.5};
    d.plane[1] = (struct plane_settings){0, WIRES, 7, 0.5};
    const struct preprocessing pre[PLANES] = {recipe, recipe};
    struct error err = {0};
    if (!geometry_init_wires(g, &d, pre, &err))
        fail_msg("%s", err.text);
}

static const char *file_name(void)
{
    static char path[64]; /* the same in children */
    if (path[0] == '\0')
        (void)snprintf(path, sizeof path, "/tmp/test_calibration.%ld.h5", (long)getpid());
    return path;
}

static bool load(struct geometry *g, struct error *err)
{
    make_geometry(g);
    bool good = calibration_load(file_name(), g, err);
    (void)unlink(file_name());
    return good;
}

/* Planes are found by their id, not by their place in the configuration. */
static void a_good_file_is_taken(void **state)
{
    (void)state;
    struct geometry g;
    struct error err = {0};
    uint8_t want[SHA256_BYTES], list[6 * 8] = {0};
    write_file(file_name(), "int16", &(struct spoil){0});
    assert_true(hash_sha256_file(file_name(), want));
    if (!load(&g, &err))
        fail_msg("%s", err.text);
    assert_true(g.calibrated);
    assert_memory_equal(g.calibration_sha256, want, SHA256_BYTES);
    for (uint32_t w = 0; w < WIRES; w++) {
        assert_int_equal(g.plane[0].pedestal_counts[w], lrint(6 * pedestal_of(2, w)));
        assert_int_equal(g.plane[1].pedestal_counts[w], lrint(6 * pedestal_of(0, w)));
        assert_true(g.plane[1].pedestal_units[w] == 0);
        assert_int_equal(geometry_is_masked(&g.plane[0], w), w == 10 || w == 11 || w == 99);
    }
    assert_int_equal(g.plane[0].dead_wires, 2);
    assert_int_equal(g.plane[0].hot_wires, 1);
    assert_int_equal(g.masked.wires, 6);
    /* decision.proto's rule, by hand: planes in the order of the configuration */
    static const uint8_t pairs[6][2] = {{2, 10}, {2, 11}, {2, 99}, {0, 10}, {0, 11}, {0, 99}};
    for (size_t i = 0; i < 6; i++) {
        list[8 * i] = pairs[i][0];
        list[8 * i + 4] = pairs[i][1];
    }
    hash_sha256(list, sizeof list, want);
    assert_memory_equal(g.masked.sha256, want, SHA256_BYTES);
    geometry_fini(&g);
}

/* Pedestals of float32 samples must not be taken off int16 ones: they are in other units. */
static void a_file_of_units_leaves_counts_alone(void **state)
{
    (void)state;
    struct geometry g;
    struct error err = {0};
    write_file(file_name(), "float32", &(struct spoil){0});
    if (!load(&g, &err))
        fail_msg("%s", err.text);
    assert_int_equal(g.plane[0].pedestal_counts[50], 42);
    assert_true(g.plane[0].pedestal_units[50] == (float)(6 * pedestal_of(2, 50)));
    geometry_fini(&g);
}

static void bad_files_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        struct spoil spoil;
        const char *says;
    } bad[] = {
        {{"format", 0, "sparsed-model", 0, 0, 0}, "format = \"sparsed-model\""},
        {{"format", .drop = true}, "attribute format is missing"},
        {{"format_version", .value = 2}, "format_version = 2: must be 1 .. 1"},
        {{"sample_type", .text = "int8"}, "sample_type = \"int8\": must be int16 or float32"},
        {{"plane_0", .drop = true}, "group plane_0 is missing"},
        {{"plane_2", .value = 3456}, "plane_2: attribute wires = 3456: detector.plane 2 has 100"},
        {{"plane_2/noise", .drop = true}, "plane_2: data set noise is missing"},
        {{"plane_2/noise", .value = NAN}, "plane_2: data set noise, wire 3: nan"},
        {{"plane_0/noise", .value = -1}, "plane_0: data set noise, wire 3: -1: must be 0 or more"},
        {{"plane_2/pedestal", .value = INFINITY}, "data set pedestal, wire 3: inf: must be finite"},
        {{"plane_2/pedestal", .value = 40000}, "wire 3: pedestal = 40000: must be within"},
        {{"plane_2/pedestal", .shorter = true}, "data set pedestal: 1 axes, 99 numbers"},
        {{"plane_2/pedestal", .as_text = true}, "data set pedestal must hold numbers"},
        {{"plane_2/status", .value = 3}, "data set status, wire 3: 3: must be 0 good, 1 dead"},
        {{"plane_2/status", .value = 0.5}, "data set status, wire 3: 0.5"},
        {{"plane_2/status", .value = -1e300}, "data set status, wire 3: -1e+300"},
        {{"plane_2/wire", .value = 4}, "data set wire, wire 3: 4: must be the wires 0, 1, 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct geometry g;
        struct error err = {0};
        write_file(file_name(), "int16", &bad[i].spoil);
        if (load(&g, &err))
            fail_msg("%s was taken", bad[i].spoil.item);
        if (strstr(err.text, bad[i].says) == NULL || strstr(err.text, file_name()) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].says);
        assert_false(g.calibrated);
        geometry_fini(&g);
    }
}

/* ---- damaged files ------------------------------------------------------------ */

static uint8_t *read_whole(size_t *bytes)
{
    FILE *f = fopen(file_name(), "rb");
    assert_non_null(f);
    uint8_t *data = malloc(1 << 20);
    assert_non_null(data);
    *bytes = fread(data, 1, 1 << 20, f);
    (void)fclose(f);
    return data;
}

static void put_whole(const uint8_t *data, size_t bytes)
{
    FILE *f = fopen(file_name(), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    (void)fclose(f);
}

struct seen {
    uint32_t taken, refused;
};

/* In a child: libhdf5 loses memory on files that it refuses, which is not ours to report. */
static void load_damaged(void *arg)
{
    struct seen *seen = arg;
    struct geometry g;
    struct error err = {0};
    if (load(&g, &err))
        seen->taken++;
    else if (strstr(err.text, file_name()) != NULL)
        seen->refused++;
    geometry_fini(&g);
}

/* A file that a full disk cut, or whose bytes were changed on the way, is refused or is a good
 * one; it never ends the daemon. libhdf5 reads past its memory on some of them: then the child
 * that looks first is what dies. */
static void a_damaged_file_never_ends_the_daemon(void **state)
{
    (void)state;
    size_t bytes;
    struct seen *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(seen != MAP_FAILED);
    write_file(file_name(), "int16", &(struct spoil){0});
    uint8_t *good = read_whole(&bytes), *bad = malloc(bytes);
    assert_non_null(bad);
    for (uint32_t i = 0; i < 120; i++) {
        size_t n = i % 3 == 0 ? (size_t)(uniform() * (double)bytes) : bytes;
        memcpy(bad, good, bytes);
        for (uint32_t k = 0; i % 3 != 0 && k < 1 + i / 4; k++)
            bad[(size_t)(uniform() * (double)(i % 3 == 1 ? 2048 : bytes))] =
                (uint8_t)(uniform() * 256);
        int signal = 0;
        put_whole(bad, n);
        assert_true(rehearse(load_damaged, seen, 30, &signal));
    }
    free(good);
    free(bad);
    assert_true(seen->refused > 40 && seen->refused + seen->taken == 120);
    assert_int_equal(munmap(seen, sizeof *seen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimators_are_what_their_header_says),
        cmocka_unit_test(signals_do_not_count),
        cmocka_unit_test(a_good_file_is_taken),
        cmocka_unit_test(a_file_of_units_leaves_counts_alone),
        cmocka_unit_test(bad_files_are_refused_with_a_sentence),
        cmocka_unit_test(a_damaged_file_never_ends_the_daemon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
