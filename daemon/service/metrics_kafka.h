/* metrics_kafka: what the rows of Kafka put into a sink (metrics_table.h); nothing where the
 * configuration has no broker. */
#ifndef SPARSED_SERVICE_METRICS_KAFKA_H
#define SPARSED_SERVICE_METRICS_KAFKA_H

#include "service/metrics_table.h"

void metrics_kafka_partitions(struct sink *s);
void metrics_kafka_lag(struct sink *s);
void metrics_kafka_counts(struct sink *s);

#endif
