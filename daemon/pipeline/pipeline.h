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
#include "data/settings.h"
#include "model/model_set.h"
#include "output/run_info.h"

#include <stdbool.h>

struct pipeline;

/* Takes all memory, opens all sockets. Everything given is borrowed and must
 * outlive the pipeline; `monitor` is zeroed memory. NULL: `err` says why. */
struct pipeline *pipeline_create(const struct settings *settings, const struct geometry *g,
                                 const struct model_set *models, void *zmq_context,
                                 struct monitor *monitor, struct error *err);

/* What is in force. Lives until the next pipeline_change or pipeline_tend
 * (pipeline/epoch.h); a thread that is not theirs looks at a board. */
const struct run_info *pipeline_run_info(const struct pipeline *p);

/* Starts the threads; the readout takes fragments when it returns. */
bool pipeline_start(struct pipeline *p, struct error *err);

/* Stops taking, finishes what is in flight within `limit_ns`, publishes and flushes
 * it, ends the threads. What cannot be finished gets its fate (stop). False: a
 * thread is stuck (a disk that does not answer) and was left behind; the caller
 * must end the process without pipeline_destroy. */
bool pipeline_stop(struct pipeline *p, uint64_t limit_ns);

void pipeline_destroy(struct pipeline **p);

#endif
