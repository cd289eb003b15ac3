/* sender_kafka: the sender's other end where it is a Kafka topic: kafka://HOST:PORT/TOPIC.
 *
 * A fragment is a message keyed by its event, RUN.SUBRUN.EVENT, so that an event meets in one
 * partition; its header is the Kafka header "fragment" (docs/kafka.md). The producer is
 * idempotent. What happens is as with PUSH: where the broker does not take messages, sending
 * waits.
 */
#ifndef SPARSED_CLIENTS_SENDER_KAFKA_H
#define SPARSED_CLIENTS_SENDER_KAFKA_H

#include "common/sender.h"

struct sender_kafka;

/* Whether an endpoint names a topic. */
bool sender_kafka_is(const char *endpoint);

/* NULL: the endpoint is wrong; the sentence says how. `s` is borrowed. */
struct sender_kafka *sender_kafka_open(const struct sender *s, struct failure *f);

/* As sender_wait: until the broker answers and knows the topic. */
enum sender_result sender_kafka_wait(struct sender_kafka *k, struct failure *f);

/* As sender_send; the payload is copied. */
enum sender_result sender_kafka_send(struct sender_kafka *k, const void *header,
                                     size_t header_bytes, const struct payload *payload,
                                     struct failure *f);

/* Waits up to linger_ms for what is still to be delivered. */
void sender_kafka_close(struct sender_kafka **k, int linger_ms);

#endif
