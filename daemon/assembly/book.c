/* Linear probing in a table at most half full. An entry is taken out by moving
 * later ones of its run back (Knuth, TAOCP 3, 6.4, algorithm R), so there are no
 * tombstones and a table that runs for months stays as fast as on its first day.
 * Closed identities stand in a queue in the order they were closed.
 */
#include "assembly/book.h"

#include <stdlib.h>

struct entry {
    struct identity id;
    uint32_t slot;
    enum book_state state; /* BOOK_UNKNOWN: empty */
};

struct closed {
    struct identity id;
    uint64_t closed_ns;
};

struct book {
    struct entry *entry;
    uint32_t mask;
    struct closed *queue; /* ring of keep_count + 1 */
    uint32_t queue_size, first, n_closed;
    uint64_t keep_ns;
};

struct book *book_create(uint32_t open, uint32_t keep_count, uint64_t keep_ns)
{
    uint32_t size = 16;
    while (size < 2 * (open + keep_count + 1))
        size *= 2;
    struct book *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    *b = (struct book){.mask = size - 1, .queue_size = keep_count + 1, .keep_ns = keep_ns};
    b->entry = calloc(size, sizeof *b->entry);
    b->queue = calloc(b->queue_size, sizeof *b->queue);
    if (b->entry == NULL || b->queue == NULL)
        book_destroy(&b);
    return b;
}

void book_destroy(struct book **b)
{
    if (*b != NULL) {
        free((*b)->entry);
        free((*b)->queue);
        free(*b);
        *b = NULL;
    }
}

static uint32_t home(const struct book *b, const struct identity *id)
{
    return (uint32_t)identity_hash(id, 0) & b->mask;
}

/* Where the identity is, or the empty place where it would be. */
static uint32_t probe(const struct book *b, const struct identity *id)
{
    uint32_t i = home(b, id);
    while (b->entry[i].state != BOOK_UNKNOWN && !identity_equal(&b->entry[i].id, id))
        i = (i + 1) & b->mask;
    return i;
}

enum book_state book_find(const struct book *b, const struct identity *id, uint32_t *slot)
{
    const struct entry *e = &b->entry[probe(b, id)];
    if (e->state == BOOK_OPEN)
        *slot = e->slot;
    return e->state;
}

static void forget(struct book *b, const struct identity *id)
{
    uint32_t hole = probe(b, id);
    /* Open: it was closed, came again, and is not over yet. */
    if (b->entry[hole].state == BOOK_UNKNOWN || b->entry[hole].state == BOOK_OPEN)
        return;
    uint32_t i = hole;
    for (;;) {
        i = (i + 1) & b->mask;
        if (b->entry[i].state == BOOK_UNKNOWN)
            break;
        uint32_t from_home = (i - home(b, &b->entry[i].id)) & b->mask;
        uint32_t from_hole = (i - hole) & b->mask;
        if (from_home >= from_hole) {
            b->entry[hole] = b->entry[i];
            hole = i;
        }
    }
    b->entry[hole].state = BOOK_UNKNOWN;
}

static void forget_oldest(struct book *b)
{
    forget(b, &b->queue[b->first].id);
    b->first = (b->first + 1) % b->queue_size;
    b->n_closed--;
}

static void enqueue(struct book *b, const struct identity *id, uint64_t now_ns)
{
    if (b->n_closed == b->queue_size)
        forget_oldest(b);
    b->queue[(b->first + b->n_closed) % b->queue_size] = (struct closed){*id, now_ns};
    b->n_closed++;
}

void book_open(struct book *b, const struct identity *id, uint32_t slot)
{
    b->entry[probe(b, id)] = (struct entry){.id = *id, .slot = slot, .state = BOOK_OPEN};
}

static void end(struct book *b, const struct identity *id, enum book_state state, uint64_t now_ns)
{
    enqueue(b, id, now_ns);
    b->entry[probe(b, id)] = (struct entry){.id = *id, .state = state};
}

void book_close(struct book *b, const struct identity *id, uint64_t now_ns)
{
    end(b, id, BOOK_CLOSED, now_ns);
}

void book_refuse(struct book *b, const struct identity *id, uint64_t now_ns)
{
    end(b, id, BOOK_REFUSED, now_ns);
}

void book_reopen(struct book *b, const struct identity *id)
{
    struct entry *e = &b->entry[probe(b, id)];
    if (e->state == BOOK_CLOSED)
        e->state = BOOK_AGAIN;
}

void book_tidy(struct book *b, uint64_t now_ns)
{
    while (b->n_closed > 0 && b->queue[b->first].closed_ns + b->keep_ns <= now_ns)
        forget_oldest(b);
}

void book_forget(struct book *b)
{
    while (b->n_closed > 0)
        forget_oldest(b);
}

uint64_t book_memory_bytes(const struct book *b)
{
    return ((uint64_t)b->mask + 1) * sizeof *b->entry + (uint64_t)b->queue_size * sizeof *b->queue;
}
