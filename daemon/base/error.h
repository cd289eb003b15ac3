/* error: a code and one sentence a user can act on.
 *
 * Set-up functions fill a struct error and return false or NULL; the sentence
 * names the file, the key and the value:
 *
 *     trigger.toml:31: engine.cross_check = 2: must be 0 .. 1
 *
 * Hot functions return a code of their own and count; they never format text.
 */
#ifndef SPARSED_BASE_ERROR_H
#define SPARSED_BASE_ERROR_H

#include <stdbool.h>

enum { ERROR_TEXT_BYTES = 1024 };

/* code, exit status of the program that ends with it */
#define ERROR_CODES(X)                                                                             \
    X(NONE, 0)                                                                                     \
    X(CONFIG, 2)  /* the configuration or the command line */                                      \
    X(MODEL, 1)   /* a model file */                                                               \
    X(DATA, 1)    /* recorded events, images, vectors */                                           \
    X(NETWORK, 1) /* an endpoint */                                                                \
    X(STORAGE, 1) /* a directory or a file to be written */                                        \
    X(SYSTEM, 1)  /* memory, threads, descriptors */

enum error_code {
#define X(name, exit_status) ERROR_##name,
    ERROR_CODES(X)
#undef X
};

struct error {
    enum error_code code;
    char text[ERROR_TEXT_BYTES];
};

/* Fills `err` (NULL is allowed) and returns false, so that a caller can write
 * `return error_set(err, ERROR_MODEL, "%s: ...", path);`. A sentence that does
 * not fit is cut. */
bool error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence already in `err`; returns false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Exit status of a program that ends with this error. */
int error_exit_status(const struct error *err);

#endif
