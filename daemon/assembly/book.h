/* book: which events are open, and which are over.
 *
 * A hash table by identity. An open event has its slot; a closed or refused one
 * is kept until `keep_ns` have passed or `keep_count` younger ones were closed.
 * All memory is taken by book_create.
 */
#ifndef SPARSED_ASSEMBLY_BOOK_H
#define SPARSED_ASSEMBLY_BOOK_H

#include "data/identity.h"

#include <stdint.h>

struct book;

/* BOOK_AGAIN: was closed undecided, and may be opened as if it were not known. */
enum book_state { BOOK_UNKNOWN, BOOK_OPEN, BOOK_CLOSED, BOOK_REFUSED, BOOK_AGAIN };

/* Room for `open` events at a time. NULL: no memory. */
struct book *book_create(uint32_t open, uint32_t keep_count, uint64_t keep_ns);
void book_destroy(struct book **b);

/* The state of an identity; *slot is set if it is open. */
enum book_state book_find(const struct book *b, const struct identity *id, uint32_t *slot);

/* Adds an identity that is not there, or that may come again (the caller looked). */
void book_open(struct book *b, const struct identity *id, uint32_t slot);

/* An open identity is over; or one that is not there is refused. */
void book_close(struct book *b, const struct identity *id, uint64_t now_ns);
void book_refuse(struct book *b, const struct identity *id, uint64_t now_ns);

/* A closed identity may come again. */
void book_reopen(struct book *b, const struct identity *id);

/* Forgets what is old enough; all that is over. */
void book_tidy(struct book *b, uint64_t now_ns);
void book_forget(struct book *b);

uint64_t book_memory_bytes(const struct book *b);

#endif
