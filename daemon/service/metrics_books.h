/* metrics_books: what the rows of the books put into a sink (metrics_table.h): losses by
 * cause and by source, where a run's and the threads' time went, and whether it all adds up
 * (data/fate.h, data/monitor.h, data/invariant.h).
 */
#ifndef SPARSED_SERVICE_METRICS_BOOKS_H
#define SPARSED_SERVICE_METRICS_BOOKS_H

#include "service/metrics_table.h"

void metrics_books_events_lost(struct sink *s);
void metrics_books_source_lost(struct sink *s);
void metrics_books_timed_out(struct sink *s);
void metrics_books_missing_events(struct sink *s);
void metrics_books_missing_wires(struct sink *s);
void metrics_books_invariant_broken(struct sink *s);
void metrics_books_dead(struct sink *s);
void metrics_books_live(struct sink *s);
void metrics_books_paused(struct sink *s);
void metrics_books_draining(struct sink *s);
void metrics_books_timed(struct sink *s);
void metrics_books_threads(struct sink *s);

/* "7", "unknown" or "others": the label of a row of sources. */
const char *metrics_books_source(const struct monitor *m, uint32_t row, char text[16]);

#endif
