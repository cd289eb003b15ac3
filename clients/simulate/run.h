/* run: a whole run of events into one output.
 *
 *     workers   event_make -> output.make      physics, then what the output wants of it
 *     caller    output.take                    in the order of event numbers
 *
 * An output is a struct of callbacks at the end of its file: pixels and truth
 * (windows_output), samples and truth (samples_output), fragments to a socket
 * (source_output).
 */
#ifndef SIMULATE_RUN_H
#define SIMULATE_RUN_H

#include "simulate/options.h"
#include "simulate/tracker.h"

#include <signal.h>

struct run {
    const struct options *o;
    const struct physics *physics;
    const volatile sig_atomic_t *stop;
};

/* What an output has of one event while it is made. */
struct made_event {
    const struct tracker *tracker;
    struct truth_event truth; /* label_bins are the output's to fill */
    uint64_t stream;          /* the event's number, for streams of its wires */
};

struct run_output {
    const char *about; /* shown beside the progress */
    /* The whole output, before any thread starts: NULL and `err`. */
    void *(*open)(const struct run *r, struct error *err);
    /* Ends it; `good`: all went well so far. False: it did not end well. */
    bool (*close)(void *output, bool good, struct error *err);
    /* Scratch of one worker, and what one event leaves; NULL and `err`. */
    void *(*worker_create)(void *output, struct error *err);
    void (*worker_destroy)(void *worker);
    void *(*slot_create)(void *output, struct error *err);
    void (*slot_destroy)(void *slot);
    bool (*make)(void *output, void *worker, void *slot, struct made_event *e, struct error *err);
    bool (*take)(void *output, void *slot, const struct truth_event *truth, uint64_t number,
                 struct error *err);
    /* Bytes that have gone out so far, or NULL: none are shown. */
    uint64_t (*bytes)(const void *output);
};

extern const struct run_output windows_output, samples_output, source_output;

/* Makes o->events events; fewer where *stop is set, *made tells. */
bool run_events(const struct run *r, const struct run_output *output, uint64_t *made,
                struct error *err);

#endif
