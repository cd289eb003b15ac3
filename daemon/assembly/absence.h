/* absence: whose wires an incomplete event lacks, and why.
 *
 * A source's wires are those that it sent last: learned from each fragment that joins an
 * event, for a fragment that never came cannot say whose it was. Why is the first of
 *
 *     network    a jump in that source's sequence was seen
 *     source     a fragment of it could not be read; or one whose header said no source
 *     assembly   a fragment of it did not fit into its event
 *     overload   a fragment of it was dropped on arrival; or it was sending, but fragments
 *                waited for a worker or an event slot (readout.overload = block)
 *     deadline   nothing is known: it is silent, slow, or its gap is not seen yet
 *
 * near the event: while it was open, or as long before that. Events that are open at the
 * same time share such a sign. An event that the run's end cut off is `stop`.
 *
 * All memory is taken by absence_create. The event thread owns it.
 */
#ifndef SPARSED_ASSEMBLY_ABSENCE_H
#define SPARSED_ASSEMBLY_ABSENCE_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/monitor.h"

#include <stdbool.h>
#include <stdint.h>

struct absence;

/* Both are borrowed. NULL: no memory (SYSTEM). */
struct absence *absence_create(const struct geometry *g, struct monitor *m, struct error *err);
void absence_destroy(struct absence **a);

/* A fragment became part of an event: its wires are its source's. */
void absence_learn(struct absence *a, const struct fragment *f);

/* Fills ev->missing of an incomplete event, counts it in the monitor, by source and by
 * cause, and says so in the log (one line a second). `stopping`: the run's end made it
 * incomplete. Returns the event's cause, the first that one of its sources has. */
enum loss absence_explain(struct absence *a, struct event *ev, bool stopping, uint64_t now_ns);

/* The same of an event that another daemon gave up and explained (event->brought): what it found
 * stands. */
void absence_repeat(struct absence *a, const struct event *ev);

#endif
