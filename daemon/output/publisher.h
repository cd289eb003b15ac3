/* publisher: each decision becomes one ZeroMQ message, topic and Decision
 * (proto/decision.proto), on a PUB and a PUSH socket.
 *
 *                          every peer has room
 *     decision --> PUB  ----------------------------> all subscribers of its topic
 *                    |     some peer's queue is full
 *                    +------------------------------> all the others; told, then dropped for it
 * alone
 *              --> PUSH --------------------------->  one peer that has room; else missed
 *
 * It never waits for a peer. A decision counts in decisions_published when at
 * least one socket took it (a PUB socket without subscribers takes everything), else
 * in decisions_unsent: their sum is what was decided.
 *
 * decisions_missed counts each decision that found no PUSH peer with room, and each
 * time that some subscriber's queue was found to have become full. From then on
 * libzmq drops for that subscriber in silence until it has read some: how much only
 * the subscriber can know, so for PUB the count is a lower bound, above 0 as soon as
 * anything is missed.
 *
 * Of the first of two tiers (service.stages = "imaging") each event's windows go the same ways,
 * in three parts (output/windows_message.h); there a PUSH socket without room makes events wait
 * (publisher_tend), as a broker does, so that no event is lost between two tiers.
 *
 * All memory, the message for the largest possible event included, is taken by
 * publisher_create and publisher_add. One thread owns it after that: the output thread.
 */
#ifndef SPARSED_OUTPUT_PUBLISHER_H
#define SPARSED_OUTPUT_PUBLISHER_H

#include "base/error.h"
#include "data/event.h"
#include "data/monitor.h"
#include "output/run_info.h"

#include <stddef.h>
#include <stdint.h>

struct publisher;

enum { PUBLISHER_FORMS = 4 };

/* `settings` and `info` and the monitor are borrowed. No endpoints at all is
 * allowed: then nothing is sent. Errors: NETWORK names the endpoint, SYSTEM. */
struct publisher *publisher_create(const struct output_settings *settings,
                                   const struct run_info *info, void *zmq_context, int wake_fd,
                                   struct monitor *monitor, struct error *err);

/* Takes the brokers' acknowledgements (output/kafka.h), whose `wake_fd` is written then. True:
 * there is room for an event; always for decisions over ZeroMQ. */
bool publisher_tend(struct publisher *p);

/* Sleeps until there may be room, `fd` is readable or `timeout_ms` is over. */
void publisher_wait(struct publisher *p, int fd, long timeout_ms);

/* Whether every decision was acknowledged; always without Kafka. */
bool publisher_settled(struct publisher *p);

/* Gives up what was not acknowledged, counted: the receipts of its events end with the readout, and
 * nobody may sign them after that. */
void publisher_give_up(struct publisher *p);

/* Another run_info that events may carry (event->info), at most PUBLISHER_FORMS at a time;
 * before the first of its events comes, after the last one is released. A thread of its own
 * may call these two while another sends. False: `err` (SYSTEM). */
bool publisher_add(struct publisher *p, const struct run_info *info, struct error *err);
void publisher_remove(struct publisher *p, const struct run_info *info);

/* Sends the decision of a decided event, or the windows of a forwarded one. `now_ns` is monotonic
 * (for the latency), `wall_ns` since the epoch (decided_time_ns). Never blocks, never fails. */
void publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns, uint64_t wall_ns);

/* Sends a message that is not a decision (output/run_record.h); `key` is Kafka's. Of the
 * first of two tiers, whose readers are daemons, none is sent. The thread that sends decisions, or
 * another while there is none. Never blocks. */
void publisher_send_record(struct publisher *p, const char *topic, const char *key,
                           const void *body, size_t bytes);

/* Closes the sockets; what peers have not fetched is given up `linger_ms` after
 * the context's termination begins. */
void publisher_destroy(struct publisher **p, int linger_ms);

#endif
