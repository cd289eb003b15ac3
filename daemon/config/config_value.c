/* Limits in the table are in the words of the file and go the same way as its values. */
#include "config/config_value.h"

#include "config/config_format.h"
#include "config/config_unit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(char problem[CONFIG_PROBLEM_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(char problem[CONFIG_PROBLEM_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem, CONFIG_PROBLEM_BYTES, format, args);
    va_end(args);
    return false;
}

static bool out_of_range(const struct setting *row, char problem[CONFIG_PROBLEM_BYTES])
{
    char range[100];
    config_format_range(row, range, sizeof range);
    return fail(problem, "must be %s", range);
}

/* UINT fields are uint32_t or uint64_t. */
static void put_uint(const struct setting *row, void *field, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    if (row->bytes == sizeof narrow)
        memcpy(field, &narrow, sizeof narrow);
    else
        memcpy(field, &value, sizeof value);
}

static bool store_uint(const struct setting *row, const struct toml_value *v, void *field,
                       char problem[CONFIG_PROBLEM_BYTES])
{
    if (v->kind != TOML_KIND_INTEGER)
        return fail(problem, "must be a whole number");
    if (v->integer < strtoll(row->min, NULL, 10) || v->integer > strtoll(row->max, NULL, 10))
        return out_of_range(row, problem);
    put_uint(row, field, (uint64_t)v->integer);
    return true;
}

static bool store_real(const struct setting *row, const struct toml_value *v, void *field,
                       char problem[CONFIG_PROBLEM_BYTES])
{
    double value = v->kind == TOML_KIND_INTEGER ? (double)v->integer : v->real;
    if (v->kind != TOML_KIND_INTEGER && v->kind != TOML_KIND_FLOAT)
        return fail(problem, "must be a number");
    if (!(value >= strtod(row->min, NULL) && value <= strtod(row->max, NULL)))
        return out_of_range(row, problem);
    value += 0.0; /* -0 becomes 0, so that equal settings have equal hashes */
    memcpy(field, &value, sizeof value);
    return true;
}

static bool store_quantity(const struct setting *row, const struct toml_value *v, void *field,
                           char problem[CONFIG_PROBLEM_BYTES])
{
    char names[100];
    uint64_t value = 0, min = 0, max = 0;
    bool zero = v->kind == TOML_KIND_INTEGER && v->integer == 0; /* needs no unit */
    if (!zero && (v->kind != TOML_KIND_STRING || strlen(v->string) != v->string_bytes ||
                  !config_unit_parse(row->type, v->string, &value))) {
        config_unit_list(row->type, names, sizeof names);
        return fail(problem, "must be a %s (units: %s)", setting_type_name(row->type), names);
    }
    bool limits = config_unit_parse(row->type, row->min, &min) &&
                  config_unit_parse(row->type, row->max, &max);
    if (!limits || value < min || value > max)
        return out_of_range(row, problem);
    if (row->type == SETTING_RATE) {
        double hz = (double)value / 1000.0;
        memcpy(field, &hz, sizeof hz);
    } else
        put_uint(row, field, value);
    return true;
}

/* A text of ours: no control characters, and it fits. */
static bool store_text(const struct toml_value *v, size_t capacity, char *field,
                       char problem[CONFIG_PROBLEM_BYTES])
{
    if (v->kind != TOML_KIND_STRING)
        return fail(problem, "must be a text in quotes");
    if (v->string_bytes >= capacity)
        return fail(problem, "is longer than %zu characters", capacity - 1);
    for (size_t i = 0; i < v->string_bytes; i++)
        if ((unsigned char)v->string[i] < 0x20 || v->string[i] == 0x7f)
            return fail(problem, "holds a control character");
    memset(field, 0, capacity);
    memcpy(field, v->string, v->string_bytes);
    return true;
}

/* A port at the end of "host:port"; `any`: "*" will do. */
static bool has_port(const char *text, bool any)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == 0)
        return false;
    if (any && strcmp(colon, ":*") == 0)
        return true;
    size_t digits = strspn(colon + 1, "0123456789");
    return colon[1 + digits] == 0 && digits <= 5 && strtol(colon + 1, NULL, 10) <= 65535;
}

static bool is_endpoint(const char *text)
{
    text += *text == '>' || *text == '@';
    if (strncmp(text, "tcp://", 6) == 0)
        return has_port(text + 6, true);
    if (strncmp(text, "ipc://", 6) == 0)
        return text[6] != 0;
    return strncmp(text, "inproc://", 9) == 0 && text[9] != 0;
}

static bool store_line(const struct setting *row, const struct toml_value *v, char *field,
                       char problem[CONFIG_PROBLEM_BYTES])
{
    if (!store_text(v, row->bytes, field, problem))
        return false;
    if (field[0] == 0 && row->min[0] == '1')
        return fail(problem, "must not be empty");
    if (row->type == SETTING_ADDRESS && field[0] != 0 && !has_port(field, false))
        return fail(problem, "must be host:port, as \"127.0.0.1:9464\"");
    return true;
}

/* Place of a name in "sub | pull", or -1. */
static int find_name(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0;; i++) {
        size_t word = strcspn(names, " ");
        if (word == n && memcmp(names, name, n) == 0)
            return i;
        if (names[word] == 0)
            return -1;
        names += word + strlen(" | ");
    }
}

static int store_name(const struct setting *row, const struct toml_value *v,
                      char problem[CONFIG_PROBLEM_BYTES])
{
    int place = -1;
    if (v->kind == TOML_KIND_STRING && strlen(v->string) == v->string_bytes)
        place = find_name(row->unit, v->string);
    if (place < 0)
        (void)fail(problem, "must be %s%s", row->type == SETTING_FLAGS ? "a list of " : "",
                   row->unit);
    return place;
}

static bool store_choice(const struct setting *row, const struct toml_value *v, void *field,
                         char problem[CONFIG_PROBLEM_BYTES])
{
    int place = store_name(row, v, problem);
    if (place < 0)
        return false;
    put_uint(row, field, (uint64_t)place);
    return true;
}

static bool store_item(const struct setting *row, const struct toml_value *v, uint32_t i,
                       void *field, char problem[CONFIG_PROBLEM_BYTES])
{
    struct settings_strings *strings = field;
    struct settings_planes *planes = field;
    uint32_t flags;
    int place;
    switch (row->type) {
    case SETTING_FLAGS:
        if ((place = store_name(row, v, problem)) < 0)
            return false;
        memcpy(&flags, field, sizeof flags);
        flags |= UINT32_C(1) << place;
        memcpy(field, &flags, sizeof flags);
        return true;
    case SETTING_PLANES:
        if (v->kind != TOML_KIND_INTEGER || v->integer < 0 || v->integer > UINT32_MAX)
            return fail(problem, "must be a list of ids, as [0, 2]");
        for (uint32_t j = 0; j < i; j++)
            if (planes->id[j] == (uint32_t)v->integer)
                return fail(problem, "%" PRIu32 " is there twice", planes->id[j]);
        planes->id[i] = (uint32_t)v->integer;
        planes->count = i + 1;
        return true;
    default:
        if (!store_text(v, SETTINGS_PATH_BYTES, strings->text[i], problem))
            return false;
        if (row->type == SETTING_ENDPOINTS && !is_endpoint(strings->text[i]))
            return fail(problem, "must be ZeroMQ endpoints: tcp://host:port, ipc://path or "
                                 "inproc://name, with > (connect) or @ (bind) before it");
        strings->count = i + 1;
        return true;
    }
}

static bool store_list(const struct setting *row, const struct toml_value *v, bool lenient,
                       void *field, char problem[CONFIG_PROBLEM_BYTES])
{
    size_t most = row->type == SETTING_PLANES ? SETTINGS_MAX_PLANES : SETTINGS_MAX_ENDPOINTS;
    const struct toml_value *item = v->item;
    size_t n = v->n_items;
    if (v->kind != TOML_KIND_ARRAY) {
        if (!lenient)
            return fail(problem, "must be a %s in [ ]", setting_type_name(row->type));
        item = v;
        n = 1;
    }
    if (n == 0 && row->min[0] == '1')
        return fail(problem, "must not be empty");
    if (n > most)
        return fail(problem, "has more than %zu items", most);
    memset(field, 0, row->bytes);
    for (size_t i = 0; i < n; i++)
        if (!store_item(row, &item[i], (uint32_t)i, field, problem))
            return false;
    return true;
}

bool config_value_store(const struct setting *row, const struct toml_value *value, bool lenient,
                        void *field, char problem[CONFIG_PROBLEM_BYTES])
{
    switch (row->type) {
    case SETTING_UINT:
        return store_uint(row, value, field, problem);
    case SETTING_REAL:
        return store_real(row, value, field, problem);
    case SETTING_NS:
    case SETTING_BYTES:
    case SETTING_RATE:
        return store_quantity(row, value, field, problem);
    case SETTING_TEXT:
    case SETTING_ADDRESS:
        return store_line(row, value, field, problem);
    case SETTING_CHOICE:
        return store_choice(row, value, field, problem);
    case SETTING_FLAGS:
    case SETTING_STRINGS:
    case SETTING_ENDPOINTS:
    case SETTING_PLANES:
        return store_list(row, value, lenient, field, problem);
    }
    return false;
}
