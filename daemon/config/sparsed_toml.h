/* sparsed_toml: TOML as a walk over keys, so that the rest of config/ stays C.
 *
 *     [engine]                   engine             TOML_KIND_TABLE
 *     kernel = "auto"            engine.kernel      TOML_KIND_STRING
 *     [[engine.model]]           engine.model       TOML_KIND_TABLES
 *                                engine.model[0]    TOML_KIND_TABLE
 *     planes = [2]               engine.model[0].planes  TOML_KIND_ARRAY, one item
 *
 * A part of a key that is not bare (A-Z a-z 0-9 _ -) is given in quotes, so it
 * cannot be mistaken for another key. Tables come in alphabetical order, lists in
 * the order of the text.
 */
#ifndef SPARSED_CONFIG_SPARSED_TOML_H
#define SPARSED_CONFIG_SPARSED_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_kind {
    TOML_KIND_STRING,
    TOML_KIND_INTEGER,
    TOML_KIND_FLOAT,
    TOML_KIND_BOOLEAN,
    TOML_KIND_ARRAY,  /* without tables; items follow in `item` */
    TOML_KIND_TABLES, /* an array with a table in it; its elements are visited next */
    TOML_KIND_TABLE,  /* its keys are visited next */
    TOML_KIND_OTHER,  /* dates, times, an array in an array */
};

/* Valid during the visit only. */
struct toml_value {
    enum toml_kind kind;
    uint32_t line;      /* 1 .. */
    const char *string; /* UTF-8, zero-terminated; may hold zeros */
    size_t string_bytes;
    int64_t integer;
    double real;
    bool boolean;
    const struct toml_value *item;
    size_t n_items;
};

/* Called once a key. False: what is below this table or these tables is left out. */
typedef bool toml_visit(void *context, const char *key, const struct toml_value *value);

/* Parses `bytes` of text, then visits every key. False: nothing was visited,
 * `problem` says why and `line` where (0: nowhere). */
bool sparsed_toml_read(const char *text, size_t bytes, toml_visit *visit, void *context,
                       char *problem, size_t problem_bytes, uint32_t *line);

#ifdef __cplusplus
}
#endif

#endif
