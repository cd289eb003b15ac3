/* metrics_table: one row a metric. A row's function puts its samples into a sink;
 * metrics.c has the sinks, one that writes text and one that builds the message.
 */
#ifndef SPARSED_SERVICE_METRICS_TABLE_H
#define SPARSED_SERVICE_METRICS_TABLE_H

#include "data/monitor.h"
#include "output/run_info.h"
#include "service/watch.h"

#include <stddef.h>
#include <stdint.h>

struct label {
    const char *name, *value;
};

struct sink {
    const struct monitor *m;
    const struct run_info *info;
    uint64_t now_ns;
    /* `suffix` is "", "_sum" or "_count"; strings are valid during the call only. */
    void (*put)(struct sink *s, const char *suffix, const struct label *labels, size_t n,
                double value);
    struct watch *watch; /* may be NULL */
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_SUMMARY };

struct metric {
    const char *name;
    enum metric_type type;
    void (*emit)(struct sink *s);
    const char *help;
};

extern const struct metric metrics_table[];
extern const size_t metrics_table_rows;

#endif
