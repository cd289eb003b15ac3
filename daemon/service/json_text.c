#include "service/json_text.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local bool lacking;

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

static void *take_memory(size_t bytes)
{
    void *memory = malloc(bytes);
    lacking = lacking || memory == NULL;
    return memory;
}

void json_text_watch_memory(void)
{
    json_set_alloc_funcs(take_memory, free);
}

void json_text_begin(void)
{
    lacking = false;
}

void json_text_lack(void)
{
    lacking = true;
}

bool json_text_is_whole(void)
{
    return !lacking;
}
