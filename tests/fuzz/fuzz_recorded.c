/* Files of recorded and simulated events that are right but for what the input changes, as
 * sparse-replay, sparse-score and sparse-calibrate read them: wires (OpenSamples), ready-made
 * images, pixels, and what is known of each event. What is refused says why; what is read keeps
 * to what its header promises.
 *
 * Input: a byte, which kind of file; a byte, how many events; then bytes for all that is
 * written. */
#include "made_h5.h"
#include "recorded/detector.h"
#include "recorded/images.h"
#include "recorded/opensamples.h"
#include "recorded/pixels.h"
#include "recorded/truth.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { TICKS = 12, WIRES = 8, ROWS = 2 };
enum kind { KIND_WIRES, KIND_IMAGES, KIND_PIXELS, KIND_COUNT };

static void check(bool good)
{
    if (!good)
        abort();
}

/* ---- making ---- */

static void put_column(struct stream *s, hid_t g, const char *name, hsize_t rows, hsize_t width,
                       int64_t low, int64_t high, bool real)
{
    made_h5_array(s, g, name,
                  &(struct made_array){
                      .rank = 2, .dims = {rows, width}, .low = low, .high = high, .real = real});
}

/* Run 1, subrun 1, event 0, 1, ...; each event has ROWS rows. */
static int64_t event_identity(size_t i)
{
    return i % 3 == 2 ? (int64_t)(i / 3) : 1;
}

static int64_t row_identity(size_t i)
{
    return i % 3 == 2 ? (int64_t)(i / 3 / ROWS) : 1;
}

static int64_t event_and_rows(size_t i)
{
    return i % 2 == 1 ? ROWS : (int64_t)(i / 2);
}

static int64_t row_of_event(size_t i)
{
    return (int64_t)(i % ROWS);
}

static void put_made(struct stream *s, hid_t g, const char *name, hsize_t rows, hsize_t width,
                     int64_t (*value)(size_t i))
{
    made_h5_array(s, g, name,
                  &(struct made_array){.rank = 2, .dims = {rows, width}, .value = value});
}

static void put_events(struct stream *s, hid_t file, hsize_t events)
{
    hid_t g = made_h5_group(s, file, "event_table");
    if (g < 0)
        return;
    put_made(s, g, "event_id", events, 3, event_identity);
    put_column(s, g, "event_time_ns", events, 1, 5, 500, false);
    put_column(s, g, "nu_energy", events, 1, 0, 9, true);
    put_column(s, g, "nu_vtx_wire_pos", events, 3, -9, 900, false);
    (void)H5Gclose(g);
}

/* Either of them, or both. */
static void put_index(struct stream *s, hid_t g, hsize_t rows)
{
    uint64_t without = stream_take(s, 1) % 3;
    if (without != 1)
        put_made(s, g, "event_id.seq_cnt", rows / ROWS, 2, event_and_rows);
    if (without != 2)
        put_made(s, g, "event_id", rows, 3, row_identity);
}

static void put_wires(struct stream *s, hid_t file, hsize_t rows)
{
    hid_t g = made_h5_group(s, file, "wire_table");
    if (g < 0)
        return;
    bool real = (stream_take(s, 1) & 1) != 0;
    made_h5_array(
        s, g, "adc",
        &(struct made_array){
            .rank = 2, .dims = {rows, TICKS}, .low = -99, .high = 99, .real = real, .bytes = 2});
    put_column(s, g, "local_plane", rows, 1, 0, 2, false);
    put_column(s, g, "local_wire", rows, 1, 0, WIRES, real);
    if ((stream_take(s, 1) & 1) != 0)
        put_column(s, g, "tpc", rows, 1, 0, 0, false);
    put_index(s, g, rows);
    (void)H5Gclose(g);
}

static void put_detector(struct stream *s, hid_t file)
{
    hid_t g = made_h5_group(s, file, "detector");
    if (g < 0)
        return;
    made_h5_number(s, g, "ticks", TICKS);
    made_h5_number(s, g, "plane_wires", WIRES);
    made_h5_real(s, g, "scale", 0.0625);
    (void)H5Gclose(g);
}

static void put_pixels(struct stream *s, hid_t file, hsize_t rows)
{
    put_detector(s, file);
    hid_t g = made_h5_group(s, file, "preprocessing");
    if (g >= 0) {
#define X(name) made_h5_real(s, g, #name, 2);
        PIXELS_RECIPE(X)
#undef X
        (void)H5Gclose(g);
    }
    g = made_h5_group(s, file, "pixel_table");
    if (g < 0)
        return;
    put_column(s, g, "local_plane", rows, 1, 0, 0, false);
    put_made(s, g, "row", rows, 1, row_of_event);
    put_column(s, g, "col", rows, 1, 0, 3, false);
    put_column(s, g, "value", rows, 1, 0, 90, true);
    put_column(s, g, "neutrino", rows, 1, 0, 3, false);
    put_index(s, g, rows);
    (void)H5Gclose(g);
}

static void put_images(struct stream *s, hid_t file, hsize_t events)
{
    bool real = (stream_take(s, 1) & 1) != 0;
    made_h5_array(
        s, file, "images",
        &(struct made_array){
            .rank = 4, .dims = {events, 3, 2, 2}, .low = -9, .high = 99, .real = real, .bytes = 4});
    put_made(s, file, "event_id", events, 3, event_identity);
    put_column(s, file, "event_time_ns", events, 1, 0, 99, false);
}

/* ---- reading ---- */

/* One file for all inputs of this process; in memory, where there is such a folder. */
static char path[64];

static void remove_file(void)
{
    (void)unlink(path);
}

static void write_file(const void *image, size_t bytes)
{
    if (path[0] == '\0') {
        const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        (void)snprintf(path, sizeof path, "%s/fuzz-recorded-XXXXXX", folder);
        int fd = mkstemp(path);
        check(fd >= 0 && close(fd) == 0 && atexit(remove_file) == 0);
    }
    FILE *to = fopen(path, "wbe");
    check(to != NULL && fwrite(image, 1, bytes, to) == bytes && fclose(to) == 0);
}

static void read_wires(struct failure *f)
{
    struct opensamples *o = opensamples_open(path, f);
    if (o == NULL)
        return;
    struct opensamples_wires w = {0};
    uint32_t ticks = opensamples_ticks(o);
    check(ticks > 0);
    for (size_t i = 0; i < opensamples_count(o) && i < 16; i++) {
        if (!opensamples_read(o, i, ticks, &w, f))
            break;
        double sum = 0; /* every sample that is promised is there */
        for (uint32_t k = 0; k < w.count; k++) {
            check(k == 0 || w.wire[k].plane > w.wire[k - 1].plane ||
                  (w.wire[k].plane == w.wire[k - 1].plane && w.wire[k].wire > w.wire[k - 1].wire));
            check(opensamples_has_plane(o, w.wire[k].plane));
            size_t at = (size_t)w.wire[k].row * ticks;
            for (uint32_t t = 0; t < ticks; t++)
                sum += opensamples_int16(o) ? ((const int16_t *)w.samples)[at + t]
                                            : (double)((const float *)w.samples)[at + t];
        }
        check(sum <= 0 || sum > 0 || isnan(sum));
    }
    opensamples_wires_fini(&w);
    opensamples_close(&o);
}

static void read_images(struct failure *f)
{
    struct images *m = images_open(path, "images", f);
    if (m == NULL)
        return;
    uint32_t height, width, channels;
    images_shape(m, &height, &width, &channels);
    check(images_bytes(m) == (size_t)height * width * channels * 4);
    void *out = malloc(images_bytes(m));
    for (size_t i = 0; out != NULL && i < images_count(m) && i < 16; i++)
        if (!images_read(m, i, out, f))
            break;
    free(out);
    images_close(&m);
}

static void read_pixels(struct failure *f)
{
    struct pixels *p = pixels_open(path, f);
    if (p == NULL)
        return;
    struct pixels_event e = {0};
    for (size_t i = 0; i < pixels_index(p)->count && i < 16; i++) {
        if (!pixels_read(p, i, &e, f))
            break;
        for (uint32_t k = 0; k < e.count; k++)
            check(e.row[k].plane < pixels_detector(p)->planes && isfinite(e.row[k].value));
    }
    pixels_event_fini(&e);
    pixels_close(&p);
}

static void read_truth(size_t events, struct failure *f)
{
    struct truth t;
    if (truth_open(&t, path, events, f)) {
        for (size_t i = 0; i < events && truth_load(&t, i, f); i++)
            for (uint32_t c = 0; c < t.n_columns; c++)
                (void)truth_number(&t, (int)c, i, t.column[c].width - 1);
    }
    truth_close(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct stream s = {data, bytes};
    enum kind kind = (enum kind)(stream_take(&s, 1) % KIND_COUNT);
    hsize_t events = 1 + stream_take(&s, 1) % 4, rows = ROWS * events;
    hid_t file = made_h5_open();
    if (made_h5_odd(&s))
        rows = stream_take(&s, 1) % 32;
    if (kind == KIND_IMAGES)
        put_images(&s, file, events);
    else
        put_events(&s, file, events);
    if (kind == KIND_WIRES)
        put_wires(&s, file, rows);
    else if (kind == KIND_PIXELS)
        put_pixels(&s, file, rows);
    size_t file_bytes;
    void *image = made_h5_close(file, &file_bytes);
    write_file(image, file_bytes);
    struct failure f = {{0}};
    if (kind == KIND_WIRES)
        read_wires(&f);
    else if (kind == KIND_IMAGES)
        read_images(&f);
    else
        read_pixels(&f);
    check(f.text[0] == '\0' || strncmp(f.text, path, strlen(path)) == 0);
    if (kind != KIND_IMAGES)
        read_truth((size_t)events, &f);
    check(made_h5_all_closed());
    free(image);
    return 0;
}
