#include "config/settings_table.h"

#include <string.h>

#define FIELD_BYTES(field) sizeof(((struct settings *)0)->field)

const struct setting settings_table[SETTINGS_COUNT] = {
#define S(key, field, type, when, def, min, max, unit, help)                                       \
    {key,                                                                                          \
     SETTING_##type,                                                                               \
     SETTING_##when,                                                                               \
     def,                                                                                          \
     min,                                                                                          \
     max,                                                                                          \
     unit,                                                                                         \
     help,                                                                                         \
     offsetof(struct settings, field),                                                             \
     FIELD_BYTES(field)},
    SETTINGS_TABLE(S)
#undef S
};

const struct settings_array settings_arrays[SETTINGS_ARRAY_COUNT] = {
#define A(key, first, count, least, most, help)                                                    \
    {key,                                                                                          \
     offsetof(struct settings, first),                                                             \
     FIELD_BYTES(first),                                                                           \
     offsetof(struct settings, count),                                                             \
     least,                                                                                        \
     most,                                                                                         \
     help},
    SETTINGS_ARRAYS(A)
#undef A
};

const struct settings_section settings_sections[SETTINGS_SECTION_COUNT] = {
#define T(key, help) {key, help},
    SETTINGS_SECTIONS(T)
#undef T
};

const char *setting_type_name(enum setting_type type)
{
    static const char *const name[] = {
#define X(NAME, text) text,
        SETTING_TYPES(X)
#undef X
    };
    return name[type];
}

int settings_find(const char *key)
{
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (strcmp(settings_table[i].key, key) == 0)
            return i;
    return -1;
}

int settings_find_array(const char *key)
{
    for (int i = 0; i < SETTINGS_ARRAY_COUNT; i++)
        if (strcmp(settings_arrays[i].key, key) == 0)
            return i;
    return -1;
}

bool settings_is_section(const char *key)
{
    for (int i = 0; i < SETTINGS_SECTION_COUNT; i++)
        if (strcmp(settings_sections[i].key, key) == 0)
            return true;
    return false;
}

int settings_array_of(const char *key)
{
    for (int i = 0; i < SETTINGS_ARRAY_COUNT; i++) {
        size_t n = strlen(settings_arrays[i].key);
        if (strncmp(settings_arrays[i].key, key, n) == 0 && strncmp(key + n, "[].", 3) == 0)
            return i;
    }
    return -1;
}

const void *settings_field_const(const struct settings *s, const struct setting *row,
                                 uint32_t index)
{
    int array = settings_array_of(row->key);
    size_t stride = array >= 0 ? settings_arrays[array].stride : 0;
    return (const char *)s + row->offset + index * stride;
}

void *settings_field(struct settings *s, const struct setting *row, uint32_t index)
{
    return (char *)s + ((const char *)settings_field_const(s, row, index) - (const char *)s);
}

uint32_t *settings_count(struct settings *s, const struct settings_array *array)
{
    return (uint32_t *)(void *)((char *)s + array->count_offset);
}

uint32_t settings_count_const(const struct settings *s, const struct settings_array *array)
{
    uint32_t count;
    memcpy(&count, (const char *)s + array->count_offset, sizeof count);
    return count;
}
