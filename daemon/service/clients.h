/* clients: the list of keys that may come in, read from a file and read again when the
 * file changes.
 *
 *     # role      public key                                  name
 *     readout     E!@3yPzdK*6uY^o}ZqAc%TjZ8Hq>uH(ikS7SyCr^    daq01
 *     subscriber  e(dP:WUhW8Y*!OW#Yl7f&ov!Q}UhFhO.ULjF+rm!    shifter page
 *
 * A line a key and role; a key with several roles has several lines. The roles are those
 * of base/door.h. A file that cannot be read or is wrong leaves the old list in force.
 * The guard's thread owns it.
 */
#ifndef SPARSED_SERVICE_CLIENTS_H
#define SPARSED_SERVICE_CLIENTS_H

#include "base/door.h"
#include "base/error.h"

enum { CLIENTS_MAX = 4096, CLIENTS_NAME_BYTES = 64 };

struct clients;

/* Reads the file. NULL: `err` (CONFIG) names `setting`, file and line. */
struct clients *clients_create(const char *path, const char *setting, struct error *err);
void clients_destroy(struct clients **c);

/* Reads it again if it is another file now, or was changed. False: it was to be read and
 * could not be, `err` says why, and the list is what it was; said once for each change. */
bool clients_refresh(struct clients *c, struct error *err);

uint32_t clients_count(const struct clients *c);

/* The key's name if it has that role. NULL: it has not; `known` tells whether the list
 * has the key at all. */
const char *clients_find(const struct clients *c, const uint8_t key[CURVE_KEY_BYTES],
                         enum door_role role, bool *known);

#endif
