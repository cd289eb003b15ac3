/* run_actions: what run control does to the real world: configurations are read, models
 * loaded, a pipeline is made, begun, changed and drained. It owns the pipeline and all that
 * the pipeline borrows, and keeps the board on which the rest of the daemon sees what is
 * in force; where nothing is configured, the board says so.
 *
 * One thread: run control's.
 */
#ifndef SPARSED_PIPELINE_RUN_ACTIONS_H
#define SPARSED_PIPELINE_RUN_ACTIONS_H

#include "base/error.h"
#include "data/monitor.h"
#include "output/run_info.h"
#include "pipeline/run_control.h"

#include <stddef.h>

struct run_actions;

/* Where configurations come from, and what stays as long as the daemon. All borrowed. */
struct run_origin {
    const char *file; /* of the command line; NULL: none */
    const char *const *overrides;
    size_t n_overrides;
    /* What was read at the start: service and security are the daemon's, and no later
     * configuration may change their sockets and keys. */
    const struct settings *first;
    const struct doors *doors;
    void *zmq_context;
    struct monitor *monitor;
};

/* Nothing is configured yet. NULL: no memory. */
struct run_actions *run_actions_create(const struct run_origin *origin, struct error *err);

/* There must be no run; everything is freed. */
void run_actions_destroy(struct run_actions **a);

struct run_world run_actions_world(struct run_actions *a);
struct run_info_board *run_actions_board(struct run_actions *a);

#endif
