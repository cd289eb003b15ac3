/* json: values from messages as jansson values that can always be written.
 *
 * JSON knows neither NaN nor integers above 2^63 (jansson's, and most readers'),
 * and strings from outside need not be UTF-8. Every function returns a new
 * reference.
 */
#ifndef SPARSED_CLIENTS_JSON_H
#define SPARSED_CLIENTS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* null where it is not finite. */
json_t *json_number_or_null(double x);

/* A number; a string of digits above 2^63 - 1. */
json_t *json_unsigned(uint64_t n);

/* A string, cleaned as text_clean does. */
json_t *json_clean_string(const char *from_outside);

/* An array of them. */
json_t *json_clean_strings(char *const *from_outside, size_t n);

/* Takes `value` into `object` under a name from another process, cleaned likewise: a name that
 * is not UTF-8 would lose its value without a word. */
void json_set_clean(json_t *object, const char *from_outside, json_t *value);

/* Lower-case hexadecimal. */
json_t *json_hex(const uint8_t *data, size_t n);

/* One line with its end, flushed. Takes `value`. False: standard output failed (errno). */
bool json_write_line(json_t *value, FILE *to);

#endif
