/* calibration: pedestals and masks of single wires, from a file that sparse-calibrate made.
 *
 *     /            format, format_version, sample_type, and what it was made of
 *     /plane_ID    one group a plane, each data set [wires]
 *         wire       0, 1, 2, ...
 *         pedestal   counts (int16 samples) or units (float32)
 *         noise      the same, rms
 *         status     0 good, 1 dead, 2 hot: all but good are masked
 *
 * docs/calibration.md has every attribute. The daemon uses pedestal and status, and names
 * the file by its SHA-256 in every decision; noise is checked, so that a file is refused
 * whole. Planes that are not configured are left unread.
 */
#ifndef SPARSED_MODEL_CALIBRATION_H
#define SPARSED_MODEL_CALIBRATION_H

#include "base/error.h"
#include "data/geometry.h"

#include <stdbool.h>
#include <stddef.h>

#define CALIBRATION_FORMAT "sparsed-calibration"
enum { CALIBRATION_FORMAT_VERSION = 1 };

/* Takes the file at `path` into the geometry of a wire detector, before anyone reads it.
 * False: `err` (MODEL) names file, plane, data set and value; the geometry is then to be
 * thrown away. */
bool calibration_load(const char *path, struct geometry *g, struct error *err);

/* The same for bytes that were read already; no child process looks at them first. */
bool calibration_load_bytes(const char *path, const void *data, size_t bytes, struct geometry *g,
                            struct error *err);

#endif
