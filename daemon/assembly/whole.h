/* whole: an event as a windows message brought it, put into a slot that was just opened: the
 * same slot that its fragments would have filled.
 *
 * Times are counted back from the message's arrival by what the sender measured, since clocks
 * of two machines differ: the latency is both daemons' share, without the way between them.
 */
#ifndef SPARSED_ASSEMBLY_WHOLE_H
#define SPARSED_ASSEMBLY_WHOLE_H

#include "data/event.h"
#include "data/whole.h"

/* r->whole is not NULL; all of it was checked (readout/windows.h). The planes have room for masks
 * of their own. */
void whole_fill(struct event *e, const struct geometry *g, const struct reduced *r);

#endif
