/* health and watch: the words a shifter acts on, and what is remembered of the night. */
#include "cmocka_all.h"
#include "run_fixture.h"

#include "base/clock.h"
#include "data/run_state.h"
#include "service/health.h"
#include "service/status.h"
#include "service/watch.h"

#include <jansson.h>

static struct run_fixture *run;
static struct monitor *m;
static struct watch *watch;
static uint64_t now_ns;

/* A run that goes well: one source, data taken, three seconds old. */
static int set_up(void **state)
{
    (void)state;
    run = fixture_create();
    m = &run->monitor;
    now_ns = 1000 * NS_PER_S;
    m->started_ns = now_ns;
    atomic_store(&m->ready, true);
    atomic_store(&m->run_state, RUN_RUNNING);
    atomic_store(&m->n_sources, 2);
    atomic_store(&m->source[1].id, 7);
    watch = watch_create(m);
    return watch == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    watch_destroy(&watch);
    free(run);
    return 0;
}

/* A second passes in which the event thread and source 7 are alive. */
static void second_passes(void)
{
    now_ns += NS_PER_S;
    atomic_store(&m->heartbeat_ns, now_ns);
    atomic_store(&m->source[1].last_seen_ns, now_ns);
    watch_tick(watch, now_ns, now_ns + 1000000 * NS_PER_S);
}

static void expect(enum health_state state, const char *words)
{
    struct health h;
    watch_health(watch, &h);
    bool said = h.n == 0 && words[0] == '\0';
    for (uint32_t i = 0; i < h.n; i++)
        said = said || strstr(h.reason[i], words) != NULL;
    if (h.state != state || !said)
        fail_msg("\"%s\" is not said; %s: %s", words, health_state_name(h.state),
                 h.n > 0 ? h.reason[0] : "no reason");
}

static void all_is_well(void **state)
{
    (void)state;
    second_passes();
    second_passes();
    expect(HEALTH_healthy, "");
}

/* A loss is said for ten seconds, by fate, so that somebody who looks up sees it; then the
 * word is healthy again: a night's count alone must not paint the page red till morning. */
static void a_loss_is_said_and_then_over(void **state)
{
    (void)state;
    second_passes();
    counter_add(&m->events_in, 20);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 18);
    counter_add(&m->event_fate[EVENT_LOST_NO_SLOT], 2);
    second_passes();
    expect(HEALTH_trouble, "20 events lost in the last 1 s: timeout 18, no_slot 2");
    for (int i = 0; i < 9; i++)
        second_passes();
    expect(HEALTH_trouble, "20 events lost in the last 10 s");
    second_passes();
    expect(HEALTH_healthy, "");
}

static void each_trouble_is_named(void **state)
{
    (void)state;
    second_passes();
    counter_add(&m->source[1].fate[FRAGMENT_BAD_SIZE], 2);
    second_passes();
    expect(HEALTH_trouble, "2 fragments lost in the last 1 s: bad_size 2");
    counter_add(&m->record_lost, 3);
    counter_add(&m->decisions_missed, 4);
    counter_add(&m->dead_ns[DEAD_no_slot], NS_PER_S / 2);
    atomic_store(&m->record_failing, true);
    second_passes();
    expect(HEALTH_trouble, "3 accepted events not recorded");
    expect(HEALTH_trouble, "4 decisions missed by a subscriber");
    expect(HEALTH_trouble, "dead time 25.0 %: no event slot was free");
    expect(HEALTH_trouble, "the recorder cannot write");
    counter_add(&m->invariant_broken[0], 1);
    second_passes();
    expect(HEALTH_trouble, "the ledger does not close (1 checks of events)");
}

/* One of two silent is a missing crate; both silent is the time between two spills. */
static void silence_of_some_is_trouble_of_all_is_not(void **state)
{
    (void)state;
    atomic_store(&m->n_sources, 3);
    atomic_store(&m->source[2].id, 9);
    atomic_store(&m->source[2].last_seen_ns, now_ns);
    for (int i = 0; i < 7; i++)
        second_passes();
    expect(HEALTH_trouble, "source 9 silent for 7 s");
    uint64_t last = now_ns;
    for (int i = 0; i < 7; i++) {
        second_passes();
        atomic_store(&m->source[1].last_seen_ns, last);
    }
    watch_tick(watch, now_ns, now_ns);
    expect(HEALTH_idle, "no source has sent for 7 s");
}

/* A card that is down loses nothing: it must not look like the trouble of a lost event, nor
 * hide one. */
static void a_card_that_is_down_is_degraded(void **state)
{
    (void)state;
    atomic_store(&m->n_cards, 2);
    atomic_store(&m->card[0].state, FPGA_STATE_up);
    atomic_store(&m->card[1].device, 5);
    second_passes();
    expect(HEALTH_degraded, "1 of 2 cards not up, the CPU scores for them: device 5 down");
    counter_add(&m->events_in, 1);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 1);
    second_passes();
    expect(HEALTH_trouble, "1 of 2 cards not up");
    expect(HEALTH_trouble, "1 events lost");
}

static void states_of_the_run_have_their_words(void **state)
{
    static const struct {
        enum run_state run;
        bool ready, stopping;
        enum health_state health;
        const char *words;
    } rows[] = {
        {RUN_INITIAL, false, false, HEALTH_starting, "no fragment is taken yet"},
        {RUN_CONFIGURED, false, false, HEALTH_idle, "waiting for start"},
        {RUN_PAUSED, true, false, HEALTH_paused, "paused by an operator"},
        {RUN_DRAINING, false, true, HEALTH_stopping, "what came is finished"},
        {RUN_ERROR, false, false, HEALTH_trouble, "state error"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        atomic_store(&m->run_state, (uint32_t)rows[i].run);
        atomic_store(&m->ready, rows[i].ready);
        atomic_store(&m->stopping, rows[i].stopping);
        second_passes();
        expect(rows[i].health, rows[i].words);
    }
}

static void an_event_thread_that_hangs_is_trouble(void **state)
{
    (void)state;
    second_passes();
    watch_tick(watch, now_ns + 7 * NS_PER_S, 1);
    expect(HEALTH_trouble, "event thread has been silent for 7.0 s");
}

/* Twenty reasons at once: the page has room for twelve, memory for no more. */
static void reasons_are_bounded(void **state)
{
    (void)state;
    atomic_store(&m->n_sources, 100);
    second_passes();
    struct health h;
    watch_health(watch, &h);
    assert_int_equal(h.n, HEALTH_REASONS);
}

/* The counters of a run begin again: a difference must not become 2^64. */
static void counters_that_begin_again_are_no_flood(void **state)
{
    (void)state;
    counter_add(&m->events_in, 1000);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 1000);
    second_passes();
    atomic_store(&m->events_in, 0);
    atomic_store(&m->event_fate[EVENT_LOST_TIMEOUT], 0);
    second_passes();
    expect(HEALTH_healthy, "");
    struct watch_point p;
    assert_true(watch_latest(watch, &p));
    assert_float_equal(p.in_hz, 0, 0);
}

static void rates_are_remembered_by_second_and_by_two_minutes(void **state)
{
    static struct watch_point points[WATCH_POINTS];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        counter_add(&m->events_in, 300);
        counter_add(&m->event_fate[EVENT_ACCEPTED], 3);
        second_passes();
    }
    assert_int_equal(watch_history(watch, WATCH_minutes, points), WATCH_POINTS);
    assert_float_equal(points[0].in_hz, 300, 1e-9);
    assert_float_equal(points[WATCH_POINTS - 1].accepted_hz, 3, 1e-9);
    assert_true(points[0].wall_ns < points[1].wall_ns);
    assert_int_equal(watch_history(watch, WATCH_day, points), 8);
    assert_float_equal(points[7].in_hz, 300, 1e-9);
}

/* Who comes in the morning wants to know when it went wrong, not only that it is well. */
static void changes_are_kept_with_their_time(void **state)
{
    static struct watch_change change[WATCH_CHANGES];
    (void)state;
    second_passes();
    counter_add(&m->events_in, 1);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 1);
    second_passes();
    uint64_t at = now_ns + 1000000 * NS_PER_S;
    for (int i = 0; i < 12; i++)
        second_passes();
    uint32_t n = watch_changes(watch, change);
    assert_true(n >= 2);
    assert_string_equal(change[n - 1].text, "healthy");
    assert_false(change[n - 1].trouble);
    assert_string_equal(change[n - 2].text, "trouble: 1 events lost in the last 1 s: timeout 1");
    assert_true(change[n - 2].trouble);
    assert_int_equal(change[n - 2].wall_ns, at);
    for (int i = 0; i < 100; i++)
        watch_note(watch, (uint64_t)i, false, "something");
    assert_int_equal(watch_changes(watch, change), WATCH_CHANGES);
    assert_int_equal(change[0].wall_ns, 100 - WATCH_CHANGES);
}

/* A card that falls and comes back in one night is two lines, though all is well now. */
static void a_card_s_states_are_changes(void **state)
{
    static struct watch_change change[WATCH_CHANGES];
    (void)state;
    atomic_store(&m->n_cards, 1);
    atomic_store(&m->card[0].state, FPGA_STATE_up);
    second_passes();
    atomic_store(&m->card[0].state, FPGA_STATE_down);
    second_passes();
    uint32_t n = watch_changes(watch, change), fell = n;
    for (uint32_t i = 0; i < n; i++)
        fell = strcmp(change[i].text, "device 0, card 0: down") == 0 ? i : fell;
    assert_true(fell < n);
    assert_true(change[fell].trouble);
}

/* Names come from files: one that is no UTF-8 must not take the whole status away. */
static void a_status_is_json_whatever_the_names(void **state)
{
    struct metrics_source source = {m, &run->board, watch, &m->gallery};
    size_t bytes = 0;
    (void)state;
    (void)snprintf(run->model.name, sizeof run->model.name, "sm\xff\"all");
    second_passes();
    char *text = status_text(&source, now_ns, 5, &bytes);
    json_t *o = json_loads(text, 0, NULL);
    assert_non_null(o);
    assert_int_equal(strlen(text), bytes);
    assert_null(strchr(text, '\n')); /* one line, as an event stream needs */
    assert_string_equal(json_string_value(json_object_get(o, "instance")), "Micro \"Boo\" NE");
    json_t *info = json_object_get(json_object_get(o, "metrics"), "sparsed_info");
    json_t *labels = json_array_get(json_array_get(info, 0), 1);
    assert_string_equal(json_string_value(json_object_get(labels, "models")), "sm?\"all");
    json_decref(o);
    free(text);
    text = status_history_text(&source, &bytes);
    o = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(o, "event_fates")), EVENT_FATE_COUNT);
    json_decref(o);
    free(text);
    text = status_accepted_text(&source, &bytes);
    assert_string_equal(text, "{\"newest\":0,\"accepted\":[]}");
    free(text);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_is_well),
        T(a_loss_is_said_and_then_over),
        T(each_trouble_is_named),
        T(silence_of_some_is_trouble_of_all_is_not),
        T(a_card_that_is_down_is_degraded),
        T(states_of_the_run_have_their_words),
        T(an_event_thread_that_hangs_is_trouble),
        T(reasons_are_bounded),
        T(counters_that_begin_again_are_no_flood),
        T(rates_are_remembered_by_second_and_by_two_minutes),
        T(changes_are_kept_with_their_time),
        T(a_card_s_states_are_changes),
        T(a_status_is_json_whatever_the_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
