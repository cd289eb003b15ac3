#include "service/json_text.h"

#include <stdlib.h>
#include <string.h>

json_t *json_text(const char *text)
{
    json_t *whole = json_string(text);
    char *ascii = whole == NULL ? strdup(text) : NULL;
    if (ascii == NULL)
        return whole;
    for (char *c = ascii; *c != '\0'; c++)
        *c = (*c & 0x80) != 0 ? '?' : *c;
    whole = json_string(ascii);
    free(ascii);
    return whole;
}
