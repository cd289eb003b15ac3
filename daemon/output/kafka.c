#include "output/kafka.h"

#include "base/clock.h"
#include "base/kafka.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "output.kafka";

struct kafka_decisions {
    const struct kafka_output_settings *settings;
    struct monitor *monitor;
    uint32_t records; /* sent and not acknowledged, besides decisions */
    bool ends;
    rd_kafka_t *producer;
    rd_kafka_queue_t *queue;
};

/* In the place of a receipt: of a run's record nobody keeps a message. */
static char a_record;

/* What the broker will never take must not come again for ever: it is done. */
static bool never(rd_kafka_resp_err_t why)
{
    return why == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || why == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

static void fail_record(struct kafka_decisions *k, rd_kafka_resp_err_t why)
{
    counter_add(&k->monitor->kafka.missed_records, 1);
    if (k->ends)
        return; /* the last line is the ledger */
    log_limited(LOG_LEVEL_ERROR, "kafka: %s: a run's record was not delivered: %s",
                k->settings->topic, rd_kafka_err2str(why));
}

static void fail(struct kafka_decisions *k, rd_kafka_resp_err_t why, struct receipt *receipt)
{
    counter_add(never(why) ? &k->monitor->kafka.refused_decisions : &k->monitor->kafka.undelivered,
                1);
    log_limited(LOG_LEVEL_ERROR, "kafka: %s: a decision was not delivered: %s", k->settings->topic,
                rd_kafka_err2str(why));
    if (never(why))
        receipt_done(receipt);
}

/* What the broker has, has an offset. Without one it called the message a duplicate, and may have
 * none (base/kafka.h): once more, as a new one. At worst it is there twice, with one key. */
static rd_kafka_resp_err_t send_again(struct kafka_decisions *k, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL, *copy = NULL;
    log_limited(LOG_LEVEL_WARN,
                "kafka: %s: the broker took a message for one that it has: once more",
                k->settings->topic);
    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        copy = rd_kafka_headers_copy(headers);
    rd_kafka_resp_err_t why = rd_kafka_producev(
        k->producer, RD_KAFKA_V_TOPIC(k->settings->topic), RD_KAFKA_V_KEY(m->key, m->key_len),
        RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_HEADERS(copy),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(m->_private), RD_KAFKA_V_END);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR && copy != NULL)
        rd_kafka_headers_destroy(copy);
    return why;
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct kafka_decisions *k = opaque;
    rd_kafka_resp_err_t why = m->err;
    (void)rk;
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR && m->offset < 0) {
        why = send_again(k, m);
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
    }
    if (m->_private == &a_record) {
        k->records--;
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
            fail_record(k, why);
        return;
    }
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(k, why, m->_private);
        return;
    }
    counter_add(&k->monitor->kafka.acknowledged, 1);
    receipt_done(m->_private);
}

static bool configure(rd_kafka_conf_t *conf, const struct kafka_output_settings *s,
                      struct error *err)
{
    const char *text[SETTINGS_MAX_ENDPOINTS];
    for (uint32_t i = 0; i < s->properties.count; i++)
        text[i] = s->properties.text[i];
    return kafka_conf_set(conf, key, "enable.idempotence", "true", err) &&
           kafka_conf_set(conf, key, "linger.ms", "1", err) &&
           kafka_conf_set(conf, key, "message.timeout.ms", "0", err) && /* never given up */
           /* one more than are sent: one that is sent again finds room */
           kafka_conf_set_number(conf, key, "queue.buffering.max.messages", s->queue + 1, err) &&
           kafka_conf_set_all(conf, "output.kafka.properties", text, s->properties.count, err);
}

struct kafka_decisions *kafka_decisions_create(const struct kafka_output_settings *settings,
                                               int wake_fd, struct monitor *monitor,
                                               struct error *err)
{
    struct kafka_decisions *k = calloc(1, sizeof *k);
    rd_kafka_conf_t *conf = kafka_conf_create("output.kafka.brokers", settings->brokers, err);
    if (k == NULL)
        error_set(err, ERROR_SYSTEM, "no memory for the decisions' producer");
    if (k == NULL || conf == NULL || !configure(conf, settings, err)) {
        if (conf != NULL)
            rd_kafka_conf_destroy(conf);
        free(k);
        return NULL;
    }
    k->settings = settings;
    k->monitor = monitor;
    atomic_store(&monitor->kafka.used, true);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    k->producer = kafka_open(RD_KAFKA_PRODUCER, conf, key, k, err);
    if (k->producer == NULL) {
        free(k);
        return NULL;
    }
    k->queue = rd_kafka_queue_get_main(k->producer);
    kafka_wake_by(k->queue, wake_fd);
    return k;
}

/* What is purged comes back to on_delivered, which counts it. */
void kafka_decisions_give_up(struct kafka_decisions *k)
{
    enum { PURGE_MS = 500 };
    uint32_t left = kafka_decisions_waiting(k);
    if (left > 0)
        log_error("kafka: %s: %" PRIu32 " decisions were not delivered: their events come again",
                  k->settings->topic, left);
    (void)rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(k->producer, PURGE_MS);
}

void kafka_decisions_destroy(struct kafka_decisions **handle, uint64_t limit_ns)
{
    struct kafka_decisions *k = *handle;
    if (k == NULL)
        return;
    k->ends = true;
    if (rd_kafka_flush(k->producer, (int)(limit_ns / NS_PER_MS)) != RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_decisions_give_up(k);
    rd_kafka_queue_destroy(k->queue);
    rd_kafka_destroy(k->producer);
    free(k);
    *handle = NULL;
}

static void name_event(char id[64], const struct event *ev)
{
    (void)snprintf(id, 64, "%" PRIu32 ".%" PRIu32 ".%" PRIu64, ev->id.run, ev->id.subrun,
                   ev->id.event);
}

/* Whether librdkafka has it, or never will. */
static bool taken(struct kafka_decisions *k, rd_kafka_resp_err_t why, struct receipt *receipt)
{
    if (why == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return false;
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(k, why, receipt);
    return true;
}

bool kafka_decisions_send(struct kafka_decisions *k, const struct event *ev, const char *topic,
                          const void *body, size_t bytes)
{
    char id[64];
    name_event(id, ev);
    return taken(
        k, kafka_produce(k->producer, k->settings->topic, id, topic, body, bytes, ev->receipt),
        ev->receipt);
}

bool kafka_decisions_send_windows(struct kafka_decisions *k, const struct event *ev,
                                  const void *header, size_t header_bytes, const void *payload,
                                  size_t payload_bytes)
{
    char id[64];
    name_event(id, ev);
    rd_kafka_resp_err_t why = rd_kafka_producev(
        k->producer, RD_KAFKA_V_TOPIC(k->settings->topic), RD_KAFKA_V_KEY(id, strlen(id)),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)payload, payload_bytes),
        RD_KAFKA_V_HEADER("windows", header, (ssize_t)header_bytes),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(ev->receipt), RD_KAFKA_V_END);
    return taken(k, why, ev->receipt);
}

void kafka_decisions_send_record(struct kafka_decisions *k, const char *topic, const char *id,
                                 const void *body, size_t bytes)
{
    rd_kafka_resp_err_t why =
        kafka_produce(k->producer, k->settings->topic, id, topic, body, bytes, &a_record);
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
        k->records++;
    else
        fail_record(k, why);
}

bool kafka_decisions_poll(struct kafka_decisions *k)
{
    (void)rd_kafka_poll(k->producer, 0);
    return (uint32_t)rd_kafka_outq_len(k->producer) < k->settings->queue;
}

uint32_t kafka_decisions_waiting(struct kafka_decisions *k)
{
    return (uint32_t)rd_kafka_outq_len(k->producer) - k->records;
}
