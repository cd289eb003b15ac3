/* run_windows: a whole run to a pixel file: tracker, wires, pixels and truth of
 * each event in the workers, rows in the caller's thread.
 */
#ifndef SIMULATE_RUN_WINDOWS_H
#define SIMULATE_RUN_WINDOWS_H

#include "simulate/options.h"
#include "simulate/tracker.h"

#include <signal.h>

/* Makes o->events events; fewer where *stop is set, *made tells. */
bool run_windows(const struct options *o, const struct physics *p,
                 const volatile sig_atomic_t *stop, uint64_t *made, struct error *err);

#endif
