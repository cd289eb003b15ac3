#include "config/config_format.h"

#include "config/config_unit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t get_uint(const struct setting *row, const void *field)
{
    uint64_t value;
    uint32_t narrow;
    if (row->bytes == sizeof value) {
        memcpy(&value, field, sizeof value);
        return value;
    }
    memcpy(&narrow, field, sizeof narrow);
    return narrow;
}

static void format_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* The shortest decimal that is the same double, with a point or an exponent. */
static void format_real(double value, FILE *out)
{
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fprintf(out, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static void format_quantity(const struct setting *row, const void *field, FILE *out)
{
    double hz;
    if (row->type == SETTING_RATE) {
        memcpy(&hz, field, sizeof hz);
        config_unit_format(row->type, (uint64_t)llrint(hz * 1000.0), out);
    } else
        config_unit_format(row->type, get_uint(row, field), out);
}

static void format_name(const struct setting *row, unsigned place, FILE *out)
{
    const char *names = row->unit;
    while (place-- > 0)
        names += strcspn(names, " ") + strlen(" | ");
    fprintf(out, "\"%.*s\"", (int)strcspn(names, " "), names);
}

static void format_list(const struct setting *row, const void *field, FILE *out)
{
    const struct settings_strings *strings = field;
    const struct settings_planes *planes = field;
    const char *comma = "";
    fputc('[', out);
    if (row->type == SETTING_FLAGS) {
        for (unsigned i = 0; i < 32; i++)
            if (get_uint(row, field) >> i & 1) {
                fputs(comma, out);
                format_name(row, i, out);
                comma = ", ";
            }
    } else if (row->type == SETTING_PLANES) {
        for (uint32_t i = 0; i < planes->count; i++, comma = ", ")
            fprintf(out, "%s%" PRIu32, comma, planes->id[i]);
    } else {
        for (uint32_t i = 0; i < strings->count; i++, comma = ", ") {
            fputs(comma, out);
            format_text(strings->text[i], out);
        }
    }
    fputc(']', out);
}

void config_format_value(const struct setting *row, const void *field, FILE *out)
{
    double real;
    switch (row->type) {
    case SETTING_UINT:
        fprintf(out, "%" PRIu64, get_uint(row, field));
        return;
    case SETTING_REAL:
        memcpy(&real, field, sizeof real);
        format_real(real, out);
        return;
    case SETTING_NS:
    case SETTING_BYTES:
    case SETTING_RATE:
        format_quantity(row, field, out);
        return;
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        format_text(field, out);
        return;
    case SETTING_CHOICE:
        format_name(row, (unsigned)get_uint(row, field), out);
        return;
    case SETTING_FLAGS:
    case SETTING_STRINGS:
    case SETTING_ENDPOINTS:
    case SETTING_PLANES:
        format_list(row, field, out);
        return;
    }
}

void config_format_range(const struct setting *row, char *text, size_t bytes)
{
    text[0] = 0;
    switch (row->type) {
    case SETTING_UINT:
    case SETTING_REAL:
    case SETTING_NS:
    case SETTING_BYTES:
    case SETTING_RATE:
        (void)snprintf(text, bytes, "%s .. %s", row->min, row->max);
        return;
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        (void)snprintf(text, bytes, "at most %zu characters", row->bytes - 1);
        return;
    case SETTING_CHOICE:
        (void)snprintf(text, bytes, "%s", row->unit);
        return;
    case SETTING_FLAGS:
        (void)snprintf(text, bytes, "some of %s", row->unit);
        return;
    case SETTING_STRINGS:
    case SETTING_ENDPOINTS:
        (void)snprintf(text, bytes, "%s .. %d", row->min, SETTINGS_MAX_ENDPOINTS);
        return;
    case SETTING_PLANES:
        (void)snprintf(text, bytes, "%s .. %d", row->min, SETTINGS_MAX_PLANES);
        return;
    }
}

void config_format_given(const struct toml_value *v, char *text, size_t bytes)
{
    switch (v->kind) {
    case TOML_KIND_STRING:
        (void)snprintf(text, bytes, "\"%.60s%s\"", v->string,
                       strnlen(v->string, 61) > 60 ? "..." : "");
        break;
    case TOML_KIND_INTEGER:
        (void)snprintf(text, bytes, "%" PRId64, v->integer);
        break;
    case TOML_KIND_FLOAT:
        (void)snprintf(text, bytes, "%.15g", v->real);
        break;
    case TOML_KIND_BOOLEAN:
        (void)snprintf(text, bytes, "%s", v->boolean ? "true" : "false");
        break;
    case TOML_KIND_ARRAY:
        if (v->n_items == 1 && v->item->kind != TOML_KIND_ARRAY) {
            char inner[80];
            config_format_given(v->item, inner, sizeof inner);
            (void)snprintf(text, bytes, "[%s]", inner);
        } else
            (void)snprintf(text, bytes, v->n_items == 0 ? "[]" : "[...]");
        break;
    case TOML_KIND_TABLES:
    case TOML_KIND_TABLE:
        (void)snprintf(text, bytes, "{...}");
        break;
    case TOML_KIND_OTHER:
        (void)snprintf(text, bytes, "(date, time or nested list)");
        break;
    }
    for (char *c = text; *c != 0; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}
