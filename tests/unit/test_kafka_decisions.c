/* output/kafka against librdkafka's own mock of a broker: what is acknowledged is there. */
#include "output/kafka.h"

#include "cmocka_all.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PRODUCE = 0, PATIENCE = 1000, MS = 1000 }; /* Kafka's number of the request */

/* Decisions that the mock holds. */
static int64_t held(rd_kafka_t *client)
{
    int64_t low = 0, high = 0;
    assert_int_equal(rd_kafka_query_watermark_offsets(client, "decisions", 0, &low, &high, 5000),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    return high - low;
}

/* A broker that calls a message a duplicate which it does not have: librdkafka reports it
 * delivered. Its offset was committed, and the decision was nowhere. */
static void a_duplicate_that_is_none_is_sent_again(void **state)
{
    (void)state;
    char why[256];
    struct error err = {0};
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, why, sizeof why);
    assert_non_null(client);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(client, 1);
    assert_non_null(mock);
    const char *brokers = rd_kafka_mock_cluster_bootstraps(mock);
    assert_int_equal(rd_kafka_brokers_add(client, brokers), 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "decisions", 1, 1), 0);

    struct kafka_output_settings settings = {.topic = "decisions", .queue = 10};
    (void)snprintf(settings.brokers, sizeof settings.brokers, "%s", brokers);
    struct monitor *monitor = calloc(1, sizeof *monitor);
    struct event *event = calloc(1, sizeof *event);
    assert_true(monitor != NULL && event != NULL);
    struct receipt receipt = {.leader = NULL};
    event->receipt = &receipt;
    int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct kafka_decisions *k = kafka_decisions_create(&settings, wake, monitor, &err);
    assert_non_null(k);
    rd_kafka_mock_push_request_errors(mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
    assert_true(kafka_decisions_send(k, event, "decision.accepted", "yes", 3));
    for (int i = 0; i < PATIENCE && counter_read(&monitor->kafka.acknowledged) == 0; i++) {
        (void)kafka_decisions_poll(k);
        assert_true(!receipt.done || held(client) == 1);
        (void)usleep(10 * MS);
    }
    assert_int_equal(counter_read(&monitor->kafka.acknowledged), 1);
    assert_true(receipt.done);
    assert_int_equal(held(client), 1);
    assert_int_equal(counter_read(&monitor->kafka.undelivered), 0);

    kafka_decisions_destroy(&k, 1000000000);
    (void)close(wake);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(client);
    free(event);
    free(monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duplicate_that_is_none_is_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
