/* Any text as a configuration. What loads must print as a text that loads again
 * to the same settings; what does not must say why. The text up to a first line
 * that is "--set" is the file, lines after it are overrides. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { MAX_OVERRIDES = 8 };

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_round_trip(const struct settings *first)
{
    struct error err;
    char *text = NULL;
    size_t bytes = 0;
    struct settings *second = malloc(sizeof *second);
    FILE *out = open_memstream(&text, &bytes);
    check(second != NULL && out != NULL);
    config_print_effective(first, out);
    (void)fclose(out);
    check(bytes > CONFIG_MAX_BYTES ||
          config_load_text("effective", text, bytes, NULL, 0, second, &err));
    check(bytes > CONFIG_MAX_BYTES || memcmp(first->sha256, second->sha256, SHA256_BYTES) == 0);
    free(second);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char mark[] = "\n--set\n";
    struct error err = {.code = ERROR_NONE};
    const char *overrides[MAX_OVERRIDES];
    size_t n_overrides = 0;
    char *text = malloc(bytes + 1);
    struct settings *settings = malloc(sizeof *settings);
    check(text != NULL && settings != NULL);
    memcpy(text, data, bytes);
    text[bytes] = 0;
    char *set = memmem(text, bytes, mark, strlen(mark));
    size_t file_bytes = set != NULL ? (size_t)(set - text) : bytes;
    char *rest = set != NULL ? set + strlen(mark) : NULL;
    while (rest != NULL && n_overrides < MAX_OVERRIDES)
        overrides[n_overrides++] = strsep(&rest, "\n");
    if (config_load_text("fuzz", text, file_bytes, overrides, n_overrides, settings, &err))
        check_round_trip(settings);
    else
        check(err.code == ERROR_CONFIG && err.text[0] != 0);
    free(settings);
    free(text);
    return 0;
}
