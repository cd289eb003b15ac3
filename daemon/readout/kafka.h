/* kafka: fragments as Kafka messages, as a member of a consumer group.
 *
 *     Kafka message          ZeroMQ message
 *     key                    -                  the event, so that it meets in one partition
 *     header "fragment"      part 2             FragmentHeader; "windows": WindowsHeader
 *     value                  part 3             the samples
 *
 * A message is borrowed from librdkafka until message_close; its receipt is done when its
 * event's decision is acknowledged (or it has another end). Offsets are committed behind that
 * (readout/offsets.h): whoever takes a partition over after a crash gets every undecided event,
 * whole. So on the wire each message comes at least once, and an event that comes again gets
 * the same decision.
 *
 * Where reading stands still for a second (overload, pause) the partitions are paused and the
 * group is kept. What cannot be a fragment is set aside on a dead-letter topic with its reason, and
 * the partition goes on. The readout thread owns it.
 */
#ifndef SPARSED_READOUT_KAFKA_H
#define SPARSED_READOUT_KAFKA_H

#include "base/error.h"
#include "data/fate.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "readout/socket.h"

#include <stdbool.h>
#include <stdint.h>

struct kafka_readout;

/* Joins the group; brokers that do not answer are tried again and again. `identity`: what
 * decisions are made with; a partition that was last judged with another is refused, unless
 * settings->mixed allows it. `wake_fd`: an eventfd that is written when messages come.
 * NULL: `err` names key and value. */
struct kafka_readout *kafka_readout_create(const struct kafka_readout_settings *settings,
                                           uint64_t identity, int wake_fd, struct monitor *monitor,
                                           struct error *err);

/* From now on windows messages come, whose header is called "windows". Before the first. */
void kafka_readout_take_windows(struct kafka_readout *k);

/* Commits what is done, leaves the group. All messages must be closed. */
void kafka_readout_destroy(struct kafka_readout **k);

/* Takes the next message, with its receipt. Never blocks; never CLOSED: who left the group has
 * nothing to take. */
enum receive_result kafka_readout_receive(struct kafka_readout *k, struct message *m);

/* Puts a message that is no fragment aside. Its receipt is done once the broker has it or it
 * cannot be put there (counted, with a line in the log), or at once without a dead-letter topic:
 * a message that nobody can read never stops its partition. The message stays the caller's.
 * Any thread. */
void kafka_readout_set_aside(struct kafka_readout *k, const struct message *m,
                             enum fragment_fate why);

/* To be called at least every few seconds, whether messages are taken or not: keeps the group,
 * commits when it is time. `held`: nothing is to be taken now. `identity`: what decisions are
 * made with from now on. */
void kafka_readout_tick(struct kafka_readout *k, bool held, uint64_t identity, uint64_t now_ns);

#endif
