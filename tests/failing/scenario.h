/* scenario: a piece of the daemon's work that is done again and again, with another call
 * failing each time.
 *
 * A scenario does its work, looks whether the result is right, and takes everything down again,
 * whatever failed. Either it says what went wrong, as the daemon would tell its user, or its
 * result is right all the same.
 */
#ifndef SPARSED_TESTS_FAILING_SCENARIO_H
#define SPARSED_TESTS_FAILING_SCENARIO_H

#include "base/error.h"

#include <stdbool.h>

struct scenario {
    const char *name;
    bool (*run)(struct error *err); /* false: `err` says why */
};

/* Each ends with a row whose name is NULL. */
extern const struct scenario config_scenarios[], model_scenarios[], output_scenarios[],
    service_scenarios[], run_scenarios[], card_scenarios[];

/* A path in the test's own directory; static memory, eight at a time. */
const char *scenario_path(const char *name);

/* The result is wrong, which no failure excuses: ends the program. */
_Noreturn void scenario_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 8 x 4 pixels to two scores: made of 64 ticks x 8 wires where it has preprocessing, else of
 * ready-made images. `weight` makes it another model. */
void scenario_write_model(const char *path, const char *name, int weight, bool images);

#endif
