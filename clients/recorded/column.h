/* column: one dataset of an HDF5 file, read by rows.
 *
 * A table of OpenSamples is a group, a column of it a dataset [row][k]; a file of
 * images is one dataset [event][row][column][channel]. Both are read a block of
 * rows at a time. The chunk cache holds every chunk that a row touches, so a
 * compressed chunk is unpacked once although neighbouring events share it.
 */
#ifndef RECORDED_COLUMN_H
#define RECORDED_COLUMN_H

#include "common/failure.h"

#include <hdf5.h>

struct column {
    hid_t id;         /* < 0: not open */
    const char *file; /* for messages; borrowed, outlives the column */
    char name[96];    /* "wire_table/adc" */
    int rank;         /* 1 .. 4 */
    hsize_t dims[4];  /* dims[0] rows */
    H5T_class_t class;
    size_t size; /* bytes an element in the file */
    bool is_signed;
};

/* Opens `path` for reading; HDF5's own messages are silenced for good. < 0: failure. */
hid_t column_open_file(const char *path, struct failure *f);

/* Is there something of this name ("table/column") in the file? */
bool column_exists(hid_t file, const char *name);

/* Opens a dataset of integers or floats. */
bool column_open(struct column *c, hid_t file, const char *path, const char *name,
                 struct failure *f);
void column_close(struct column *c);

/* False where the column is not [rows][at least 1], `width` 0, or [rows][width]. */
bool column_check(const struct column *c, hsize_t rows, hsize_t width, struct failure *f);

/* Rows first .. first + rows - 1, of the second dimension only the first `width`
 * elements (0: all), converted to `type`. The caller owns `out`. */
bool column_read(const struct column *c, hsize_t first, hsize_t rows, hsize_t width, hid_t type,
                 void *out, struct failure *f);

#endif
