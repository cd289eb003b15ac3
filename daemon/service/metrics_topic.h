/* metrics_topic: the message of service.metrics to a Kafka topic, too.
 *
 * A producer of its own: decisions never wait behind it, and it lives as long as the daemon, while
 * that of the decisions is made with each configuration. Keyed by detector.name and host, so that
 * a compacted topic keeps the last message of each daemon. While no broker takes them a
 * few wait for some seconds; what is lost is counted: the next one brings the same numbers. The
 * service thread's.
 */
#ifndef SPARSED_SERVICE_METRICS_TOPIC_H
#define SPARSED_SERVICE_METRICS_TOPIC_H

#include "base/error.h"
#include "data/monitor.h"
#include "data/settings.h"

#include <stddef.h>

struct metrics_topic;

/* All borrowed until the end. NULL: `err` names key and value; brokers that do not answer are
 * no error. */
struct metrics_topic *metrics_topic_create(const struct kafka_output_settings *settings,
                                           struct monitor *monitor, struct error *err);

/* Waits at most `limit_ns` for what is on its way. */
void metrics_topic_destroy(struct metrics_topic **t, uint64_t limit_ns);

/* Sends a packed sparsed.Metrics of the daemon `instance` (detector.name). Never blocks. */
void metrics_topic_send(struct metrics_topic *t, const char *instance, const void *message,
                        size_t bytes);

#endif
