/* recipe: the name of all that makes pixels of samples: planes, preprocessing, pedestals,
 * masks. Two daemons with the same one make the same pixels, so that one may go on where the
 * other stopped (docs/tiers.md).
 */
#ifndef SPARSED_DATA_RECIPE_H
#define SPARSED_DATA_RECIPE_H

#include "base/error.h"
#include "base/hash.h"
#include "data/geometry.h"

#include <stdbool.h>
#include <stdint.h>

/* False: no memory (SYSTEM). */
bool recipe_sha256(const struct geometry *g, uint8_t sha256[SHA256_BYTES], struct error *err);

#endif
