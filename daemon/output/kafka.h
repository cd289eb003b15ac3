/* kafka: decisions to a Kafka topic, keyed by run, subrun and event.
 *
 *     decision --> librdkafka's queue --> broker --> acknowledged: the event's receipt is done
 *
 * The producer is idempotent: what it sends again the broker has once. A decision that is made
 * again (an event that came again) has the same key, so a compacted topic keeps one. Nothing
 * is given up but what is larger than the broker takes, which is counted: while the broker is
 * away decisions wait in the queue, and when that is full the output thread waits, then the event
 * slots, then the readout. The output thread owns it.
 */
#ifndef SPARSED_OUTPUT_KAFKA_H
#define SPARSED_OUTPUT_KAFKA_H

#include "base/error.h"
#include "data/event.h"
#include "data/monitor.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_decisions;

/* `wake_fd`: an eventfd that is written when acknowledgements come. NULL: `err` names key and
 * value. Brokers that do not answer are tried again and again. */
struct kafka_decisions *kafka_decisions_create(const struct kafka_output_settings *settings,
                                               int wake_fd, struct monitor *monitor,
                                               struct error *err);

/* Waits at most `limit_ns` for what is on its way; what is not acknowledged then is given up
 * and counted: its offsets are not committed. */
void kafka_decisions_destroy(struct kafka_decisions **k, uint64_t limit_ns);

/* Sends a packed Decision of an event; `topic` is ZeroMQ's, sent as the header "topic". False:
 * the queue is full, nothing was taken; try again after kafka_decisions_poll. */
bool kafka_decisions_send(struct kafka_decisions *k, const struct event *ev, const char *topic,
                          const void *body, size_t bytes);

/* The same for an event's windows (output/windows_message.h): the packed WindowsHeader is sent as
 * the header "windows". */
bool kafka_decisions_send_windows(struct kafka_decisions *k, const struct event *ev,
                                  const void *header, size_t header_bytes, const void *payload,
                                  size_t payload_bytes);

/* What is not acknowledged is not sent any more, and counted as undelivered: after this no receipt
 * of its events is looked at. */
void kafka_decisions_give_up(struct kafka_decisions *k);

/* Sends what is said about a run (output/run_record.h), with a key of its own. What cannot be
 * delivered is counted and in the log: nothing waits for it. */
void kafka_decisions_send_record(struct kafka_decisions *k, const char *topic, const char *key,
                                 const void *body, size_t bytes);

/* Takes acknowledgements. False: the queue is full, decisions have to wait. */
bool kafka_decisions_poll(struct kafka_decisions *k);

/* Decisions that were sent and not acknowledged; records are waited for at the end only. */
uint32_t kafka_decisions_waiting(struct kafka_decisions *k);

#endif
