/* run_info: what a run is made of, for those who write it down: the publisher
 * into each decision, the recorder into each file, the metrics page into one row.
 *
 * Everything is borrowed; it outlives whoever was created with it and does not
 * change during a run.
 */
#ifndef SPARSED_OUTPUT_RUN_INFO_H
#define SPARSED_OUTPUT_RUN_INFO_H

#include "data/geometry.h"
#include "data/settings.h"
#include "model/model_set.h"

#include <stdint.h>

struct run_info {
    const struct settings *settings; /* detector, rules, hash of the configuration */
    const struct geometry *geometry;
    const struct model_set *models;
    const char *engine;         /* "cpu scalar" */
    uint32_t windows_per_event; /* the same for every event */
};

#endif
