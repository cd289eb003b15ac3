/* pipeline: the running program. Connects the stages and owns every thread and
 * every queue; no stage knows another.
 *
 *   detector                                                             experiment
 *      |                                                                      ^
 *      v   message    job             reduced            event          event |
 *   [readout]------> [worker 0 .. N-1]-------> [event]--------> [output]------+
 *    thread     ^        |     ^                |  ^               |     accepted
 *               +--------+     +----------------+  |               v
 *              free jobs      free reduced         +--------- [recorder] --> disk
 *                                                  done events
 *
 *   readout   takes messages, decodes headers, counts sources, hands jobs out
 *   worker    opens the payload, reduces the samples, closes the message
 *   event     assembles, cuts and scores windows, decides; the ledger is its own
 *   output    packs and publishes every decision
 *   recorder  writes accepted events; may wait for the disk, and nothing waits for it
 *   shadow    lets a candidate score decided events (not drawn: as the recorder)
 *
 * Every arrow is a single-producer single-consumer ring whose capacity covers all
 * that can be in it, so that a push to a thread behind never fails; what can run
 * out is jobs (workers too slow: FRAGMENT_NO_WORKER or dead time) and event slots
 * (FRAGMENT_NO_SLOT or dead time).
 */
#ifndef SPARSED_PIPELINE_PIPELINE_H
#define SPARSED_PIPELINE_PIPELINE_H

#include "base/error.h"
#include "data/monitor.h"
#include "data/run_command.h"
#include "data/settings.h"
#include "model/model_set.h"
#include "output/run_info.h"

#include <stdbool.h>

struct pipeline;

/* Takes all memory, opens the sockets of the output. Everything given is borrowed and must
 * outlive the pipeline; `monitor` is zeroed memory. NULL: `err` says why. */
struct pipeline *pipeline_create(const struct settings *settings, const struct geometry *g,
                                 const struct model_set *models, void *zmq_context,
                                 struct monitor *monitor, struct error *err);

/* What is in force. Lives until the next pipeline_change or pipeline_tend
 * (pipeline/epoch.h); a thread that is not theirs looks at a board. */
const struct run_info *pipeline_run_info(const struct pipeline *p);

/* Begins a run: opens the readout's socket, publishes the run's begin, starts the threads;
 * the readout takes fragments when it returns. UNCHANGED: an endpoint, the recorder's
 * directory or a thread (the run's end is published then, too), and there is no run. */
enum run_result pipeline_start(struct pipeline *p, const struct run_begin *run, struct error *err);

/* While paused nothing is read: PULL pushes back to the sources, SUB loses at the
 * publisher when its queue is full. */
void pipeline_pause(struct pipeline *p, bool paused);

/* Ends a run, in two steps. The first one only tells the readout; then pipeline_drain is
 * called every few milliseconds, which never waits, until it is DONE: everything taken in
 * is decided, published and flushed, the run's end is published, the readout's socket is
 * closed, and another run may begin. After `limit_ns` what is left is given up, counted as
 * such, and named in the run's end. STUCK: a thread does not end (a disk that does not
 * answer) and was left behind; the process has to end without pipeline_destroy. */
void pipeline_stop_begin(struct pipeline *p, const char *ended_by, uint64_t now_ns,
                         uint64_t limit_ns);
enum run_drain pipeline_drain(struct pipeline *p, uint64_t now_ns, uint64_t wall_ns);

/* The thread that the drain waits for. */
const char *pipeline_waits_for(const struct pipeline *p);

/* Between two runs: looks after the cards, which have no thread that does. */
void pipeline_rest(struct pipeline *p, uint64_t now_ns);

/* Both, waiting for the end. False: STUCK. */
bool pipeline_stop(struct pipeline *p, uint64_t limit_ns);

void pipeline_destroy(struct pipeline **p);

#endif
