/* config_check: what no single value can tell: two planes of one id, a rule for a
 * plane that is not there, a key that must be given and is not. */
#ifndef SPARSED_CONFIG_CONFIG_CHECK_H
#define SPARSED_CONFIG_CONFIG_CHECK_H

#include "config/config_report.h"
#include "config/settings_table.h"

/* Where every value and every element came from. */
struct config_places {
    config_place setting[SETTINGS_COUNT][SETTINGS_MAX_ELEMENTS];
    config_place element[SETTINGS_ARRAY_COUNT][SETTINGS_MAX_ELEMENTS];
};

/* Keys that must be given, arrays that must not be empty. */
void config_check_given(const struct settings *s, const struct config_places *places,
                        struct config_report *report);

/* What must fit together, once all that must be given is. */
void config_check_sense(const struct settings *s, const struct config_places *places,
                        struct config_report *report);

#endif
