/* config_text: a value as it stands after --set KEY= and in the table's default
 * column: TOML, or a bare word that stands for a text. */
#ifndef SPARSED_CONFIG_CONFIG_TEXT_H
#define SPARSED_CONFIG_CONFIG_TEXT_H

#include "config/config_value.h"

/* Visits the value as key "v", what is below it as "v.x", "v[0]". `text_wanted`:
 * even what could be TOML is a bare word unless it is quoted, so that 2024 can be
 * a name. `value` is one line. False: nothing was visited, `problem` says why. */
bool config_text_read(const char *value, bool text_wanted, toml_visit *visit, void *context,
                      char problem[CONFIG_PROBLEM_BYTES]);

/* Whether a setting's value is one text. */
bool config_text_wanted(const struct setting *row);

/* The default of a row, which is not REQUIRED, into `field`. False: `problem`. */
bool config_text_default(const struct setting *row, void *field,
                         char problem[CONFIG_PROBLEM_BYTES]);

#endif
