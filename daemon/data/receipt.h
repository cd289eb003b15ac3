/* receipt: what is owed for a message whose sender keeps it until it is told that all is
 * done (Kafka: its offset is committed). One a message; NULL where the sender forgets
 * (ZeroMQ).
 *
 *     fragment's receipt --receipt_join--> event's receipts --receipt_done--> done, all at once
 *
 * All receipts of an event become done by one store, so that whoever looks at them sees an
 * event's fragments done together or not at all: after a crash an event comes again whole.
 */
#ifndef SPARSED_DATA_RECEIPT_H
#define SPARSED_DATA_RECEIPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct receipt {
    struct receipt *_Atomic leader; /* the one whose `done` counts; itself at first */
    _Atomic bool done;
    _Atomic bool elsewhere; /* its sender gives the message to somebody else, from now on */
};

/* Adds a fragment's receipt to its event's, which are known by their leader (NULL: none yet);
 * returns the leader. The event thread's. */
static inline struct receipt *receipt_join(struct receipt *leader, struct receipt *r)
{
    if (r != NULL && leader != NULL)
        atomic_store_explicit(&r->leader, leader, memory_order_release);
    return leader != NULL ? leader : r;
}

/* Whether an event that was never decided is given to somebody else, whole. */
static inline bool receipt_elsewhere(const struct receipt *leader)
{
    return leader != NULL && atomic_load_explicit(&leader->elsewhere, memory_order_relaxed);
}

/* Nothing more will be done for this message, or for this event's. Any thread, once. */
static inline void receipt_done(struct receipt *leader)
{
    if (leader != NULL)
        atomic_store_explicit(&leader->done, true, memory_order_release);
}

#endif
