/* How: one ring of all messages in flight, in the order they were received, whichever their
 * partition; offsets_look walks it twice, first over leaders, so that an event's receipts are
 * judged by one look at one flag, then over all.
 *
 * A note is "1 IDENTITY SEEN BITS": version; 16 hex digits; how many offsets behind the
 * committed one the group has received; and in base64, six a character, a bit for each of the
 * offsets behind the committed one, set where it is done. */
#include "readout/offsets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDENTITY_DIGITS = 16,
    NOTE_HEAD_BYTES = 48, /* version, identity, SEEN */
    BITS_A_CHARACTER = 6,
    /* Offsets behind the committed one that a note can tell of. */
    SPAN = (OFFSETS_NOTE_BYTES - NOTE_HEAD_BYTES - 1) * BITS_A_CHARACTER,
    MAX_PARTITIONS = 4096,
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct entry {
    struct receipt receipt;
    int64_t offset;
    uint32_t place;  /* of its partition */
    uint32_t tenure; /* of the partition, when it was received */
    bool seen_done;
};

struct partition {
    int32_t id;
    bool ours;
    uint32_t tenure;               /* counts assignments */
    int64_t next;                  /* behind the last one received, or done by the note */
    int64_t first_open;            /* by the last look: the oldest that is not done, or `next` */
    int64_t committed;             /* last committed, -1: never */
    uint64_t committed_bits, bits; /* checksums of the done bits: then, now */
    /* By the note of whoever had it before: offsets note_from + i are done where bit i is
     * set; up to seen_before the group had received them. */
    int64_t note_from, seen_before;
    uint32_t note_bits;
    uint8_t note[SPAN / 8 + 1];
};

struct offsets {
    struct entry *ring;
    uint32_t capacity, head, count; /* entries head .. head + count - 1 */
    uint64_t identity;
    struct partition *partition; /* [n_partitions], grows when partitions are assigned */
    uint32_t n_partitions;
    uint8_t *bits; /* [SPAN / 8 + 1] scratch */
};

struct offsets *offsets_create(uint32_t in_flight, uint64_t identity, struct error *err)
{
    struct offsets *o = calloc(1, sizeof *o);
    if (o != NULL) {
        o->capacity = in_flight;
        o->ring = calloc(in_flight, sizeof *o->ring);
        o->bits = malloc(SPAN / 8 + 1);
        offsets_set_identity(o, identity);
    }
    if (o == NULL || o->ring == NULL || o->bits == NULL) {
        offsets_destroy(&o);
        error_set(err, ERROR_SYSTEM, "no memory for %u messages in flight", in_flight);
    }
    return o;
}

void offsets_destroy(struct offsets **o)
{
    if (*o == NULL)
        return;
    free((*o)->ring);
    free((*o)->partition);
    free((*o)->bits);
    free(*o);
    *o = NULL;
}

void offsets_set_identity(struct offsets *o, uint64_t identity)
{
    o->identity = identity;
}

static struct entry *entry_at(const struct offsets *o, uint32_t i)
{
    return &o->ring[(o->head + i) % o->capacity];
}

static struct partition *find(const struct offsets *o, int32_t id)
{
    for (uint32_t i = 0; i < o->n_partitions; i++) {
        if (o->partition[i].id == id)
            return &o->partition[i];
    }
    return NULL;
}

/* ---- notes ---- */

static bool bit(const uint8_t *bits, int64_t i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static void set_bit(uint8_t *bits, int64_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << (i % 8));
}

/* "1 IDENTITY SEEN " at the beginning of a note; the bits begin at *at. */
static bool read_head(const char *note, size_t bytes, uint64_t *identity, uint32_t *seen,
                      size_t *at)
{
    char head[NOTE_HEAD_BYTES + 1] = {0};
    int digit = 0, end = 0;
    if (note == NULL)
        return false;
    memcpy(head, note, bytes < NOTE_HEAD_BYTES ? bytes : NOTE_HEAD_BYTES);
    if (sscanf(head, "1 %16" SCNx64 "%n %9" SCNu32 " %n", identity, &digit, seen, &end) != 2 ||
        end == 0)
        return false;
    *at = (size_t)end;
    return digit == 2 + IDENTITY_DIGITS && *seen <= SPAN;
}

bool offsets_note_identity(const char *note, size_t bytes, uint64_t *identity)
{
    uint32_t seen;
    size_t at;
    if (read_head(note, bytes, identity, &seen, &at))
        return true;
    *identity = 0;
    return false;
}

/* A note that is none of ours says that nothing is done. */
static void read_note(struct partition *p, const char *note, size_t bytes)
{
    uint64_t identity;
    uint32_t seen = 0;
    size_t at = 0;
    p->note_bits = 0;
    memset(p->note, 0, sizeof p->note);
    if (!read_head(note, bytes, &identity, &seen, &at))
        return;
    p->seen_before = p->note_from + seen;
    for (; at < bytes && note[at] != '\0' && p->note_bits + BITS_A_CHARACTER <= SPAN; at++) {
        const char *digit = strchr(digits, note[at]);
        if (digit == NULL)
            break;
        for (uint32_t b = 0; b < BITS_A_CHARACTER; b++) {
            if (((unsigned)(digit - digits) >> b & 1) != 0)
                set_bit(p->note, p->note_bits + b);
        }
        p->note_bits += BITS_A_CHARACTER;
    }
}

static bool done_by_note(const struct partition *p, int64_t offset)
{
    int64_t i = offset - p->note_from;
    return i >= 0 && i < p->note_bits && bit(p->note, i);
}

/* ---- partitions ---- */

bool offsets_assign(struct offsets *o, int32_t id, int64_t offset, const char *note, size_t bytes)
{
    struct partition *p = find(o, id);
    if (p == NULL) {
        struct partition *more =
            o->n_partitions == MAX_PARTITIONS
                ? NULL
                : realloc(o->partition, (o->n_partitions + 1) * sizeof *o->partition);
        if (more == NULL)
            return false;
        o->partition = more;
        p = &o->partition[o->n_partitions++];
        memset(p, 0, sizeof *p);
        p->id = id;
    }
    p->ours = true;
    p->tenure++;
    p->next = p->first_open = p->note_from = p->seen_before = p->committed = offset;
    p->committed_bits = p->bits = 0;
    read_note(p, note, bytes);
    return true;
}

void offsets_revoke(struct offsets *o, int32_t id)
{
    struct partition *p = find(o, id);
    if (p == NULL)
        return;
    p->ours = false;
    for (uint32_t i = 0; i < o->count; i++) {
        struct entry *e = entry_at(o, i);
        if (&o->partition[e->place] == p)
            atomic_store_explicit(&e->receipt.elsewhere, true, memory_order_relaxed);
    }
}

enum offsets_verdict offsets_take(struct offsets *o, int32_t id, int64_t offset,
                                  struct receipt **receipt)
{
    struct partition *p = find(o, id);
    if (p == NULL || !p->ours)
        return OFFSETS_FOREIGN;
    if (p->next < 0) /* nothing was committed: the first message says where we begin */
        p->next = p->first_open = offset;
    if (done_by_note(p, offset)) {
        p->next = offset + 1;
        return OFFSETS_DONE;
    }
    if (o->count == o->capacity || offset - p->first_open >= SPAN)
        return OFFSETS_FULL;
    struct entry *e = entry_at(o, o->count++);
    *e = (struct entry){
        .offset = offset, .place = (uint32_t)(p - o->partition), .tenure = p->tenure};
    atomic_store_explicit(&e->receipt.leader, &e->receipt, memory_order_relaxed);
    p->next = offset + 1;
    *receipt = &e->receipt;
    return OFFSETS_NEW;
}

bool offsets_seen_before(const struct offsets *o, int32_t id, int64_t offset)
{
    const struct partition *p = find(o, id);
    return p != NULL && offset < p->seen_before;
}

uint32_t offsets_in_flight(const struct offsets *o)
{
    return o->count;
}

/* ---- looking and committing ---- */

static struct entry *of_receipt(struct receipt *r)
{
    return (struct entry *)(void *)((char *)r - offsetof(struct entry, receipt));
}

void offsets_look(struct offsets *o)
{
    for (uint32_t i = 0; i < o->count; i++) {
        struct entry *e = entry_at(o, i);
        e->seen_done = e->seen_done || atomic_load_explicit(&e->receipt.done, memory_order_acquire);
    }
    for (uint32_t i = 0; i < o->count; i++) {
        struct entry *e = entry_at(o, i);
        struct receipt *leader = atomic_load_explicit(&e->receipt.leader, memory_order_acquire);
        e->seen_done = e->seen_done || of_receipt(leader)->seen_done;
    }
    while (o->count > 0 && o->ring[o->head].seen_done) {
        o->head = (o->head + 1) % o->capacity;
        o->count--;
    }
    for (uint32_t i = 0; i < o->n_partitions; i++)
        o->partition[i].first_open = o->partition[i].next;
    for (uint32_t i = o->count; i > 0; i--) {
        const struct entry *e = entry_at(o, i - 1);
        struct partition *p = &o->partition[e->place];
        if (e->tenure == p->tenure && !e->seen_done)
            p->first_open = e->offset;
    }
}

/* Bits of the offsets behind first_open: whoever is done, ours or by the note. All that is
 * not in flight and below `next` is done. */
static uint32_t collect(struct offsets *o, const struct partition *p)
{
    int64_t span = p->next - p->first_open;
    uint32_t n = span < 0 ? 0 : span > SPAN ? SPAN : (uint32_t)span;
    memset(o->bits, 0xff, SPAN / 8 + 1);
    for (uint32_t i = 0; i < o->count; i++) {
        const struct entry *e = entry_at(o, i);
        int64_t at = e->offset - p->first_open;
        if (&o->partition[e->place] == p && e->tenure == p->tenure && !e->seen_done && at < n)
            o->bits[at / 8] = (uint8_t)(o->bits[at / 8] & ~(1u << (at % 8)));
    }
    return n;
}

/* What the note said of offsets that have not come yet stays true. */
static uint32_t keep_note(struct offsets *o, const struct partition *p, uint32_t n)
{
    int64_t end = p->note_from + p->note_bits - p->first_open;
    uint32_t until = end > SPAN ? SPAN : end < 0 ? 0 : (uint32_t)end;
    for (uint32_t at = n; at < until; at++) {
        if (!done_by_note(p, p->first_open + at))
            o->bits[at / 8] = (uint8_t)(o->bits[at / 8] & ~(1u << (at % 8)));
    }
    return until > n ? until : n;
}

static uint64_t checksum(const uint8_t *bits, uint32_t n)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    for (uint32_t i = 0; i < n; i++)
        sum = (sum ^ (bit(bits, i) ? 1u : 0u)) * 1099511628211u;
    return sum ^ n;
}

bool offsets_commit(struct offsets *o, uint32_t i, int32_t *id, int64_t *offset, char *note,
                    bool *changed)
{
    uint32_t at = 0;
    while (at < o->n_partitions && (!o->partition[at].ours || i-- > 0))
        at++;
    if (at == o->n_partitions)
        return false;
    struct partition *p = &o->partition[at];
    uint32_t received = collect(o, p), n = keep_note(o, p, received);
    int64_t seen = p->seen_before - p->first_open;
    if (seen < received)
        seen = received;
    p->bits = checksum(o->bits, n);
    *id = p->id;
    *offset = p->first_open;
    *changed =
        p->first_open >= 0 && (p->first_open != p->committed || p->bits != p->committed_bits);
    p->committed = p->first_open;
    p->committed_bits = p->bits;
    char *end = note + sprintf(note, "1 %016" PRIx64 " %u ", o->identity,
                               (unsigned)(seen > SPAN ? SPAN : seen));
    for (uint32_t b = 0; b < n; b += BITS_A_CHARACTER) {
        unsigned value = 0;
        for (uint32_t k = 0; k < BITS_A_CHARACTER && b + k < n; k++)
            value |= (bit(o->bits, b + k) ? 1u : 0u) << k;
        *end++ = digits[value];
    }
    *end = '\0';
    return true;
}
