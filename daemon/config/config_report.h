/* config_report: the problems of one configuration, one line each. */
#ifndef SPARSED_CONFIG_CONFIG_REPORT_H
#define SPARSED_CONFIG_CONFIG_REPORT_H

#include "base/error.h"

#include <stdint.h>

/* Where a value comes from: a line of the file (1 ..), an override (-1 is the
 * first one, -2 the second ...), or 0: a default, or the file as a whole. */
typedef int32_t config_place;

enum { CONFIG_REPORT_PROBLEMS = 6, CONFIG_REPORT_TEXT_BYTES = 400 };

struct config_report {
    const char *name;             /* of the file */
    const char *const *overrides; /* "key=value" */
    uint32_t n_problems;          /* more than are kept, if many */
    struct config_problem {
        config_place place;
        char text[CONFIG_REPORT_TEXT_BYTES];
    } problem[CONFIG_REPORT_PROBLEMS];
};

/* Adds "NAME:LINE: sentence" or "--set KEY=VALUE: sentence". */
void config_report_add(struct config_report *r, config_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a sentence about a value: "NAME:LINE: key = value: problem", and without
 * key and value for an override, which shows them already. */
void config_report_value(struct config_report *r, config_place place, const char *key,
                         const char *value, const char *problem);

/* Puts all problems into `err`, in the order of the file. True: there are none. */
bool config_report_end(struct config_report *r, struct error *err);

#endif
