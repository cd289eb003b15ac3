/* decision_message: a decided event as the message of decision.proto, for those who
 * send it (publisher) and those who write it down (sparse-score).
 *
 * What never changes in a run (models, labels, configuration) is filled in once. All
 * memory is taken by decision_message_create. One thread.
 */
#ifndef SPARSED_OUTPUT_DECISION_MESSAGE_H
#define SPARSED_OUTPUT_DECISION_MESSAGE_H

#include "data/event.h"
#include "output/run_info.h"
#include "proto/decision.pb-c.h"

#include <stddef.h>
#include <stdint.h>

struct decision_message;

/* `info` is borrowed. NULL: no memory. */
struct decision_message *decision_message_create(const struct run_info *info);
void decision_message_destroy(struct decision_message **m);

/* Bytes that no packed decision of this run exceeds. */
size_t decision_message_largest_bytes(struct decision_message *m);

/* The event as a message, valid until the next call and while the event is: its scores
 * are borrowed. `now_ns` monotonic, `wall_ns` since the epoch. */
const Sparsed__Decision *decision_message_fill(struct decision_message *m, const struct event *ev,
                                               uint64_t now_ns, uint64_t wall_ns);

#endif
