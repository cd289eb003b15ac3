/* dead_letter: where messages go that are no fragment: a Kafka topic of their own, each with its
 * bytes, its header and, as header "reason", the fate's name (data/fate.h). A message that nobody
 * can read never stops its partition: its receipt is done once the broker has it, or it cannot be
 * put there (counted, with a line in the log), or at once without such a topic.
 */
#ifndef SPARSED_READOUT_DEAD_LETTER_H
#define SPARSED_READOUT_DEAD_LETTER_H

#include "base/error.h"
#include "data/fate.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "readout/socket.h"

struct dead_letter;

/* settings->dead_letter is the topic; empty: there is none. NULL: `err` names key and value. */
struct dead_letter *dead_letter_create(const struct kafka_readout_settings *settings,
                                       struct monitor *monitor, struct error *err);

/* Waits some seconds for the broker. */
void dead_letter_destroy(struct dead_letter **d);

/* The message stays the caller's, its receipt does not; `header_name` is its header's. Any thread.
 */
void dead_letter_put(struct dead_letter *d, const struct message *m, const char *header_name,
                     enum fragment_fate why);

/* To be called every few seconds: ends the receipts of what the broker has by now. */
void dead_letter_tick(struct dead_letter *d);

#endif
