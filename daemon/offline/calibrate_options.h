/* calibrate_options: the command line of sparse-calibrate. */
#ifndef SPARSED_OFFLINE_CALIBRATE_OPTIONS_H
#define SPARSED_OFFLINE_CALIBRATE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CALIBRATE_MAX_OVERRIDES = 256 };

struct calibrate_options {
    const char *config; /* NULL: the planes are those that the first file tells */
    const char *override[CALIBRATE_MAX_OVERRIDES];
    size_t n_overrides;
    char **file; /* [n_files] */
    size_t n_files;
    const char *live;   /* an endpoint, or NULL: files */
    const char *output; /* NULL: nothing is written */
    uint32_t events;
    double wait_s; /* live: without a fragment */
    double dead, hot;
    bool json, quiet;
};

/* Exits: 0 after --help and --version, 2 where the command line is wrong. */
void calibrate_options_parse(struct calibrate_options *o, int argc, char **argv);

#endif
