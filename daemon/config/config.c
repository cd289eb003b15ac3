/* A text goes through three gates, each only if the one before found nothing:
 * every value is right by itself (take_*), all that must be given is there, it
 * makes sense together (config_check). A value on the command line is a small
 * TOML text of its own, "v = VALUE", whose keys v, v.x ... stand for KEY, KEY.x. */
#include "config/config.h"

#include "config/config_check.h"
#include "config/config_format.h"
#include "config/config_key.h"
#include "config/config_text.h"
#include "config/config_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct settings *out;
    struct config_report report;
    struct config_places places;
    const char *override_key; /* NULL while the file is read */
    config_place override_place;
};

static config_place place_of(const struct loader *l, const struct toml_value *v)
{
    return l->override_key != NULL ? l->override_place : (config_place)v->line;
}

static void set_default(struct loader *l, int i, uint32_t index)
{
    const struct setting *row = &settings_table[i];
    char problem[CONFIG_PROBLEM_BYTES];
    void *field = settings_field(l->out, row, index);
    memset(field, 0, row->bytes);
    l->places.setting[i][index] = 0;
    if (row->def != REQUIRED && !config_text_default(row, field, problem))
        config_report_add(&l->report, 0, "default of %s: %s", row->key, problem);
}

/* Element `index` of an array is there after this, as the next one or already. */
static bool open_element(struct loader *l, int a, uint32_t index, config_place place)
{
    const struct settings_array *array = &settings_arrays[a];
    uint32_t *count = settings_count(l->out, array);
    if (index < *count)
        return true;
    if (index >= array->most) {
        config_report_add(&l->report, place, "more than %u [[%s]]", array->most, array->key);
        return false;
    }
    if (index > *count) {
        config_report_add(&l->report, place, "there are %u [[%s]], so the next one is %s[%u]",
                          *count, array->key, array->key, *count);
        return false;
    }
    l->places.element[a][index] = place;
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (settings_array_of(settings_table[i].key) == a)
            set_default(l, i, index);
    ++*count;
    return true;
}

/* The key as an error shows it: without numbers in a file, whose line tells. */
static void show_key(const struct loader *l, const char *key, char *text, size_t bytes)
{
    if (l->override_key != NULL)
        (void)snprintf(text, bytes, "%s", key);
    else
        config_key_plain(key, text, bytes);
}

static void unknown(struct loader *l, const char *key, const struct toml_value *v)
{
    char plain[CONFIG_KEY_BYTES], nearest[CONFIG_KEY_BYTES];
    bool table = v->kind == TOML_KIND_TABLE || v->kind == TOML_KIND_TABLES;
    const char *what = table && l->override_key == NULL ? "section" : "key";
    show_key(l, key, plain, sizeof plain);
    if (config_key_nearest(key, l->override_key != NULL, nearest, sizeof nearest))
        config_report_add(&l->report, place_of(l, v), "unknown %s %s, did you mean %s?", what,
                          plain, nearest);
    else
        config_report_add(&l->report, place_of(l, v), "unknown %s %s", what, plain);
}

static void take_setting(struct loader *l, int i, uint32_t index, const char *key,
                         const struct toml_value *v)
{
    const struct setting *row = &settings_table[i];
    char problem[CONFIG_PROBLEM_BYTES], plain[CONFIG_KEY_BYTES], value[100];
    int array = settings_array_of(row->key);
    if (array >= 0 && !open_element(l, array, index, place_of(l, v)))
        return;
    l->places.setting[i][index] = place_of(l, v);
    if (config_value_store(row, v, l->override_key != NULL, settings_field(l->out, row, index),
                           problem))
        return;
    show_key(l, key, plain, sizeof plain);
    config_format_given(v, value, sizeof value);
    config_report_value(&l->report, place_of(l, v), plain, value, problem);
}

/* [[engine.model]] begins, or engine.model = [ {...}, {...} ]. */
static bool take_array(struct loader *l, int a, const struct toml_value *v)
{
    const char *key = settings_arrays[a].key;
    bool list = v->kind == TOML_KIND_TABLES || (v->kind == TOML_KIND_ARRAY && v->n_items == 0);
    if (list)
        *settings_count(l->out, &settings_arrays[a]) = 0;
    else
        config_report_add(&l->report, place_of(l, v), "%s is a list of tables: write [[%s]]", key,
                          key);
    return list;
}

static bool take_section(struct loader *l, const char *key, const struct toml_value *v)
{
    if (v->kind != TOML_KIND_TABLE)
        config_report_add(&l->report, place_of(l, v), "%s is a section: write [%s]", key, key);
    return v->kind == TOML_KIND_TABLE;
}

static bool take_key(struct loader *l, const char *key, const struct toml_value *v)
{
    char pattern[CONFIG_KEY_BYTES];
    uint32_t index;
    bool known = config_key_parse(key, pattern, &index);
    int i = known ? settings_find(pattern) : -1;
    if (i >= 0) {
        take_setting(l, i, index, key, v);
        return false;
    }
    int a = known ? settings_find_array(pattern) : -1;
    if (a >= 0)
        return take_array(l, a, v);
    if (known && settings_is_section(pattern))
        return take_section(l, pattern, v);
    size_t n = known ? strlen(pattern) : 0;
    if (n > 2 && strcmp(pattern + n - 2, "[]") == 0 && v->kind == TOML_KIND_TABLE) {
        pattern[n - 2] = 0;
        a = settings_find_array(pattern);
        if (a >= 0)
            return open_element(l, a, index, place_of(l, v));
    }
    unknown(l, key, v);
    return false;
}

static bool visit(void *context, const char *key, const struct toml_value *v)
{
    struct loader *l = context;
    if (l->override_key == NULL)
        return take_key(l, key, v);
    char *whole = NULL;
    if (asprintf(&whole, "%s%s", l->override_key, key + 1) < 0) {
        config_report_add(&l->report, l->override_place, "no memory");
        return false;
    }
    bool below = take_key(l, whole, v);
    free(whole);
    return below;
}

static void trim(char **begin, char *end)
{
    while (end > *begin && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = 0;
    *begin += strspn(*begin, " \t");
}

static void take_override(struct loader *l, const char *override, config_place place)
{
    char problem[CONFIG_PROBLEM_BYTES], pattern[CONFIG_KEY_BYTES];
    uint32_t index;
    char *text = strdup(override);
    char *equals = text != NULL ? strchr(text, '=') : NULL;
    if (equals == NULL || strpbrk(text, "\n\r") != NULL || strlen(text) > CONFIG_MAX_BYTES) {
        config_report_add(&l->report, place, text == NULL ? "no memory" : "must be KEY=VALUE");
        free(text);
        return;
    }
    char *key = text, *value = equals + 1;
    trim(&key, equals);
    trim(&value, value + strlen(value));
    int i = config_key_parse(key, pattern, &index) ? settings_find(pattern) : -1;
    l->override_key = key;
    l->override_place = place;
    bool text_wanted = i >= 0 && config_text_wanted(&settings_table[i]);
    if (!config_text_read(value, text_wanted, visit, l, problem))
        config_report_add(&l->report, place, "%s", problem);
    l->override_key = NULL;
    free(text);
}

static void load(struct loader *l, const char *text, size_t bytes, size_t n_overrides)
{
    char problem[CONFIG_PROBLEM_BYTES];
    uint32_t line;
    memset(l->out, 0, sizeof *l->out);
    for (int i = 0; i < SETTINGS_COUNT; i++)
        if (settings_array_of(settings_table[i].key) < 0)
            set_default(l, i, 0);
    if (bytes > CONFIG_MAX_BYTES)
        config_report_add(&l->report, 0, "larger than %d bytes", CONFIG_MAX_BYTES);
    else if (!sparsed_toml_read(text, bytes, visit, l, problem, sizeof problem, &line))
        config_report_add(&l->report, (config_place)line, "%s", problem);
    for (size_t i = 0; i < n_overrides; i++)
        take_override(l, l->report.overrides[i], -(config_place)i - 1);
    if (l->report.n_problems == 0)
        config_check_given(l->out, &l->places, &l->report);
    if (l->report.n_problems == 0)
        config_check_sense(l->out, &l->places, &l->report);
}

bool config_load_text(const char *name, const char *text, size_t bytes,
                      const char *const *overrides, size_t n_overrides, struct settings *out,
                      struct error *err)
{
    struct loader *l = calloc(1, sizeof *l);
    if (l == NULL)
        return error_set(err, ERROR_SYSTEM, "%s: no memory", name);
    l->out = out;
    l->report.name = name;
    l->report.overrides = overrides;
    load(l, text, bytes, n_overrides);
    bool good = config_report_end(&l->report, err);
    free(l);
    if (good && !config_sha256(out, out->sha256))
        return error_set(err, ERROR_SYSTEM, "%s: no memory", name);
    return good;
}

bool config_load(const char *path, const char *const *overrides, size_t n_overrides,
                 struct settings *out, struct error *err)
{
    if (path == NULL)
        return config_load_text("no configuration file", "", 0, overrides, n_overrides, out, err);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set(err, ERROR_CONFIG, "%s: %s", path, strerror(errno));
    size_t room = CONFIG_MAX_BYTES + 1; /* one more than is taken shows that there is more */
    char *text = malloc(room);
    size_t bytes = text != NULL ? fread(text, 1, room, file) : 0;
    bool good = text != NULL && ferror(file) == 0;
    if (!good)
        (void)error_set(err, ERROR_CONFIG, "%s: %s", path,
                        text == NULL ? "no memory" : strerror(errno));
    (void)fclose(file);
    good = good && config_load_text(path, text, bytes, overrides, n_overrides, out, err);
    free(text);
    return good;
}
