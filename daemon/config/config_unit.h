/* config_unit: times, sizes and rates as people write them.
 *
 *     SETTING_NS     "20 ms"  <-->  20000000    nanoseconds: h min s ms us ns
 *     SETTING_BYTES  "2 GiB"  <-->  2147483648  bytes: TiB GiB MiB KiB TB GB MB kB B
 *     SETTING_RATE   "50 Hz"  <-->  50000       millihertz: MHz kHz Hz mHz
 *
 * All are for these three types of setting only. Pure functions.
 */
#ifndef SPARSED_CONFIG_CONFIG_UNIT_H
#define SPARSED_CONFIG_CONFIG_UNIT_H

#include "config/settings_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* *value is in the smallest unit. False: not a number and a unit, not whole in the
 * smallest one, or above INT64_MAX. */
bool config_unit_parse(enum setting_type type, const char *text, uint64_t *value);

/* In the largest unit that leaves it whole, in quotes; 0 needs no unit. */
void config_unit_format(enum setting_type type, uint64_t value, FILE *out);

/* "h, min, s, ms, us, ns" */
void config_unit_list(enum setting_type type, char *text, size_t bytes);

#endif
