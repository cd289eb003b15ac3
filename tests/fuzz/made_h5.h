/* made_h5: HDF5 files made in memory out of a fuzzer's bytes, for what is ours: libhdf5 itself
 * does not survive damaged files (base/rehearse.h), and nearly every random file is damaged.
 *
 * Each writer is given the right value and takes a byte or more from the stream: mostly, and
 * always when the stream is used up, it writes what it was given; else another number, another
 * type or shape, nothing, or a link that leads elsewhere. So an empty input is the right file.
 */
#ifndef SPARSED_FUZZ_MADE_H5_H
#define SPARSED_FUZZ_MADE_H5_H

#include "stream.h"

#include <hdf5.h>
#include <stdbool.h>

/* A new file, in memory alone. */
hid_t made_h5_open(void);

/* Closes it; its bytes, the caller's to free. */
void *made_h5_close(hid_t file, size_t *bytes);

/* Whether everything of HDF5's that was opened is closed: a reader that forgets it holds the
 * file. */
bool made_h5_all_closed(void);

/* Whether to do something else here: about one byte in ten. */
bool made_h5_odd(struct stream *s);

/* A number like `value`, or any. */
int64_t made_h5_near(struct stream *s, int64_t value);

/* A group, or negative where none (or something else of that name) was made. */
hid_t made_h5_group(struct stream *s, hid_t parent, const char *name);

/* Attributes. `type` of `made_h5_type` is the text of a fixed-point type. */
void made_h5_string(struct stream *s, hid_t object, const char *name, const char *text);
void made_h5_number(struct stream *s, hid_t object, const char *name, int64_t value);
void made_h5_real(struct stream *s, hid_t object, const char *name, double value);
void made_h5_type(struct stream *s, hid_t object, const char *name, const char *type);

/* A data set with dims[rank], at most 4. Its elements are value(i) where there is one; else
 * counted from `low` or, where it does not count, anything from low to high; and now and then
 * something else at some place. In the file they are floats (`real`) or integers of 8, 4 or
 * 2 bytes (0: 8). */
struct made_array {
    int rank;
    hsize_t dims[4];
    int64_t low, high;
    bool count, real;
    int bytes;
    int64_t (*value)(size_t i);
};
void made_h5_array(struct stream *s, hid_t group, const char *name, const struct made_array *a);

#endif
