/* Scores into decisions. */
#include "trigger/trigger.h"
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

enum { WINDOWS = 4 };

/* Two planes; model 0 (labels a, b) looks at plane 0, model 1 (label a) at plane 1.
 * Windows 0 and 1 are model 0's, 2 and 3 model 1's. */
struct run {
    struct geometry g;
    struct model model[2];
    struct model_set models;
    struct trigger_settings settings;
    struct window window[WINDOWS];
    double score[WINDOWS][2];
    struct event event;
    struct trigger *t;
};

static void begin(struct run *r)
{
    memset(r, 0, sizeof *r);
    r->g.n_planes = 2;
    r->g.plane[0].id = 10;
    r->g.plane[1].id = 11;
    r->models.n_models = 2;
    for (uint32_t i = 0; i < 2; i++) {
        r->model[i].n_labels = 2 - i;
        (void)strcpy(r->model[i].label[0], "a");
        (void)strcpy(r->model[i].label[1], "b");
        r->models.entry[i] =
            (struct model_entry){.model = &r->model[i], .n_planes = 1, .plane = {i}};
    }
    for (uint32_t i = 0; i < WINDOWS; i++)
        r->window[i] = (struct window){.model = i / 2, .plane = i / 2};
    r->event = (struct event){.id = {1, 2, 3},
                              .event_time_ns = UINT64_C(1000000000000),
                              .n_windows = WINDOWS,
                              .window = r->window,
                              .score = r->score[0],
                              .score_stride = 2};
}

static struct rule_settings *add_rule(struct run *r, const char *name, const char *label)
{
    struct rule_settings *rule = &r->settings.rule[r->settings.n_rules++];
    *rule = (struct rule_settings){.threshold = 0.5, .min_windows = 1, .prescale = 1};
    (void)snprintf(rule->name, sizeof rule->name, "%s", name);
    (void)snprintf(rule->label, sizeof rule->label, "%s", label);
    return rule;
}

static enum event_fate decide(struct run *r)
{
    struct error err = {0};
    if (r->t == NULL)
        r->t = trigger_create(&r->settings, &r->models, &r->g, &err);
    if (r->t == NULL)
        fail_msg("%s", err.text);
    trigger_decide(r->t, &r->event);
    return r->event.decision.fate;
}

/* Strictly above: a network that says exactly 0.5 has not said yes. */
static void a_rule_fires_above_its_threshold_only(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "rule", "a");
    r.score[3][0] = 0.5;
    assert_int_equal(decide(&r), EVENT_REJECTED);
    r.score[3][0] = 0.5000001;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    assert_int_equal(r.event.decision.rules_fired, 1);
    trigger_destroy(&r.t);
}

static void a_rule_looks_at_its_label_and_planes_only(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    struct rule_settings *rule = add_rule(&r, "rule", "b");
    (void)rule;
    rule = add_rule(&r, "plane", "a");
    rule->planes = (struct settings_planes){.count = 1, .id = {11}};
    r.score[0][0] = 1; /* a on plane 10: nobody's */
    r.score[3][1] = 1; /* model 1 has no label b: stale memory */
    assert_int_equal(decide(&r), EVENT_REJECTED);
    r.score[1][1] = 1;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    assert_int_equal(r.event.decision.rules_fired, 1);
    r.score[2][0] = 1;
    (void)decide(&r);
    assert_int_equal(r.event.decision.rules_fired, 3);
    trigger_destroy(&r.t);
}

static void a_coincidence_needs_its_number_of_windows(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "two", "a")->min_windows = 2;
    r.score[0][0] = 1;
    assert_int_equal(decide(&r), EVENT_REJECTED);
    r.score[2][0] = 1;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    trigger_destroy(&r.t);
}

/* A replay of the same events must keep the same ones, whatever the order of rules. */
static void a_prescale_is_a_property_of_the_event(void **state)
{
    (void)state;
    struct run one, other;
    begin(&one);
    begin(&other);
    add_rule(&one, "common", "a")->prescale = 10;
    add_rule(&other, "first", "b");
    add_rule(&other, "common", "a")->prescale = 10;
    one.score[0][0] = other.score[0][0] = 1;
    uint32_t accepted = 0;
    for (uint64_t event = 0; event < 10000; event++) {
        one.event.id.event = other.event.id.event = event;
        enum event_fate fate = decide(&one);
        assert_int_equal(fate, decide(&other));
        assert_true(fate == EVENT_ACCEPTED || fate == EVENT_PRESCALED);
        assert_int_equal(one.event.decision.rules_prescaled, fate == EVENT_PRESCALED);
        accepted += fate == EVENT_ACCEPTED;
    }
    assert_in_range(accepted, 880, 1120); /* 1,000 +- 4 sigma */
    trigger_destroy(&one.t);
    trigger_destroy(&other.t);
}

static void pass_through_keeps_one_in_n_whatever_the_score(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "rule", "a");
    r.settings.pass_through = 100;
    uint32_t accepted = 0;
    for (uint64_t event = 0; event < 10000; event++) {
        r.event.id.event = event;
        bool kept = decide(&r) == EVENT_ACCEPTED;
        assert_int_equal(kept, r.event.decision.pass_through);
        accepted += kept;
    }
    assert_in_range(accepted, 60, 140);
    trigger_destroy(&r.t);
}

/* 1 kHz of good events, a limit of 50 Hz: 50 a second are kept, the rest has a name. */
static void the_accept_rate_is_held_on_the_events_own_times(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "rule", "a");
    r.settings.max_accept_rate = 50;
    r.settings.accept_burst = 5;
    r.score[0][0] = 1;
    uint32_t accepted = 0, throttled = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        enum event_fate fate = decide(&r);
        accepted += fate == EVENT_ACCEPTED;
        throttled += fate == EVENT_THROTTLED;
        r.event.event_time_ns += 1000000;
    }
    assert_int_equal(accepted + throttled, 10000);
    assert_in_range(accepted, 500, 506);
    trigger_destroy(&r.t);
}

/* One event from the far future once throttled all that followed, for years. */
static void a_clock_that_steps_does_not_close_the_trigger(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "rule", "a");
    r.settings.max_accept_rate = 1;
    r.settings.accept_burst = 1;
    r.score[0][0] = 1;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    assert_int_equal(decide(&r), EVENT_THROTTLED);
    uint64_t now = r.event.event_time_ns;
    r.event.event_time_ns = UINT64_MAX - 5;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    r.event.event_time_ns = now;
    assert_int_equal(decide(&r), EVENT_ACCEPTED);
    assert_int_equal(decide(&r), EVENT_THROTTLED);
    trigger_destroy(&r.t);
}

/* Quiet for longer than a clock may step, as rare events are, is not a step: a limit of
 * one event in 100 s once kept every event that came 11 s after the last. */
static void a_low_accept_rate_is_held(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    add_rule(&r, "rule", "a");
    r.settings.max_accept_rate = 0.01;
    r.settings.accept_burst = 1;
    r.score[0][0] = 1;
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        accepted += decide(&r) == EVENT_ACCEPTED;
        r.event.event_time_ns += UINT64_C(11000000000);
    }
    assert_int_equal(accepted, 100); /* every 10th: 110 s */
    trigger_destroy(&r.t);
}

static void a_label_that_no_model_has_is_named(void **state)
{
    (void)state;
    struct run r;
    begin(&r);
    struct error err = {0};
    struct rule_settings *rule = add_rule(&r, "rule", "muon");
    assert_null(trigger_create(&r.settings, &r.models, &r.g, &err));
    assert_int_equal(err.code, ERROR_CONFIG);
    assert_non_null(strstr(err.text, "rule"));
    assert_non_null(strstr(err.text, "muon"));
    (void)strcpy(rule->label, "b");
    rule->planes = (struct settings_planes){.count = 1, .id = {11}};
    assert_null(trigger_create(&r.settings, &r.models, &r.g, &err));
    assert_non_null(strstr(err.text, "planes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_fires_above_its_threshold_only),
        cmocka_unit_test(a_rule_looks_at_its_label_and_planes_only),
        cmocka_unit_test(a_coincidence_needs_its_number_of_windows),
        cmocka_unit_test(a_prescale_is_a_property_of_the_event),
        cmocka_unit_test(pass_through_keeps_one_in_n_whatever_the_score),
        cmocka_unit_test(the_accept_rate_is_held_on_the_events_own_times),
        cmocka_unit_test(a_clock_that_steps_does_not_close_the_trigger),
        cmocka_unit_test(a_low_accept_rate_is_held),
        cmocka_unit_test(a_label_that_no_model_has_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
