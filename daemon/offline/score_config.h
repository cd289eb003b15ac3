/* score_config: the settings of a sparse-score run: those of a configuration file, or, where
 * there is none, sensible ones: every plane of the file, one model, one rule of its first
 * label.
 */
#ifndef SPARSED_OFFLINE_SCORE_CONFIG_H
#define SPARSED_OFFLINE_SCORE_CONFIG_H

#include "base/error.h"
#include "data/settings.h"
#include "offline/score_options.h"
#include "offline/score_source.h"

/* Errors name the file, the key and the value. */
bool score_config_load(struct settings *settings, const struct score_options *o,
                       const struct score_source *s, struct error *err);

#endif
