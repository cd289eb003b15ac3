/* config_value: one setting's value between TOML, the struct and text.
 *
 *     "20 ms"  --config_value_store-->  20000000 in event_timeout_ns
 *     20000000 --config_value_format--> "20 ms" in quotes, TOML again
 *
 * What is formatted is stored again as the same value, bit for bit.
 */
#ifndef SPARSED_CONFIG_CONFIG_VALUE_H
#define SPARSED_CONFIG_CONFIG_VALUE_H

#include "config/settings_table.h"
#include "config/sparsed_toml.h"

#include <stdio.h>

enum { CONFIG_PROBLEM_BYTES = 200 };

/* Checks `value` against its row and writes it to `field`. `lenient`: where a
 * list is needed a single item will do, as on the command line. False: `problem`
 * is the end of the sentence "KEY = VALUE: ...", the field is as before or holds
 * a part of a list. */
bool config_value_store(const struct setting *row, const struct toml_value *value, bool lenient,
                        void *field, char problem[CONFIG_PROBLEM_BYTES]);

/* The field's value as TOML. */
void config_value_format(const struct setting *row, const void *field, FILE *out);

/* "1 .. 65536", "sub | pull"; empty where there is nothing to say. */
void config_value_range(const struct setting *row, char *text, size_t bytes);

/* A value of the file as it is shown in an error, cut if long. */
void config_value_show(const struct toml_value *value, char *text, size_t bytes);

#endif
