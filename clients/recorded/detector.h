/* detector: what a file of simulated events says about the detector it is of, and numbers
 * that stand as attributes.
 *
 *     /detector   attributes ticks, plane_wires (one a plane, from plane 0), scale (units a count)
 */
#ifndef RECORDED_DETECTOR_H
#define RECORDED_DETECTOR_H

#include "common/failure.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

enum { DETECTOR_PLANES = 16 };

struct detector {
    uint32_t ticks, planes;
    uint32_t wires[DETECTOR_PLANES];
    double scale; /* units a count, of int16 samples */
};

/* Is there such a group? */
bool detector_exists(hid_t file);

/* Reads it. False: the sentence names file, attribute and value. */
bool detector_read(struct detector *d, hid_t file, const char *path, struct failure *f);

/* Numbers of the attribute `name` of `group`, as doubles: at most `most`, at least 1; how
 * many there are goes to *n. */
bool detector_numbers(hid_t file, const char *path, const char *group, const char *name,
                      uint32_t most, double *value, uint32_t *n, struct failure *f);

#endif
