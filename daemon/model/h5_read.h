/* h5_read: attributes and data sets of an HDF5 file that nobody vouches for.
 *
 * Each function reads one thing, of one type and shape, and says in a sentence
 * that begins with its name what is wrong with it; callers put file and layer
 * before it with error_prefix. Sizes are looked at before memory is taken. Only
 * what lies in the file itself is read: soft and external links, external
 * storage and virtual data sets are refused.
 */
#ifndef SPARSED_MODEL_H5_READ_H
#define SPARSED_MODEL_H5_READ_H

#include "base/error.h"
#include "model/fixed.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H5_READ_MAX_RANK = 4 };

struct h5_shape {
    int rank;
    uint64_t axis[H5_READ_MAX_RANK];
};

uint64_t h5_read_elements(const struct h5_shape *shape);

/* "(9, 9, 3, 1)" */
void h5_read_format_shape(const struct h5_shape *shape, char *text, size_t bytes);

bool h5_read_has_attribute(hid_t object, const char *name);

/* A string, fixed or variable length, ASCII or UTF-8, shorter than `bytes`. */
bool h5_read_string(hid_t object, const char *name, char *text, size_t bytes, struct error *err);

/* One string or a list of 1 .. most, each into `bytes` of text; *n is their number. */
bool h5_read_strings(hid_t object, const char *name, char *text, size_t bytes, uint32_t most,
                     uint32_t *n, struct error *err);

/* One integer, min .. max. */
bool h5_read_int(hid_t object, const char *name, int64_t min, int64_t max, int64_t *value,
                 struct error *err);
bool h5_read_uint(hid_t object, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                  struct error *err);

/* One finite number, floating point or integer. */
bool h5_read_double(hid_t object, const char *name, double *value, struct error *err);

/* A fixed-point type. */
bool h5_read_type(hid_t object, const char *name, struct fixed_type *type, struct error *err);

/* A group; close it with H5Gclose. Negative: `err`. */
hid_t h5_read_group(hid_t parent, const char *name, struct error *err);

/* The `n` numbers of a data set with one axis, floating point or integers, finite or
 * not, to value[]. */
bool h5_read_numbers(hid_t group, const char *name, uint64_t n, double *value, struct error *err);

/* Shape of a data set of integers, rank 1 .. 4. */
bool h5_read_shape(hid_t group, const char *name, struct h5_shape *shape, struct error *err);

/* Its integers, in memory of the caller's own (free). NULL: `err`. */
int64_t *h5_read_integers(hid_t group, const char *name, const struct h5_shape *shape,
                          struct error *err);

#endif
