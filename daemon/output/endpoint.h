/* endpoint: a socket's endpoints as the configuration writes them.
 *
 *     "@tcp://..."  binds      ">tcp://..."  connects      "tcp://..."  as the caller says
 */
#ifndef SPARSED_OUTPUT_ENDPOINT_H
#define SPARSED_OUTPUT_ENDPOINT_H

#include "base/error.h"
#include "data/settings.h"

#include <stdbool.h>

/* Binds or connects `socket` to every endpoint of the list. False: `err` (NETWORK)
 * names `key`, the endpoint and the reason. */
bool endpoint_attach_all(void *socket, const struct settings_strings *list, bool bind_by_default,
                         const char *key, struct error *err);

#endif
