/* Three texts from one table. Rows stand in the order of their sections, so a
 * heading is due whenever the part of the key before its last dot changes. */
#include "config/config.h"

#include "config/config_format.h"
#include "config/config_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is before a key's last dot is its section. */
static size_t section_bytes(const char *key)
{
    const char *dot = strrchr(key, '.');
    assert(dot != NULL);
    return (size_t)(dot - key);
}

static const char *last_part(const char *key)
{
    return key + section_bytes(key) + 1;
}

static bool begins_section(int i)
{
    if (i == 0)
        return true;
    const char *key = settings_table[i].key, *before = settings_table[i - 1].key;
    size_t n = section_bytes(key);
    return n != section_bytes(before) || memcmp(key, before, n) != 0;
}

static const char *section_help(const char *key)
{
    size_t n = section_bytes(key);
    for (int i = 0; i < SETTINGS_SECTION_COUNT; i++)
        if (strlen(settings_sections[i].key) == n && memcmp(settings_sections[i].key, key, n) == 0)
            return settings_sections[i].help;
    return "";
}

static void print_default(const struct setting *row, FILE *out)
{
    char problem[CONFIG_PROBLEM_BYTES];
    void *field = calloc(1, row->bytes);
    if (field != NULL && config_text_default(row, field, problem))
        config_format_value(row, field, out);
    free(field);
}

/* "whole number, 1 .. 65536 events" */
static void print_kind(const struct setting *row, const char *escape, FILE *out)
{
    char text[160], range[100];
    bool names = row->type == SETTING_CHOICE || row->type == SETTING_FLAGS;
    config_format_range(row, range, sizeof range);
    (void)snprintf(text, sizeof text, "%s%s%s%s%s", setting_type_name(row->type),
                   range[0] != 0 ? ", " : "", range, names || row->unit[0] == 0 ? "" : " ",
                   names ? "" : row->unit);
    for (const char *c = text; *c != 0; c++)
        fprintf(out, "%s%c", *c == '|' ? escape : "", *c);
}

static void print_heading(const struct setting *row, FILE *out)
{
    int array = settings_array_of(row->key);
    if (array < 0) {
        fprintf(out, "\n# %s\n[%.*s]\n", section_help(row->key), (int)section_bytes(row->key),
                row->key);
        return;
    }
    const struct settings_array *a = &settings_arrays[array];
    fprintf(out, "\n# %s (%" PRIu32 " .. %" PRIu32 " of them)\n# [[%s]]\n", a->help, a->least,
            a->most, a->key);
}

void config_print(FILE *out)
{
    fputs("# Every key of sparsed with its default. What begins with \"# \" and a key must be\n"
          "# given, or belongs to a list of tables. Relative paths begin at the working\n"
          "# directory.\n",
          out);
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (begins_section(i))
            print_heading(row, out);
        fprintf(out, "# %s\n# (", row->help);
        print_kind(row, "", out);
        fputs(row->when == SETTING_LIVE ? "; may change in a run" : "", out);
        fputs(row->def == REQUIRED ? "; must be given)\n" : ")\n", out);
        bool comment = row->def == REQUIRED || settings_array_of(row->key) >= 0;
        fprintf(out, "%s%s =", comment ? "# " : "", last_part(row->key));
        if (row->def != REQUIRED) {
            fputc(' ', out);
            print_default(row, out);
        }
        fputc('\n', out);
    }
}

/* Rows first .. of one array, once for each element. Returns the row after them. */
static int print_elements(const struct settings *settings, int first, int array, FILE *out)
{
    const struct settings_array *a = &settings_arrays[array];
    int end = first;
    while (end < SETTINGS_COUNT && settings_array_of(settings_table[end].key) == array)
        end++;
    for (uint32_t e = 0; e < settings_count_const(settings, a); e++) {
        fprintf(out, "\n[[%s]]\n", a->key);
        for (int i = first; i < end; i++) {
            const struct setting *row = &settings_table[i];
            fprintf(out, "%s = ", last_part(row->key));
            config_format_value(row, settings_field_const(settings, row, e), out);
            fputc('\n', out);
        }
    }
    return end;
}

void config_print_effective(const struct settings *settings, FILE *out)
{
    for (int i = 0; i < SETTINGS_COUNT;) {
        const struct setting *row = &settings_table[i];
        int array = settings_array_of(row->key);
        if (array >= 0) {
            i = print_elements(settings, i, array, out);
            continue;
        }
        if (begins_section(i))
            fprintf(out, "%s[%.*s]\n", i > 0 ? "\n" : "", (int)section_bytes(row->key), row->key);
        fprintf(out, "%s = ", last_part(row->key));
        config_format_value(row, settings_field_const(settings, row, 0), out);
        fputc('\n', out);
        i++;
    }
}

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Made by `sparsed --print-config=markdown`; a test holds this file to it. -->\n"
    "\n"
    "`sparsed --config trigger.toml` reads one TOML file. `--check` validates it and stops,\n"
    "`--print-config` writes every key with its default, range and help.\n"
    "\n"
    "Any key can be given on the command line too: `--set KEY=VALUE`, after the file and in\n"
    "order. The value is TOML; a bare word stands for a text, and a single item for a list\n"
    "of one. Elements of a list of tables are numbered from 0, and the number after the last\n"
    "one adds an element:\n"
    "\n"
    "    sparsed --config trigger.toml --set readout.pattern=pull \\\n"
    "            --set 'engine.model[0].file=models/new.h5' --set 'trigger.rule[0].planes=[0, 2]'\n"
    "\n"
    "Times are texts with a unit (ns, us, ms, s, min, h), and so are sizes (B, KiB, MiB, GiB,\n"
    "TiB, kB, MB, GB, TB) and rates (mHz, Hz, kHz, MHz): `\"20 ms\"`, `\"2 GiB\"`, `\"50 Hz\"`;\n"
    "zero needs no unit. Relative paths begin at the working directory of the daemon, not at\n"
    "the file's. An endpoint is `tcp://host:port`, `ipc://path` or `inproc://name`, with `>`\n"
    "(connect) or `@` (bind) before it.\n"
    "\n"
    "What a reload may change while the daemon runs has a yes in the column `reload`; a reload\n"
    "that would change anything else is refused and says which key.\n"
    "\n"
    "Windows, pooling and thresholds come from the model's own preprocessing group. Values\n"
    "given under `[imaging]` only check it: one that contradicts the model is an error. The\n"
    "number of worker threads is `imaging.workers`, because what they do is imaging.\n";

/* A heading's table begins; what stands in it are the rows of one section. */
static void markdown_heading(const struct setting *row, FILE *out)
{
    int array = settings_array_of(row->key);
    if (array >= 0) {
        const struct settings_array *a = &settings_arrays[array];
        fprintf(out, "\n## [[%s]]\n\n%c%s. %" PRIu32 " .. %" PRIu32 " of them.\n", a->key,
                a->help[0] - 'a' + 'A', a->help + 1, a->least, a->most);
    } else {
        const char *help = section_help(row->key);
        fprintf(out, "\n## [%.*s]\n\n%c%s.\n", (int)section_bytes(row->key), row->key,
                help[0] - 'a' + 'A', help + 1);
    }
    fputs("\n| key | default | value | reload | what it is |\n|---|---|---|---|---|\n", out);
}

void config_markdown(FILE *out)
{
    fputs(intro, out);
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (begins_section(i))
            markdown_heading(row, out);
        fprintf(out, "| `%s` | ", last_part(row->key));
        if (row->def == REQUIRED)
            fputs("must be given", out);
        else {
            fputc('`', out);
            print_default(row, out);
            fputc('`', out);
        }
        fputs(" | ", out);
        print_kind(row, "\\", out);
        fprintf(out, " | %s | %s |\n", row->when == SETTING_LIVE ? "yes" : "", row->help);
    }
}

char *config_effective(const struct settings *settings, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (out == NULL)
        return NULL;
    config_print_effective(settings, out);
    bool good = ferror(out) == 0;
    good = fclose(out) == 0 && good;
    if (!good) {
        free(text);
        text = NULL;
    }
    return text;
}

bool config_sha256(const struct settings *settings, uint8_t digest[SHA256_BYTES])
{
    size_t bytes = 0;
    char *text = config_effective(settings, &bytes);
    bool good = text != NULL && hash_sha256(text, bytes, digest);
    free(text);
    return good;
}
