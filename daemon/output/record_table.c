/* How: writing a buffer gathers one column after the other and appends it to its
 * data set. No filters: a compressed chunk moves when it grows, and the room it
 * leaves is used again, which a kill between two flushes would not survive. */
#include "output/record_table.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER_ROWS = 1024, CHUNK_BYTES = 16 * 1024 };

/* event_id.seq_cnt: which event, how many rows; beside each table's columns. */
struct sequence_row {
    int64_t seq_cnt[2];
};
static const struct record_column sequence_columns[] = {
    {"event_id.seq_cnt", I64, 2, offsetof(struct sequence_row, seq_cnt)}, {0}};

static hid_t type_of(enum column_type type)
{
    switch (type) {
    case I64:
        return H5T_NATIVE_INT64;
    case U64:
        return H5T_NATIVE_UINT64;
    case I32:
        return H5T_NATIVE_INT32;
    case U32:
        return H5T_NATIVE_UINT32;
    case U16:
        return H5T_NATIVE_UINT16;
    case U8:
        return H5T_NATIVE_UINT8;
    case F64:
        return H5T_NATIVE_DOUBLE;
    case F32:
        return H5T_NATIVE_FLOAT;
    }
    return -1;
}

static uint32_t width_of(const struct record_rows *r, const struct record_column *c)
{
    return c->width == 0 ? r->free_width : c->width;
}

hid_t record_table_make_set(hid_t group, const char *name, hid_t type, hsize_t width,
                            hsize_t chunk_bytes)
{
    hsize_t rows = chunk_bytes / (width * H5Tget_size(type));
    hsize_t chunk[2] = {rows > 0 ? rows : 1, width};
    hsize_t none[2] = {0, width}, any[2] = {H5S_UNLIMITED, width};
    hid_t space = H5Screate_simple(2, none, any);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_chunk(list, 2, chunk);
    (void)H5Pset_obj_track_times(list, false); /* same rows, same file */
    hid_t set = H5Dcreate2(group, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    (void)H5Pclose(list);
    (void)H5Sclose(space);
    return set;
}

bool record_table_append(hid_t set, hid_t type, hsize_t at, hsize_t rows, hsize_t width,
                         const void *data)
{
    hsize_t size[2] = {at + rows, width}, start[2] = {at, 0}, count[2] = {rows, width};
    if (H5Dset_extent(set, size) < 0) {
        return false;
    }
    hid_t to = H5Dget_space(set), from = H5Screate_simple(2, count, NULL);
    bool good = H5Sselect_hyperslab(to, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                H5Dwrite(set, type, from, to, H5P_DEFAULT, data) >= 0;
    (void)H5Sclose(from);
    (void)H5Sclose(to);
    return good;
}

/* Gathering needs the widest column. */
static size_t gather_bytes(const struct record_rows *r)
{
    size_t most = 1;
    for (const struct record_column *c = r->column; c->name != NULL; c++) {
        size_t bytes = BUFFER_ROWS * H5Tget_size(type_of(c->type)) * width_of(r, c);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bool make_rows(struct record_rows *r, hid_t group, const struct record_column *columns,
                      size_t row_bytes, uint32_t free_width)
{
    r->column = columns;
    r->row_bytes = row_bytes;
    r->free_width = free_width;
    r->row = calloc(BUFFER_ROWS, row_bytes);
    r->gather = malloc(gather_bytes(r));
    bool good = r->row != NULL && r->gather != NULL;
    for (uint32_t i = 0; good && columns[i].name != NULL; i++) {
        r->set[i] = record_table_make_set(group, columns[i].name, type_of(columns[i].type),
                                          width_of(r, &columns[i]), CHUNK_BYTES);
        good = r->set[i] >= 0;
    }
    return good;
}

bool record_table_create(struct record_table *t, hid_t file, const char *name,
                         const struct record_column *columns, size_t row_bytes, uint32_t free_width)
{
    hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0) {
        return false;
    }
    bool good = make_rows(&t->rows, group, columns, row_bytes, free_width) &&
                make_rows(&t->index, group, sequence_columns, sizeof(struct sequence_row), 0);
    (void)H5Gclose(group);
    return good;
}

static bool write_rows(struct record_rows *r)
{
    bool good = true;
    for (uint32_t i = 0; good && r->n > 0 && r->column[i].name != NULL; i++) {
        const struct record_column *c = &r->column[i];
        hid_t type = type_of(c->type);
        size_t bytes = H5Tget_size(type) * width_of(r, c);
        for (uint32_t k = 0; k < r->n; k++) {
            memcpy(r->gather + k * bytes, r->row + k * r->row_bytes + c->offset, bytes);
        }
        good = record_table_append(r->set[i], type, r->written, r->n, width_of(r, c), r->gather);
    }
    r->written += r->n;
    r->n = 0;
    return good;
}

static void *new_row(struct record_rows *r)
{
    if (r->n == BUFFER_ROWS && !write_rows(r)) {
        return NULL;
    }
    return memset(r->row + r->n++ * r->row_bytes, 0, r->row_bytes);
}

void *record_table_row(struct record_table *t)
{
    t->event_rows++;
    t->unflushed_bytes += t->rows.row_bytes;
    return new_row(&t->rows);
}

bool record_table_end_event(struct record_table *t, int64_t event)
{
    if (t->event_rows == 0) {
        return true;
    }
    struct sequence_row *row = new_row(&t->index);
    if (row == NULL) {
        return false;
    }
    row->seq_cnt[0] = event;
    row->seq_cnt[1] = (int64_t)t->event_rows;
    t->event_rows = 0;
    t->unflushed_bytes += sizeof *row;
    return true;
}

bool record_table_write(struct record_table *t)
{
    return write_rows(&t->rows) && write_rows(&t->index);
}

static bool close_rows(struct record_rows *r)
{
    bool good = true;
    for (uint32_t i = 0; i < RECORD_TABLE_COLUMNS; i++) {
        good &= r->set[i] <= 0 || H5Dclose(r->set[i]) >= 0;
    }
    free(r->row);
    free(r->gather);
    return good;
}

bool record_table_close(struct record_table *t)
{
    bool good = close_rows(&t->rows);
    return close_rows(&t->index) && good;
}
