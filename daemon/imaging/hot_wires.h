/* hot_wires: wires that become hot while a run goes on.
 *
 * A wire whose noise grows fills its windows with pixels, and the cut to a model's first
 * N pixels then drops the signal. What a calibration did not know is seen here: every wire's
 * hits (data/reduced.h) are added up over the last `events` events.
 *
 *               more than hits x events
 *     quiet ------------------------------> hot ----> masked   (action mask, `most` a plane)
 *       ^                                    |
 *       +--- at most release x events -------+
 *
 * What is masked is the wire's column of pixels: of the 8 (pool_wires) wires that share it
 * only their sum is left when this is known, and workers are events ahead. To let a worker
 * leave out one wire from now on would make an event's pixels depend on which thread was
 * faster. So a run goes on blind to a column; a new calibration masks the one wire.
 *
 * The state is a function of the events in the order in which they are given, of nothing
 * else: no clock, no thread. Wires that are missing in an event keep their old count, so that a
 * hot wire is not taken for quiet because its board fell silent. All memory is taken by
 * hot_wires_create: 2 bytes a wire and event. The event thread owns it.
 */
#ifndef SPARSED_IMAGING_HOT_WIRES_H
#define SPARSED_IMAGING_HOT_WIRES_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/monitor.h"
#include "data/settings.h"

#include <stdint.h>

struct hot_wires;

/* settings->events is above 0, g is of wires; it and `monitor` (or NULL) must outlive it.
 * NULL: no memory (SYSTEM). */
struct hot_wires *hot_wires_create(const struct hot_settings *settings, const struct geometry *g,
                                   struct monitor *monitor, struct error *err);
void hot_wires_destroy(struct hot_wires **h);

/* Counts the hits of an event that is whole, or will not be, and before its windows are cut
 * takes away the pixels of columns with masked wires: sets ev->masked and each plane's `masked`.
 * The event that makes a wire hot is masked already. Changes are counted and logged. */
void hot_wires_apply(struct hot_wires *h, struct event *ev);

/* Whether a wire is hot now; plane is an index. */
bool hot_wires_is_hot(const struct hot_wires *h, uint32_t plane, uint32_t wire);

uint64_t hot_wires_memory_bytes(const struct hot_wires *h);

#endif
