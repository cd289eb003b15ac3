/* record_attributes: what a record file says about itself: format, program, detector,
 * configuration, models, rules; and which units its samples are in.
 */
#ifndef SPARSED_OUTPUT_RECORD_ATTRIBUTES_H
#define SPARSED_OUTPUT_RECORD_ATTRIBUTES_H

#include "output/run_info.h"
#include "output/run_record.h"

#include <hdf5.h>
#include <stdbool.h>

/* On the root group. */
bool record_attributes_run(hid_t file, const struct run_info *info);

/* Group "run": number, comment and begin of the operators' run; data set "configuration",
 * the one in force as TOML. */
bool record_attributes_begin(hid_t file, const struct run_record *run, const struct run_info *info);

/* Group "end_of_run", in a run's last file: when and by whom it was ended, whether all of it
 * was finished, and its account: events_NAME, fragments_NAME, output_NAME, time_NAME_ns. */
bool record_attributes_end(hid_t file, const struct run_record *run);

/* On wire_table: `plane` ids, and where adc is int16 (`counts`) the `pedestal` and
 * `scale` of each, units = (adc - pedestal) * scale. */
bool record_attributes_samples(hid_t file, const struct run_info *info, bool counts);

#endif
