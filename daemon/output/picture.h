/* picture: paints an accepted event for the gallery (data/gallery.h).
 *
 * The output thread calls it once the decision is out, for accepted events only: a
 * rejected one costs nothing, and the latency of the accepted one is behind it. A few
 * microseconds, ten times a second at most; no memory is taken, nothing waits.
 */
#ifndef SPARSED_OUTPUT_PICTURE_H
#define SPARSED_OUTPUT_PICTURE_H

#include "data/event.h"
#include "data/gallery.h"
#include "output/run_info.h"

#include <stdint.h>

/* `now_ns` is monotonic, `wall_ns` since the epoch. */
void picture_take(struct gallery *g, const struct event *ev, const struct run_info *info,
                  uint64_t now_ns, uint64_t wall_ns);

#endif
