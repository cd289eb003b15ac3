/* failure: what went wrong, in one sentence that names the file, the table or the option. */
#ifndef SPARSED_CLIENTS_FAILURE_H
#define SPARSED_CLIENTS_FAILURE_H

#include <stdbool.h>

struct failure {
    char text[512];
};

/* Writes the sentence. Always false, so that a function can end with
 * `return failure_set(f, ...)`. */
bool failure_set(struct failure *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
