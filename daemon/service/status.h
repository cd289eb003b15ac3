/* status: what the page shows, as JSON. The numbers are those of /metrics, under the
 * same names, from the same table.
 *
 *     status    once a second: health and why, run, rates, every metric, the latency's
 *               histogram, what changed lately, number of the newest picture
 *     history   once: rates of the last minutes and of the day; what each fate means
 *     accepted  when there is a new one: the pictures of the last accepted events
 *
 * docs/messages.md has the fields. Any thread. Each text is the caller's, to be freed;
 * NULL: no memory.
 */
#ifndef SPARSED_SERVICE_STATUS_H
#define SPARSED_SERVICE_STATUS_H

#include "service/metrics.h"

#include <stddef.h>
#include <stdint.h>

/* `source` has a watch. `now_ns` is monotonic, `wall_ns` since the epoch. */
char *status_text(const struct metrics_source *source, uint64_t now_ns, uint64_t wall_ns,
                  size_t *bytes);
char *status_history_text(const struct metrics_source *source, size_t *bytes);
char *status_accepted_text(const struct metrics_source *source, size_t *bytes);

#endif
