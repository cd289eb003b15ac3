/* What leaves the daemon: files, decisions, numbers. Nothing here may fail because of an
 * event: what could not be written or sent is counted. */
#include "calls.h"
#include "scenario.h"

#include "../unit/run_fixture.h"
#include "output/picture.h"
#include "output/publisher.h"
#include "output/recorder.h"
#include "output/run_record.h"
#include "service/control_message.h"
#include "service/json_text.h"
#include "service/metrics.h"
#include "service/status.h"

#include <dirent.h>
#include <unistd.h>
#include <zmq.h>

enum { EVENTS = 3 };
static const uint64_t second = 1000000000, wall = UINT64_C(1700000000000000000);

static struct run_fixture *fixture(void)
{
    static struct run_fixture *run;
    calls_pause(true);
    free(run);
    run = fixture_create();
    run->geometry.calibrated = true;
    fixture_samples(run);
    (void)snprintf(run->settings.output.record.directory, SETTINGS_PATH_BYTES, "%s",
                   scenario_path(""));
    calls_pause(false);
    return run;
}

/* ---- the recorder ---- */

static void remove_records(void)
{
    calls_pause(true);
    DIR *d = opendir(scenario_path(""));
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "Micro", 5) == 0)
            (void)unlink(scenario_path(e->d_name));
    if (d != NULL)
        (void)closedir(d);
    calls_pause(false);
}

/* Every event is in a file or counted as lost, and one that waits for a flush is neither. */
static void check_account(const struct monitor *m, uint64_t written)
{
    uint64_t recorded = counter_read(&m->recorded_events), lost = counter_read(&m->record_lost);
    uint64_t pending = atomic_load(&m->record_pending);
    if (recorded + lost + pending != written)
        scenario_wrong("%llu events written, but %llu recorded, %llu lost, %llu pending",
                       (unsigned long long)written, (unsigned long long)recorded,
                       (unsigned long long)lost, (unsigned long long)pending);
    if (lost > 0 && counter_read(&m->record_errors) == 0)
        scenario_wrong("events were lost without an error");
}

static bool record(struct error *err)
{
    struct run_fixture *run = fixture();
    run->settings.output.record.contents = RECORD_DECISION | RECORD_WINDOWS | RECORD_SAMPLES;
    struct run_record begun = {.number = 7, .begin_wall_ns = wall, .comment = "a run"};
    struct recorder *r =
        recorder_create(&run->settings.output.record, &run->info, &run->monitor, err);
    if (r == NULL)
        return false;
    recorder_begin_run(r, &begun);
    for (uint64_t i = 0; i < EVENTS; i++) {
        run->event.id.event = i;
        /* Far apart, so that a recorder that waits before its next try has waited enough. */
        recorder_write(r, &run->event, 100 * i * second, wall + i);
        recorder_tick(r, (100 * i + 1) * second);
        check_account(&run->monitor, i + 1);
    }
    begun.end_wall_ns = wall + 1;
    begun.ended_by = "stop";
    recorder_end_run(r, &begun, &run->info, 100 * EVENTS * second);
    recorder_destroy(&r);
    check_account(&run->monitor, EVENTS);
    remove_records();
    return true;
}

/* ---- the publisher ---- */

/* Each decision counts once, and once for each that could not be sent. */
static bool publish(struct error *err)
{
    struct run_fixture *run = fixture();
    struct output_settings *s = &run->settings.output;
    calls_pause(true);
    void *context = zmq_ctx_new();
    calls_pause(false);
    s->decisions.count = s->push.count = 1;
    (void)snprintf(s->decisions.text[0], SETTINGS_PATH_BYTES, "@inproc://decisions");
    (void)snprintf(s->push.text[0], SETTINGS_PATH_BYTES, "@inproc://push");
    struct publisher *p = publisher_create(s, &run->info, context, -1, &run->monitor, err);
    bool good = p != NULL;
    if (good) {
        struct run_info next = run->info;
        struct error more = {0};
        if (publisher_add(p, &next, &more)) {
            publisher_remove(p, &next);
        } else {
            *err = more;
            good = false;
        }
        for (uint64_t i = 0; i < EVENTS; i++)
            publisher_send(p, &run->event, 10000, wall);
        publisher_send_record(p, "run.begin", "key", "body", 4);
        if (counter_read(&run->monitor.decisions_published) +
                counter_read(&run->monitor.decisions_unsent) !=
            EVENTS)
            scenario_wrong("a decision was counted twice or never");
    }
    publisher_destroy(&p, 0);
    (void)zmq_ctx_term(context);
    return good;
}

/* ---- numbers ---- */

/* Texts whose length is the same each time, or that are not there. */
static bool whole_or_none(const char *what, void *text, size_t bytes, size_t *whole,
                          struct error *err)
{
    free(text);
    if (text == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for %s", what);
    if (*whole == 0)
        *whole = bytes;
    if (bytes != *whole)
        scenario_wrong("%s: %zu bytes of %zu", what, bytes, *whole);
    return true;
}

static bool numbers(struct error *err)
{
    static size_t whole[2];
    struct run_fixture *run = fixture();
    struct metrics_source from = {&run->monitor, &run->board, NULL, NULL};
    size_t bytes[2] = {0};
    char *text = metrics_text(&from, 5, &bytes[0]);
    uint8_t *message = metrics_message(&from, 5, 6, &bytes[1]);
    bool good = whole_or_none("the metrics page", text, bytes[0], &whole[0], err);
    (void)message;
    good = whole_or_none("the metrics message", message, bytes[1], &whole[1], err) && good;
    return good;
}

/* The page's texts come whole, or not: a browser cannot tell a number that is missing. */
static bool page(struct error *err)
{
    static size_t whole[3];
    static const char *const what[] = {"the status", "the history", "the accepted events"};
    struct run_fixture *run = fixture();
    calls_pause(true);
    json_text_watch_memory();
    struct watch *w = watch_create(&run->monitor);
    struct gallery *gallery = calloc(1, sizeof *gallery);
    watch_tick(w, 5, 5);
    watch_note(w, 5, true, "something");
    picture_take(gallery, &run->event, &run->info, 5, 5);
    calls_pause(false);
    struct metrics_source from = {&run->monitor, &run->board, w, gallery};
    bool good = true;
    for (int i = 0; i < 3; i++) {
        size_t bytes = 0;
        char *text = i == 0   ? status_text(&from, 5, 6, &bytes)
                     : i == 1 ? status_history_text(&from, &bytes)
                              : status_accepted_text(&from, &bytes);
        good = whole_or_none(what[i], text, bytes, &whole[i], err) && good;
    }
    free(gallery);
    watch_destroy(&w);
    return good;
}

static bool records(struct error *err)
{
    static size_t whole[2];
    struct run_fixture *run = fixture();
    struct run_record r = {.number = 7, .begin_wall_ns = wall, .ended_by = "stop"};
    struct run_reply reply = {.text = "done"};
    struct run_status status = {.number = 7, .runs = 1, .waits_for = "readout"};
    struct control_health health = {true, "healthy"};
    size_t bytes[2] = {0};
    uint8_t *message = run_record_message(&r, RUN_RECORD_END, &run->info, wall, &bytes[0]);
    bool good = whole_or_none("the run's record", message, bytes[0], &whole[0], err);
    message = control_message_write(&reply, &status, &health, &run->info, true, 1, &bytes[1]);
    return whole_or_none("the reply", message, bytes[1], &whole[1], err) && good;
}

const struct scenario output_scenarios[] = {{"recorder", record}, {"publisher", publish},
                                            {"numbers", numbers}, {"page", page},
                                            {"records", records}, {0}};
