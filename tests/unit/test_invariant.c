/* The books: each invariant is broken on purpose, and only then does its check fail. A check
 * that never fails would be believed just as long as one that works. */
#include "unit/cmocka_all.h"

#include "base/clock.h"
#include "data/account.h"
#include "data/invariant.h"

#include <stdlib.h>
#include <string.h>

static struct monitor *m;
static struct invariant_sight sight;

/* A daemon in mid-run: 3 events undecided, 2 with the output, 4 fragments on the way. */
static int set_up(void **state)
{
    (void)state;
    m = calloc(1, sizeof *m);
    m->started_ns = NS_PER_S;
    atomic_store(&m->n_sources, 3);
    counter_add(&m->source[0].received, 5);
    counter_add(&m->source[0].fate[FRAGMENT_BAD_HEADER], 5);
    counter_add(&m->source[1].received, 100);
    counter_add(&m->source[1].fate[FRAGMENT_ASSEMBLED], 90);
    counter_add(&m->source[1].fate[FRAGMENT_LATE], 6);
    counter_add(&m->events_in, 50);
    counter_add(&m->event_fate[EVENT_ACCEPTED], 7);
    counter_add(&m->event_fate[EVENT_REJECTED], 33);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 5);
    counter_add(&m->event_fate[EVENT_LOST_STOP], 2);
    counter_add(&m->events_incomplete, 1);
    counter_add(&m->events_timed_out[LOSS_network], 4);
    counter_add(&m->events_timed_out[LOSS_deadline], 3);
    counter_add(&m->decisions_published, 37);
    counter_add(&m->decisions_unsent, 1);
    counter_add(&m->record_wanted, 7);
    counter_add(&m->recorded_events, 4);
    counter_add(&m->record_lost, 1);
    atomic_store(&m->record_pending, 1);
    monitor_time_begin(m, 2 * NS_PER_S);
    monitor_time_charge(m, TIME_live, 2 * NS_PER_S + 700);
    monitor_time_charge(m, (enum monitor_time)DEAD_no_slot, 2 * NS_PER_S + 1000);
    uint64_t at = 2 * NS_PER_S;
    atomic_store(&m->thread[THREAD_event].threads, 1);
    monitor_thread_charge(&m->thread[THREAD_event], true, &at, 2 * NS_PER_S + 300);
    monitor_thread_charge(&m->thread[THREAD_event], false, &at, 2 * NS_PER_S + 1000);
    sight = (struct invariant_sight){
        .now_ns = 3 * NS_PER_S, .undecided = 3, .undelivered = 2, .fragment_room = 10};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(m);
    return 0;
}

/* All that do not hold, as bits. */
static uint32_t broken(void)
{
    char text[200];
    uint32_t bits = 0;
    for (uint32_t i = 0; i < MONITOR_INVARIANT_COUNT; i++) {
        if (!invariant_holds((enum monitor_invariant)i, m, &sight, text, sizeof text))
            bits |= 1U << i;
    }
    return bits;
}

/* What a change breaks: this one, no other; and it is mended when it is taken back. */
#define BREAKS(invariant, change, undo)                                                            \
    do {                                                                                           \
        change;                                                                                    \
        assert_int_equal(broken(), 1U << INVARIANT_##invariant);                                   \
        undo;                                                                                      \
        assert_int_equal(broken(), 0);                                                             \
    } while (0)
#define BREAKS_BY(invariant, cell, n)                                                              \
    BREAKS(invariant, counter_add(&(cell), (uint64_t)(n)), counter_add(&(cell), -(uint64_t)(n)))

static void books_in_order_break_nothing(void **state)
{
    (void)state;
    assert_int_equal(broken(), 0);
    assert_int_equal(invariant_check_all(m, &sight), 0);
    assert_int_equal(monitor_broken(m), 0);
}

/* An event that is counted twice, or not at all. */
static void an_event_has_one_fate(void **state)
{
    (void)state;
    BREAKS_BY(events, m->events_in, 1);
    BREAKS_BY(events, m->event_fate[EVENT_LOST_NO_SLOT], 1);
    BREAKS(events, sight.undecided--, sight.undecided++);
}

/* A message whose end nobody counted is not "on the way" for ever: at rest there is no way. */
static void a_fragment_has_one_fate(void **state)
{
    (void)state;
    BREAKS_BY(fragments, m->source[1].fate[FRAGMENT_OVERLAP], 5); /* more ends than messages */
    BREAKS_BY(fragments, m->source[2].fate[FRAGMENT_LATE], 1);    /* another source's */
    BREAKS_BY(fragments, m->source[1].received, 7);               /* more than queues hold */
    BREAKS(fragments, sight.fragments_stranded = 1, sight.fragments_stranded = 0);
    counter_add(&m->source[1].fate[FRAGMENT_STOPPED], 4);
    sight.ended = true; /* at the end, nothing may be on its way */
    char text[200];
    assert_true(invariant_holds(INVARIANT_fragments, m, &sight, text, sizeof text));
    counter_add(&m->source[1].received, 1);
    assert_false(invariant_holds(INVARIANT_fragments, m, &sight, text, sizeof text));
    assert_non_null(strstr(text, "101 fragments received, 100 with a fate"));
}

static void a_time_out_has_one_cause(void **state)
{
    (void)state;
    BREAKS_BY(timed_out, m->events_timed_out[LOSS_source], 5);
    BREAKS(timed_out, counter_add(&m->events_timed_out[LOSS_deadline], (uint64_t)-2),
           counter_add(&m->events_timed_out[LOSS_deadline], 2));
}

static void a_decision_is_published_or_unsent(void **state)
{
    (void)state;
    BREAKS_BY(decisions, m->decisions_published, 3);
    BREAKS(decisions, counter_add(&m->decisions_unsent, (uint64_t)-1),
           counter_add(&m->decisions_unsent, 1));
}

static void an_accepted_event_is_recorded_or_lost(void **state)
{
    (void)state;
    BREAKS_BY(recorded, m->record_lost, 3);
    BREAKS(recorded, counter_add(&m->recorded_events, (uint64_t)-2),
           counter_add(&m->recorded_events, 2));
}

static void each_ns_is_in_one_class(void **state)
{
    (void)state;
    BREAKS(times, counter_add(&m->live_ns, (uint64_t)-1), counter_add(&m->live_ns, 1));
    BREAKS_BY(times, m->paused_ns, NS_PER_S); /* more than passed since the last charge */
    sight.ended = true;
    char text[200];
    assert_true(invariant_holds(INVARIANT_times, m, &sight, text, sizeof text));
    counter_add(&m->draining_ns, 1);
    assert_false(invariant_holds(INVARIANT_times, m, &sight, text, sizeof text));
}

static void a_thread_is_busy_or_idle(void **state)
{
    (void)state;
    struct thread_monitor *event = &m->thread[THREAD_event];
    BREAKS(threads, counter_add(&event->busy_ns, (uint64_t)-1), counter_add(&event->busy_ns, 1));
    BREAKS_BY(threads, event->idle_ns, 4 * NS_PER_S); /* older than the daemon */
}

/* A process that was stopped for half a minute took no data: that is not live time. And a
 * clock that goes back must not make a class run backwards, or 500 years long. */
static void what_the_clock_does_is_accounted_for(void **state)
{
    (void)state;
    uint64_t live = counter_read(&m->live_ns), now = 2 * NS_PER_S + 1000;
    monitor_time_charge(m, TIME_live, now + 30 * NS_PER_S);
    assert_int_equal(counter_read(&m->live_ns) - live, MONITOR_STALL_NS);
    assert_int_equal(counter_read(&m->dead_ns[DEAD_stalled]), 29 * NS_PER_S);
    monitor_time_charge(m, TIME_paused, now);
    assert_int_equal(counter_read(&m->paused_ns), 0);
    monitor_time_charge(m, TIME_paused, now + 30 * NS_PER_S + 5);
    assert_int_equal(counter_read(&m->paused_ns), 5);
    sight.now_ns = now + 30 * NS_PER_S + 5;
    assert_int_equal(broken(), 0);
}

/* Exit status, metrics and sparse-top hang on this count. */
static void what_is_broken_is_counted(void **state)
{
    (void)state;
    counter_add(&m->events_in, 1);
    assert_int_equal(invariant_check_all(m, &sight), 1);
    assert_int_equal(invariant_check_all(m, &sight), 1);
    assert_int_equal(counter_read(&m->invariant_broken[INVARIANT_events]), 2);
    assert_int_equal(monitor_broken(m), 2);
}

/* What stands in the log when all is over, and what fits a line that is too short. */
static void the_account_reads_as_two_sentences(void **state)
{
    (void)state;
    char text[300], little[12];
    counter_add(&m->source[1].missed, 8);
    account_fragments(m, text, sizeof text);
    assert_string_equal(text, "fragments 105 = assembled 90 + lost 11 (source 5, deadline 6) + "
                              "in flight 4; never came 8");
    monitor_time_charge(m, TIME_live, 3 * NS_PER_S);
    account_time(m, text, sizeof text);
    assert_string_equal(text, "time 1.00 s = live 1.00 + paused 0.00 + draining 0.00 + dead 0.00 "
                              "(no_slot 0.00); busy: event 30 %");
    account_time(m, little, sizeof little);
    assert_string_equal(little, "time 1.00 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(books_in_order_break_nothing),
        T(an_event_has_one_fate),
        T(a_fragment_has_one_fate),
        T(a_time_out_has_one_cause),
        T(a_decision_is_published_or_unsent),
        T(an_accepted_event_is_recorded_or_lost),
        T(each_ns_is_in_one_class),
        T(a_thread_is_busy_or_idle),
        T(what_the_clock_does_is_accounted_for),
        T(what_is_broken_is_counted),
        T(the_account_reads_as_two_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
