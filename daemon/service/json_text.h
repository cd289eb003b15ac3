/* json_text: a text from outside (a configuration, a model file) as a JSON string. */
#ifndef SPARSED_SERVICE_JSON_TEXT_H
#define SPARSED_SERVICE_JSON_TEXT_H

#include <jansson.h>

/* Bytes that are no UTF-8 become "?". A new reference; NULL: no memory. */
json_t *json_text(const char *text);

#endif
