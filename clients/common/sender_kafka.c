#include "common/sender_kafka.h"

#include "proto/readout.pb-c.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE_MS = 100, KEY_BYTES = 64, NAME_BYTES = 256 };
static const char scheme[] = "kafka://";

struct sender_kafka {
    const struct sender *s;
    rd_kafka_t *producer;
    char brokers[NAME_BYTES], topic[NAME_BYTES];
    char trouble[NAME_BYTES]; /* the last thing that went wrong */
    uint64_t undelivered;
};

bool sender_kafka_is(const char *endpoint)
{
    endpoint += *endpoint == '>';
    return strncmp(endpoint, scheme, sizeof scheme - 1) == 0;
}

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct sender_kafka *k = opaque;
    (void)rk;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    k->undelivered++;
    (void)snprintf(k->trouble, sizeof k->trouble, "%s", rd_kafka_err2str(m->err));
}

static void on_error(rd_kafka_t *rk, int why, const char *text, void *opaque)
{
    struct sender_kafka *k = opaque;
    (void)rk, (void)why;
    (void)snprintf(k->trouble, sizeof k->trouble, "%s", text);
}

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text; /* on_error has it */
}

/* kafka://HOST:PORT/TOPIC; several brokers with commas between. */
static bool split(struct sender_kafka *k, const char *endpoint, struct failure *f)
{
    const char *brokers = endpoint + (*endpoint == '>') + sizeof scheme - 1;
    const char *slash = strchr(brokers, '/');
    size_t bytes = slash == NULL ? 0 : (size_t)(slash - brokers);
    if (bytes == 0 || bytes >= sizeof k->brokers || slash[1] == '\0' ||
        strlen(slash + 1) >= sizeof k->topic)
        return failure_set(f, "--to %s: must be kafka://HOST:PORT/TOPIC", endpoint);
    memcpy(k->brokers, brokers, bytes);
    (void)snprintf(k->topic, sizeof k->topic, "%s", slash + 1);
    return true;
}

static bool start(struct sender_kafka *k, struct failure *f)
{
    char why[256] = "", room[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)snprintf(room, sizeof room, "%d", k->s->settings.hwm > 0 ? k->s->settings.hwm : 1000);
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    const char *const set[][2] = {{"bootstrap.servers", k->brokers},
                                  {"client.id", "sparsed"},
                                  {"enable.idempotence", "true"},
                                  /* else a partition that has no leader yet may lose messages
                                   * which librdkafka reports delivered */
                                  {"max.in.flight.requests.per.connection", "1"},
                                  {"linger.ms", "5"},
                                  {"queue.buffering.max.messages", room}};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) {
        if (rd_kafka_conf_set(conf, set[i][0], set[i][1], why, sizeof why) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return failure_set(f, "--to %s: %s", k->s->settings.endpoint, why);
        }
    }
    k->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (k->producer == NULL) {
        rd_kafka_conf_destroy(conf);
        return failure_set(f, "--to %s: %s", k->s->settings.endpoint, why);
    }
    return true;
}

struct sender_kafka *sender_kafka_open(const struct sender *s, struct failure *f)
{
    struct sender_kafka *k = calloc(1, sizeof *k);
    if (k == NULL) {
        failure_set(f, "no memory for a producer");
        return NULL;
    }
    k->s = s;
    if (!split(k, s->settings.endpoint, f) || !start(k, f)) {
        free(k);
        return NULL;
    }
    return k;
}

/* Whether the broker answers and has the topic. */
static bool has_topic(struct sender_kafka *k)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(k->producer, k->topic, NULL);
    if (topic == NULL)
        return false;
    rd_kafka_resp_err_t why = rd_kafka_metadata(k->producer, 0, topic, &m, 10 * SLICE_MS);
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR && m->topic_cnt > 0)
        why = m->topics[0].err;
    bool has =
        why == RD_KAFKA_RESP_ERR_NO_ERROR && m->topic_cnt > 0 && m->topics[0].partition_cnt > 0;
    if (!has)
        (void)snprintf(k->trouble, sizeof k->trouble, "%s", rd_kafka_err2str(why));
    if (m != NULL)
        rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(topic);
    return has;
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum sender_result sender_kafka_wait(struct sender_kafka *k, struct failure *f)
{
    uint64_t start_ns = clock_ns(), limit = k->s->settings.wait_ns;
    while (!*k->s->stop) {
        if (has_topic(k))
            return SENDER_SENT;
        if (limit && clock_ns() - start_ns >= limit) {
            failure_set(f, "%s: no topic %s within %.3g s (--wait): %s", k->brokers, k->topic,
                        (double)limit / 1e9, k->trouble);
            return SENDER_FAILED;
        }
        (void)rd_kafka_poll(k->producer, SLICE_MS);
    }
    return SENDER_STOPPED;
}

static bool make_key(const void *header, size_t bytes, char *key, int *length)
{
    Sparsed__FragmentHeader *h = sparsed__fragment_header__unpack(NULL, bytes, header);
    if (h == NULL)
        return false;
    *length =
        snprintf(key, KEY_BYTES, "%" PRIu32 ".%" PRIu32 ".%" PRIu64, h->run, h->subrun, h->event);
    sparsed__fragment_header__free_unpacked(h, NULL);
    return true;
}

enum sender_result sender_kafka_send(struct sender_kafka *k, const void *header,
                                     size_t header_bytes, const struct payload *payload,
                                     struct failure *f)
{
    char key[KEY_BYTES];
    int key_bytes = 0;
    uint64_t start_ns = clock_ns();
    const void *data = payload ? (const void *)payload->data : "";
    size_t bytes = payload ? payload->bytes : 0;
    if (!make_key(header, header_bytes, key, &key_bytes)) {
        failure_set(f, "%s: no key for a message", k->topic);
        return SENDER_FAILED;
    }
    for (;;) {
        rd_kafka_resp_err_t why = rd_kafka_producev(
            k->producer, RD_KAFKA_V_TOPIC(k->topic), RD_KAFKA_V_KEY(key, (size_t)key_bytes),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)data, bytes),
            RD_KAFKA_V_HEADER(sender_topic, header, (ssize_t)header_bytes),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        (void)rd_kafka_poll(k->producer, why == RD_KAFKA_RESP_ERR__QUEUE_FULL ? SLICE_MS : 0);
        if (k->undelivered > 0 ||
            (why != RD_KAFKA_RESP_ERR_NO_ERROR && why != RD_KAFKA_RESP_ERR__QUEUE_FULL)) {
            failure_set(f, "%s: cannot send: %s", k->topic,
                        k->undelivered > 0 ? k->trouble : rd_kafka_err2str(why));
            return SENDER_FAILED;
        }
        if (why == RD_KAFKA_RESP_ERR_NO_ERROR)
            return SENDER_SENT;
        if (*k->s->stop)
            return SENDER_STOPPED;
        uint64_t limit = k->s->settings.give_up_ns;
        if (limit && clock_ns() - start_ns >= limit) {
            failure_set(f, "%s: nothing was taken for %.3g s (--give-up): %s", k->topic,
                        (double)limit / 1e9, k->trouble);
            return SENDER_FAILED;
        }
    }
}

void sender_kafka_close(struct sender_kafka **handle, int linger_ms)
{
    struct sender_kafka *k = *handle;
    if (k == NULL)
        return;
    (void)rd_kafka_flush(k->producer, linger_ms);
    if (rd_kafka_outq_len(k->producer) > 0)
        (void)fprintf(stderr, "%s: %d messages were not delivered\n", k->topic,
                      rd_kafka_outq_len(k->producer));
    (void)rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(k->producer);
    free(k);
    *handle = NULL;
}
