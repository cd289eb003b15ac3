/* record_table: one table of a record file: a group, a data set a column, and
 * event_id.seq_cnt beside them (event's index, rows of the event).
 *
 * A row is a C struct; columns say where in it each field lies. Rows gather in
 * memory and are appended to the data sets when 1,024 are there or on record_table_write.
 */
#ifndef SPARSED_OUTPUT_RECORD_TABLE_H
#define SPARSED_OUTPUT_RECORD_TABLE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum column_type { I64, U64, I32, U32, U16, U8, F64, F32 };

struct record_column {
    const char *name; /* NULL: end of the list */
    enum column_type type;
    uint32_t width; /* values a row; 0: as record_table_create is told */
    size_t offset;  /* in the row's struct */
};

/* A column that is called as its field. */
#define RECORD_COLUMN(row, field, type, width)                                                     \
    {                                                                                              \
#field, type, width, offsetof(struct row, field)                                           \
    }

enum { RECORD_TABLE_COLUMNS = 20 };

struct record_rows {
    const struct record_column *column;
    hid_t set[RECORD_TABLE_COLUMNS]; /* 0: none */
    uint32_t free_width;
    size_t row_bytes;
    uint8_t *row;    /* [1024][row_bytes] */
    uint8_t *gather; /* one column of them */
    uint32_t n;
    hsize_t written;
};

struct record_table {
    struct record_rows rows, index;
    uint64_t event_rows;      /* of the event being appended */
    uint64_t unflushed_bytes; /* of rows since the caller set it to 0 */
};

/* Makes group `name` and everything in it; `t` is zeroed before. False: HDF5 or memory;
 * record_table_close then as ever. */
bool record_table_create(struct record_table *t, hid_t file, const char *name,
                         const struct record_column *columns, size_t row_bytes,
                         uint32_t free_width);

/* Room for one more row, zeroed; NULL: the full buffer could not be written. */
void *record_table_row(struct record_table *t);

/* The rows since the last call were those of event number `event` of the file. */
bool record_table_end_event(struct record_table *t, int64_t event);

/* Appends what is in memory to the data sets. */
bool record_table_write(struct record_table *t);
bool record_table_close(struct record_table *t);

/* A growing data set [rows][width], and `rows` more rows at its end. */
hid_t record_table_make_set(hid_t group, const char *name, hid_t type, hsize_t width,
                            hsize_t chunk_bytes);
bool record_table_append(hid_t set, hid_t type, hsize_t at, hsize_t rows, hsize_t width,
                         const void *data);

#endif
