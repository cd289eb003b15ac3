/* readout/kafka against librdkafka's own mock of a broker: what is left out, and when reading
 * stands still. */
#include "readout/kafka.h"

#include "cmocka_all.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE = 3000, MS = 1000, IDENTITY = 7 };
static const uint64_t second_ns = 1000000000;

struct world {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *mock;
    struct kafka_readout_settings settings;
    struct monitor *monitor;
    int wake;
    uint64_t now_ns; /* the reader's */
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char why[256];
    assert_non_null(w);
    w->client = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, why, sizeof why);
    assert_non_null(w->client);
    w->mock = rd_kafka_mock_cluster_new(w->client, 1);
    assert_non_null(w->mock);
    const char *brokers = rd_kafka_mock_cluster_bootstraps(w->mock);
    assert_int_equal(rd_kafka_brokers_add(w->client, brokers), 1);
    assert_int_equal(rd_kafka_mock_topic_create(w->mock, "fragments", 1, 1), 0);
    w->settings = (struct kafka_readout_settings){.topic = "fragments",
                                                  .group = "g",
                                                  .in_flight = 64,
                                                  .queue_bytes = 1 << 20,
                                                  .commit_interval_ns = 10 * second_ns};
    /* the mock waits a session for the last owner */
    w->settings.properties = (struct settings_strings){
        .count = 2, .text = {"session.timeout.ms=4000", "heartbeat.interval.ms=500"}};
    (void)snprintf(w->settings.brokers, sizeof w->settings.brokers, "%s", brokers);
    w->monitor = calloc(1, sizeof *w->monitor);
    assert_non_null(w->monitor);
    w->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->now_ns = 100 * second_ns;
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    rd_kafka_mock_cluster_destroy(w->mock);
    rd_kafka_destroy(w->client);
    (void)close(w->wake);
    free(w->monitor);
    free(w);
    return 0;
}

/* `count` messages, "0", "1", ... from `first` on. */
static void produce(struct world *w, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        assert_int_equal(rd_kafka_producev(w->client, RD_KAFKA_V_TOPIC("fragments"),
                                           RD_KAFKA_V_VALUE(text, strlen(text)),
                                           RD_KAFKA_V_HEADER("fragment", "h", 1),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    assert_int_equal(rd_kafka_flush(w->client, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static struct kafka_readout *join(struct world *w)
{
    struct error err = {0};
    struct kafka_readout *k =
        kafka_readout_create(&w->settings, IDENTITY, w->wake, w->monitor, &err);
    assert_non_null(k);
    return k;
}

/* The number that the next message holds; its receipt, unless NULL, and how many were left out
 * before it. */
static int next(struct world *w, struct kafka_readout *k, struct receipt **receipt, int *skipped)
{
    struct message m;
    for (int i = 0; i < PATIENCE; i++) {
        switch (kafka_readout_receive(k, &m)) {
        case RECEIVE_MESSAGE: {
            char text[16] = "";
            memcpy(text, zmq_msg_data(&m.payload), zmq_msg_size(&m.payload));
            if (receipt != NULL)
                *receipt = m.receipt;
            message_close(&m);
            return atoi(text);
        }
        case RECEIVE_SKIPPED:
            ++*skipped;
            break;
        default:
            kafka_readout_tick(k, false, IDENTITY, w->now_ns);
            (void)usleep(10 * MS);
        }
    }
    fail_msg("no message came");
    return -1;
}

/* What the last owner's note calls done is left out, one after the other, and nobody sleeps in
 * between: the reader is woken when messages come, not for each of them. */
static void what_is_done_is_left_out(void **state)
{
    struct world *w = *state;
    struct receipt *receipt[5];
    int skipped = 0;
    produce(w, 0, 5);
    struct kafka_readout *k = join(w);
    for (int i = 0; i < 5; i++)
        assert_int_equal(next(w, k, &receipt[i], &skipped), i);
    for (int i = 1; i < 4; i++)
        receipt_done(receipt[i]);
    kafka_readout_destroy(&k);
    assert_int_equal(skipped, 0);

    k = join(w);
    assert_int_equal(next(w, k, NULL, &skipped), 0);
    assert_int_equal(next(w, k, NULL, &skipped), 4);
    assert_int_equal(skipped, 3);
    assert_int_equal(counter_read(&w->monitor->kafka.skipped), 3);
    kafka_readout_destroy(&k);
}

/* librdkafka throws away what it has fetched when partitions are paused, and takes up to a second
 * to fetch again: a member whose workers were busy for a moment stood still for one. */
static void a_moment_without_room_is_no_pause(void **state)
{
    struct world *w = *state;
    int skipped = 0;
    produce(w, 0, 2);
    struct kafka_readout *k = join(w);
    assert_int_equal(next(w, k, NULL, &skipped), 0);
    for (int i = 0; i < 5; i++) {
        kafka_readout_tick(k, true, IDENTITY, w->now_ns += second_ns * 9 / 10);
        kafka_readout_tick(k, false, IDENTITY, w->now_ns += second_ns * 9 / 10);
    }
    assert_int_equal(counter_read(&w->monitor->kafka.pauses), 0);
    kafka_readout_tick(k, true, IDENTITY, w->now_ns);
    kafka_readout_tick(k, true, IDENTITY, w->now_ns += second_ns);
    assert_int_equal(counter_read(&w->monitor->kafka.pauses), 1);
    kafka_readout_tick(k, false, IDENTITY, w->now_ns);
    assert_int_equal(next(w, k, NULL, &skipped), 1); /* and it goes on */
    kafka_readout_destroy(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_done_is_left_out, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_moment_without_room_is_no_pause, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
