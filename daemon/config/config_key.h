/* config_key: keys as people write them, and the key they may have meant. */
#ifndef SPARSED_CONFIG_CONFIG_KEY_H
#define SPARSED_CONFIG_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_KEY_BYTES = 128 };

/* "engine.model[3].file" -> "engine.model[].file", 3. Without an index: the key
 * itself, 0. False: longer than any key, or brackets that no key has. */
bool config_key_parse(const char *key, char pattern[CONFIG_KEY_BYTES], uint32_t *index);

/* Takes every "[...]" out, as keys are written in a file. */
void config_key_plain(const char *key, char *plain, size_t bytes);

/* The known key nearest to an unknown one, by edit distance, else one that has
 * the same last part. Its last part only if the rest is the same and not
 * `whole`; an element's number is then shown as [0]. False: nothing is near. */
bool config_key_nearest(const char *key, bool whole, char *nearest, size_t bytes);

#endif
