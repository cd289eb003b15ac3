/* metrics: the numbers of the monitor, named. One table, one row a metric
 * (metrics_table.c); the Prometheus page and the Metrics message are both made from it.
 *
 * Runs in the service thread and in HTTP threads at the same time: it only reads.
 */
#ifndef SPARSED_SERVICE_METRICS_H
#define SPARSED_SERVICE_METRICS_H

#include "data/monitor.h"
#include "output/run_info.h"
#include "service/watch.h"

#include <jansson.h>

#include <stddef.h>
#include <stdint.h>

struct metrics_source {
    const struct monitor *monitor;
    struct run_info_board *board; /* what is in force; it may change */
    struct watch *watch;          /* who knows the health; NULL: nobody, and it is left out */
    struct gallery *gallery;      /* NULL: there are no pictures */
};

/* Text of the page (Prometheus exposition format 0.0.4); the caller frees it. NULL:
 * no memory. `now_ns` is monotonic. */
char *metrics_text(const struct metrics_source *source, uint64_t now_ns, size_t *bytes);

/* A packed sparsed.Metrics; the caller frees it. NULL: no memory. */
uint8_t *metrics_message(const struct metrics_source *source, uint64_t now_ns, uint64_t wall_ns,
                         size_t *bytes);

/* {"sparsed_events_total": [[412, {"fate": "accepted"}], ...], ...}: of each metric its
 * samples, value and labels, with the suffix as a third where there is one. Samples of
 * two labels or more whose value is 0 are left out: there are thousands. A new reference;
 * NULL: no memory. */
json_t *metrics_json(const struct metrics_source *source, uint64_t now_ns);

/* Number of rows, and the name of each: for tests and documents. */
size_t metrics_count(void);
const char *metrics_name(size_t i);

#endif
