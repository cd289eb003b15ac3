/* json_text: a text from outside (a configuration, a model file) as a JSON string; and whether
 * there was memory for all of a JSON value. jansson leaves out what it has no memory for, deep
 * inside as well, and whoever reads the rest could not tell. */
#ifndef SPARSED_SERVICE_JSON_TEXT_H
#define SPARSED_SERVICE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* Bytes that are no UTF-8 become "?". A new reference; NULL: no memory. */
json_t *json_text(const char *text);

/* From now on memory that jansson has not got is noticed. Before other threads use jansson. */
void json_text_watch_memory(void);

/* Begins a value; something of it has no memory; whether it is whole. The calling thread's. */
void json_text_begin(void);
void json_text_lack(void);
bool json_text_is_whole(void);

#endif
