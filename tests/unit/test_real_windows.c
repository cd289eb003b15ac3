/* Real MicroBooNE windows through imaging give the vectors' input bit for bit, from
 * float32 and from int16, however the wires are cut into fragments. */
#include "unit/cmocka_all.h"

#include "data/pixel.h"
#include "imaging/reduce.h"
#include "unit/published.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef SPARSED_SHARED
#define SPARSED_SHARED "../shared"
#endif

enum { EVENTS = 100, WIRES = 512, TICKS = 6400, IMAGE = 63 };

static char directory[512];
static float *event_units; /* [WIRES][TICKS] */
static int16_t *event_counts;
static int16_t input_16b[EVENTS][IMAGE][IMAGE], input_8b[EVENTS][IMAGE][IMAGE];
static int32_t corner[EVENTS][3]; /* plane, time bin, wire */

static void read_all(const char *file, const char *name, hid_t type, void *to)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(h >= 0);
    hid_t set = H5Dopen2(h, name, H5P_DEFAULT);
    assert_true(set >= 0);
    assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0);
    H5Dclose(set);
    H5Fclose(h);
}

static void read_event(hid_t set, uint32_t event)
{
    hsize_t start[2] = {(hsize_t)event * WIRES, 0}, count[2] = {WIRES, TICKS};
    hid_t space = H5Dget_space(set), memory = H5Screate_simple(2, count, NULL);
    assert_true(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0);
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, event_units) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    for (size_t i = 0; i < (size_t)WIRES * TICKS; i++) {
        event_counts[i] = (int16_t)lrintf(event_units[i] * 16.0f);
        assert_true((float)event_counts[i] / 16.0f == event_units[i]);
    }
}

struct image {
    float pixel[266][64];
};

static void put_hits(struct image *image, const struct hit *hit, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        image->pixel[hit[i].row][hit[i].col] = hit[i].value.f;
}

/* Reduces the event in fragments of `size` wires. */
static void reduce_event(const struct geometry *g, struct reducer *r, struct reduced *out,
                         enum sample_type type, uint32_t size, struct image *image)
{
    static struct edge_value edge[266 * WIRES];
    static struct hit hit[266 * WIRES];
    const unsigned char *samples = type == SAMPLE_INT16 ? (const unsigned char *)event_counts
                                                        : (const unsigned char *)event_units;
    uint32_t n_edges = 0;
    memset(image, 0, sizeof *image);
    for (uint32_t w = 0; w < WIRES; w += size) {
        struct fragment f = {.sample_type = type,
                             .first_wire = w,
                             .wires = size < WIRES - w ? size : WIRES - w,
                             .samples = samples + (size_t)w * TICKS * sample_bytes(type)};
        assert_int_equal(reduce_fragment(r, &f, out), FRAGMENT_ASSEMBLED);
        put_hits(image, out->hit, out->n_hits);
        memcpy(edge + n_edges, out->edge, out->n_edges * sizeof *edge);
        n_edges += out->n_edges;
    }
    put_hits(image, hit, pixel_from_edges(&g->plane[0], type, edge, n_edges, hit, n_edges));
}

/* The models' input types: ap_fixed<16,6> has 10 fraction bits, ap_ufixed<8,1> has
 * 7; both cut off (TRN). A pixel is at most 1. */
static void check_window(const struct image *image, uint32_t event)
{
    uint32_t top = (uint32_t)corner[event][1] / 4;
    for (uint32_t row = 0; row < IMAGE; row++) {
        for (uint32_t col = 0; col < IMAGE; col++) {
            float x = image->pixel[top + row][col];
            int fine = (int)floorf(x * 1024.0f), coarse = (int)floorf(x * 128.0f) & 0xFF;
            if (fine != input_16b[event][row][col] || coarse != input_8b[event][row][col])
                fail_msg("event %u row %u col %u: %d and %d, should be %d and %d", event, row, col,
                         fine, coarse, input_16b[event][row][col], input_8b[event][row][col]);
        }
    }
}

static void real_windows_give_the_vectors_input(void **state)
{
    (void)state;
    struct detector_settings d = {.ticks = TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){2, WIRES, 0, 0.0625};
    struct geometry g;
    assert_true(geometry_init_wires(&g, &d, &published, NULL));
    struct reducer *r = reducer_create(&g, NULL);
    struct reduced out = {0};
    reduce_capacity(&g, &out.hit_capacity, &out.edge_capacity);
    out.hit = malloc(out.hit_capacity * sizeof *out.hit);
    out.edge = malloc(out.edge_capacity * sizeof *out.edge);
    event_units = malloc(sizeof(float) * WIRES * TICKS);
    event_counts = malloc(sizeof(int16_t) * WIRES * TICKS);
    struct image *whole = malloc(sizeof *whole), *cut = malloc(sizeof *cut);
    read_all("golden/neutrino-sparse_l-16b.vectors.h5", "input", H5T_NATIVE_INT16, input_16b);
    read_all("golden/neutrino-sparse_l-8b.vectors.h5", "input", H5T_NATIVE_INT16, input_8b);
    read_all("events/real-windows.h5", "window_table/plane_tick_wire", H5T_NATIVE_INT32, corner);
    char path[600];
    (void)snprintf(path, sizeof path, "%s/events/real-windows.h5", directory);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "wire_table/adc", H5P_DEFAULT);
    static const uint32_t cuts[] = {1, 5, 8, 64, 100};
    for (uint32_t e = 0; e < EVENTS; e++) {
        read_event(set, e);
        reduce_event(&g, r, &out, SAMPLE_FLOAT32, WIRES, whole);
        check_window(whole, e);
        reduce_event(&g, r, &out, SAMPLE_INT16, WIRES, cut);
        assert_memory_equal(cut, whole, sizeof *cut);
        /* one cut an event, all of them in turn */
        uint32_t size = cuts[e % (sizeof cuts / sizeof cuts[0])];
        reduce_event(&g, r, &out, SAMPLE_FLOAT32, size, cut);
        assert_memory_equal(cut, whole, sizeof *cut);
        reduce_event(&g, r, &out, SAMPLE_INT16, size, cut);
        assert_memory_equal(cut, whole, sizeof *cut);
    }
    H5Dclose(set);
    H5Fclose(file);
    free(whole);
    free(cut);
    free(event_units);
    free(event_counts);
    free(out.hit);
    free(out.edge);
    reducer_destroy(&r);
    geometry_fini(&g);
}

int main(void)
{
    const char *shared = getenv("SPARSED_SHARED");
    (void)snprintf(directory, sizeof directory, "%s", shared ? shared : SPARSED_SHARED);
    char path[600];
    (void)snprintf(path, sizeof path, "%s/events/real-windows.h5", directory);
    if (access(path, R_OK) != 0) {
        (void)fprintf(stderr, "%s: not there; set SPARSED_SHARED\n", path);
        return getenv("CI") ? 1 : 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_windows_give_the_vectors_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
