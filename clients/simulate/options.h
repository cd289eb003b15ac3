/* options: the command line of sparse-simulate. */
#ifndef SIMULATE_OPTIONS_H
#define SIMULATE_OPTIONS_H

#include "data/preprocessing.h"
#include "simulate/truth.h"

struct options {
    struct constants constants;
    struct preprocessing pre;
    struct numbering numbering;
    uint64_t events;
    uint32_t threads;
    const char *file; /* NULL: none */
    bool windows;     /* the file holds active pixels, not samples */
    bool quiet;
    char command[1024]; /* the command line, for the file; cut where it is longer */
};

/* Exits: 0 after --help, --version and --constants, 2 where the command line is
 * wrong, 1 where a model file is. */
void options_parse(struct options *o, int argc, char **argv);

#endif
