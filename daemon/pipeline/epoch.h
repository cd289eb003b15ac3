/* epoch: what decisions are made with between two event boundaries: settings, models,
 * engine, trigger, and the run_info that says so. Everything else of a pipeline (planes,
 * sockets, threads, queues, slots) stays as long as the pipeline.
 *
 *                   pipeline_change                      event boundary
 *     wanted --> [load models, self-test, --> offered --[event thread]--> in force
 *                 engine, trigger]                                            |
 *                                                          the next is in force
 *                                                                             v
 *     freed <--[control thread: pipeline_tend]-- idle <--last event released-- leaving
 *
 * An event is submitted with the epoch in force and keeps it (event->info) until it is
 * released: no event is scored half by each, and what is published and recorded of it
 * names the models that scored it. Events leave in the order in which they came, across
 * a change too. At most EPOCH_MAX_ALIVE epochs exist at a time.
 *
 * One thread at a time may call what is declared here: the one that controls the run.
 */
#ifndef SPARSED_PIPELINE_EPOCH_H
#define SPARSED_PIPELINE_EPOCH_H

#include "base/error.h"
#include "data/settings.h"
#include "output/run_info.h"

#include <stdbool.h>

struct pipeline;

enum { EPOCH_MAX_ALIVE = 4 };

/* The settings in force. Valid until the next pipeline_change or pipeline_tend: copy
 * them, change what is to change (engine.model[i].file, trigger.rule[k].prescale, ...;
 * for a reload: load the file again), give the copy its hash (config_sha256) and hand
 * it to pipeline_change. */
const struct settings *pipeline_settings(const struct pipeline *p);

/* Makes `wanted` the settings in force. Whether each changed key may change while the
 * pipeline lives is config_change's business (config/config.h): ask it before. Models
 * are loaded here, again where the file's name is the same, and must have the same
 * preprocessing and image as the ones in force, and the labels that rules name; each is
 * held to the scalar reference before it gets an event. `wanted` is copied.
 *
 * Returns when the change is in force; the pipeline goes on meanwhile. False: `err` says
 * why (CONFIG: model, rule or shadow; SYSTEM: no memory, or EPOCH_MAX_ALIVE) and nothing
 * has changed. */
bool pipeline_change(struct pipeline *p, const struct settings *wanted, struct error *err);

/* Puts the run_info in force on `board`, now and after each change; NULL: no longer.
 * Before pipeline_destroy the board must have another one, or no reader. */
void pipeline_show(struct pipeline *p, struct run_info_board *board);

/* Frees epochs whose last event is released. Call it now and then, from the thread that
 * calls pipeline_change; pipeline_destroy frees what is left. */
void pipeline_tend(struct pipeline *p);

#endif
