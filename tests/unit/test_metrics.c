#include "cmocka_all.h"
#include "run_fixture.h"

#include "proto/metrics.pb-c.h"
#include "service/health.h"
#include "service/metrics.h"

static struct run_fixture *run;
static struct metrics_source source;

static int set_up(void **state)
{
    (void)state;
    run = fixture_create();
    source = (struct metrics_source){.monitor = &run->monitor, .board = &run->board};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(run);
    return 0;
}

/* Two sources beside the unknown one, and the row that all further ones share. */
static void three_sources(void)
{
    atomic_store(&run->monitor.source[1].id, 7);
    atomic_store(&run->monitor.source[2].id, SOURCE_OTHERS);
    atomic_store(&run->monitor.n_sources, 3);
}

static char *page(void)
{
    size_t bytes = 0;
    char *text = metrics_text(&source, 20000000000, &bytes);
    assert_non_null(text);
    assert_int_equal(bytes, strlen(text));
    return text;
}

static void expect(const char *line)
{
    char *text = page(), with_ends[400];
    (void)snprintf(with_ends, sizeof with_ends, "\n%s\n", line);
    if (strstr(text, with_ends) == NULL) {
        fail_msg("no line \"%s\" in\n%s", line, text);
    }
    free(text);
}

/* How many lines differ between two pages of the same number of lines. */
static int differing_lines(const char *a, const char *b)
{
    int n = 0;
    while (*a != '\0' && *b != '\0') {
        size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");
        n += la != lb || memcmp(a, b, la) != 0;
        a += la + 1;
        b += lb + 1;
    }
    return n;
}

/* The counter must show: adding to it changes at least one line of the page. */
static void shows(counter *c, const char *what)
{
    char *before = page();
    counter_add(c, 3);
    char *after = page();
    if (differing_lines(before, after) == 0) {
        fail_msg("%s is counted, but no line of the page shows it", what);
    }
    free(before);
    free(after);
}

/* A counter that nobody shows is a loss that nobody sees. */
static void every_count_of_the_monitor_is_on_the_page(void **state)
{
    (void)state;
    struct monitor *m = &run->monitor;
    three_sources();
    for (uint32_t s = 0; s < 3; s++) {
        struct source_monitor *from = &m->source[s];
        for (uint32_t i = 0; i < FRAGMENT_FATE_COUNT; i++) {
            shows(&from->fate[i], fragment_fate_name((enum fragment_fate)i));
        }
        shows(&from->received, "received");
        shows(&from->received_bytes, "received_bytes");
        shows(&from->gaps, "gaps");
        shows(&from->missed, "missed");
        shows(&from->repeated, "repeated");
        shows(&from->out_of_order, "out_of_order");
        shows(&from->restarts, "restarts");
        shows(&from->missing_wires, "missing_wires");
        for (uint32_t i = LOSS_none + 1; i < LOSS_COUNT; i++)
            shows(&from->missing_events[i], loss_name((enum loss)i));
    }
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++) {
        shows(&m->event_fate[i], event_fate_name((enum event_fate)i));
    }
    for (uint32_t i = 0; i < run->settings.trigger.n_rules; i++) {
        shows(&m->rule_fired[i], "rule_fired");
        shows(&m->rule_prescaled[i], "rule_prescaled");
    }
    for (uint32_t i = 0; i < MONITOR_DEAD_CAUSE_COUNT; i++) {
        shows(&m->dead_ns[i], monitor_dead_cause_name((enum monitor_dead_cause)i));
    }
    shows(&m->events_in, "events_in");
    shows(&m->events_incomplete, "events_incomplete");
    for (uint32_t i = 0; i < MONITOR_INVARIANT_COUNT; i++)
        shows(&m->invariant_broken[i], monitor_invariant_name((enum monitor_invariant)i));
    for (uint32_t i = LOSS_none + 1; i < LOSS_COUNT; i++)
        shows(&m->events_timed_out[i], loss_name((enum loss)i));
    for (uint32_t i = 0; i < MONITOR_THREAD_COUNT; i++) {
        shows(&m->thread[i].busy_ns, monitor_thread_name((enum monitor_thread)i));
        shows(&m->thread[i].idle_ns, monitor_thread_name((enum monitor_thread)i));
    }
    shows(&m->live_ns, "live_ns");
    shows(&m->paused_ns, "paused_ns");
    shows(&m->draining_ns, "draining_ns");
    shows(&m->timed_ns, "timed_ns");
    shows(&m->decisions_unsent, "decisions_unsent");
    shows(&m->model_windows[0], "model_windows");
    shows(&m->windows_truncated, "windows_truncated");
    shows(&m->nonfinite_bins, "nonfinite_bins");
    shows(&m->pass_through, "pass_through");
    shows(&m->decisions_published, "decisions_published");
    shows(&m->decisions_missed, "decisions_missed");
    shows(&m->recorded_events, "recorded_events");
    shows(&m->recorded_bytes, "recorded_bytes");
    shows(&m->record_files, "record_files");
    shows(&m->record_lost, "record_lost");
    shows(&m->record_errors, "record_errors");
    atomic_store(&m->n_cards, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct fpga_monitor *card = &m->card[i];
        shows(&card->starts, "starts");
        shows(&card->launches, "launches");
        shows(&card->windows, "windows");
        shows(&card->cross_checked, "cross_checked");
        shows(&card->differing, "differing");
        for (uint32_t k = 0; k < MONITOR_FPGA_DOWN_COUNT; k++)
            shows(&card->down[k], monitor_fpga_down_name((enum fpga_down)k));
    }
    for (uint32_t i = 0; i < MONITOR_FPGA_FALLBACK_COUNT; i++)
        shows(&m->fpga_fallback[i], monitor_fpga_fallback_name((enum fpga_fallback)i));
    for (uint32_t i = 0; i < MONITOR_STAGE_COUNT; i++) {
        char *before = page();
        histogram_record(&m->stage[i], 1000);
        char *after = page();
        assert_int_equal(differing_lines(before, after), 6); /* quantiles, _sum, _count */
        free(before);
        free(after);
    }
}

static void values_have_their_units_and_labels(void **state)
{
    (void)state;
    struct monitor *m = &run->monitor;
    three_sources();
    m->started_ns = 5000000000;
    counter_add(&m->dead_ns[DEAD_no_slot], 2500000000);
    counter_add(&m->source[1].last_seen_ns, 18000000000);
    counter_add(&m->events_in, 10);
    counter_add(&m->event_fate[EVENT_REJECTED], 6);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 1);
    counter_add(&m->source[2].fate[FRAGMENT_LATE], 4);
    atomic_store(&m->fragments_waiting, 9);
    atomic_store(&m->n_cards, 1);
    atomic_store(&m->card[0].device, 3);
    atomic_store(&m->card[0].state, FPGA_STATE_testing);
    histogram_record(&m->card[0].card_ns, 2000000);
    expect("sparsed_fpga_state{card=\"0\",device=\"3\",model=\"small\",state=\"testing\"} 1");
    expect("sparsed_fpga_state{card=\"0\",device=\"3\",model=\"small\",state=\"up\"} 0");
    expect("sparsed_fpga_batch_seconds_sum{card=\"0\",device=\"3\",model=\"small\",step=\"card\"} "
           "0.002");
    expect("sparsed_uptime_seconds 15");
    counter_add(&m->live_ns, 12500000000);
    expect("sparsed_live_seconds_total 12.5");
    expect("sparsed_dead_seconds_total{cause=\"no_slot\"} 2.5");
    expect("sparsed_source_silent_seconds{source=\"7\"} 2");
    expect("sparsed_fragments_total{source=\"others\",fate=\"late\"} 4");
    counter_add(&m->source[2].missed, 5);
    counter_add(&m->source[2].fate[FRAGMENT_BAD_SIZE], 3);
    expect("sparsed_source_lost_total{source=\"others\",cause=\"deadline\"} 4");
    expect("sparsed_source_lost_total{source=\"others\",cause=\"network\"} 5");
    expect("sparsed_source_lost_total{source=\"others\",cause=\"source\"} 3");
    expect("sparsed_events_lost_total{cause=\"deadline\"} 1");
    counter_add(&m->thread[THREAD_workers].busy_ns, 1500000000);
    expect("sparsed_thread_seconds_total{thread=\"workers\",state=\"busy\"} 1.5");
    expect("sparsed_fragments_received_total{source=\"unknown\"} 0");
    expect("sparsed_events_total{fate=\"rejected\"} 6");
    expect("sparsed_events_in_flight 3");
    expect("sparsed_queue_depth{queue=\"fragments\"} 9");
    expect("sparsed_ready 0");
    atomic_store(&m->ready, true);
    expect("sparsed_ready 1");
}

/* A name from the configuration may hold anything; it must not break the page. */
static void labels_are_escaped(void **state)
{
    (void)state;
    (void)snprintf(run->settings.trigger.rule[0].name, SETTINGS_NAME_BYTES, "a\"b\\c\nd");
    expect("sparsed_rule_fired_total{rule=\"a\\\"b\\\\c\\nd\"} 0");
}

/* 2^40 events are a few years at full rate: shown to the last one. */
static void large_counts_are_exact(void **state)
{
    (void)state;
    counter_add(&run->monitor.events_in, (UINT64_C(1) << 40) + 1);
    expect("sparsed_events_in_total 1099511627777");
}

/* The page and the message come from one table and must hold the same. */
static void the_message_holds_what_the_page_holds(void **state)
{
    (void)state;
    three_sources();
    atomic_store(&run->monitor.n_cards, 2);
    size_t bytes = 0, samples = 0, lines = 0;
    uint8_t *packed = metrics_message(&source, 20000000000, 99, &bytes);
    Sparsed__Metrics *all = sparsed__metrics__unpack(NULL, bytes, packed);
    assert_non_null(all);
    assert_string_equal(all->instance, "Micro \"Boo\" NE");
    assert_int_equal(all->time_ns, 99);
    assert_int_equal(all->n_families, metrics_count());
    for (size_t i = 0; i < all->n_families; i++) {
        assert_string_equal(all->families[i]->name, metrics_name(i));
        samples += all->families[i]->n_samples;
    }
    char *text = page();
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines - 2 * metrics_count(), samples); /* less HELP and TYPE */
    sparsed__metrics__free_unpacked(all, NULL);
    free(packed);
    free(text);
}

static void prometheus_accepts_the_page(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null") != 0) {
        if (getenv("CI") != NULL) {
            fail_msg("promtool (Debian: prometheus) is not installed");
        }
        print_message("promtool (Debian: prometheus) is not installed\n");
        skip();
    }
    three_sources();
    run->settings.output.record.directory[0] = '/';
    atomic_store(&run->monitor.n_cards, 2);
    FILE *to = popen("promtool check metrics", "w");
    char *text = page();
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(pclose(to), 0);
    free(text);
}

static void health_names_the_reason(void **state)
{
    (void)state;
    struct monitor *m = &run->monitor;
    char text[256];
    uint64_t now = 100000000000;
    assert_true(health_live(m, now, text, sizeof text)); /* starting */
    assert_false(health_ready(m, now, text, sizeof text));
    assert_string_equal(text, "starting");
    atomic_store(&m->ready, true);
    atomic_store(&m->heartbeat_ns, now);
    assert_true(health_ready(m, now, text, sizeof text));
    /* A card that is down is no reason to restart the daemon, and not to be kept quiet. */
    atomic_store(&m->n_cards, 2);
    atomic_store(&m->card[0].state, FPGA_STATE_up);
    atomic_store(&m->card[1].device, 5);
    assert_true(health_ready(m, now, text, sizeof text));
    assert_string_equal(text, "ready (degraded: 1 of 2 cards not up, the CPU scores for them: "
                              "device 5 down)");
    atomic_store(&m->card[1].state, FPGA_STATE_up);
    assert_true(health_ready(m, now, text, sizeof text));
    assert_string_equal(text, "ready");
    now += HEALTH_SILENT_NS + 1000000000;
    assert_false(health_live(m, now, text, sizeof text));
    assert_string_equal(text, "event thread has been silent for 6.0 s");
    assert_false(health_ready(m, now, text, sizeof text));
    atomic_store(&m->stopping, true);
    assert_false(health_ready(m, now, text, sizeof text));
    assert_string_equal(text, "stopping");
}

static void the_ledger_reads_as_a_sentence(void **state)
{
    (void)state;
    struct monitor *m = &run->monitor;
    counter_add(&m->events_in, 184220);
    counter_add(&m->event_fate[EVENT_ACCEPTED], 412);
    counter_add(&m->event_fate[EVENT_REJECTED], 183788);
    counter_add(&m->event_fate[EVENT_LOST_TIMEOUT], 18);
    struct ledger l = monitor_ledger(m);
    char text[300], little[8];
    ledger_format(&l, text, sizeof text);
    assert_string_equal(text, "in 184,220 = accepted 412 + rejected 183,788 + prescaled 0 + "
                              "throttled 0 + lost 18 (timeout 18) + in flight 2");
    ledger_format(&l, little, sizeof little);
    assert_string_equal(little, "in 184,");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_count_of_the_monitor_is_on_the_page),
        T(values_have_their_units_and_labels),
        T(labels_are_escaped),
        T(large_counts_are_exact),
        T(the_message_holds_what_the_page_holds),
        T(prometheus_accepts_the_page),
        T(health_names_the_reason),
        T(the_ledger_reads_as_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
