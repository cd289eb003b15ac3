/* What is committed to Kafka, and what the next owner of a partition makes of it. */
#include "cmocka_all.h"
#include "readout/offsets.h"

#include <string.h>

static const uint64_t identity = 0x0123456789abcdef;

static struct offsets *make(uint32_t in_flight)
{
    struct error err;
    struct offsets *o = offsets_create(in_flight, identity, &err);
    assert_non_null(o);
    return o;
}

static struct receipt *take(struct offsets *o, int64_t offset)
{
    struct receipt *r = NULL;
    assert_int_equal(offsets_take(o, 7, offset, &r), OFFSETS_NEW);
    return r;
}

static int64_t commit(struct offsets *o, char *note, bool *changed)
{
    int32_t id;
    int64_t offset;
    offsets_look(o);
    assert_true(offsets_commit(o, 0, &id, &offset, note, changed));
    assert_int_equal(id, 7);
    assert_in_range(strlen(note), 1, OFFSETS_NOTE_BYTES - 1);
    return offset;
}

/* The next owner of the partition. */
static struct offsets *inherit(int64_t offset, const char *note)
{
    struct offsets *o = make(64);
    assert_true(offsets_assign(o, 7, offset, note, strlen(note)));
    return o;
}

/* What stands behind the oldest open message is told by the note. */
static void test_note_tells_what_is_done_behind_the_offset(void **state)
{
    (void)state;
    char note[OFFSETS_NOTE_BYTES];
    bool changed;
    struct offsets *o = make(64), *next;
    struct receipt *r[5], *again = NULL;
    assert_true(offsets_assign(o, 7, 40, NULL, 0));
    for (int i = 0; i < 5; i++)
        r[i] = take(o, 40 + i);
    receipt_done(r[0]);
    receipt_done(r[2]);
    receipt_done(r[4]);
    assert_int_equal(commit(o, note, &changed), 41);
    assert_true(changed);
    assert_int_equal(commit(o, note, &changed), 41);
    assert_false(changed); /* nothing new, nothing sent */
    next = inherit(41, note);
    (void)take(next, 41);
    assert_true(offsets_seen_before(next, 7, 41));
    assert_int_equal(offsets_take(next, 7, 42, &again), OFFSETS_DONE);
    (void)take(next, 43);
    assert_int_equal(offsets_take(next, 7, 44, &again), OFFSETS_DONE);
    (void)take(next, 45);
    assert_false(offsets_seen_before(next, 7, 45));
    offsets_destroy(&next);
    offsets_destroy(&o);
}

/* A partition that comes and goes at once hands the note on as it was. */
static void test_note_survives_an_owner_that_does_nothing(void **state)
{
    (void)state;
    char note[OFFSETS_NOTE_BYTES], second[OFFSETS_NOTE_BYTES];
    bool changed;
    struct offsets *o = make(64);
    assert_true(offsets_assign(o, 7, 0, NULL, 0));
    struct receipt *r[20];
    for (int i = 0; i < 20; i++)
        r[i] = take(o, i);
    for (int i = 5; i < 20; i += 2)
        receipt_done(r[i]);
    assert_int_equal(commit(o, note, &changed), 0);
    struct offsets *next = inherit(0, note);
    (void)take(next, 0); /* one message, and it goes again */
    assert_int_equal(commit(next, second, &changed), 0);
    struct offsets *third = inherit(0, second);
    for (int i = 0; i < 20; i++) {
        struct receipt *again = NULL;
        bool done = i >= 5 && i % 2 == 1;
        assert_int_equal(offsets_take(third, 7, i, &again), done ? OFFSETS_DONE : OFFSETS_NEW);
    }
    offsets_destroy(&third);
    offsets_destroy(&next);
    offsets_destroy(&o);
}

/* A note of another program, or damaged, is none: everything comes again. */
static void test_foreign_notes_say_nothing(void **state)
{
    (void)state;
    static const char *const notes[] = {"",
                                        "hello",
                                        "1 0123 4 AAAA",
                                        "2 0123456789abcdef 4 ////",
                                        "1 0123456789abcdeX 4 ////",
                                        "1 0123456789abcdef -4 ////",
                                        "1 0123456789abcdef 999999999 ////",
                                        "1 0123456789abcdef"};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct offsets *o = inherit(3, notes[i]);
        uint64_t whose;
        (void)take(o, 3);
        (void)take(o, 4);
        assert_false(offsets_note_identity(notes[i], strlen(notes[i]), &whose));
        assert_int_equal(whose, 0);
        offsets_destroy(&o);
    }
    uint64_t whose;
    assert_true(offsets_note_identity("1 0123456789abcdef 4 ////", 25, &whose));
    assert_true(whose == identity);
}

/* What was in flight when a partition went is not committed by whoever gets it back. */
static void test_partition_that_comes_back_begins_anew(void **state)
{
    (void)state;
    char note[OFFSETS_NOTE_BYTES];
    bool changed;
    int32_t id;
    int64_t offset;
    struct offsets *o = make(64);
    assert_true(offsets_assign(o, 7, 0, NULL, 0));
    struct receipt *old = take(o, 0), *again = NULL;
    offsets_revoke(o, 7);
    assert_int_equal(offsets_take(o, 7, 1, &again), OFFSETS_FOREIGN);
    assert_false(offsets_commit(o, 0, &id, &offset, note, &changed));
    assert_true(offsets_assign(o, 7, 0, NULL, 0));
    struct receipt *r = take(o, 0);
    receipt_done(old);
    assert_int_equal(commit(o, note, &changed), 0); /* ours is open still */
    receipt_done(r);
    assert_int_equal(commit(o, note, &changed), 1);
    offsets_destroy(&o);
}

/* In flight is bounded, by what was asked for and by what a note can tell. */
static void test_full(void **state)
{
    (void)state;
    struct offsets *o = make(4);
    struct receipt *first, *r = NULL;
    assert_true(offsets_assign(o, 7, -1, NULL, 0));
    first = take(o, 100);
    for (int i = 1; i < 4; i++)
        (void)take(o, 100 + i);
    assert_int_equal(offsets_take(o, 7, 104, &r), OFFSETS_FULL);
    receipt_done(first);
    offsets_look(o);
    (void)take(o, 104);
    offsets_destroy(&o);
    o = make(4);
    assert_true(offsets_assign(o, 7, 0, NULL, 0));
    (void)take(o, 0);
    assert_int_equal(offsets_take(o, 7, 1000000, &r), OFFSETS_FULL);
    offsets_destroy(&o);
}

/* Events of 1 to 5 fragments, interleaved, ended in any order; the owner dies at a random
 * moment after a random commit, again and again. Every event is judged whole, at least once,
 * and no owner ever gets some of an event's fragments without the others. */
enum { EVENTS = 300, MOST = 5, MESSAGES = EVENTS * MOST };

struct stream {
    uint32_t n, event_of[MESSAGES], fragments[EVENTS], judged[EVENTS];
};

static void make_stream(struct stream *s, unsigned *seed)
{
    uint32_t left[EVENTS], open = 0;
    memset(s, 0, sizeof *s);
    for (uint32_t e = 0; e < EVENTS; e++)
        s->fragments[e] = left[e] = 1 + (uint32_t)rand_r(seed) % MOST;
    while (open < EVENTS) {
        uint32_t e = open + (uint32_t)rand_r(seed) % 12;
        if (e < EVENTS && left[e] > 0) {
            left[e]--;
            s->event_of[s->n++] = e;
        }
        while (open < EVENTS && left[open] == 0)
            open++;
    }
}

/* One owner from `offset` on; gives what it committed last. */
static int64_t live(struct stream *s, int64_t offset, char *note, unsigned *seed)
{
    struct offsets *o = make(MESSAGES);
    struct receipt *leader[EVENTS] = {NULL};
    uint32_t got[EVENTS] = {0};
    int64_t at = offset, committed = offset;
    bool changed;
    assert_true(offsets_assign(o, 7, offset, note, strlen(note)));
    int steps = rand_r(seed) % 400;
    while (steps-- > 0) {
        struct receipt *r = NULL;
        if (at < s->n) {
            uint32_t e = s->event_of[at];
            if (offsets_take(o, 7, at, &r) == OFFSETS_NEW) {
                leader[e] = receipt_join(leader[e], r);
                got[e]++;
            }
            at++;
        }
        uint32_t e = (uint32_t)rand_r(seed) % EVENTS;
        if (got[e] == s->fragments[e]) { /* whole: judged */
            receipt_done(leader[e]);
            s->judged[e]++;
            got[e] = 0;
            leader[e] = NULL;
        }
        if (rand_r(seed) % 20 == 0)
            committed = commit(o, note, &changed);
    }
    /* At the end of the stream no event may stand there in pieces. */
    if (at == s->n) {
        for (uint32_t e = 0; e < EVENTS; e++)
            assert_true(got[e] == 0 || got[e] == s->fragments[e]);
    }
    offsets_destroy(&o);
    return committed;
}

static void test_no_event_comes_again_in_pieces(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct stream s;
        unsigned random = seed;
        char note[OFFSETS_NOTE_BYTES] = "";
        int64_t offset = 0;
        make_stream(&s, &random);
        int owners = 0;
        while (offset < s.n && owners++ < 20000)
            offset = live(&s, offset, note, &random);
        assert_int_equal(offset, s.n);
        for (uint32_t e = 0; e < EVENTS; e++)
            assert_int_not_equal(s.judged[e], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_note_tells_what_is_done_behind_the_offset),
        cmocka_unit_test(test_note_survives_an_owner_that_does_nothing),
        cmocka_unit_test(test_foreign_notes_say_nothing),
        cmocka_unit_test(test_partition_that_comes_back_begins_anew),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_event_comes_again_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
