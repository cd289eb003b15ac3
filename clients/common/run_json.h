/* run_json: a run record as JSON, every field of run.proto under its own name; lists of
 * named numbers are objects, hashes hexadecimal. And as one line for people.
 */
#ifndef SPARSED_CLIENTS_RUN_JSON_H
#define SPARSED_CLIENTS_RUN_JSON_H

#include "proto/run.pb-c.h"

#include <jansson.h>
#include <stddef.h>

/* A new reference. */
json_t *run_json_object(const Sparsed__RunRecord *r);

/* "run 1207 ends (stop) after 00:14:07: in 184,220 accepted 412 ..., complete" */
void run_json_line(const Sparsed__RunRecord *r, char *line, size_t bytes);

#endif
