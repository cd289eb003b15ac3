/* config_format: values and what limits them, as text for people.
 *
 *     20000000  --config_format_value-->  "20 ms" in quotes, TOML again
 *     its row   --config_format_range-->  1 us .. 1 h
 *
 * What is formatted is stored again (config_value.h) as the same value, bit for bit.
 */
#ifndef SPARSED_CONFIG_CONFIG_FORMAT_H
#define SPARSED_CONFIG_CONFIG_FORMAT_H

#include "config/settings_table.h"
#include "config/sparsed_toml.h"

#include <stddef.h>
#include <stdio.h>

/* The field's value as TOML. */
void config_format_value(const struct setting *row, const void *field, FILE *out);

/* "1 .. 65536", "sub | pull"; empty where there is nothing to say. */
void config_format_range(const struct setting *row, char *text, size_t bytes);

/* A value of the file as it is shown in an error, cut if long. */
void config_format_given(const struct toml_value *value, char *text, size_t bytes);

#endif
