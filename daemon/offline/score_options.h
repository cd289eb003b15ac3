/* score_options: the command line of sparse-score. */
#ifndef SPARSED_OFFLINE_SCORE_OPTIONS_H
#define SPARSED_OFFLINE_SCORE_OPTIONS_H

#include "data/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCORE_MAX_OVERRIDES = 256 };

struct score_options {
    const char *config; /* NULL: made from the file and the model */
    const char *override[SCORE_MAX_OVERRIDES];
    char calibration[SETTINGS_PATH_BYTES + 32]; /* one of them, if given */
    size_t n_overrides;
    const char *model, *file;  /* model NULL with config */
    const char *output, *json; /* either may be NULL, not both */
    const char *dataset;       /* NULL: images */
    double threshold;          /* of the one rule, without config */
    double rate_hz;            /* events' times, 0: as in the file */
    uint32_t threads;          /* 0: one a core */
    uint64_t first, end;       /* events first .. end - 1; end UINT64_MAX: to the last */
    bool no_empty, quiet;
};

/* Exits: 0 after --help and --version, 2 where the command line is wrong. */
void score_options_parse(struct score_options *o, int argc, char **argv);

#endif
