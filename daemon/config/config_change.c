/* Values are compared as they are written: what would be printed the same is the same. */
#include "config/config.h"
#include "config/config_format.h"
#include "config/settings_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Lines are collected here until the text is full. */
struct list {
    char *text;
    size_t bytes, used;
    uint32_t n, shown;
};

__attribute__((format(printf, 2, 3))) static void add(struct list *l, const char *format, ...)
{
    enum { ROOM_FOR_REST = 40 };
    char line[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    l->n++;
    size_t length = strlen(line);
    if (l->shown + 1 < l->n || l->used + length + ROOM_FOR_REST >= l->bytes)
        return;
    (void)snprintf(l->text + l->used, l->bytes - l->used, "%s%s", l->n > 1 ? "\n" : "", line);
    l->used += length + (l->n > 1);
    l->shown++;
}

static void end(struct list *l)
{
    if (l->n > l->shown)
        (void)snprintf(l->text + l->used, l->bytes - l->used, "\nand %" PRIu32 " more",
                       l->n - l->shown);
}

/* NULL: no memory. The caller frees it. */
static char *written(const struct settings *s, const struct setting *row, uint32_t index)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL)
        return NULL;
    config_format_value(row, settings_field_const(s, row, index), out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* "engine.model[2].planes" */
static void name(const struct setting *row, int array, uint32_t index, char *text, size_t bytes)
{
    if (array < 0) {
        (void)snprintf(text, bytes, "%s", row->key);
        return;
    }
    size_t prefix = strlen(settings_arrays[array].key);
    (void)snprintf(text, bytes, "%.*s[%" PRIu32 "]%s", (int)prefix, row->key, index,
                   row->key + prefix + 2);
}

static void compare(struct list *l, const struct setting *row, int array, uint32_t index,
                    const struct settings *now, const struct settings *wanted)
{
    char key[128];
    char *is = written(now, row, index), *wish = written(wanted, row, index);
    name(row, array, index, key, sizeof key);
    if (is == NULL || wish == NULL)
        add(l, "%s: no memory", key);
    else if (strcmp(is, wish) != 0 && row->when == SETTING_START)
        add(l, "%s = %.100s, wanted %.100s: cannot change while the daemon runs", key, is, wish);
    else if (strcmp(is, wish) != 0)
        add(l, "%s = %.100s, was %.100s", key, wish, is);
    free(is);
    free(wish);
}

/* Elements that both have; how many there are is compared by itself. */
static uint32_t elements(int array, const struct settings *now, const struct settings *wanted)
{
    if (array < 0)
        return 1;
    uint32_t is = settings_count_const(now, &settings_arrays[array]);
    uint32_t wish = settings_count_const(wanted, &settings_arrays[array]);
    return is < wish ? is : wish;
}

static void compare_all(struct list *l, enum setting_when when, const struct settings *now,
                        const struct settings *wanted)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        int array = settings_array_of(row->key);
        for (uint32_t e = 0; row->when == when && e < elements(array, now, wanted); e++)
            compare(l, row, array, e, now, wanted);
    }
}

bool config_change(const struct settings *now, const struct settings *wanted, struct error *err)
{
    char text[ERROR_TEXT_BYTES] = "";
    struct list l = {text, sizeof text, 0, 0, 0};
    for (int a = 0; a < SETTINGS_ARRAY_COUNT; a++) {
        uint32_t is = settings_count_const(now, &settings_arrays[a]);
        uint32_t wish = settings_count_const(wanted, &settings_arrays[a]);
        if (is != wish)
            add(&l, "%" PRIu32 " [[%s]], wanted %" PRIu32 ": cannot change while the daemon runs",
                is, settings_arrays[a].key, wish);
    }
    compare_all(&l, SETTING_START, now, wanted);
    end(&l);
    return l.n == 0 || error_set(err, ERROR_CONFIG, "%s", text);
}

uint32_t config_changes(const struct settings *now, const struct settings *wanted, char *text,
                        size_t bytes)
{
    struct list l = {text, bytes, 0, 0, 0};
    text[0] = '\0';
    compare_all(&l, SETTING_LIVE, now, wanted);
    end(&l);
    return l.n;
}
