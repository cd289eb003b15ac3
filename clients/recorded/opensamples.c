/* How: the index is one row a event: identity, first row and number of rows in
 * wire_table. It comes from event_id.seq_cnt (running sum of the counts) or from
 * a scan of event_id for places where the identity changes. opensamples_read
 * takes one block of rows, sorts a small array of (plane, wire, row) and leaves
 * the samples where they were read. */
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
    struct opensamples_event *event;
    size_t count, capacity;
    bool has_times;
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

static bool same_identity(const struct opensamples_event *a, const struct opensamples_event *b)
{
    return a->run == b->run && a->subrun == b->subrun && a->event == b->event;
}

static bool append(struct opensamples *o, const int64_t id[3], uint64_t first_row, uint64_t rows,
                   const char *column, struct failure *f)
{
    for (int k = 0; k < 3; k++)
        if (id[k] < 0 || (k < 2 && id[k] > UINT32_MAX))
            return failure_set(f, "%s: %s: (%lld, %lld, %lld) is not a run, subrun and event",
                               o->path, column, (long long)id[0], (long long)id[1],
                               (long long)id[2]);
    if (o->count == o->capacity) {
        size_t capacity = o->capacity ? 2 * o->capacity : 1024;
        void *larger = realloc(o->event, capacity * sizeof *o->event);
        if (!larger)
            return failure_set(f, "%s: no memory for an index of %zu events", o->path, capacity);
        o->event = larger;
        o->capacity = capacity;
    }
    o->event[o->count++] = (struct opensamples_event){.run = (uint32_t)id[0],
                                                      .subrun = (uint32_t)id[1],
                                                      .event = (uint64_t)id[2],
                                                      .first_row = first_row,
                                                      .rows = rows};
    return true;
}

/* Every event of event_table, still without rows. */
static bool list_events(struct opensamples *o, struct failure *f)
{
    const char *name = "event_table/event_id";
    struct column c;
    int64_t(*id)[3] = malloc(sizeof *id * BLOCK_ROWS);
    bool good = id && column_open(&c, o->file, o->path, name, f);
    if (good) {
        good = column_check(&c, c.dims[0], 3, f);
        for (hsize_t row = 0; good && row < c.dims[0]; row += BLOCK_ROWS) {
            hsize_t rows = c.dims[0] - row < BLOCK_ROWS ? c.dims[0] - row : BLOCK_ROWS;
            good = column_read(&c, row, rows, 0, H5T_NATIVE_INT64, id, f);
            for (hsize_t i = 0; good && i < rows; i++)
                good = append(o, id[i], 0, 0, name, f);
        }
        column_close(&c);
    } else if (!id) {
        failure_set(f, "%s: no memory", o->path);
    }
    free(id);
    return good;
}

static bool read_times(struct opensamples *o, struct failure *f)
{
    const char *name = "event_table/event_time_ns";
    struct column c;
    if (!column_exists(o->file, name))
        return true;
    uint64_t *time_ns = calloc(o->count + 1, sizeof *time_ns);
    if (!time_ns)
        return failure_set(f, "%s: no memory", o->path);
    bool good = column_open(&c, o->file, o->path, name, f);
    if (good) {
        good = column_check(&c, o->count, 1, f) &&
               column_read(&c, 0, o->count, 0, H5T_NATIVE_UINT64, time_ns, f);
        column_close(&c);
    }
    for (size_t i = 0; good && i < o->count; i++)
        o->event[i].time_ns = time_ns[i];
    o->has_times = good;
    free(time_ns);
    return good;
}

/* One (event index, rows) of seq_cnt: rows continue where the event before ended.
 * Without event_table the identity is that of the first of the rows. */
static bool assign(struct opensamples *o, const int64_t pair[2], bool listed, uint64_t *first_row,
                   struct failure *f)
{
    uint64_t all = o->adc.dims[0];
    if (pair[1] < 0 || (uint64_t)pair[1] > all - *first_row)
        return failure_set(f, "%s: wire_table/event_id.seq_cnt counts more rows than there are",
                           o->path);
    if (pair[0] < 0 || (listed && (uint64_t)pair[0] >= o->count))
        return failure_set(f, "%s: wire_table/event_id.seq_cnt names event %lld, there are %zu",
                           o->path, (long long)pair[0], o->count);
    uint64_t first = *first_row;
    *first_row += (uint64_t)pair[1];
    if (!listed) {
        int64_t id[3] = {0, 0, 0};
        return pair[1] == 0 || (column_read(&o->id, first, 1, 0, H5T_NATIVE_INT64, id, f) &&
                                append(o, id, first, (uint64_t)pair[1], "wire_table/event_id", f));
    }
    struct opensamples_event *e = &o->event[pair[0]];
    if (e->rows)
        return failure_set(f, "%s: wire_table/event_id.seq_cnt names event %lld twice", o->path,
                           (long long)pair[0]);
    e->first_row = first;
    e->rows = (uint64_t)pair[1];
    return true;
}

static bool index_by_counts(struct opensamples *o, bool listed, struct failure *f)
{
    struct column c;
    uint64_t first_row = 0;
    int64_t(*pair)[2] = malloc(sizeof *pair * BLOCK_ROWS);
    if (!pair)
        return failure_set(f, "%s: no memory", o->path);
    bool good = column_open(&c, o->file, o->path, "wire_table/event_id.seq_cnt", f);
    if (good) {
        good = column_check(&c, c.dims[0], 2, f);
        for (hsize_t row = 0; good && row < c.dims[0]; row += BLOCK_ROWS) {
            hsize_t rows = c.dims[0] - row < BLOCK_ROWS ? c.dims[0] - row : BLOCK_ROWS;
            good = column_read(&c, row, rows, 0, H5T_NATIVE_INT64, pair, f);
            for (hsize_t i = 0; good && i < rows; i++)
                good = assign(o, pair[i], listed, &first_row, f);
        }
        column_close(&c);
    }
    free(pair);
    if (good && first_row != o->adc.dims[0])
        return failure_set(f, "%s: wire_table/event_id.seq_cnt counts %llu rows, adc has %llu",
                           o->path, (unsigned long long)first_row,
                           (unsigned long long)o->adc.dims[0]);
    return good;
}

static int by_identity(const void *left, const void *right)
{
    const struct opensamples_event *a = left, *b = right;
    if (a->run != b->run)
        return a->run < b->run ? -1 : 1;
    if (a->subrun != b->subrun)
        return a->subrun < b->subrun ? -1 : 1;
    return a->event < b->event ? -1 : a->event > b->event;
}

/* No identity twice: two events under one name would become one in the trigger. */
static bool check_unique(const struct opensamples *o, struct failure *f)
{
    bool good = true;
    struct opensamples_event *sorted = malloc((o->count + 1) * sizeof *sorted);
    if (!sorted)
        return failure_set(f, "%s: no memory", o->path);
    if (o->count)
        memcpy(sorted, o->event, o->count * sizeof *sorted);
    qsort(sorted, o->count, sizeof *sorted, by_identity);
    for (size_t i = 1; good && i < o->count; i++)
        if (same_identity(&sorted[i - 1], &sorted[i]))
            good = failure_set(f,
                               "%s: event (%u, %u, %llu) is there twice, or its rows are not "
                               "together",
                               o->path, sorted[i].run, sorted[i].subrun,
                               (unsigned long long)sorted[i].event);
    free(sorted);
    return good;
}

/* Rows are grouped by their identity; with event_table they must name its events. */
static bool index_by_scan(struct opensamples *o, bool listed, struct failure *f)
{
    size_t from = o->count;
    int64_t(*id)[3] = malloc(sizeof *id * BLOCK_ROWS);
    bool good = id || failure_set(f, "%s: no memory", o->path);
    int64_t last[3] = {-1, -1, -1};
    for (hsize_t row = 0; good && row < o->id.dims[0]; row += BLOCK_ROWS) {
        hsize_t rows = o->id.dims[0] - row < BLOCK_ROWS ? o->id.dims[0] - row : BLOCK_ROWS;
        good = column_read(&o->id, row, rows, 0, H5T_NATIVE_INT64, id, f);
        for (hsize_t i = 0; good && i < rows; i++) {
            if (memcmp(last, id[i], sizeof last) != 0 || o->count == from) {
                memcpy(last, id[i], sizeof last);
                good = append(o, id[i], row + i, 0, "wire_table/event_id", f);
            }
            if (good)
                o->event[o->count - 1].rows++;
        }
    }
    free(id);
    if (!good || !listed)
        return good;

    /* The listed events come first and keep their order; each scanned one is
     * given to its name among them, found in a sorted copy that holds the index. */
    struct opensamples_event *sorted = malloc((from + 1) * sizeof *sorted);
    if (!sorted)
        return failure_set(f, "%s: no memory", o->path);
    if (from)
        memcpy(sorted, o->event, from * sizeof *sorted);
    for (size_t i = 0; i < from; i++)
        sorted[i].first_row = i;
    qsort(sorted, from, sizeof *sorted, by_identity);
    for (size_t i = from; good && i < o->count; i++) {
        const struct opensamples_event *scanned = &o->event[i];
        const struct opensamples_event *found =
            bsearch(scanned, sorted, from, sizeof *sorted, by_identity);
        if (!found || o->event[found->first_row].rows) {
            good = failure_set(f, "%s: wire_table/event_id: event (%u, %u, %llu) %s", o->path,
                               scanned->run, scanned->subrun, (unsigned long long)scanned->event,
                               found ? "has rows that are not together" : "is not in event_table");
        } else {
            o->event[found->first_row].first_row = scanned->first_row;
            o->event[found->first_row].rows = scanned->rows;
        }
    }
    o->count = from;
    free(sorted);
    return good;
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

static bool build_index(struct opensamples *o, struct failure *f)
{
    bool listed = column_exists(o->file, "event_table");
    bool counted = column_exists(o->file, "wire_table/event_id.seq_cnt");
    if (o->id.id < 0 && !(listed && counted))
        return failure_set(f, "%s: no wire_table/event_id in it", o->path);
    if (listed && (!list_events(o, f) || !check_unique(o, f) || !read_times(o, f)))
        return false;
    if (!(counted ? index_by_counts(o, listed, f) : index_by_scan(o, listed, f)))
        return false;
    return (listed || check_unique(o, f)) && look_for_planes(o, f);
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
    if (o->file < 0 || !open_columns(o, f) || !build_index(o, f))
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
    free(dead->event);
    free(dead->scratch);
    free(dead->path);
    free(dead);
    *o = NULL;
}

size_t opensamples_count(const struct opensamples *o)
{
    return o->count;
}

const struct opensamples_event *opensamples_event(const struct opensamples *o, size_t index)
{
    return &o->event[index];
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
    return o->has_times;
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

/* event_id and tpc of the rows say what the index says, or the index is wrong. */
static bool check_rows(struct opensamples *o, const struct opensamples_event *e, struct failure *f)
{
    int64_t *id = o->scratch;
    if (o->id.id >= 0) {
        if (!column_read(&o->id, e->first_row, e->rows, 0, H5T_NATIVE_INT64, id, f))
            return false;
        for (uint64_t i = 0; i < e->rows; i++)
            if (id[3 * i] != (int64_t)e->run || id[3 * i + 1] != (int64_t)e->subrun ||
                id[3 * i + 2] != (int64_t)e->event)
                return failure_set(f,
                                   "%s: wire_table/event_id: row %llu is not of event (%u, %u, "
                                   "%llu), event_id.seq_cnt says it is",
                                   o->path, (unsigned long long)(e->first_row + i), e->run,
                                   e->subrun, (unsigned long long)e->event);
    }
    if (o->tpc.id >= 0) {
        if (!column_read(&o->tpc, e->first_row, e->rows, 0, H5T_NATIVE_INT64, id, f))
            return false;
        for (uint64_t i = 0; i < e->rows; i++)
            if (id[i] != 0)
                return failure_set(f,
                                   "%s: wire_table/tpc: row %llu is in TPC %lld, only one TPC "
                                   "(0) can be replayed",
                                   o->path, (unsigned long long)(e->first_row + i),
                                   (long long)id[i]);
    }
    return true;
}

/* Plane and wire of every row, sorted; a wire's second row is left out. */
static bool read_places(struct opensamples *o, const struct opensamples_event *e,
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
    const struct opensamples_event *e = &o->event[index];
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
