/* hdf5_put: attributes of the HDF5 files that we write.
 *
 * Each makes attribute `name` of the group or file `at`. False: libhdf5 could not, most
 * often as the disk is full; `at` is as before or has an attribute without a value. One
 * caller at a time (base/hdf5.h).
 */
#ifndef SPARSED_BASE_HDF5_PUT_H
#define SPARSED_BASE_HDF5_PUT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

/* One text, UTF-8, of fixed length. */
bool hdf5_put_text(hid_t at, const char *name, const char *text);

/* A list of n texts, `stride` bytes apart, padded with zeros; none at all leave the
 * attribute out. */
bool hdf5_put_texts(hid_t at, const char *name, const char *text, hsize_t n, size_t stride);

/* One value of this type in memory and in the file. */
bool hdf5_put_number(hid_t at, const char *name, hid_t type, const void *value);

/* A list of them, also where n is 1. */
bool hdf5_put_numbers(hid_t at, const char *name, hid_t type, const void *value, hsize_t n);

#endif
