/* config: from a TOML file and --set options to struct settings, and back.
 *
 *     defaults  <  file  <  --set KEY=VALUE, in their order
 *
 * Everything follows from the rows of config/settings_table.h. Errors name the
 * line, the key and the value, one problem a line, the file's first:
 *
 *     trigger.toml:31: readout.event_slots = 0: must be 1 .. 65536
 *     trigger.toml:44: unknown key trigger.rule.treshold, did you mean threshold?
 *     --set engine.kind=gpu: must be cpu
 *
 * What only a model can tell (its labels, whether [imaging] agrees with it) is
 * checked where models are loaded. Relative paths are left as they are: they
 * begin at the working directory. For one thread at a time, at set-up.
 */
#ifndef SPARSED_CONFIG_CONFIG_H
#define SPARSED_CONFIG_CONFIG_H

#include "base/error.h"
#include "base/hash.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Larger configurations are refused. */
enum { CONFIG_MAX_BYTES = 256 * 1024 };

/* Fills all of `out`, its sha256 too. `path` may be NULL: defaults and overrides
 * only. An override is "key=value"; the value is TOML, or a bare word that stands
 * for a text: `readout.pattern=pull`, `trigger.rule[0].planes=[2]`. Elements are
 * numbered from 0, and the number that follows the last one adds an element.
 * False: `err` (CONFIG) says what is wrong; `out` is not to be used. */
bool config_load(const char *path, const char *const *overrides, size_t n_overrides,
                 struct settings *out, struct error *err);

/* The same for a text in memory; `name` is what errors call it. */
bool config_load_text(const char *name, const char *text, size_t bytes,
                      const char *const *overrides, size_t n_overrides, struct settings *out,
                      struct error *err);

/* Whether all that differs between what is in force and what is wanted may change while
 * the daemon runs (LIVE in the settings table). False: `err` (CONFIG) names each key that
 * may not, with both values, one a line. */
bool config_change(const struct settings *now, const struct settings *wanted, struct error *err);

/* How many LIVE keys differ, and which, one a line: `trigger.rule[0].threshold = 0.5, was 0.94`. */
uint32_t config_changes(const struct settings *now, const struct settings *wanted, char *text,
                        size_t bytes);

/* Every key with its default, range and help, as a commented TOML file. It loads
 * again once the keys that must be given are. */
void config_print(FILE *out);

/* The values in force, as TOML that loads to the same settings. */
void config_print_effective(const struct settings *settings, FILE *out);

/* The same as a text, which the caller frees. NULL: no memory. */
char *config_effective(const struct settings *settings, size_t *bytes);

/* docs/configuration.md. */
void config_markdown(FILE *out);

/* SHA-256 of what config_print_effective writes: the same for equal settings,
 * however they were written down. False: no memory. */
bool config_sha256(const struct settings *settings, uint8_t digest[SHA256_BYTES]);

#endif
