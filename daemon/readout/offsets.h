/* offsets: which messages of each partition are done with, and what to commit, so that after
 * a crash whoever takes the partition over gets every undecided event, and gets it whole.
 *
 *     offsets      40   41   42   43   44   45   46
 *     done         yes  yes  no   yes  no   yes  -
 *                            ^ committed offset: 42, with it the note "43 and 45 are done"
 *
 * An offset alone is not enough: events interleave, and the fragment of an event that waits
 * at 42 stands before fragments of events that are over. So the commit's metadata holds a bit
 * for each message behind the offset, and the next owner leaves out those whose bit is set.
 * Snapshots hold an event's fragments together (data/receipt.h), so do commits.
 *
 * All memory is taken at the start. The readout thread owns it; receipts are done by any.
 */
#ifndef SPARSED_READOUT_OFFSETS_H
#define SPARSED_READOUT_OFFSETS_H

#include "base/error.h"
#include "data/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A broker takes 4,096 bytes of metadata with an offset (offset.metadata.max.bytes). */
enum { OFFSETS_NOTE_BYTES = 4096 };

struct offsets;

/* `in_flight`: messages between reception and done, over all partitions. `identity`: what
 * decisions are made with, as a number; part of every note. NULL: no memory. */
struct offsets *offsets_create(uint32_t in_flight, uint64_t identity, struct error *err);
void offsets_destroy(struct offsets **o);

/* Changes what notes say from now on. */
void offsets_set_identity(struct offsets *o, uint64_t identity);

/* What a note says. False: it is not one of ours, *identity is 0. */
bool offsets_note_identity(const char *note, size_t bytes, uint64_t *identity);

/* The partition is ours from `offset` on, with the note of its last commit (NULL: none); -1:
 * nothing was committed, and the first message says where it begins.
 * False: no memory for one more partition. */
bool offsets_assign(struct offsets *o, int32_t partition, int64_t offset, const char *note,
                    size_t bytes);

/* It is another's: what of it is in flight is no more committed, and its receipts say so. */
void offsets_revoke(struct offsets *o, int32_t partition);

enum offsets_verdict {
    OFFSETS_NEW,
    OFFSETS_DONE,    /* the note said so: leave it out */
    OFFSETS_FOREIGN, /* of a partition that is not ours (any more): leave it out */
    OFFSETS_FULL,    /* too many in flight: try again when some are done */
};

/* A message that was received; offsets of a partition come in rising order. NEW: *receipt
 * is its receipt, done by whoever ends it. */
enum offsets_verdict offsets_take(struct offsets *o, int32_t partition, int64_t offset,
                                  struct receipt **receipt);

/* Whether the group had received it before, as far as the last commit knew. */
bool offsets_seen_before(const struct offsets *o, int32_t partition, int64_t offset);

/* Looks at all receipts and forgets what is done in order. Then offsets_commit. */
void offsets_look(struct offsets *o);

/* Partition number `i` of those that are ours, i from 0; false: there is none. `*changed`:
 * there is something to commit. The note is a text, [OFFSETS_NOTE_BYTES]. */
bool offsets_commit(struct offsets *o, uint32_t i, int32_t *partition, int64_t *offset, char *note,
                    bool *changed);

/* Messages received and not done. */
uint32_t offsets_in_flight(const struct offsets *o);

#endif
