/* Whose wires an incomplete event lacks, and why: what a shifter is told at 3 in the morning
 * decides whom he wakes. */
#include "unit/cmocka_all.h"

#include "assembly/absence.h"
#include "base/bits.h"
#include "base/clock.h"
#include "readout/sources.h"

#include <stdlib.h>
#include <string.h>

enum { WIRES = 100 };

static struct geometry geometry;
static struct monitor *m;
static struct absence *absence;
static struct event event;
static uint64_t present[2][2];

/* Two planes of 100 wires; sources 11 and 12 send the halves of plane 0, 13 plane 1. */
static int set_up(void **state)
{
    (void)state;
    struct error err = {0};
    geometry = (struct geometry){.n_planes = 2};
    geometry.plane[0].wires = geometry.plane[1].wires = WIRES;
    geometry.plane[1].id = 2;
    m = calloc(1, sizeof *m);
    atomic_store(&m->n_sources, 4);
    for (uint32_t i = 1; i < 4; i++)
        atomic_store(&m->source[i].id, 10 + i);
    absence = absence_create(&geometry, m, &err);
    assert_non_null(absence);
    const struct fragment sent[] = {{.source = 1, .first_wire = 0, .wires = 50},
                                    {.source = 2, .first_wire = 50, .wires = 50},
                                    {.source = 3, .plane = 1, .wires = WIRES}};
    for (size_t i = 0; i < 3; i++)
        absence_learn(absence, &sent[i]);
    memset(present, 0, sizeof present);
    event = (struct event){.incomplete = true, .first_fragment_ns = 100 * NS_PER_S};
    for (uint32_t p = 0; p < 2; p++) {
        event.plane[p].wire_present = present[p];
        event.plane[p].wires_missing = WIRES;
    }
    event.wires_missing = 2 * WIRES;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    absence_destroy(&absence);
    free(m);
    return 0;
}

static void came(uint32_t plane, uint32_t first, uint32_t wires)
{
    bits_fill(present[plane], first, wires);
    event.plane[plane].wires_missing -= wires;
    event.wires_missing -= wires;
}

/* The event's time is up 20 ms after its first fragment. */
static enum loss explain(bool stopping)
{
    return absence_explain(absence, &event, stopping, 100 * NS_PER_S + 20 * NS_PER_MS);
}

static void expect_range(uint32_t i, uint32_t plane, uint32_t first, uint32_t wires,
                         uint32_t source_id, enum loss why)
{
    const struct missing_wires *r = &event.missing[i];
    assert_int_equal(r->plane, plane);
    assert_int_equal(r->first_wire, first);
    assert_int_equal(r->wires, wires);
    assert_int_equal(r->source_id, source_id);
    assert_true(r->source_known == (source_id != 0));
    assert_int_equal(r->why, why);
}

static void a_silent_source_is_named(void **state)
{
    (void)state;
    came(0, 0, 50);
    came(1, 0, WIRES);
    assert_int_equal(explain(false), LOSS_deadline);
    assert_int_equal(event.n_missing, 1);
    expect_range(0, 0, 50, 50, 12, LOSS_deadline);
    assert_int_equal(counter_read(&m->source[2].missing_events[LOSS_deadline]), 1);
    assert_int_equal(counter_read(&m->source[2].missing_wires), 50);
    assert_int_equal(counter_read(&m->source[1].missing_wires), 0);
    assert_int_equal(counter_read(&m->events_timed_out[LOSS_deadline]), 1);
}

/* One fragment lost on the network, another spoiled: each source has its own cause, the event
 * the first of them. */
static void each_source_has_its_own_cause(void **state)
{
    (void)state;
    came(0, 0, 40);
    came(0, 50, 50);
    counter_add(&m->source[1].lost_at_ns[LOSS_source], 100 * NS_PER_S + 1);
    counter_add(&m->source[3].lost_at_ns[LOSS_network], 100 * NS_PER_S + 2);
    assert_int_equal(explain(false), LOSS_network);
    assert_int_equal(event.n_missing, 2);
    expect_range(0, 0, 40, 10, 11, LOSS_source);
    expect_range(1, 1, 0, WIRES, 13, LOSS_network);
    assert_int_equal(counter_read(&m->events_timed_out[LOSS_network]), 1);
    assert_int_equal(counter_read(&m->events_timed_out[LOSS_source]), 0);
}

/* A gap of ten minutes ago explains nothing now; one just before the event does. */
static void an_old_loss_is_no_cause(void **state)
{
    (void)state;
    came(0, 0, WIRES);
    atomic_store(&m->source[3].lost_at_ns[LOSS_network], 100 * NS_PER_S - 21 * NS_PER_MS);
    assert_int_equal(explain(false), LOSS_deadline);
    atomic_store(&m->source[3].lost_at_ns[LOSS_network], 100 * NS_PER_S - 19 * NS_PER_MS);
    assert_int_equal(explain(false), LOSS_network);
}

/* A message that could not even say who sent it may have been the one that is missing. */
static void an_unreadable_header_explains_anybody(void **state)
{
    (void)state;
    came(0, 0, WIRES);
    atomic_store(&m->source[0].lost_at_ns[LOSS_source], 100 * NS_PER_S);
    assert_int_equal(explain(false), LOSS_source);
    expect_range(0, 1, 0, WIRES, 13, LOSS_source);
}

/* With overload = block the fragments of a source that sends may stand in a queue while the
 * event's time runs out; one that is silent is still to blame itself. */
static void who_waited_for_a_slot_is_not_silent(void **state)
{
    (void)state;
    came(0, 0, 50);
    atomic_store(&m->blocked_at_ns, 100 * NS_PER_S + 5 * NS_PER_MS);
    atomic_store(&m->source[2].last_seen_ns, 99 * NS_PER_S);
    atomic_store(&m->source[3].last_seen_ns, 100 * NS_PER_S - NS_PER_MS);
    assert_int_equal(explain(false), LOSS_overload);
    expect_range(0, 0, 50, 50, 12, LOSS_deadline);
    expect_range(1, 1, 0, WIRES, 13, LOSS_overload);
    atomic_store(&m->blocked_at_ns, 98 * NS_PER_S);
    assert_int_equal(explain(false), LOSS_deadline);
}

static void what_the_stop_cut_off_is_no_fault_of_a_source(void **state)
{
    (void)state;
    came(1, 0, WIRES);
    atomic_store(&m->source[1].lost_at_ns[LOSS_network], 100 * NS_PER_S);
    assert_int_equal(explain(true), LOSS_stop);
    assert_int_equal(counter_read(&m->source[1].missing_events[LOSS_stop]), 1);
    assert_int_equal(counter_read(&m->source[2].missing_events[LOSS_stop]), 1);
    assert_int_equal(counter_read(&m->events_timed_out[LOSS_stop]), 1);
}

/* At the first event after a start nobody has sent some wires yet: no source is blamed. */
static void wires_that_nobody_sent_are_nobodys(void **state)
{
    (void)state;
    absence_destroy(&absence);
    absence = absence_create(&geometry, m, NULL);
    came(0, 0, WIRES);
    assert_int_equal(explain(false), LOSS_deadline);
    expect_range(0, 1, 0, WIRES, 0, LOSS_deadline);
    assert_int_equal(counter_read(&m->source[0].missing_wires), WIRES);
}

/* A source takes over wires of another: from then on they are its own. */
static void wires_change_hands(void **state)
{
    (void)state;
    absence_learn(absence, &(struct fragment){.source = 3, .first_wire = 20, .wires = 40});
    came(1, 0, WIRES);
    (void)explain(false);
    assert_int_equal(event.n_missing, 3);
    expect_range(0, 0, 0, 20, 11, LOSS_deadline);
    expect_range(1, 0, 20, 40, 13, LOSS_deadline);
    expect_range(2, 0, 60, 40, 12, LOSS_deadline);
}

/* Every second wire: more ranges than an event keeps. The counts know all of them. */
static void more_ranges_than_are_kept_are_counted(void **state)
{
    (void)state;
    came(1, 0, WIRES);
    for (uint32_t w = 0; w < WIRES; w += 2)
        came(0, w, 1);
    (void)explain(false);
    assert_int_equal(event.n_missing, EVENT_MISSING_RANGES);
    expect_range(EVENT_MISSING_RANGES - 1, 0, 2 * EVENT_MISSING_RANGES - 1, 1, 12, LOSS_deadline);
    assert_int_equal(counter_read(&m->source[1].missing_wires), 25);
    assert_int_equal(counter_read(&m->source[2].missing_wires), 25);
    (void)explain(false); /* the next event begins with nothing */
    assert_int_equal(counter_read(&m->source[2].missing_wires), 50);
}

/* A gap is seen by the readout and read here: the two must mean the same cell. */
static void a_gap_in_the_sequence_is_seen(void **state)
{
    (void)state;
    struct monitor *own = calloc(1, sizeof *own);
    struct sources *sources = sources_create(own, NULL);
    (void)sources_note(sources, 7, 1, 10, 50);
    assert_int_equal(counter_read(&own->source[1].lost_at_ns[LOSS_network]), 0);
    (void)sources_note(sources, 7, 3, 10, 60);
    assert_int_equal(counter_read(&own->source[1].lost_at_ns[LOSS_network]), 60);
    sources_destroy(&sources);
    free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(a_silent_source_is_named),
        T(each_source_has_its_own_cause),
        T(an_old_loss_is_no_cause),
        T(an_unreadable_header_explains_anybody),
        T(who_waited_for_a_slot_is_not_silent),
        T(what_the_stop_cut_off_is_no_fault_of_a_source),
        T(wires_that_nobody_sent_are_nobodys),
        T(wires_change_hands),
        T(more_ranges_than_are_kept_are_counted),
        T(a_gap_in_the_sequence_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
