/* Sequences of sources: what is missed, repeated, out of order or begun again. */
#include "unit/cmocka_all.h"

#include "readout/sources.h"

#include <string.h>

static struct monitor monitor;
static struct sources *sources;

static int set_up(void **state)
{
    (void)state;
    memset(&monitor, 0, sizeof monitor);
    sources = sources_create(&monitor, NULL);
    return sources ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sources_destroy(&sources);
    return 0;
}

static const struct source_monitor *note_all(uint32_t id, const uint64_t *sequence, size_t n)
{
    uint32_t row = 0;
    for (size_t i = 0; i < n; i++)
        row = sources_note(sources, id, sequence[i], 10, 1000 + i);
    return &monitor.source[row];
}
#define NOTE(id, ...)                                                                              \
    note_all(id, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

static void check(const struct source_monitor *s, uint64_t gaps, uint64_t missed, uint64_t repeated,
                  uint64_t out_of_order, uint64_t restarts)
{
    assert_int_equal(counter_read(&s->gaps), gaps);
    assert_int_equal(counter_read(&s->missed), missed);
    assert_int_equal(counter_read(&s->repeated), repeated);
    assert_int_equal(counter_read(&s->out_of_order), out_of_order);
    assert_int_equal(counter_read(&s->restarts), restarts);
}

/* The daemon may come later than the source: its first number is no gap. */
static void a_steady_source_has_nothing_to_show(void **state)
{
    (void)state;
    const struct source_monitor *s = NOTE(7, 500, 501, 502);
    check(s, 0, 0, 0, 0, 0);
    assert_int_equal(s->id, 7);
    assert_int_equal(counter_read(&s->received), 3);
    assert_int_equal(counter_read(&s->received_bytes), 30);
    assert_int_equal(counter_read(&s->last_seen_ns), 1002);
    assert_int_equal(monitor.n_sources, 2);
}

static void skipped_numbers_are_missed(void **state)
{
    (void)state;
    check(NOTE(7, 0, 1, 5, 6, 8), 2, 4, 0, 0, 0);
}

static void repeated_and_late_numbers_are_told_apart(void **state)
{
    (void)state;
    check(NOTE(7, 3, 3, 3, 4, 6, 5, 7), 1, 1, 2, 1, 0);
}

/* Seen as a gap of 2^64 - n this would be the largest loss in history. */
static void a_restarted_source_is_not_a_gap(void **state)
{
    (void)state;
    check(NOTE(7, 100, 101, 0, 1, 2), 0, 0, 0, 0, 1);
}

/* A SUB socket may lose a restarted source's first messages: without its 0 every
 * later message would be out of order until it has caught up, a week later. */
static void a_restart_whose_zero_was_lost_is_found(void **state)
{
    (void)state;
    check(NOTE(7, 1000, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 0, 0, 0, SOURCES_RESTART_RUN, 1);
}

static void the_largest_number_is_followed_by_zero(void **state)
{
    (void)state;
    check(NOTE(7, UINT64_MAX - 1, UINT64_MAX, 0, 1), 0, 0, 0, 0, 0);
}

static void sources_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 10; i++) {
        for (uint32_t id = 0; id < 40; id++)
            assert_int_equal(sources_note(sources, id * 65536, i * (id == 3 ? 2 : 1), 1, i),
                             id + 1);
    }
    for (uint32_t id = 0; id < 40; id++)
        check(&monitor.source[id + 1], id == 3 ? 9 : 0, id == 3 ? 9 : 0, 0, 0, 0);
}

/* Random source ids must not fill the table's end, nor be lost from the sums. */
static void too_many_sources_share_the_last_row(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < 1000; id++) {
        uint32_t row = sources_note(sources, id, id, 1, 5);
        assert_int_equal(row, id < 254 ? id + 1 : MONITOR_MAX_SOURCES - 1);
    }
    assert_int_equal(monitor.n_sources, MONITOR_MAX_SOURCES);
    const struct source_monitor *last = &monitor.source[MONITOR_MAX_SOURCES - 1];
    assert_true(last->id == SOURCE_OTHERS);
    assert_int_equal(counter_read(&last->received), 746);
    check(last, 0, 0, 0, 0, 0);
    assert_int_equal(sources_note(sources, 17, 18, 1, 5), 18);
    check(&monitor.source[18], 0, 0, 0, 0, 0);
}

static void what_has_no_header_is_in_row_zero(void **state)
{
    (void)state;
    assert_int_equal(sources_note_unknown(sources, 77, 9), SOURCES_UNKNOWN_ROW);
    assert_int_equal(counter_read(&monitor.source[0].received), 1);
    assert_int_equal(counter_read(&monitor.source[0].received_bytes), 77);
    assert_int_equal(sources_note(sources, 0, 0, 0, 0), 1); /* id 0 is a source like others */
}

/* Windows of one sender go to many daemons: what one of them does not see is no loss. */
static void a_shared_sender_has_no_gaps(void **state)
{
    (void)state;
    for (uint64_t now = 5; now < 8; now++)
        assert_int_equal(sources_note_shared(sources, 7, 100, now), 1);
    assert_int_equal(counter_read(&monitor.source[1].received), 3);
    assert_int_equal(counter_read(&monitor.source[1].received_bytes), 300);
    assert_int_equal(counter_read(&monitor.source[1].last_seen_ns), 7);
    check(&monitor.source[1], 0, 0, 0, 0, 0);
    assert_int_equal(sources_note(sources, 7, 900, 1, 8), 1); /* the first number of a sequence */
    check(&monitor.source[1], 0, 0, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_steady_source_has_nothing_to_show),      T(skipped_numbers_are_missed),
        T(repeated_and_late_numbers_are_told_apart), T(a_restarted_source_is_not_a_gap),
        T(a_restart_whose_zero_was_lost_is_found),   T(the_largest_number_is_followed_by_zero),
        T(sources_do_not_disturb_each_other),        T(too_many_sources_share_the_last_row),
        T(what_has_no_header_is_in_row_zero),        T(a_shared_sender_has_no_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
