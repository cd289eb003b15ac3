/* record_attributes: what a record file says about itself: format, program, detector,
 * configuration, models, rules; and which units its samples are in.
 */
#ifndef SPARSED_OUTPUT_RECORD_ATTRIBUTES_H
#define SPARSED_OUTPUT_RECORD_ATTRIBUTES_H

#include "output/run_info.h"

#include <hdf5.h>
#include <stdbool.h>

/* On the root group. */
bool record_attributes_run(hid_t file, const struct run_info *info);

/* On wire_table: `plane` ids, and where adc is int16 (`counts`) the `pedestal` and
 * `scale` of each, units = (adc - pedestal) * scale. */
bool record_attributes_samples(hid_t file, const struct run_info *info, bool counts);

#endif
