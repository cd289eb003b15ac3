#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum fault_kind kind;
    const char *name;
    uint64_t number;
    const char *help;
} table[] = {
#define X(name, number, help) {FAULT_##name, #name, number, help},
    FAULTS(X)
#undef X
};
enum { ROWS = sizeof table / sizeof table[0] };

/* "never-connects" is never_connects. */
static bool same(const char *row, const char *text, size_t length)
{
    if (strlen(row) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (row[i] != (text[i] == '-' ? '_' : text[i]))
            return false;
    }
    return true;
}

bool fault_parse(const char *text, struct fault *fault)
{
    size_t length = strcspn(text, "=");
    for (size_t i = 0; i < ROWS; i++) {
        if (!same(table[i].name, text, length))
            continue;
        *fault = (struct fault){table[i].kind, table[i].number};
        if (text[length] == '\0')
            return true;
        char *end;
        fault->number = strtoull(text + length + 1, &end, 10);
        return end != text + length + 1 && *end == '\0';
    }
    return false;
}

void fault_help(char *text, uint32_t bytes)
{
    uint32_t at = 0;
    for (size_t i = 0; i < ROWS && at < bytes; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s", table[i].name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '_' ? '-' : *c;
        int n = snprintf(text + at, bytes - at, "  %-16s %s\n", name, table[i].help);
        at += n > 0 ? (uint32_t)n : 0;
    }
}
