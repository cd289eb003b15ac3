/* How: opensamples_read takes one block of rows, sorts a small array of (plane, wire,
 * row) and leaves the samples where they were read. */
#include "recorded/opensamples.h"

#include "recorded/column.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ROWS = 1 << 16,
    MAX_TICKS = 1 << 20,
    MAX_WIRE = 1 << 24, /* a float holds every integer up to here */
};
static const uint64_t max_event_bytes = (uint64_t)4 << 30;

struct opensamples {
    hid_t file;
    char *path;
    struct column adc, plane, wire, tpc, id;
    struct event_index index;
    bool plane_seen[OPENSAMPLES_PLANES];
    void *scratch; /* columns of one event */
    size_t scratch_bytes;
};

static bool grow(void **memory, size_t *have, size_t need)
{
    if (need <= *have)
        return true;
    void *larger = realloc(*memory, need);
    if (!larger)
        return false;
    *memory = larger;
    *have = need;
    return true;
}

static bool look_for_planes(struct opensamples *o, struct failure *f)
{
    int64_t *plane = malloc(sizeof *plane * BLOCK_ROWS);
    bool good = plane || failure_set(f, "%s: no memory", o->path);
    for (hsize_t row = 0; good && row < o->plane.dims[0]; row += BLOCK_ROWS) {
        hsize_t rows = o->plane.dims[0] - row < BLOCK_ROWS ? o->plane.dims[0] - row : BLOCK_ROWS;
        good = column_read(&o->plane, row, rows, 0, H5T_NATIVE_INT64, plane, f);
        for (hsize_t i = 0; good && i < rows; i++) {
            if (plane[i] < 0 || plane[i] >= OPENSAMPLES_PLANES)
                good = failure_set(f, "%s: wire_table/local_plane: row %llu is %lld, not a plane",
                                   o->path, (unsigned long long)(row + i), (long long)plane[i]);
            else
                o->plane_seen[plane[i]] = true;
        }
    }
    free(plane);
    return good;
}

static bool open_columns(struct opensamples *o, struct failure *f)
{
    if (!column_exists(o->file, "wire_table"))
        return failure_set(f, "%s: no wire_table in it", o->path);
    if (!column_open(&o->adc, o->file, o->path, "wire_table/adc", f) ||
        !column_open(&o->plane, o->file, o->path, "wire_table/local_plane", f) ||
        !column_open(&o->wire, o->file, o->path, "wire_table/local_wire", f))
        return false;
    hsize_t rows = o->adc.dims[0];
    if (o->adc.rank != 2 || o->adc.dims[1] < 1 || o->adc.dims[1] > MAX_TICKS)
        return failure_set(f, "%s: wire_table/adc needs [row][tick], 1 to %d ticks", o->path,
                           MAX_TICKS);
    if (!(o->adc.class == H5T_FLOAT ||
          (o->adc.class == H5T_INTEGER && o->adc.is_signed && o->adc.size == 2)))
        return failure_set(f, "%s: wire_table/adc needs float32 or int16 samples", o->path);
    if (o->plane.class != H5T_INTEGER)
        return failure_set(f, "%s: wire_table/local_plane needs integers", o->path);
    if (!column_check(&o->plane, rows, 1, f) || !column_check(&o->wire, rows, 1, f))
        return false;
    if (column_exists(o->file, "wire_table/tpc") &&
        (!column_open(&o->tpc, o->file, o->path, "wire_table/tpc", f) ||
         !column_check(&o->tpc, rows, 1, f)))
        return false;
    return !column_exists(o->file, "wire_table/event_id") ||
           (column_open(&o->id, o->file, o->path, "wire_table/event_id", f) &&
            column_check(&o->id, rows, 3, f));
}

struct opensamples *opensamples_open(const char *path, struct failure *f)
{
    struct opensamples *o = calloc(1, sizeof *o);
    char *copy = strdup(path);
    if (!o || !copy) {
        free(o);
        free(copy);
        failure_set(f, "%s: no memory", path);
        return NULL;
    }
    o->path = copy;
    o->adc.id = o->plane.id = o->wire.id = o->tpc.id = o->id.id = -1;
    o->file = column_open_file(path, f);
    if (o->file < 0 || !open_columns(o, f) ||
        !event_index_init(&o->index, o->file, o->path, "wire_table", &o->id, o->adc.dims[0], f) ||
        !look_for_planes(o, f))
        opensamples_close(&o);
    return o;
}

void opensamples_close(struct opensamples **o)
{
    struct opensamples *dead = *o;
    if (!dead)
        return;
    column_close(&dead->adc);
    column_close(&dead->plane);
    column_close(&dead->wire);
    column_close(&dead->tpc);
    column_close(&dead->id);
    if (dead->file >= 0)
        H5Fclose(dead->file);
    event_index_fini(&dead->index);
    free(dead->scratch);
    free(dead->path);
    free(dead);
    *o = NULL;
}

size_t opensamples_count(const struct opensamples *o)
{
    return o->index.count;
}

const struct event_entry *opensamples_event(const struct opensamples *o, size_t index)
{
    return &o->index.event[index];
}

uint32_t opensamples_ticks(const struct opensamples *o)
{
    return (uint32_t)o->adc.dims[1];
}

bool opensamples_int16(const struct opensamples *o)
{
    return o->adc.class == H5T_INTEGER;
}

bool opensamples_has_times(const struct opensamples *o)
{
    return o->index.has_times;
}

bool opensamples_has_plane(const struct opensamples *o, uint32_t plane)
{
    return plane < OPENSAMPLES_PLANES && o->plane_seen[plane];
}

static int by_plane_and_wire(const void *left, const void *right)
{
    const struct opensamples_wire *a = left, *b = right;
    if (a->plane != b->plane)
        return a->plane < b->plane ? -1 : 1;
    if (a->wire != b->wire)
        return a->wire < b->wire ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* One TPC; event_id of the rows says what the index says, or the index is wrong. */
static bool check_rows(struct opensamples *o, const struct event_entry *e, struct failure *f)
{
    int64_t *tpc = o->scratch;
    if (!event_index_check_rows(&o->index, e, o->scratch, f))
        return false;
    if (o->tpc.id < 0)
        return true;
    if (!column_read(&o->tpc, e->first_row, e->rows, 0, H5T_NATIVE_INT64, tpc, f))
        return false;
    for (uint64_t i = 0; i < e->rows; i++)
        if (tpc[i] != 0)
            return failure_set(f,
                               "%s: wire_table/tpc: row %llu is in TPC %lld, only one TPC "
                               "(0) can be replayed",
                               o->path, (unsigned long long)(e->first_row + i), (long long)tpc[i]);
    return true;
}

/* Plane and wire of every row, sorted; a wire's second row is left out. */
static bool read_places(struct opensamples *o, const struct event_entry *e,
                        struct opensamples_wires *w, struct failure *f)
{
    uint32_t rows = (uint32_t)e->rows;
    int64_t *plane = o->scratch;
    if (!column_read(&o->plane, e->first_row, rows, 0, H5T_NATIVE_INT64, plane, f))
        return false;
    for (uint32_t i = 0; i < rows; i++)
        w->wire[i] = (struct opensamples_wire){.plane = (uint32_t)plane[i], .row = i};
    double *wire = o->scratch;
    if (!column_read(&o->wire, e->first_row, rows, 0, H5T_NATIVE_DOUBLE, wire, f))
        return false;
    for (uint32_t i = 0; i < rows; i++) {
        if (!(wire[i] >= 0 && wire[i] < MAX_WIRE && floor(wire[i]) == wire[i]))
            return failure_set(f, "%s: wire_table/local_wire: row %llu is %g, not a wire", o->path,
                               (unsigned long long)(e->first_row + i), wire[i]);
        w->wire[i].wire = (uint32_t)wire[i];
    }
    qsort(w->wire, rows, sizeof *w->wire, by_plane_and_wire);
    for (uint32_t i = 0; i < rows; i++) {
        const struct opensamples_wire *before = w->count ? &w->wire[w->count - 1] : NULL;
        if (before && before->plane == w->wire[i].plane && before->wire == w->wire[i].wire)
            w->duplicates++;
        else
            w->wire[w->count++] = w->wire[i];
    }
    return true;
}

bool opensamples_read(struct opensamples *o, size_t index, uint32_t ticks,
                      struct opensamples_wires *w, struct failure *f)
{
    const struct event_entry *e = &o->index.event[index];
    bool counts = opensamples_int16(o);
    uint64_t row_bytes = (uint64_t)ticks * (counts ? sizeof(int16_t) : sizeof(float));
    w->count = w->duplicates = 0;
    w->ticks = ticks;
    if (e->rows == 0)
        return true;
    if (e->rows > max_event_bytes / row_bytes)
        return failure_set(f, "%s: event (%u, %u, %llu) has %llu wires, more than 4 GiB", o->path,
                           e->run, e->subrun, (unsigned long long)e->event,
                           (unsigned long long)e->rows);
    void *wire = w->wire;
    bool room = grow(&wire, &w->wire_capacity, e->rows * sizeof *w->wire);
    w->wire = wire;
    if (!room || !grow(&w->samples, &w->samples_bytes, e->rows * row_bytes) ||
        !grow(&o->scratch, &o->scratch_bytes, e->rows * 3 * sizeof(int64_t)))
        return failure_set(f, "%s: no memory for an event of %llu wires", o->path,
                           (unsigned long long)e->rows);
    return check_rows(o, e, f) && read_places(o, e, w, f) &&
           column_read(&o->adc, e->first_row, e->rows, ticks,
                       counts ? H5T_NATIVE_INT16 : H5T_NATIVE_FLOAT, w->samples, f);
}

void opensamples_wires_fini(struct opensamples_wires *w)
{
    free(w->wire);
    free(w->samples);
    *w = (struct opensamples_wires){0};
}
