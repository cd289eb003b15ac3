/* How: one entry an event: identity, first row and number of rows. It comes from
 * event_id.seq_cnt (running sum of the counts) or from a scan of event_id for places
 * where the identity changes. */
#include "recorded/event_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 1 << 16 };

static bool same_identity(const struct event_entry *a, const struct event_entry *b)
{
    return a->run == b->run && a->subrun == b->subrun && a->event == b->event;
}

static bool append(struct event_index *x, const int64_t id[3], uint64_t first_row, uint64_t rows,
                   const char *column, struct failure *f)
{
    for (int k = 0; k < 3; k++)
        if (id[k] < 0 || (k < 2 && id[k] > UINT32_MAX))
            return failure_set(f, "%s: %s: (%lld, %lld, %lld) is not a run, subrun and event",
                               x->path, column, (long long)id[0], (long long)id[1],
                               (long long)id[2]);
    if (x->count == x->capacity) {
        size_t capacity = x->capacity ? 2 * x->capacity : 1024;
        void *larger = realloc(x->event, capacity * sizeof *x->event);
        if (!larger)
            return failure_set(f, "%s: no memory for an index of %zu events", x->path, capacity);
        x->event = larger;
        x->capacity = capacity;
    }
    x->event[x->count++] = (struct event_entry){.run = (uint32_t)id[0],
                                                .subrun = (uint32_t)id[1],
                                                .event = (uint64_t)id[2],
                                                .first_row = first_row,
                                                .rows = rows};
    return true;
}

/* Every event of event_table, still without rows. */
static bool list_events(struct event_index *x, struct failure *f)
{
    const char *name = "event_table/event_id";
    struct column c;
    int64_t(*id)[3] = malloc(sizeof *id * BLOCK_ROWS);
    bool good = id && column_open(&c, x->file, x->path, name, f);
    if (good) {
        good = column_check(&c, c.dims[0], 3, f);
        for (hsize_t row = 0; good && row < c.dims[0]; row += BLOCK_ROWS) {
            hsize_t rows = c.dims[0] - row < BLOCK_ROWS ? c.dims[0] - row : BLOCK_ROWS;
            good = column_read(&c, row, rows, 0, H5T_NATIVE_INT64, id, f);
            for (hsize_t i = 0; good && i < rows; i++)
                good = append(x, id[i], 0, 0, name, f);
        }
        column_close(&c);
    } else if (!id) {
        failure_set(f, "%s: no memory", x->path);
    }
    free(id);
    return good;
}

static bool read_times(struct event_index *x, struct failure *f)
{
    const char *name = "event_table/event_time_ns";
    struct column c;
    if (!column_exists(x->file, name))
        return true;
    uint64_t *time_ns = calloc(x->count + 1, sizeof *time_ns);
    if (!time_ns)
        return failure_set(f, "%s: no memory", x->path);
    bool good = column_open(&c, x->file, x->path, name, f);
    if (good) {
        good = column_check(&c, x->count, 1, f) &&
               column_read(&c, 0, x->count, 0, H5T_NATIVE_UINT64, time_ns, f);
        column_close(&c);
    }
    for (size_t i = 0; good && i < x->count; i++)
        x->event[i].time_ns = time_ns[i];
    x->has_times = good;
    free(time_ns);
    return good;
}

/* One (event index, rows) of seq_cnt: rows continue where the event before ended.
 * Without event_table the identity is that of the first of the rows. */
static bool assign(struct event_index *x, const int64_t pair[2], uint64_t *first_row,
                   struct failure *f)
{
    uint64_t all = x->rows;
    if (pair[1] < 0 || (uint64_t)pair[1] > all - *first_row)
        return failure_set(f, "%s: %s/event_id.seq_cnt counts more rows than there are", x->path,
                           x->table);
    if (pair[0] < 0 || (x->listed && (uint64_t)pair[0] >= x->count))
        return failure_set(f, "%s: %s/event_id.seq_cnt names event %lld, there are %zu", x->path,
                           x->table, (long long)pair[0], x->count);
    uint64_t first = *first_row;
    *first_row += (uint64_t)pair[1];
    if (!x->listed) {
        int64_t id[3] = {0, 0, 0};
        return pair[1] == 0 || (column_read(x->id, first, 1, 0, H5T_NATIVE_INT64, id, f) &&
                                append(x, id, first, (uint64_t)pair[1], x->id->name, f));
    }
    struct event_entry *e = &x->event[pair[0]];
    if (e->rows)
        return failure_set(f, "%s: %s/event_id.seq_cnt names event %lld twice", x->path, x->table,
                           (long long)pair[0]);
    e->first_row = first;
    e->rows = (uint64_t)pair[1];
    return true;
}

static bool index_by_counts(struct event_index *x, struct failure *f)
{
    struct column c;
    char name[sizeof c.name];
    uint64_t first_row = 0;
    snprintf(name, sizeof name, "%s/event_id.seq_cnt", x->table);
    int64_t(*pair)[2] = malloc(sizeof *pair * BLOCK_ROWS);
    if (!pair)
        return failure_set(f, "%s: no memory", x->path);
    bool good = column_open(&c, x->file, x->path, name, f);
    if (good) {
        good = column_check(&c, c.dims[0], 2, f);
        for (hsize_t row = 0; good && row < c.dims[0]; row += BLOCK_ROWS) {
            hsize_t rows = c.dims[0] - row < BLOCK_ROWS ? c.dims[0] - row : BLOCK_ROWS;
            good = column_read(&c, row, rows, 0, H5T_NATIVE_INT64, pair, f);
            for (hsize_t i = 0; good && i < rows; i++)
                good = assign(x, pair[i], &first_row, f);
        }
        column_close(&c);
    }
    free(pair);
    if (good && first_row != x->rows)
        return failure_set(f, "%s: %s counts %llu rows, the table has %llu", x->path, name,
                           (unsigned long long)first_row, (unsigned long long)x->rows);
    return good;
}

static int by_identity(const void *left, const void *right)
{
    const struct event_entry *a = left, *b = right;
    if (a->run != b->run)
        return a->run < b->run ? -1 : 1;
    if (a->subrun != b->subrun)
        return a->subrun < b->subrun ? -1 : 1;
    return a->event < b->event ? -1 : a->event > b->event;
}

/* No identity twice: two events under one name would become one in the trigger. */
static bool check_unique(const struct event_index *x, struct failure *f)
{
    bool good = true;
    struct event_entry *sorted = malloc((x->count + 1) * sizeof *sorted);
    if (!sorted)
        return failure_set(f, "%s: no memory", x->path);
    if (x->count)
        memcpy(sorted, x->event, x->count * sizeof *sorted);
    qsort(sorted, x->count, sizeof *sorted, by_identity);
    for (size_t i = 1; good && i < x->count; i++)
        if (same_identity(&sorted[i - 1], &sorted[i]))
            good = failure_set(f,
                               "%s: event (%u, %u, %llu) is there twice, or its rows are not "
                               "together",
                               x->path, sorted[i].run, sorted[i].subrun,
                               (unsigned long long)sorted[i].event);
    free(sorted);
    return good;
}

/* Rows are grouped by their identity; with event_table they must name its events. */
static bool index_by_scan(struct event_index *x, struct failure *f)
{
    size_t from = x->count;
    int64_t(*id)[3] = malloc(sizeof *id * BLOCK_ROWS);
    bool good = id || failure_set(f, "%s: no memory", x->path);
    int64_t last[3] = {-1, -1, -1};
    for (hsize_t row = 0; good && row < x->rows; row += BLOCK_ROWS) {
        hsize_t rows = x->rows - row < BLOCK_ROWS ? x->rows - row : BLOCK_ROWS;
        good = column_read(x->id, row, rows, 0, H5T_NATIVE_INT64, id, f);
        for (hsize_t i = 0; good && i < rows; i++) {
            if (memcmp(last, id[i], sizeof last) != 0 || x->count == from) {
                memcpy(last, id[i], sizeof last);
                good = append(x, id[i], row + i, 0, x->id->name, f);
            }
            if (good)
                x->event[x->count - 1].rows++;
        }
    }
    free(id);
    if (!good || !x->listed)
        return good;

    /* The listed events come first and keep their order; each scanned one is
     * given to its name among them, found in a sorted copy that holds the index. */
    struct event_entry *sorted = malloc((from + 1) * sizeof *sorted);
    if (!sorted)
        return failure_set(f, "%s: no memory", x->path);
    if (from)
        memcpy(sorted, x->event, from * sizeof *sorted);
    for (size_t i = 0; i < from; i++)
        sorted[i].first_row = i;
    qsort(sorted, from, sizeof *sorted, by_identity);
    for (size_t i = from; good && i < x->count; i++) {
        const struct event_entry *scanned = &x->event[i];
        const struct event_entry *found =
            bsearch(scanned, sorted, from, sizeof *sorted, by_identity);
        if (!found || x->event[found->first_row].rows) {
            good = failure_set(f, "%s: %s: event (%u, %u, %llu) %s", x->path, x->id->name,
                               scanned->run, scanned->subrun, (unsigned long long)scanned->event,
                               found ? "has rows that are not together" : "is not in event_table");
        } else {
            x->event[found->first_row].first_row = scanned->first_row;
            x->event[found->first_row].rows = scanned->rows;
        }
    }
    x->count = from;
    free(sorted);
    return good;
}

bool event_index_init(struct event_index *x, hid_t file, const char *path, const char *table,
                      const struct column *id, uint64_t rows, struct failure *f)
{
    char name[96];
    snprintf(name, sizeof name, "%s/event_id.seq_cnt", table);
    bool counted = column_exists(file, name);
    *x = (struct event_index){.path = path,
                              .table = table,
                              .file = file,
                              .id = id,
                              .rows = rows,
                              .listed = column_exists(file, "event_table")};
    if (id->id < 0 && !(x->listed && counted))
        return failure_set(f, "%s: no %s/event_id in it", path, table);
    if (x->listed && (!list_events(x, f) || !check_unique(x, f) || !read_times(x, f)))
        return false;
    if (!(counted ? index_by_counts(x, f) : index_by_scan(x, f)))
        return false;
    return x->listed || check_unique(x, f);
}

void event_index_fini(struct event_index *x)
{
    free(x->event);
    *x = (struct event_index){0};
}

bool event_index_check_rows(const struct event_index *x, const struct event_entry *e,
                            int64_t *scratch, struct failure *f)
{
    if (x->id->id < 0)
        return true;
    if (!column_read(x->id, e->first_row, e->rows, 0, H5T_NATIVE_INT64, scratch, f))
        return false;
    for (uint64_t i = 0; i < e->rows; i++)
        if (scratch[3 * i] != (int64_t)e->run || scratch[3 * i + 1] != (int64_t)e->subrun ||
            scratch[3 * i + 2] != (int64_t)e->event)
            return failure_set(f,
                               "%s: %s: row %llu is not of event (%u, %u, %llu), "
                               "event_id.seq_cnt says it is",
                               x->path, x->id->name, (unsigned long long)(e->first_row + i), e->run,
                               e->subrun, (unsigned long long)e->event);
    return true;
}
