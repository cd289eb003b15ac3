#include "config/config_key.h"

#include "config/settings_table.h"

#include <stdio.h>
#include <string.h>

bool config_key_parse(const char *key, char pattern[CONFIG_KEY_BYTES], uint32_t *index)
{
    const char *open = strchr(key, '[');
    *index = 0;
    if (strlen(key) + 1 > CONFIG_KEY_BYTES)
        return false;
    (void)snprintf(pattern, CONFIG_KEY_BYTES, "%s", key);
    if (open == NULL)
        return true;
    size_t digits = strspn(open + 1, "0123456789");
    if (digits == 0 || digits > 6 || open[1 + digits] != ']')
        return false;
    for (size_t i = 1; i <= digits; i++)
        *index = *index * 10 + (uint32_t)(open[i] - '0');
    (void)snprintf(pattern + (open - key), CONFIG_KEY_BYTES - (size_t)(open - key), "[]%s",
                   open + digits + 2);
    return strchr(open + digits + 2, '[') == NULL;
}

void config_key_plain(const char *key, char *plain, size_t bytes)
{
    size_t n = 0;
    bool inside = false;
    for (; *key != 0 && n + 1 < bytes; key++) {
        inside = inside || *key == '[';
        if (!inside)
            plain[n++] = *key;
        inside = inside && *key != ']';
    }
    plain[n] = 0;
}

/* Levenshtein: one row of the table at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[CONFIG_KEY_BYTES];
    size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; *a != 0; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (*a != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = least < change ? least : change;
        }
    }
    return row[n];
}

static const char *last_part(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot != NULL ? dot + 1 : key;
}

/* As many parts: a section is no neighbour of a key below it. */
static bool is_as_deep(const char *a, const char *b)
{
    int dots = 0;
    for (; *a != 0; a++)
        dots += *a == '.';
    for (; *b != 0; b++)
        dots -= *b == '.';
    return dots == 0;
}

struct search {
    const char *plain; /* what was written */
    size_t best;
    const char *found; /* a key of the tables */
};

static void try_key(struct search *s, const char *candidate)
{
    char plain[CONFIG_KEY_BYTES];
    config_key_plain(candidate, plain, sizeof plain);
    size_t d = distance(s->plain, plain);
    if (d < s->best) {
        s->best = d;
        s->found = candidate;
    }
}

static void show(const char *found, const char *plain, bool whole, char *nearest, size_t bytes)
{
    char known[CONFIG_KEY_BYTES];
    const char *element = strstr(found, "[]");
    config_key_plain(found, known, sizeof known);
    size_t parent = (size_t)(last_part(known) - known);
    if (whole && element != NULL)
        (void)snprintf(nearest, bytes, "%.*s[0]%s", (int)(element - found), found, element + 2);
    else if (!whole && parent == (size_t)(last_part(plain) - plain) &&
             memcmp(known, plain, parent) == 0)
        (void)snprintf(nearest, bytes, "%s", known + parent);
    else
        (void)snprintf(nearest, bytes, "%s", known);
}

bool config_key_nearest(const char *key, bool whole, char *nearest, size_t bytes)
{
    char plain[CONFIG_KEY_BYTES];
    config_key_plain(key, plain, sizeof plain);
    size_t part = strlen(last_part(plain));
    struct search s = {.plain = plain, .best = (part > 6 ? part / 3 : 2) + 1};
    for (int i = 0; i < SETTINGS_COUNT; i++)
        try_key(&s, settings_table[i].key);
    for (int i = 0; i < SETTINGS_SECTION_COUNT; i++)
        if (is_as_deep(settings_sections[i].key, plain))
            try_key(&s, settings_sections[i].key);
    for (int i = 0; i < SETTINGS_ARRAY_COUNT; i++)
        try_key(&s, settings_arrays[i].key);
    for (int i = 0; s.found == NULL && i < SETTINGS_COUNT; i++)
        if (strcmp(last_part(settings_table[i].key), last_part(plain)) == 0)
            s.found = settings_table[i].key;
    if (s.found == NULL)
        return false;
    show(s.found, plain, whole, nearest, bytes);
    return true;
}
