/* reply_json: an answer of the control socket as JSON, every field under its own name;
 * lists of named numbers are objects, hashes hexadecimal.
 */
#ifndef SPARSED_CLIENTS_CTL_REPLY_JSON_H
#define SPARSED_CLIENTS_CTL_REPLY_JSON_H

#include "proto/control.pb-c.h"

#include <jansson.h>

/* A new reference. */
json_t *reply_json_object(const Sparsed__ControlReply *reply);

#endif
