/* config_value: one setting's value from TOML into the struct, checked.
 *
 *     "20 ms"   --config_value_store-->   20000000 in event_timeout_ns
 *     20000000  --config_format_value-->  "20 ms", TOML again: config_format.h
 */
#ifndef SPARSED_CONFIG_CONFIG_VALUE_H
#define SPARSED_CONFIG_CONFIG_VALUE_H

#include "config/settings_table.h"
#include "config/sparsed_toml.h"

#include <stdbool.h>

enum { CONFIG_PROBLEM_BYTES = 200 };

/* Checks `value` against its row and writes it to `field`. `lenient`: where a
 * list is needed a single item will do, as on the command line. False: `problem`
 * is the end of the sentence "KEY = VALUE: ...", the field is as before or holds
 * a part of a list. */
bool config_value_store(const struct setting *row, const struct toml_value *value, bool lenient,
                        void *field, char problem[CONFIG_PROBLEM_BYTES]);

#endif
