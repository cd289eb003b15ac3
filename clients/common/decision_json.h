/* decision_json: a decision with every field of decision.proto, under the names
 * that the fields have there. Hashes are hexadecimal, fates lower-case words;
 * each window also carries its model's name. */
#ifndef SPARSED_CLIENTS_DECISION_JSON_H
#define SPARSED_CLIENTS_DECISION_JSON_H

#include "proto/decision.pb-c.h"

#include <jansson.h>

/* A new reference, or NULL without memory. */
json_t *decision_json_object(const Sparsed__Decision *d);

#endif
