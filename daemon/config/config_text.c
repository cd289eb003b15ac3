/* The value becomes a small TOML text of its own: "v = VALUE", and "v = 'VALUE'"
 * where it is a bare word. */
#include "config/config_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_formatted(const char *before, const char *value, const char *after,
                           toml_visit *visit, void *context, char problem[CONFIG_PROBLEM_BYTES])
{
    char *text = NULL;
    uint32_t line;
    int n = asprintf(&text, "%s%s%s", before, value, after);
    if (n < 0) {
        (void)snprintf(problem, CONFIG_PROBLEM_BYTES, "no memory");
        return false;
    }
    bool good =
        sparsed_toml_read(text, (size_t)n, visit, context, problem, CONFIG_PROBLEM_BYTES, &line);
    free(text);
    return good;
}

bool config_text_read(const char *value, bool text_wanted, toml_visit *visit, void *context,
                      char problem[CONFIG_PROBLEM_BYTES])
{
    bool quoted = *value == '"' || *value == '\'';
    if (!text_wanted || quoted) {
        if (read_formatted("v = ", value, "", visit, context, problem))
            return true;
        if (quoted || *value == '[' || *value == '{')
            return false;
    }
    return read_formatted("v = '", value, "'", visit, context, problem);
}

bool config_text_wanted(const struct setting *row)
{
    return row->type == SETTING_TEXT || row->type == SETTING_ADDRESS || row->type == SETTING_CHOICE;
}

struct target {
    const struct setting *row;
    void *field;
    bool stored;
    char *problem;
};

static bool store(void *context, const char *key, const struct toml_value *v)
{
    struct target *t = context;
    (void)key;
    t->stored = config_value_store(t->row, v, false, t->field, t->problem);
    return false;
}

bool config_text_default(const struct setting *row, void *field, char problem[CONFIG_PROBLEM_BYTES])
{
    struct target t = {.row = row, .field = field, .problem = problem};
    return config_text_read(row->def, config_text_wanted(row), store, &t, problem) && t.stored;
}
