/* Run control with a world that only notes what is done to it: every transition, allowed and
 * refused, and what becomes of a run whose world fails. */
#include "cmocka_all.h"

#include "base/log.h"
#include "pipeline/run_control.h"

#include <stdio.h>
#include <string.h>

static struct monitor monitor;

/* What the world is to answer, and what it was asked. */
static struct {
    enum run_result configure, start;
    enum run_drain drain;
    bool change_works, paused;
    char file[64], ended_by[16];
    uint32_t started, drains, changes;
} world;

static enum run_result configure(void *self, const char *file, struct error *err)
{
    (void)self;
    (void)snprintf(world.file, sizeof world.file, "%s", file);
    if (world.configure != RUN_RESULT_DONE)
        (void)error_set(err, ERROR_MODEL, "net.h5: not there");
    return world.configure;
}

static enum run_result start(void *self, const struct run_begin *run, struct error *err)
{
    (void)self;
    if (world.start != RUN_RESULT_DONE) {
        (void)error_set(err, ERROR_NETWORK, "readout.endpoints: address in use");
        return world.start;
    }
    world.started = run->number;
    return RUN_RESULT_DONE;
}

static void pause_it(void *self, bool paused)
{
    (void)self;
    world.paused = paused;
}

static uint64_t stop(void *self, const char *ended_by, uint64_t now_ns)
{
    (void)self;
    (void)snprintf(world.ended_by, sizeof world.ended_by, "%s", ended_by);
    return now_ns + 1000;
}

static enum run_drain drain(void *self, uint64_t now_ns, uint64_t wall_ns)
{
    (void)self, (void)now_ns, (void)wall_ns;
    world.drains++;
    return world.drain;
}

static const char *waits_for(void *self)
{
    (void)self;
    return "record";
}

static bool change(void *self, const struct run_command *ask, char *text, struct error *err)
{
    (void)self, (void)ask;
    world.changes += world.change_works;
    (void)snprintf(text, RUN_TEXT_BYTES, "changed");
    return world.change_works || error_set(err, ERROR_CONFIG, "no rule beam");
}

static void tend(void *self)
{
    (void)self;
}

static const char *file(void *self)
{
    (void)self;
    return world.file;
}

static struct run_control control;
static struct run_reply reply;

static int set_up(void **state)
{
    (void)state;
    const struct run_world w = {NULL,  configure, start,  pause_it, stop,
                                drain, waits_for, change, tend,     file};
    memset(&world, 0, sizeof world);
    memset(&monitor, 0, sizeof monitor);
    world.change_works = true;
    world.drain = RUN_DRAIN_DONE;
    run_control_init(&control, &w, &monitor);
    return 0;
}

static enum run_outcome ask_run(enum run_step step, uint32_t run)
{
    struct run_command ask = {.step = step, .run = run, .by_itself = true};
    run_control_ask(&control, &ask, 10, 20, &reply);
    return reply.outcome;
}

static enum run_outcome ask(enum run_step step)
{
    static uint32_t run;
    return ask_run(step, step == RUN_STEP_START ? ++run : 0);
}

/* Brings a fresh run control into a state, by the way an operator would. */
static void bring_to(enum run_state state)
{
    (void)set_up(NULL);
    if (state == RUN_INITIAL)
        return;
    assert_int_equal(ask(RUN_STEP_CONFIGURE), RUN_DONE);
    if (state == RUN_CONFIGURED)
        return;
    assert_int_equal(ask(RUN_STEP_START), RUN_DONE);
    if (state == RUN_RUNNING)
        return;
    assert_int_equal(ask(state == RUN_PAUSED ? RUN_STEP_PAUSE : RUN_STEP_STOP), RUN_DONE);
    if (state != RUN_ERROR)
        return;
    world.drain = RUN_DRAIN_STUCK;
    run_control_step(&control, 30, 40);
}

/* A command that is taken where it has no row, or refused where it has one, is how a run is
 * lost at night: all states times all steps are tried. Each refusal names the state. */
static void every_pair_of_state_and_step_does_what_the_table_says(void **state)
{
    (void)state;
    int allowed = 0, refused = 0;
    for (int from = 0; from < RUN_STATE_COUNT; from++) {
        for (int step = 0; step < RUN_STEP_COUNT; step++) {
            bring_to((enum run_state)from);
            assert_int_equal(control.state, from);
            enum run_state next = run_state_next((enum run_state)from, (enum run_step)step);
            bool wanted = next != RUN_STATE_COUNT && run_state_step_asked((enum run_step)step);
            bool stuck = from == RUN_ERROR && step == RUN_STEP_CONFIGURE;
            enum run_outcome outcome = ask((enum run_step)step);
            if (!wanted) {
                assert_int_equal(outcome, RUN_REFUSED);
                assert_non_null(strstr(reply.text, run_state_name((enum run_state)from)));
            }
            assert_int_equal(outcome, stuck ? RUN_FAILED : wanted ? RUN_DONE : RUN_REFUSED);
            assert_int_equal(control.state, wanted && !stuck ? next : (enum run_state)from);
            assert_int_equal(atomic_load(&monitor.run_state), control.state);
            *(wanted ? &allowed : &refused) += 1;
        }
    }
    assert_int_equal(allowed, 6 * 3 + 16); /* everywhere: status, config, shutdown; and rows */
    assert_int_equal(refused, 6 * RUN_STEP_COUNT - allowed);
}

/* What may be asked for is told with each refusal: the list is made from the table. */
static void what_is_allowed_is_told(void **state)
{
    char text[256];
    (void)state;
    run_state_allowed(RUN_INITIAL, text, sizeof text);
    assert_string_equal(text, "configure, status, config, shutdown");
    run_state_allowed(RUN_PAUSED, text, sizeof text);
    assert_string_equal(text, "resume, stop, reload, model, shadow, prescale, status, config, "
                              "shutdown");
    run_state_allowed(RUN_DRAINING, text, sizeof text);
    assert_string_equal(text, "status, config, shutdown");
}

/* A second shift types the number of the first one's run: two runs of one number cannot be
 * told apart afterwards. */
static void a_run_number_is_taken_once(void **state)
{
    (void)state;
    bring_to(RUN_CONFIGURED);
    assert_int_equal(ask_run(RUN_STEP_START, 0), RUN_BAD);
    assert_int_equal(ask_run(RUN_STEP_START, 70000), RUN_DONE);
    assert_int_equal(atomic_load(&monitor.run_number), 70000);
    assert_int_equal(ask(RUN_STEP_STOP), RUN_DONE);
    run_control_step(&control, 30, 40);
    assert_int_equal(ask_run(RUN_STEP_START, 70000), RUN_BAD);
    assert_int_equal(ask_run(RUN_STEP_START, 70001), RUN_DONE);
}

/* Two operators: one asks to stop run 7, which the other has ended and begun 8. */
static void a_stop_for_another_run_stops_nothing(void **state)
{
    (void)state;
    bring_to(RUN_CONFIGURED);
    assert_int_equal(ask_run(RUN_STEP_START, 80000), RUN_DONE);
    assert_int_equal(ask_run(RUN_STEP_STOP, 79999), RUN_BAD);
    assert_int_equal(ask_run(RUN_STEP_PAUSE, 79999), RUN_BAD);
    assert_int_equal(control.state, RUN_RUNNING);
    assert_int_equal(ask_run(RUN_STEP_STOP, 80000), RUN_DONE);
}

static void a_drain_that_goes_on_is_waited_for(void **state)
{
    struct run_status status;
    (void)state;
    bring_to(RUN_PAUSED);
    world.drain = RUN_DRAIN_GOES_ON;
    assert_int_equal(ask(RUN_STEP_STOP), RUN_DONE);
    assert_false(world.paused); /* a drain reads what waits */
    for (uint64_t now = 100; now < 110; now++)
        run_control_step(&control, now, now);
    run_control_status(&control, 110, &status);
    assert_int_equal(status.state, RUN_DRAINING);
    assert_string_equal(status.waits_for, "record");
    assert_int_equal(status.drain_left_ns, 900);
    assert_int_equal(ask(RUN_STEP_STOP), RUN_REFUSED);
    world.drain = RUN_DRAIN_DONE;
    run_control_step(&control, 120, 120);
    assert_int_equal(control.state, RUN_CONFIGURED);
    assert_int_equal(world.drains, 11);
}

/* What was given up is named: who only counts events would miss it. */
static void what_was_not_finished_is_named(void **state)
{
    struct run_status status;
    (void)state;
    bring_to(RUN_RUNNING);
    counter_add(&monitor.events_in, 6);
    counter_add(&monitor.event_fate[EVENT_ACCEPTED], 3);
    counter_add(&monitor.event_fate[EVENT_LOST_STOP], 1); /* a source sends on: not ours */
    atomic_store(&monitor.n_sources, 2);
    counter_add(&monitor.source[1].received, 9);
    counter_add(&monitor.source[1].fate[FRAGMENT_ASSEMBLED], 8);
    counter_add(&monitor.source[1].fate[FRAGMENT_STOPPED], 1);
    assert_int_equal(ask(RUN_STEP_STOP), RUN_DONE);
    run_control_step(&control, 120, 120);
    run_control_status(&control, 130, &status);
    assert_false(status.last_complete);
    assert_non_null(strstr(status.last_result, "2 events undecided"));
    assert_non_null(strstr(status.last_result, "unfinished: 1 fragments given up"));
    assert_non_null(strstr(status.last_result, "lost 1 (stop 1)"));
}

/* A run's account is its own, and all runs' together are the daemon's. */
static void runs_add_up_to_the_daemons_account(void **state)
{
    struct run_status status;
    uint64_t in = 0, live = 0;
    (void)state;
    bring_to(RUN_CONFIGURED);
    for (uint64_t run = 1; run <= 20; run++) {
        assert_int_equal(ask(RUN_STEP_START), RUN_DONE);
        counter_add(&monitor.events_in, run);
        counter_add(&monitor.event_fate[EVENT_REJECTED], run);
        counter_add(&monitor.live_ns, 1000 * run);
        assert_int_equal(ask(RUN_STEP_STOP), RUN_DONE);
        run_control_step(&control, 120, 120);
        run_control_status(&control, 130, &status);
        assert_int_equal(status.tally.events.in, run);
        assert_int_equal(status.tally.length_ns, 1000 * run);
        assert_true(status.last_complete);
        in += status.tally.events.in;
        live += status.tally.live_ns;
    }
    assert_int_equal(status.runs, 20);
    assert_int_equal(status.all.events.in, in);
    assert_int_equal(status.all.live_ns, live);
}

static void a_failed_start_leaves_the_configuration(void **state)
{
    (void)state;
    bring_to(RUN_CONFIGURED);
    world.start = RUN_RESULT_UNCHANGED;
    assert_int_equal(ask(RUN_STEP_START), RUN_FAILED);
    assert_non_null(strstr(reply.text, "address in use"));
    assert_int_equal(control.state, RUN_CONFIGURED);
    world.start = RUN_RESULT_BROKEN;
    assert_int_equal(ask(RUN_STEP_START), RUN_FAILED);
    assert_int_equal(control.state, RUN_ERROR);
}

/* A wrong file leaves the old configuration; one whose sockets fail leaves none, and a good
 * one mends that. */
static void a_failed_configure_is_an_error_only_if_it_broke_something(void **state)
{
    (void)state;
    bring_to(RUN_CONFIGURED);
    world.configure = RUN_RESULT_UNCHANGED;
    assert_int_equal(ask(RUN_STEP_CONFIGURE), RUN_FAILED);
    assert_int_equal(control.state, RUN_CONFIGURED);
    world.configure = RUN_RESULT_BROKEN;
    assert_int_equal(ask(RUN_STEP_CONFIGURE), RUN_FAILED);
    assert_int_equal(reply.code, ERROR_MODEL);
    assert_int_equal(control.state, RUN_ERROR);
    world.configure = RUN_RESULT_DONE;
    assert_int_equal(ask(RUN_STEP_CONFIGURE), RUN_DONE);
    assert_int_equal(control.state, RUN_CONFIGURED);
}

static void a_wrong_change_changes_nothing(void **state)
{
    (void)state;
    bring_to(RUN_RUNNING);
    world.change_works = false;
    assert_int_equal(ask(RUN_STEP_PRESCALE), RUN_BAD);
    assert_int_equal(control.changes, 0);
    world.change_works = true;
    assert_int_equal(ask(RUN_STEP_MODEL), RUN_DONE);
    assert_int_equal(control.changes, 1);
}

/* The daemon ends only when the run has: from each state a shutdown comes to its end. */
static void a_shutdown_ends_from_every_state(void **state)
{
    (void)state;
    for (int from = 0; from < RUN_STATE_COUNT; from++) {
        bring_to((enum run_state)from);
        assert_false(run_control_ended(&control));
        assert_int_equal(ask(RUN_STEP_SHUTDOWN), RUN_DONE);
        bool run = from == RUN_RUNNING || from == RUN_PAUSED || from == RUN_DRAINING;
        assert_int_equal(run_control_ended(&control), !run);
        assert_int_equal(ask(RUN_STEP_CONFIGURE), RUN_REFUSED);
        world.drain = RUN_DRAIN_DONE;
        run_control_step(&control, 30, 40);
        assert_true(run_control_ended(&control));
        assert_true(atomic_load(&monitor.stopping));
    }
    bring_to(RUN_RUNNING);
    struct run_command signal = {.step = RUN_STEP_SHUTDOWN, .by_signal = true, .by_itself = true};
    run_control_ask(&control, &signal, 10, 20, &reply);
    assert_string_equal(world.ended_by, "signal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_pair_of_state_and_step_does_what_the_table_says, set_up),
        cmocka_unit_test_setup(what_is_allowed_is_told, set_up),
        cmocka_unit_test_setup(a_run_number_is_taken_once, set_up),
        cmocka_unit_test_setup(a_stop_for_another_run_stops_nothing, set_up),
        cmocka_unit_test_setup(a_drain_that_goes_on_is_waited_for, set_up),
        cmocka_unit_test_setup(what_was_not_finished_is_named, set_up),
        cmocka_unit_test_setup(runs_add_up_to_the_daemons_account, set_up),
        cmocka_unit_test_setup(a_failed_start_leaves_the_configuration, set_up),
        cmocka_unit_test_setup(a_failed_configure_is_an_error_only_if_it_broke_something, set_up),
        cmocka_unit_test_setup(a_wrong_change_changes_nothing, set_up),
        cmocka_unit_test_setup(a_shutdown_ends_from_every_state, set_up),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
