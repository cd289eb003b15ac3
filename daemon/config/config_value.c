/* Values with a unit are an exact decimal times the unit's factor, so "0.5 ms" is
 * 500,000 ns and "0.1 ns" is refused, not rounded. Limits in the table are in the
 * words of the file and go the same way. */
#include "config/config_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit time_units[] = {
    {"h", UINT64_C(3600000000000)},
    {"min", UINT64_C(60000000000)},
    {"s", UINT64_C(1000000000)},
    {"ms", UINT64_C(1000000)},
    {"us", UINT64_C(1000)},
    {"ns", UINT64_C(1)},
    {NULL, 0},
};
static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"TB", UINT64_C(1000000000000)},
    {"GB", UINT64_C(1000000000)},
    {"MB", UINT64_C(1000000)},
    {"kB", UINT64_C(1000)},
    {"B", UINT64_C(1)},
    {NULL, 0},
};
/* Rates are counted in millihertz. */
static const struct unit rate_units[] = {
    {"MHz", UINT64_C(1000000000)},
    {"kHz", UINT64_C(1000000)},
    {"Hz", UINT64_C(1000)},
    {"mHz", UINT64_C(1)},
    {NULL, 0},
};

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

static const struct unit *units_of(enum setting_type type)
{
    switch (type) {
    case SETTING_NS:
        return time_units;
    case SETTING_BYTES:
        return size_units;
    case SETTING_RATE:
        return rate_units;
    default:
        return NULL;
    }
}

/* "20 ms" in the smallest unit. False: not a number and a unit, or not whole. */
static bool parse_quantity(const char *text, const struct unit *unit, uint64_t *out)
{
    unsigned __int128 value = 0, decimals = 1;
    int digits = 0;
    bool point = false;
    for (; (*text >= '0' && *text <= '9') || *text == '.'; text++) {
        if (*text == '.') {
            if (point || digits == 0)
                return false;
            point = true;
            continue;
        }
        if (++digits > 19)
            return false;
        value = value * 10 + (unsigned)(*text - '0');
        decimals *= point ? 10 : 1;
    }
    if (digits == 0)
        return false;
    while (*text == ' ')
        text++;
    while (unit->name != NULL && strcmp(unit->name, text) != 0)
        unit++;
    value *= unit->factor;
    if (unit->name == NULL || value % decimals != 0 || value / decimals > INT64_MAX)
        return false;
    *out = (uint64_t)(value / decimals);
    return true;
}

static void list_units(const struct unit *unit, char *text, size_t bytes)
{
    size_t n = 0;
    text[0] = 0;
    for (; unit->name != NULL && n < bytes; unit++)
        n += (size_t)snprintf(text + n, bytes - n, "%s%s", n > 0 ? ", " : "", unit->name);
}

static bool out_of_range(const struct setting *row, char problem[CONFIG_PROBLEM_BYTES])
{
    char range[100];
    config_value_range(row, range, sizeof range);
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
    const struct unit *units = units_of(row->type);
    char names[100];
    uint64_t value = 0, min = 0, max = 0;
    bool zero = v->kind == TOML_KIND_INTEGER && v->integer == 0; /* needs no unit */
    if (!zero && (v->kind != TOML_KIND_STRING || strlen(v->string) != v->string_bytes ||
                  !parse_quantity(v->string, units, &value))) {
        list_units(units, names, sizeof names);
        return fail(problem, "must be a %s (units: %s)", setting_type_name(row->type), names);
    }
    bool limits = parse_quantity(row->min, units, &min) && parse_quantity(row->max, units, &max);
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
    const struct unit *unit = units_of(row->type);
    uint64_t value;
    if (row->type == SETTING_RATE) {
        double hz;
        memcpy(&hz, field, sizeof hz);
        value = (uint64_t)llrint(hz * 1000.0);
    } else
        value = get_uint(row, field);
    while (value % unit->factor != 0)
        unit++;
    if (value == 0)
        fputc('0', out);
    else
        fprintf(out, "\"%" PRIu64 " %s\"", value / unit->factor, unit->name);
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

void config_value_format(const struct setting *row, const void *field, FILE *out)
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

void config_value_range(const struct setting *row, char *text, size_t bytes)
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

void config_value_show(const struct toml_value *v, char *text, size_t bytes)
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
            config_value_show(v->item, inner, sizeof inner);
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
