#include "readout/dead_letter.h"

#include "base/kafka.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { FLUSH_MS = 5000 };

struct dead_letter {
    const char *topic;
    struct monitor *monitor;
    rd_kafka_t *producer; /* NULL: no topic */
};

/* Whether it could be set aside or not, the partition goes on. */
static void end(struct dead_letter *d, rd_kafka_resp_err_t why, struct receipt *receipt)
{
    bool good = why == RD_KAFKA_RESP_ERR_NO_ERROR;
    counter_add(good ? &d->monitor->kafka.set_aside : &d->monitor->kafka.not_set_aside, 1);
    if (!good)
        log_limited(LOG_LEVEL_ERROR, "kafka: %s: a message could not be set aside: %s", d->topic,
                    rd_kafka_err2str(why));
    receipt_done(receipt);
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    end(opaque, m->err, m->_private);
}

static bool open_producer(struct dead_letter *d, const struct kafka_readout_settings *s,
                          struct error *err)
{
    const char *text[SETTINGS_MAX_ENDPOINTS];
    for (uint32_t i = 0; i < s->properties.count; i++)
        text[i] = s->properties.text[i];
    rd_kafka_conf_t *conf = kafka_conf_create("readout.kafka.brokers", s->brokers, err);
    if (conf == NULL)
        return false;
    if (!kafka_conf_set_all(conf, "readout.kafka.properties", text, s->properties.count, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    d->producer = kafka_open(RD_KAFKA_PRODUCER, conf, "readout.kafka.dead_letter", d, err);
    return d->producer != NULL;
}

struct dead_letter *dead_letter_create(const struct kafka_readout_settings *settings,
                                       struct monitor *monitor, struct error *err)
{
    struct dead_letter *d = calloc(1, sizeof *d);
    if (d == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for the dead letters");
        return NULL;
    }
    d->topic = settings->dead_letter;
    d->monitor = monitor;
    if (d->topic[0] != '\0' && !open_producer(d, settings, err)) {
        free(d);
        return NULL;
    }
    return d;
}

void dead_letter_destroy(struct dead_letter **handle)
{
    struct dead_letter *d = *handle;
    if (d == NULL)
        return;
    if (d->producer != NULL) {
        (void)rd_kafka_flush(d->producer, FLUSH_MS);
        rd_kafka_destroy(d->producer);
    }
    free(d);
    *handle = NULL;
}

void dead_letter_put(struct dead_letter *d, const struct message *m, const char *header_name,
                     enum fragment_fate why)
{
    if (d->producer == NULL) {
        receipt_done(m->receipt);
        return;
    }
    zmq_msg_t *header = (zmq_msg_t *)(uintptr_t)&m->header;
    zmq_msg_t *payload = (zmq_msg_t *)(uintptr_t)&m->payload;
    const char *reason = fragment_fate_name(why);
    rd_kafka_resp_err_t failed = rd_kafka_producev(
        d->producer, RD_KAFKA_V_TOPIC(d->topic),
        RD_KAFKA_V_VALUE(zmq_msg_data(payload), zmq_msg_size(payload)),
        RD_KAFKA_V_HEADER("reason", reason, (ssize_t)strlen(reason)),
        RD_KAFKA_V_HEADER(header_name, zmq_msg_data(header), (ssize_t)zmq_msg_size(header)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(m->receipt), RD_KAFKA_V_END);
    if (failed != RD_KAFKA_RESP_ERR_NO_ERROR)
        end(d, failed, m->receipt);
}

void dead_letter_tick(struct dead_letter *d)
{
    if (d->producer != NULL)
        (void)rd_kafka_poll(d->producer, 0);
}
