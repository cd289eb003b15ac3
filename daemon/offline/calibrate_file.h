/* calibrate_file: what sparse-calibrate writes; docs/calibration.md has the layout. */
#ifndef SPARSED_OFFLINE_CALIBRATE_FILE_H
#define SPARSED_OFFLINE_CALIBRATE_FILE_H

#include "base/error.h"
#include "offline/calibrate_wires.h"

/* What it was made of, for its attributes. Borrowed. */
struct calibrate_made {
    const char *detector, *source; /* "noise.h5", "live tcp://daq01:5555" */
    uint64_t events;
    double dead, hot;
};

/* Writes `path`, which has another name until it is whole. False: STORAGE. */
bool calibrate_file_write(const char *path, const struct calibrate_wires *c,
                          const struct calibrate_made *made, struct error *err);

#endif
