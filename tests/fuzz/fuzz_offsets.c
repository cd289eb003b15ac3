/* Any bytes as the note of a Kafka commit, and then any life of a partition's messages: what
 * is committed may say that a message is done only if it is, and the next owner must read it
 * as the last one wrote it.
 *
 * Input: a byte, how long the note is (in 16s); the note; then a byte a step. */
#include "readout/offsets.h"
#include "stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_FLIGHT = 48, MESSAGES = 256, PARTITION = 3, FIRST = 1000 };

enum fate { NEVER, OPEN, DONE, LEFT_OUT }; /* NEVER: Kafka's numbers have gaps */

struct life {
    struct offsets *o;
    int64_t next;             /* the message that comes next */
    enum fate fate[MESSAGES]; /* of FIRST + i */
    struct receipt *receipt[MESSAGES];
};

static void check(bool good)
{
    if (!good)
        abort();
}

static struct offsets *make(void)
{
    struct error err;
    struct offsets *o = offsets_create(IN_FLIGHT, UINT64_C(0xfedcba9876543210), &err);
    check(o != NULL);
    return o;
}

static void take(struct life *l)
{
    int64_t i = l->next - FIRST;
    if (i >= MESSAGES)
        return;
    switch (offsets_take(l->o, PARTITION, l->next, &l->receipt[i])) {
    case OFFSETS_NEW:
        check(l->receipt[i] != NULL);
        l->fate[i] = OPEN;
        break;
    case OFFSETS_DONE:
        l->fate[i] = LEFT_OUT;
        break;
    case OFFSETS_FULL:
        check(offsets_in_flight(l->o) == IN_FLIGHT);
        return;
    case OFFSETS_FOREIGN:
        abort(); /* it is ours */
    }
    l->next++;
}

static void finish(struct life *l, uint32_t which)
{
    for (uint32_t k = 0; k < MESSAGES; k++) {
        uint32_t i = (which + k) % MESSAGES;
        if (l->fate[i] == OPEN) {
            receipt_done(l->receipt[i]);
            l->fate[i] = DONE;
            return;
        }
    }
}

/* The next owner leaves out what is done and gets all that is open. */
static void commit(struct life *l)
{
    char note[OFFSETS_NOTE_BYTES];
    bool changed;
    int32_t partition;
    int64_t offset;
    offsets_look(l->o);
    check(offsets_commit(l->o, 0, &partition, &offset, note, &changed));
    check(partition == PARTITION && offset >= FIRST && offset <= l->next);
    check(memchr(note, '\0', sizeof note) != NULL);
    for (int64_t i = 0; i < offset - FIRST; i++)
        check(l->fate[i] != OPEN);
    uint64_t identity;
    check(offsets_note_identity(note, strlen(note), &identity));
    check(identity == UINT64_C(0xfedcba9876543210));
    struct offsets *heir = make();
    check(offsets_assign(heir, PARTITION, offset, note, strlen(note)));
    for (int64_t i = offset; i < l->next; i++) {
        struct receipt *r = NULL;
        enum offsets_verdict v = offsets_take(heir, PARTITION, i, &r);
        enum fate f = l->fate[i - FIRST];
        check(f == NEVER || v == (f == OPEN ? OFFSETS_NEW : OFFSETS_DONE));
        check(f == NEVER || offsets_seen_before(heir, PARTITION, i));
    }
    offsets_destroy(&heir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stream s = {data, size};
    size_t bytes = 16 * (size_t)stream_take(&s, 1);
    bytes = bytes < s.bytes ? bytes : s.bytes;
    char *note = malloc(bytes + 1); /* exact: a note of Kafka's has no zero at its end */
    check(note != NULL);
    memcpy(note, s.data, bytes);
    char *exact = bytes > 0 ? realloc(note, bytes) : note;
    s.data += bytes;
    s.bytes -= bytes;
    static struct life l;
    l = (struct life){.o = make(), .next = FIRST};
    uint64_t whose;
    (void)offsets_note_identity(exact, bytes, &whose);
    check(offsets_assign(l.o, PARTITION, FIRST, exact, bytes));
    while (s.bytes > 0) {
        uint32_t step = (uint32_t)stream_take(&s, 1);
        if (step < 112)
            take(&l);
        else if (step < 224)
            finish(&l, step * 2654435761u >> 8);
        else if (step < 240)
            commit(&l);
        else
            l.next += l.next < FIRST + MESSAGES ? 1 : 0;
    }
    offsets_destroy(&l.o);
    free(exact);
    return 0;
}
