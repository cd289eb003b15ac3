/* calibrate_source: where the samples come from, and of what detector they are.
 *
 *     files   every wire that a row of wire_table has, event by event
 *     live    every wire of a fragment, until so many events were seen
 *
 * Only fragments are decoded and opened here, as the daemon does; nothing is reduced.
 */
#ifndef SPARSED_OFFLINE_CALIBRATE_SOURCE_H
#define SPARSED_OFFLINE_CALIBRATE_SOURCE_H

#include "base/error.h"
#include "data/geometry.h"
#include "data/settings.h"
#include "offline/calibrate_options.h"
#include "offline/calibrate_wires.h"

#include <signal.h>

/* What was left out, and how much was seen. */
struct calibrate_account {
    uint64_t events, foreign_wires, duplicates; /* foreign: their plane is not configured */
    uint64_t fragments, refused;                /* live */
};

/* The detector of the configuration, or of the first file: *settings (ticks, planes) and the
 * geometry that decoding needs. Errors name file and key. */
bool calibrate_source_detector(const struct calibrate_options *o, struct settings *settings,
                               struct geometry *g, struct error *err);

/* Reads the files, or listens, until enough events were seen or *stop is not 0. */
bool calibrate_source_read(const struct calibrate_options *o, const struct settings *settings,
                           const struct geometry *g, struct calibrate_wires *c,
                           const volatile sig_atomic_t *stop, struct calibrate_account *account,
                           struct error *err);

#endif
