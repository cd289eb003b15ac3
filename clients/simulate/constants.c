#include "simulate/constants.h"
#include "common/text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const struct constant_row constants_table[CONSTANTS_COUNT] = {
#define X(name, initial, unit, min, max, source, help)                                             \
    {#name, initial, unit, min, max, source, help},
    CONSTANTS(X)
#undef X
};

/* struct constants holds doubles and nothing else, in the table's order. */
static double *place(struct constants *c, uint32_t i)
{
    assert(i < CONSTANTS_COUNT);
    return (double *)(void *)c + i;
}

void constants_init(struct constants *c)
{
    for (uint32_t i = 0; i < CONSTANTS_COUNT; i++)
        *place(c, i) = constants_table[i].initial;
}

double constants_value(const struct constants *c, uint32_t i)
{
    assert(i < CONSTANTS_COUNT);
    return ((const double *)(const void *)c)[i];
}

static bool whole(const struct constant_row *row)
{
    return strstr(row->help, "whole number") != NULL;
}

bool constants_set(struct constants *c, const char *assignment, struct error *err)
{
    const char *sign = strchr(assignment, '=');
    if (sign == NULL)
        return error_set(err, ERROR_CONFIG, "--set %s: needs NAME=VALUE", assignment);
    size_t length = (size_t)(sign - assignment);
    for (uint32_t i = 0; i < CONSTANTS_COUNT; i++) {
        const struct constant_row *row = &constants_table[i];
        if (strlen(row->name) != length || memcmp(row->name, assignment, length) != 0)
            continue;
        double value;
        if (!text_read_real(sign + 1, -INFINITY, INFINITY, &value))
            return error_set(err, ERROR_CONFIG, "--set %s: \"%s\" is no number", assignment,
                             sign + 1);
        if (value < row->min || value > row->max)
            return error_set(err, ERROR_CONFIG, "--set %s: must be %g .. %g %s", assignment,
                             row->min, row->max, row->unit);
        if (whole(row) && floor(value) != value)
            return error_set(err, ERROR_CONFIG, "--set %s: must be a whole number", assignment);
        *place(c, i) = value;
        return true;
    }
    return error_set(err, ERROR_CONFIG, "--set %s: no constant \"%.*s\" (--constants lists them)",
                     assignment, (int)length, assignment);
}

bool constants_check(const struct constants *c, struct error *err)
{
    if (c->y_min >= c->y_max)
        return error_set(err, ERROR_CONFIG, "y_min = %g is not below y_max = %g", c->y_min,
                         c->y_max);
    if (c->energy_min >= c->energy_max)
        return error_set(err, ERROR_CONFIG, "energy_min = %g is not below energy_max = %g",
                         c->energy_min, c->energy_max);
    if (c->cosmic_first_tick > c->cosmic_last_tick)
        return error_set(err, ERROR_CONFIG, "cosmic_first_tick = %g is after cosmic_last_tick = %g",
                         c->cosmic_first_tick, c->cosmic_last_tick);
    /* Drawn by trial: at least about one in a thousand must fall between the two. */
    double mean = c->energy_shape * c->energy_scale;
    if (c->energy_min > 3 * mean || c->energy_max < mean / 3)
        return error_set(err, ERROR_CONFIG,
                         "energy_min = %g .. energy_max = %g lies far from the mean "
                         "energy_shape * energy_scale = %g MeV",
                         c->energy_min, c->energy_max, mean);
    return true;
}

void constants_print(const struct constants *c, bool markdown, FILE *out)
{
    if (markdown)
        fprintf(out,
                "| name | value | unit | range | what | source |\n|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < CONSTANTS_COUNT; i++) {
        const struct constant_row *row = &constants_table[i];
        double value = constants_value(c, i);
        if (markdown)
            fprintf(out, "| `%s` | %.9g | %s | %g .. %g | %s | %s |\n", row->name, value, row->unit,
                    row->min, row->max, row->help, row->source);
        else
            fprintf(out, "%-21s %10.9g %-19s %s (%g .. %g; %s)\n", row->name, value, row->unit,
                    row->help, row->min, row->max, row->source);
    }
}
