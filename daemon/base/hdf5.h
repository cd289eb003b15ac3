/* hdf5: libhdf5 has one caller at a time. The recorder writes while the control thread
 * loads a model, and a model is first loaded by a child of the process (rehearse.h): with
 * another thread inside the library at that moment the child would wait for it for ever.
 */
#ifndef SPARSED_BASE_HDF5_H
#define SPARSED_BASE_HDF5_H

#include <stdbool.h>
#include <stdint.h>

/* To be called before anything else of libhdf5: a file that a full disk kept from being closed
 * is not tried again at the process's end, which libhdf5 1.10 does not survive. */
void hdf5_prepare(void);

/* Whoever writes files waits for its turn. */
void hdf5_lock(void);

/* Whoever must not wait for a disk: false, if it was not its turn within `limit_ns`. */
bool hdf5_lock_within(uint64_t limit_ns);

void hdf5_unlock(void);

#endif
