/* An exact decimal times the unit's factor, so "0.5 ms" is 500,000 ns and "0.1 ns" is
 * refused, not rounded. */
#include "config/config_unit.h"

#include <inttypes.h>
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

bool config_unit_parse(enum setting_type type, const char *text, uint64_t *out)
{
    const struct unit *unit = units_of(type);
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

void config_unit_format(enum setting_type type, uint64_t value, FILE *out)
{
    const struct unit *unit = units_of(type);
    while (value % unit->factor != 0)
        unit++;
    if (value == 0)
        fputc('0', out);
    else
        fprintf(out, "\"%" PRIu64 " %s\"", value / unit->factor, unit->name);
}

void config_unit_list(enum setting_type type, char *text, size_t bytes)
{
    const struct unit *unit = units_of(type);
    size_t n = 0;
    text[0] = 0;
    for (; unit->name != NULL && n < bytes; unit++)
        n += (size_t)snprintf(text + n, bytes - n, "%s%s", n > 0 ? ", " : "", unit->name);
}
