#include "cmocka_all.h"
#include "run_fixture.h"

#include "output/publisher.h"
#include "proto/decision.pb-c.h"

#include <zmq.h>

static void add(struct settings_strings *list, const char *text)
{
    (void)snprintf(list->text[list->count++], SETTINGS_PATH_BYTES, "%s", text);
}

static struct run_fixture *run;
static void *context;
static struct publisher *publisher;
static void *peer[4]; /* closed by tear_down: an open socket would hold the context */
static size_t n_peers;

static void *subscriber(const char *endpoint, int type, int high_water_mark)
{
    void *s = zmq_socket(context, type);
    int limit_ms = 5000, linger = 0;
    assert_int_equal(zmq_setsockopt(s, ZMQ_RCVHWM, &high_water_mark, sizeof high_water_mark), 0);
    (void)zmq_setsockopt(s, ZMQ_RCVTIMEO, &limit_ms, sizeof limit_ms);
    (void)zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    if (type == ZMQ_SUB) {
        (void)zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
    }
    peer[n_peers++] = s;
    assert_int_equal(zmq_connect(s, endpoint), 0);
    return s;
}

/* The next decision, or NULL after the socket's limit. */
static Sparsed__Decision *receive(void *socket, char topic[64])
{
    static uint8_t body[1 << 20];
    int n = zmq_recv(socket, topic, 63, 0);
    if (n < 0) {
        return NULL;
    }
    topic[n] = '\0';
    n = zmq_recv(socket, body, sizeof body, 0);
    assert_in_range(n, 1, sizeof body);
    Sparsed__Decision *d = sparsed__decision__unpack(NULL, (size_t)n, body);
    assert_non_null(d);
    return d;
}

static int set_up(void **state)
{
    (void)state;
    run = fixture_create();
    context = zmq_ctx_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    publisher_destroy(&publisher, 0);
    while (n_peers > 0) {
        (void)zmq_close(peer[--n_peers]);
    }
    (void)zmq_ctx_term(context);
    free(run);
    return 0;
}

static void create(void)
{
    struct error err = {0};
    publisher =
        publisher_create(&run->settings.output, &run->info, context, -1, &run->monitor, &err);
    if (publisher == NULL) {
        fail_msg("%s", err.text);
    }
}

/* Every second wire missing is the longest list of ranges there can be; the buffer
 * is sized for it, and each range says what is missing and nothing else. */
static void a_decision_says_everything_of_the_event(void **state)
{
    (void)state;
    add(&run->settings.output.push, "@inproc://push");
    create();
    void *other = subscriber("inproc://push", ZMQ_PULL, 10);
    for (uint32_t i = 0; i < 3; i++) {
        run->present[i] = UINT64_C(0xaaaaaaaaaaaaaaaa);
    }
    run->event.plane[0].wires_missing = run->event.wires_missing = FIXTURE_WIRES / 2;
    run->event.incomplete = true;
    publisher_send(publisher, &run->event, 12000, 77);
    char topic[64];
    Sparsed__Decision *d = receive(other, topic);
    assert_string_equal(topic, "decision.accepted");
    assert_int_equal(d->run, 1207);
    assert_int_equal(d->event, 41);
    assert_true(d->accept && d->incomplete);
    assert_int_equal(d->decided_time_ns, 77);
    assert_int_equal(d->n_rules_fired, 1);
    assert_string_equal(d->rules_fired[0], "neutrino");
    assert_string_equal(d->rules_prescaled[0], "cosmic");
    assert_int_equal(d->n_windows, FIXTURE_WINDOWS);
    assert_int_equal(d->windows[2]->first_wire, 32);
    assert_int_equal(d->windows[2]->plane, 2);
    assert_int_equal(d->windows[2]->score_raw[0], -2);
    assert_true(d->windows[2]->score[1] == 0.5);
    assert_int_equal(d->n_missing, FIXTURE_WIRES / 2);
    assert_int_equal(d->missing[64]->first_wire, 128);
    assert_int_equal(d->missing[64]->wires, 1);
    assert_string_equal(d->models[0]->labels[1], "cosmic");
    assert_int_equal(d->models[0]->planes[0], 2);
    assert_int_equal(d->times->latency_ns, 7000);
    assert_int_equal(d->configuration_sha256.data[31], 0xab);
    sparsed__decision__free_unpacked(d, NULL);
    assert_int_equal(counter_read(&run->monitor.decisions_published), 1);
}

/* A plane of which nothing came has no bit map worth reading: one range, all of it. */
static void a_silent_plane_is_one_range(void **state)
{
    (void)state;
    add(&run->settings.output.push, "@inproc://push");
    create();
    void *other = subscriber("inproc://push", ZMQ_PULL, 10);
    run->event.plane[0].has_data = false;
    run->event.plane[0].wire_present = NULL;
    run->event.plane[0].wires_missing = run->event.wires_missing = FIXTURE_WIRES;
    publisher_send(publisher, &run->event, 12000, 77);
    char topic[64];
    Sparsed__Decision *d = receive(other, topic);
    assert_int_equal(d->n_missing, 1);
    assert_int_equal(d->missing[0]->wires, FIXTURE_WIRES);
    sparsed__decision__free_unpacked(d, NULL);
}

/* A plane that was declared empty came, all of it: it was once listed as missing when some
 * other plane lacked a wire. */
static void an_empty_plane_is_not_missing(void **state)
{
    (void)state;
    add(&run->settings.output.push, "@inproc://push");
    create();
    void *other = subscriber("inproc://push", ZMQ_PULL, 10);
    run->event.plane[0].has_data = false;
    run->event.plane[0].wires_missing = 0;
    run->event.wires_missing = 5; /* of another */
    publisher_send(publisher, &run->event, 12000, 77);
    char topic[64];
    Sparsed__Decision *d = receive(other, topic);
    assert_int_equal(d->n_missing, 0);
    sparsed__decision__free_unpacked(d, NULL);
}

/* Assembly knows whose the wires are, of as many ranges as an event has room for; what is
 * beyond them is told without. Here it explained the first half of the plane. */
static void missing_wires_have_a_source_and_a_reason(void **state)
{
    (void)state;
    add(&run->settings.output.push, "@inproc://push");
    create();
    void *other = subscriber("inproc://push", ZMQ_PULL, 10);
    memset(run->present, 0, sizeof run->present);
    run->present[2] = 1; /* wire 128 of 130 */
    run->event.plane[0].wires_missing = run->event.wires_missing = FIXTURE_WIRES - 1;
    run->event.n_missing = 2;
    run->event.missing[0] = (struct missing_wires){.wires = 40, .why = LOSS_deadline};
    run->event.missing[1] = (struct missing_wires){
        .first_wire = 40, .wires = 20, .source_id = 9, .source_known = true, .why = LOSS_network};
    publisher_send(publisher, &run->event, 12000, 77);
    char topic[64];
    Sparsed__Decision *d = receive(other, topic);
    assert_int_equal(d->n_missing, 4);
    assert_int_equal(d->missing[0]->n_source_id, 0);
    assert_string_equal(d->missing[0]->why, "deadline");
    assert_int_equal(d->missing[1]->source_id[0], 9);
    assert_string_equal(d->missing[1]->why, "network");
    assert_int_equal(d->missing[2]->first_wire, 60);
    assert_int_equal(d->missing[2]->wires, 68);
    assert_int_equal(d->missing[2]->n_source_id, 0);
    assert_int_equal(d->missing[3]->first_wire, 129);
    sparsed__decision__free_unpacked(d, NULL);
}

/* One subscriber sleeps with room for a few messages; another reads. The sleeper
 * must neither stop the publisher nor cost the reader a single decision, and what
 * it misses is told in the count when its queue fills. */
static void a_sleeping_subscriber_harms_only_itself(void **state)
{
    enum { SENT = 200 };
    (void)state;
    run->settings.output.high_water_mark = 2;
    add(&run->settings.output.decisions, "@inproc://decisions");
    create();
    (void)subscriber("inproc://decisions", ZMQ_SUB, 2);
    void *reader = subscriber("inproc://decisions", ZMQ_SUB, 2);
    char topic[64];
    int soon_ms = 10, later_ms = 5000;
    (void)zmq_setsockopt(reader, ZMQ_RCVTIMEO, &soon_ms, sizeof soon_ms);
    Sparsed__Decision *d = NULL;
    for (int i = 0; i < 500 && d == NULL; i++) { /* until its subscription has arrived */
        publisher_send(publisher, &run->event, 12000, 77);
        d = receive(reader, topic);
    }
    assert_non_null(d);
    while (d != NULL) {
        sparsed__decision__free_unpacked(d, NULL);
        d = receive(reader, topic);
    }
    (void)zmq_setsockopt(reader, ZMQ_RCVTIMEO, &later_ms, sizeof later_ms);
    for (uint64_t i = 0; i < SENT; i++) {
        run->event.id.event = i;
        publisher_send(publisher, &run->event, 12000, 77);
        d = receive(reader, topic);
        assert_non_null(d);
        assert_int_equal(d->event, i);
        sparsed__decision__free_unpacked(d, NULL);
    }
    /* Told once: libzmq then leaves the sleeper out until it reads. */
    assert_int_equal(counter_read(&run->monitor.decisions_missed), 1);
}

/* PUSH without a peer would wait for one. */
static void push_without_a_peer_is_missed_not_waited_for(void **state)
{
    (void)state;
    add(&run->settings.output.push, "@inproc://push");
    create();
    publisher_send(publisher, &run->event, 12000, 77);
    assert_int_equal(counter_read(&run->monitor.decisions_missed), 1);
    assert_int_equal(counter_read(&run->monitor.decisions_published), 0);
}

static void an_endpoint_that_cannot_be_bound_is_named(void **state)
{
    (void)state;
    add(&run->settings.output.decisions, "@tcp://192.0.2.1:5556");
    struct error err = {0};
    publisher =
        publisher_create(&run->settings.output, &run->info, context, -1, &run->monitor, &err);
    assert_null(publisher);
    assert_int_equal(err.code, ERROR_NETWORK);
    assert_non_null(strstr(err.text, "output.decisions = \"@tcp://192.0.2.1:5556\": cannot bind"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_decision_says_everything_of_the_event),
        T(a_silent_plane_is_one_range),
        T(an_empty_plane_is_not_missing),
        T(missing_wires_have_a_source_and_a_reason),
        T(a_sleeping_subscriber_harms_only_itself),
        T(push_without_a_peer_is_missed_not_waited_for),
        T(an_endpoint_that_cannot_be_bound_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
