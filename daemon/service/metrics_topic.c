#include "service/metrics_topic.h"

#include "base/clock.h"
#include "base/kafka.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_WAITING = 8, OLDEST_MS = 5000, PURGE_MS = 100 };

struct metrics_topic {
    const char *topic;
    struct monitor *monitor;
    rd_kafka_t *producer;
    char host[KAFKA_HOST_BYTES];
};

static void miss(struct metrics_topic *t, rd_kafka_resp_err_t why)
{
    counter_add(&t->monitor->kafka.missed_metrics, 1);
    if (why == RD_KAFKA_RESP_ERR__PURGE_QUEUE || why == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return; /* the daemon ends */
    log_limited(LOG_LEVEL_WARN, "kafka: %s: a metrics message was not delivered: %s", t->topic,
                rd_kafka_err2str(why));
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        miss(opaque, m->err);
}

static bool configure(rd_kafka_conf_t *conf, const struct kafka_output_settings *s,
                      struct error *err)
{
    const char *text[SETTINGS_MAX_ENDPOINTS];
    for (uint32_t i = 0; i < s->properties.count; i++)
        text[i] = s->properties.text[i];
    return kafka_conf_set_once(conf, "output.kafka", err) &&
           kafka_conf_set_number(conf, "output.kafka", "message.timeout.ms", OLDEST_MS, err) &&
           kafka_conf_set_number(conf, "output.kafka", "queue.buffering.max.messages", MOST_WAITING,
                                 err) &&
           kafka_conf_set_all(conf, "output.kafka.properties", text, s->properties.count, err);
}

struct metrics_topic *metrics_topic_create(const struct kafka_output_settings *settings,
                                           struct monitor *monitor, struct error *err)
{
    struct metrics_topic *t = calloc(1, sizeof *t);
    rd_kafka_conf_t *conf = kafka_conf_create("output.kafka.brokers", settings->brokers, err);
    if (t == NULL)
        error_set(err, ERROR_SYSTEM, "no memory for the metrics' producer");
    if (t == NULL || conf == NULL || !configure(conf, settings, err)) {
        if (conf != NULL)
            rd_kafka_conf_destroy(conf);
        free(t);
        return NULL;
    }
    t->topic = settings->metrics_topic;
    t->monitor = monitor;
    atomic_store(&monitor->kafka.used, true);
    kafka_host(t->host);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    t->producer = kafka_open(RD_KAFKA_PRODUCER, conf, "output.kafka.metrics_topic", t, err);
    if (t->producer == NULL) {
        free(t);
        return NULL;
    }
    return t;
}

void metrics_topic_destroy(struct metrics_topic **handle, uint64_t limit_ns)
{
    struct metrics_topic *t = *handle;
    if (t == NULL)
        return;
    if (rd_kafka_flush(t->producer, (int)(limit_ns / NS_PER_MS)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)rd_kafka_purge(t->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(t->producer, PURGE_MS); /* on_delivered hears of each */
    }
    rd_kafka_destroy(t->producer);
    free(t);
    *handle = NULL;
}

void metrics_topic_send(struct metrics_topic *t, const char *instance, const void *message,
                        size_t bytes)
{
    char key[SETTINGS_NAME_BYTES + KAFKA_HOST_BYTES];
    (void)snprintf(key, sizeof key, "%s@%s", instance, t->host);
    (void)rd_kafka_poll(t->producer, 0);
    rd_kafka_resp_err_t why =
        kafka_produce(t->producer, t->topic, key, "metrics", message, bytes, NULL);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        miss(t, why);
}
