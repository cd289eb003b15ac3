/* options: sparsectl's command line as one request. */
#ifndef SPARSED_CLIENTS_CTL_OPTIONS_H
#define SPARSED_CLIENTS_CTL_OPTIONS_H

#include "common/keys.h"
#include "proto/control.pb-c.h"

#include <stdbool.h>

/* Exit status: X(NAME, value, help) */
#define CTL_EXITS(X)                                                                               \
    X(DONE, 0, "done")                                                                             \
    X(FAILED, 1, "tried, and it did not succeed")                                                  \
    X(BAD, 2, "a wrong command line, or a value that sparsed does not take")                       \
    X(REFUSED, 3, "not allowed in this state")                                                     \
    X(SILENT, 4, "no answer; whether it was done is not known")                                    \
    X(LATE, 5, "begun, but not ended within --wait")                                               \
    X(INCOMPLETE, 6, "the run ended, but not all of it was finished")

enum ctl_exit {
#define X(NAME, value, help) CTL_##NAME = value,
    CTL_EXITS(X)
#undef X
};

struct options {
    Sparsed__ControlRequest request; /* its texts are the command line's */
    const char *endpoint;
    struct keys_files keys;
    bool json, next; /* `start next` */
    double timeout_s, wait_s;
    char operator_name[64];
};

/* Exit status of a program that ends here, or -1 to go on. */
int options_read(int argc, char **argv, struct options *o);

#endif
