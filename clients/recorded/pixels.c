/* How: the columns of an event's rows are read one after the other into a scratch block
 * and put together as rows, each checked against the row before it and its plane. */
#include "recorded/pixels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVENT_ROWS = 1 << 24, MAX_PIXELS = 65536 };

/* X(name, type in memory, how HDF5 calls it) */
#define PIXEL_COLUMNS(X)                                                                           \
    X(local_plane, int64_t, H5T_NATIVE_INT64)                                                      \
    X(row, int64_t, H5T_NATIVE_INT64)                                                              \
    X(col, int64_t, H5T_NATIVE_INT64)                                                              \
    X(value, float, H5T_NATIVE_FLOAT)                                                              \
    X(neutrino, int64_t, H5T_NATIVE_INT64)

struct pixels {
    hid_t file;
    char *path;
    struct detector detector;
    struct pixels_recipe recipe;
    uint32_t rows, cols[DETECTOR_PLANES];
    struct event_index index;
    struct column id;
#define X(name, type, h5) struct column name;
    PIXEL_COLUMNS(X)
#undef X
    int64_t *scratch; /* [3][capacity] */
    size_t scratch_rows;
};

static bool read_recipe(struct pixels *p, struct failure *f)
{
    uint32_t one;
#define X(name)                                                                                    \
    if (!detector_numbers(p->file, p->path, "preprocessing", #name, 1, &p->recipe.name, &one, f))  \
        return false;
    PIXELS_RECIPE(X)
#undef X
    const struct pixels_recipe *r = &p->recipe;
    if (!(r->time_rebin >= 1 && r->pool_time >= 1 && r->pool_wires >= 1))
        return failure_set(f,
                           "%s: preprocessing: time_rebin = %g, pool_time = %g, pool_wires = %g: "
                           "must be 1 or more",
                           p->path, r->time_rebin, r->pool_time, r->pool_wires);
    double rows = floor(floor(p->detector.ticks / r->time_rebin) / r->pool_time);
    p->rows = rows < MAX_PIXELS ? (uint32_t)rows : MAX_PIXELS;
    for (uint32_t i = 0; i < p->detector.planes; i++) {
        double cols = floor(p->detector.wires[i] / r->pool_wires);
        p->cols[i] = cols < MAX_PIXELS ? (uint32_t)cols : MAX_PIXELS;
    }
    return true;
}

static bool open_column(struct pixels *p, struct column *c, const char *name, hsize_t width,
                        bool integers, struct failure *f)
{
    char full[96];
    snprintf(full, sizeof full, "pixel_table/%s", name);
    if (!column_open(c, p->file, p->path, full, f))
        return false;
    hsize_t rows = p->local_plane.dims[0];
    if (integers && c->class != H5T_INTEGER)
        return failure_set(f, "%s: %s needs integers", p->path, full);
    return column_check(c, rows, width, f);
}

static bool open_columns(struct pixels *p, struct failure *f)
{
    if (!column_exists(p->file, "pixel_table"))
        return failure_set(f, "%s: no pixel_table in it", p->path);
    return open_column(p, &p->local_plane, "local_plane", 1, true, f) &&
           open_column(p, &p->row, "row", 1, true, f) &&
           open_column(p, &p->col, "col", 1, true, f) &&
           open_column(p, &p->value, "value", 1, false, f) &&
           (!column_exists(p->file, "pixel_table/neutrino") ||
            open_column(p, &p->neutrino, "neutrino", 1, true, f)) &&
           (!column_exists(p->file, "pixel_table/event_id") ||
            open_column(p, &p->id, "event_id", 3, true, f));
}

struct pixels *pixels_open(const char *path, struct failure *f)
{
    struct pixels *p = calloc(1, sizeof *p);
    char *copy = strdup(path);
    if (!p || !copy) {
        free(p);
        free(copy);
        failure_set(f, "%s: no memory", path);
        return NULL;
    }
    p->path = copy;
    p->id.id = -1;
#define X(name, type, h5) p->name.id = -1;
    PIXEL_COLUMNS(X)
#undef X
    p->file = column_open_file(path, f);
    if (p->file < 0 || !detector_read(&p->detector, p->file, path, f) || !read_recipe(p, f) ||
        !open_columns(p, f) ||
        !event_index_init(&p->index, p->file, p->path, "pixel_table", &p->id,
                          p->local_plane.dims[0], f))
        pixels_close(&p);
    return p;
}

void pixels_close(struct pixels **p)
{
    struct pixels *dead = *p;
    if (!dead)
        return;
    column_close(&dead->id);
#define X(name, type, h5) column_close(&dead->name);
    PIXEL_COLUMNS(X)
#undef X
    event_index_fini(&dead->index);
    if (dead->file >= 0)
        H5Fclose(dead->file);
    free(dead->scratch);
    free(dead->path);
    free(dead);
    *p = NULL;
}

const struct event_index *pixels_index(const struct pixels *p)
{
    return &p->index;
}

const struct pixels_recipe *pixels_recipe(const struct pixels *p)
{
    return &p->recipe;
}

const struct detector *pixels_detector(const struct pixels *p)
{
    return &p->detector;
}

bool pixels_has_neutrino(const struct pixels *p)
{
    return p->neutrino.id >= 0;
}

static bool make_room(struct pixels *p, uint64_t rows, struct pixels_event *e, struct failure *f)
{
    if (rows > e->capacity) {
        void *larger = realloc(e->row, rows * sizeof *e->row);
        if (!larger)
            return failure_set(f, "%s: no memory for an event of %llu pixels", p->path,
                               (unsigned long long)rows);
        e->row = larger;
        e->capacity = rows;
    }
    if (rows > p->scratch_rows) {
        void *larger = realloc(p->scratch, 3 * rows * sizeof *p->scratch);
        if (!larger)
            return failure_set(f, "%s: no memory for an event of %llu pixels", p->path,
                               (unsigned long long)rows);
        p->scratch = larger;
        p->scratch_rows = rows;
    }
    return true;
}

/* One column of integers into the scratch; each must be least .. most. */
static bool read_integers(struct pixels *p, const struct column *c, const struct event_entry *from,
                          int64_t most, struct failure *f)
{
    if (!column_read(c, from->first_row, from->rows, 0, H5T_NATIVE_INT64, p->scratch, f))
        return false;
    for (uint64_t i = 0; i < from->rows; i++)
        if (p->scratch[i] < 0 || p->scratch[i] > most)
            return failure_set(f, "%s: %s: row %llu is %lld, must be 0 .. %lld", p->path, c->name,
                               (unsigned long long)(from->first_row + i), (long long)p->scratch[i],
                               (long long)most);
    return true;
}

static bool read_columns(struct pixels *p, const struct event_entry *from, struct pixels_row *row,
                         struct failure *f)
{
    if (!read_integers(p, &p->local_plane, from, (int64_t)p->detector.planes - 1, f))
        return false;
    for (uint64_t i = 0; i < from->rows; i++)
        row[i] = (struct pixels_row){.plane = (uint8_t)p->scratch[i]};
    if (!read_integers(p, &p->row, from, (int64_t)p->rows - 1, f))
        return false;
    for (uint64_t i = 0; i < from->rows; i++)
        row[i].row = (uint16_t)p->scratch[i];
    if (!read_integers(p, &p->col, from, MAX_PIXELS - 1, f))
        return false;
    for (uint64_t i = 0; i < from->rows; i++)
        row[i].col = (uint16_t)p->scratch[i];
    if (p->neutrino.id >= 0) {
        if (!read_integers(p, &p->neutrino, from, UINT8_MAX, f))
            return false;
        for (uint64_t i = 0; i < from->rows; i++)
            row[i].neutrino = (uint8_t)p->scratch[i];
    }
    float *value = (void *)p->scratch;
    if (!column_read(&p->value, from->first_row, from->rows, 0, H5T_NATIVE_FLOAT, value, f))
        return false;
    for (uint64_t i = 0; i < from->rows; i++)
        row[i].value = value[i];
    return true;
}

static uint64_t place_of(const struct pixels_row *r)
{
    return (uint64_t)r->plane << 32 | (uint32_t)r->row << 16 | r->col;
}

static bool check(const struct pixels *p, const struct event_entry *from,
                  const struct pixels_row *row, struct failure *f)
{
    for (uint64_t i = 0; i < from->rows; i++) {
        unsigned long long at = from->first_row + i;
        if (row[i].col >= p->cols[row[i].plane])
            return failure_set(f, "%s: pixel_table/col: row %llu is %u, plane %u has %u columns",
                               p->path, at, row[i].col, row[i].plane, p->cols[row[i].plane]);
        if (!isfinite(row[i].value))
            return failure_set(f, "%s: pixel_table/value: row %llu is %g, not a number", p->path,
                               at, (double)row[i].value);
        if (i > 0 && place_of(&row[i]) <= place_of(&row[i - 1]))
            return failure_set(f,
                               "%s: pixel_table: row %llu (plane %u, row %u, col %u) does not come "
                               "after the one before it",
                               p->path, at, row[i].plane, row[i].row, row[i].col);
    }
    return true;
}

bool pixels_read(struct pixels *p, size_t index, struct pixels_event *e, struct failure *f)
{
    const struct event_entry *from = &p->index.event[index];
    e->count = 0;
    if (from->rows == 0)
        return true;
    if (from->rows > MAX_EVENT_ROWS)
        return failure_set(f, "%s: pixel_table: an event of %llu pixels, at most %d", p->path,
                           (unsigned long long)from->rows, MAX_EVENT_ROWS);
    if (!make_room(p, from->rows, e, f) || !event_index_check_rows(&p->index, from, p->scratch, f))
        return false;
    if (!read_columns(p, from, e->row, f) || !check(p, from, e->row, f))
        return false;
    e->count = (uint32_t)from->rows;
    return true;
}

void pixels_event_fini(struct pixels_event *e)
{
    free(e->row);
    *e = (struct pixels_event){0};
}
