/* h5_image: an HDF5 file that nobody vouches for, read into memory once.
 *
 * So that a hash is of the very bytes that were loaded, and no file can change or
 * block in between. HDF5 opens the bytes as an image; before that a child process
 * reads them, since libhdf5 does not survive every damaged file (base/rehearse.h).
 */
#ifndef SPARSED_MODEL_H5_IMAGE_H
#define SPARSED_MODEL_H5_IMAGE_H

#include "base/error.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

enum { H5_IMAGE_MAX_BYTES = 256 << 20 };

/* The bytes of a regular file, the caller's to free; NULL: `err` (MODEL) names `path`.
 * `what` is what it should be, as "a model file". Never waits, not for a pipe either. */
void *h5_image_read(const char *path, const char *what, size_t *bytes, struct error *err);

/* Opens bytes as a file, for reading; they stay the caller's and must outlive it.
 * Negative: no HDF5 file, or a damaged one. */
hid_t h5_image_open(const void *data, size_t bytes);

/* Runs body(arg) in a child, to see whether it comes back. False: `err` says that the
 * file at `path` is damaged. */
bool h5_image_rehearse(const char *path, void (*body)(void *arg), void *arg, struct error *err);

#endif
