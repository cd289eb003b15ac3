#include "common/json.h"

#include "common/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_number_or_null(double x)
{
    /* counters are doubles on the wire; whole ones are written without ".0" */
    if (isfinite(x) && x == trunc(x) && fabs(x) < 9e15)
        return json_integer((json_int_t)x);
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *json_unsigned(uint64_t n)
{
    if (n <= INT64_MAX)
        return json_integer((json_int_t)n);
    char digits[TEXT_NUMBER_BYTES];
    snprintf(digits, sizeof digits, "%" PRIu64, n);
    return json_string(digits);
}

json_t *json_clean_string(const char *from_outside)
{
    size_t bytes = strlen(from_outside ? from_outside : "") + 1;
    char *clean = malloc(bytes);
    if (!clean)
        return json_null();
    json_t *value = json_string(text_clean(clean, bytes, from_outside));
    free(clean);
    return value;
}

json_t *json_clean_strings(char *const *from_outside, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_clean_string(from_outside[i]));
    return array;
}

void json_set_clean(json_t *object, const char *from_outside, json_t *value)
{
    char name[256];
    (void)json_object_set_new(object, text_clean(name, sizeof name, from_outside), value);
}

json_t *json_hex(const uint8_t *data, size_t n)
{
    char text[2 * 64 + 1]; /* hashes are 32 bytes; anything longer is cut */
    return json_string(text_hex(text, sizeof text, data, n));
}

bool json_write_line(json_t *value, FILE *to)
{
    char *line = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    bool ok = line && fprintf(to, "%s\n", line) >= 0 && fflush(to) == 0;
    free(line);
    return ok;
}
