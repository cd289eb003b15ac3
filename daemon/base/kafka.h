/* kafka: what all clients of a Kafka broker share (readout/kafka.c takes messages,
 * readout/dead_letter.c sets some aside, output/kafka.c sends decisions, service/metrics_topic.c
 * metrics): their configuration, their opening and the log.
 */
#ifndef SPARSED_BASE_KAFKA_H
#define SPARSED_BASE_KAFKA_H

#include "base/error.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

enum { KAFKA_HOST_BYTES = 65 };

/* A configuration with the brokers ("host:port,host:port"), our name, and librdkafka's log
 * led into ours. NULL: `err` names `key` and value. */
rd_kafka_conf_t *kafka_conf_create(const char *key, const char *brokers, struct error *err);

/* Sets one of librdkafka's own properties. False: `err` names `key`, property and value. */
bool kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *property, const char *value,
                    struct error *err);

/* The same for a whole number. */
bool kafka_conf_set_number(rd_kafka_conf_t *conf, const char *key, const char *property,
                           uint64_t value, struct error *err);

/* A producer whose messages come once and are not lost: idempotent, one request at a time. With
 * several on the way librdkafka reports messages delivered that no broker has: a partition
 * without a leader refuses the first request, takes the second from a producer it does not know,
 * and calls the first one, sent again, a duplicate. */
bool kafka_conf_set_once(rd_kafka_conf_t *conf, const char *key, struct error *err);

/* Each of text[0 .. n) is "property=value", what a site needs, such as security.protocol; or
 * "@FILE", whose lines are such (base/secret.h says who may read it): passwords stay out of the
 * configuration, which is shown to whoever asks. */
bool kafka_conf_set_all(rd_kafka_conf_t *conf, const char *key, const char *const *text, uint32_t n,
                        struct error *err);

/* Opens a client; takes `conf`, also where it fails. `opaque` goes to the conf's callbacks; errors
 * go to the log. NULL: `err` names `key`. */
rd_kafka_t *kafka_open(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *key, void *opaque,
                       struct error *err);

/* Gives a copy of `body` to a producer, without waiting; `about` is the header "topic", `opaque`
 * comes back with the acknowledgement. */
rd_kafka_resp_err_t kafka_produce(rd_kafka_t *producer, const char *topic, const char *key,
                                  const char *about, const void *body, size_t bytes, void *opaque);

/* This machine's name, for keys: many daemons have one configuration. */
void kafka_host(char host[KAFKA_HOST_BYTES]);

/* Makes `queue` write the eventfd `fd` whenever something comes into it that was empty. */
void kafka_wake_by(rd_kafka_queue_t *queue, int fd);

#endif
