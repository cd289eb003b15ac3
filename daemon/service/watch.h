/* watch: what the daemon remembers of itself, so that whoever opens the page in the
 * middle of the night sees what the night was like.
 *
 *     monitor --counts, each second--> rates of the last 10 minutes, by the second
 *                                      rates of the last day, by two minutes
 *                                      health, judged over the last 10 s
 *                                      changes: what became different, and when
 *
 * The service thread writes (watch_tick); any thread reads, under a lock that no thread of
 * the pipeline ever takes. All memory is taken by watch_create.
 */
#ifndef SPARSED_SERVICE_WATCH_H
#define SPARSED_SERVICE_WATCH_H

#include "data/monitor.h"
#include "service/health.h"

#include <stdbool.h>
#include <stdint.h>

enum { WATCH_POINTS = 720, WATCH_CHANGES = 32, WATCH_CHANGE_BYTES = 200 };

/* Rates over one interval. */
struct watch_point {
    uint64_t wall_ns; /* its end, since the epoch; 0: none */
    double in_hz, accepted_hz, lost_hz, live, bytes_hz, windows_hz, latency_s;
};

/* X(name, interval): the two memories. */
#define WATCH_SPANS(X)                                                                             \
    X(minutes, UINT64_C(1) * 1000000000)                                                           \
    X(day, UINT64_C(120) * 1000000000)
enum watch_span {
#define X(name, interval) WATCH_##name,
    WATCH_SPANS(X)
#undef X
        WATCH_SPAN_COUNT
};

struct watch_change {
    uint64_t wall_ns;
    bool trouble; /* something went wrong; else it went well, or was done on purpose */
    char text[WATCH_CHANGE_BYTES];
};

struct watch;

/* NULL: no memory. The monitor is borrowed. */
struct watch *watch_create(const struct monitor *m);
void watch_destroy(struct watch **w);

/* Looks at the monitor; the service thread, about once a second. */
void watch_tick(struct watch *w, uint64_t now_ns, uint64_t wall_ns);

/* Notes a change that the monitor does not show. Any thread but the pipeline's. */
void watch_note(struct watch *w, uint64_t wall_ns, bool trouble, const char *text);

void watch_health(struct watch *w, struct health *h);

/* The last interval's rates. False: there was none yet. */
bool watch_latest(struct watch *w, struct watch_point *p);

/* Oldest first, at most WATCH_POINTS and WATCH_CHANGES; how many. */
uint32_t watch_history(struct watch *w, enum watch_span span, struct watch_point *to);
uint32_t watch_changes(struct watch *w, struct watch_change *to);

uint64_t watch_interval_ns(enum watch_span span);
const char *watch_span_name(enum watch_span span);

#endif
