/* score_run: events of a source through lanes on several threads, in and out in order.
 *
 *     read event i --> lane i % n --worker--> scored --> decided, written, released
 *     \____________________ one thread, events in order ____________________/
 *
 * Reading, the trigger (whose accept rate depends on the order of events) and writing are
 * the caller's thread alone; workers do all between. So the result does not depend on the
 * number of threads.
 */
#ifndef SPARSED_OFFLINE_SCORE_RUN_H
#define SPARSED_OFFLINE_SCORE_RUN_H

#include "data/monitor.h"
#include "offline/score_file.h"
#include "offline/score_json.h"

#include <signal.h>

struct score_run {
    /* set by the caller, borrowed */
    const struct settings *settings;
    const struct geometry *geometry;
    const struct model_set *models;
    struct score_source *source;
    const char *output, *json; /* NULL: none */
    double rate_hz;            /* 0: the file's times */
    size_t first, count;
    uint32_t threads;
    bool no_empty, quiet;
    const volatile sig_atomic_t *stop;
    /* what came of it */
    struct ledger ledger;
    uint64_t windows, truncated, nonfinite_bins, duplicates, foreign_wires;
    uint64_t neutrinos, neutrinos_accepted; /* events with a neutrino, of those that ended */
    double seconds;
    char engine[SETTINGS_NAME_BYTES];
};

/* Scores all events. False: `err` says why it ended early; nothing is left at `output`. */
bool score_run(struct score_run *r, struct error *err);

#endif
