/* How: everything happens in calls of the readout thread: librdkafka's callbacks (partitions
 * come and go, commits end, letters are delivered) run inside kafka_readout_tick and
 * kafka_readout_receive. librdkafka's own threads fetch, within queued.max.messages.kbytes. */
#include "readout/kafka.h"

#include "base/clock.h"
#include "base/kafka.h"
#include "base/log.h"
#include "readout/dead_letter.h"
#include "readout/offsets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMMITTED_TIMEOUT_MS = 5000, /* the broker's answer about a partition that comes */
    LEAVE_TIMEOUT_S = 10,
    LEAVE_POLL_MS = 100,
    LAG_EVERY_NS = 1000000000,
    PAUSE_AFTER_NS = 1000000000, /* a pause throws away what was fetched, and ends up to 1 s late */
    FIRST_SAFE_TO_DESTROY = 0x020300ff, /* as rd_kafka_version() */
};
static const char key[] = "readout.kafka";

struct kafka_readout {
    const struct kafka_readout_settings *settings;
    const char *header_name;
    struct monitor *monitor;
    uint64_t identity;
    rd_kafka_t *consumer;
    struct dead_letter *letters;
    rd_kafka_queue_t *queue;
    struct offsets *offsets;
    rd_kafka_message_t *waiting; /* received, but too many are in flight; or NULL */
    bool paused, refused, left, was_assigned;
    uint64_t next_commit_ns, next_lag_ns;
    uint64_t held_since_ns; /* 0: messages are taken */
};

/* ---- partitions come and go ---- */

static void count_partitions(struct kafka_readout *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (rd_kafka_assignment(k->consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    atomic_store(&k->monitor->kafka.partitions, (uint32_t)list->cnt);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Whether the partition's decisions were made with what ours are made with. */
static bool check_identity(struct kafka_readout *k, const rd_kafka_topic_partition_t *t)
{
    uint64_t theirs;
    if (k->settings->mixed == KAFKA_ALLOW || t->metadata == NULL ||
        !offsets_note_identity(t->metadata, t->metadata_size, &theirs) || theirs == k->identity)
        return true;
    log_error(
        "readout.kafka.mixed = \"refuse\": partition %d of %s was last judged with %016" PRIx64
        ", this program judges with %016" PRIx64 " (models, rules, seed): the group is left",
        t->partition, t->topic, theirs, k->identity);
    return false;
}

static void assign(struct kafka_readout *k, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t why = rd_kafka_committed(k->consumer, list, COMMITTED_TIMEOUT_MS);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_warn("kafka: where to begin is not known: %s: events may come again in pieces",
                 rd_kafka_err2str(why));
    for (int i = 0; i < list->cnt; i++)
        k->refused = k->refused || !check_identity(k, &list->elems[i]);
    if (k->refused) { /* nothing of them is ours: no note of theirs is written over */
        atomic_store(&k->monitor->kafka.refused, true);
        return;
    }
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &list->elems[i];
        if (!offsets_assign(k->offsets, t->partition, t->offset < 0 ? -1 : t->offset, t->metadata,
                            t->metadata_size))
            log_error("kafka: partition %d: no memory: it is not read", t->partition);
    }
    rd_kafka_error_t *failed = rd_kafka_incremental_assign(k->consumer, list);
    if (failed != NULL) {
        log_error("kafka: %s", rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
    }
    if (k->paused)
        (void)rd_kafka_pause_partitions(k->consumer, list);
    k->was_assigned = true;
    counter_add(&k->monitor->kafka.assigned, (uint64_t)list->cnt);
    log_info("kafka: %d partition%s of %s more", list->cnt, list->cnt == 1 ? "" : "s",
             k->settings->topic);
}

/* Gathers what is to be committed; NULL: nothing is. */
static rd_kafka_topic_partition_list_t *gather(struct kafka_readout *k)
{
    static char note[OFFSETS_NOTE_BYTES]; /* the readout thread's alone */
    rd_kafka_topic_partition_list_t *list = NULL;
    int32_t partition;
    int64_t offset;
    bool changed;
    offsets_look(k->offsets);
    for (uint32_t i = 0; offsets_commit(k->offsets, i, &partition, &offset, note, &changed); i++) {
        if (!changed)
            continue;
        if (list == NULL)
            list = rd_kafka_topic_partition_list_new(8);
        rd_kafka_topic_partition_t *t =
            rd_kafka_topic_partition_list_add(list, k->settings->topic, partition);
        t->offset = offset;
        t->metadata = strdup(note);
        t->metadata_size = t->metadata == NULL ? 0 : strlen(note);
    }
    return list;
}

/* Asks for it: librdkafka gives no partition away before the answer. */
static void commit(struct kafka_readout *k)
{
    rd_kafka_topic_partition_list_t *list = gather(k);
    if (list == NULL)
        return;
    rd_kafka_resp_err_t why = rd_kafka_commit(k->consumer, list, 1);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR) {
        counter_add(&k->monitor->kafka.commit_failures, 1);
        log_limited(LOG_LEVEL_WARN, "kafka: offsets were not committed: %s", rd_kafka_err2str(why));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* What waits of a partition that goes comes again to its next owner. */
static void forget_waiting(struct kafka_readout *k, const rd_kafka_topic_partition_list_t *list)
{
    if (k->waiting == NULL ||
        rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)(uintptr_t)list,
                                           k->settings->topic, k->waiting->partition) == NULL)
        return;
    rd_kafka_message_destroy(k->waiting);
    k->waiting = NULL;
}

static void revoke(struct kafka_readout *k, rd_kafka_topic_partition_list_t *list)
{
    if (!rd_kafka_assignment_lost(k->consumer))
        commit(k); /* the next owner begins there */
    forget_waiting(k, list);
    for (int i = 0; i < list->cnt; i++)
        offsets_revoke(k->offsets, list->elems[i].partition);
    rd_kafka_error_t *failed = rd_kafka_incremental_unassign(k->consumer, list);
    if (failed != NULL)
        rd_kafka_error_destroy(failed);
    counter_add(&k->monitor->kafka.revoked, (uint64_t)list->cnt);
    log_info("kafka: %d partition%s of %s less", list->cnt, list->cnt == 1 ? "" : "s",
             k->settings->topic);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_readout *k = opaque;
    (void)rk;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        assign(k, list);
    else
        revoke(k, list);
    count_partitions(k);
}

static void on_commit(rd_kafka_t *rk, rd_kafka_resp_err_t why,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct kafka_readout *k = opaque;
    (void)rk, (void)list;
    if (why == RD_KAFKA_RESP_ERR_NO_ERROR) {
        counter_add(&k->monitor->kafka.commits, 1);
    } else if (why != RD_KAFKA_RESP_ERR__NO_OFFSET) {
        counter_add(&k->monitor->kafka.commit_failures, 1);
        log_limited(LOG_LEVEL_WARN, "kafka: offsets were not committed: %s", rd_kafka_err2str(why));
    }
}

/* ---- life ---- */

static bool open_consumer(struct kafka_readout *k, int wake_fd, struct error *err)
{
    const struct kafka_readout_settings *s = k->settings;
    rd_kafka_conf_t *conf = kafka_conf_create("readout.kafka.brokers", s->brokers, err);
    const char *text[SETTINGS_MAX_ENDPOINTS];
    if (conf == NULL)
        return false;
    for (uint32_t i = 0; i < s->properties.count; i++)
        text[i] = s->properties.text[i];
    const char *start = s->start == KAFKA_EARLIEST ? "earliest" : "latest";
    if (!kafka_conf_set(conf, key, "group.id", s->group, err) ||
        !kafka_conf_set(conf, key, "enable.auto.commit", "false", err) ||
        !kafka_conf_set(conf, key, "enable.auto.offset.store", "false", err) ||
        !kafka_conf_set(conf, key, "auto.offset.reset", start, err) ||
        !kafka_conf_set(conf, key, "partition.assignment.strategy", "cooperative-sticky", err) ||
        !kafka_conf_set_number(conf, key, "queued.max.messages.kbytes", s->queue_bytes / 1024,
                               err) ||
        !kafka_conf_set_all(conf, "readout.kafka.properties", text, s->properties.count, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    k->consumer = kafka_open(RD_KAFKA_CONSUMER, conf, key, k, err);
    if (k->consumer == NULL)
        return false;
    (void)rd_kafka_poll_set_consumer(k->consumer);
    k->queue = rd_kafka_queue_get_consumer(k->consumer);
    kafka_wake_by(k->queue, wake_fd);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, s->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t why = rd_kafka_subscribe(k->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return why == RD_KAFKA_RESP_ERR_NO_ERROR ||
           error_set(err, ERROR_NETWORK, "readout.kafka.topic = \"%s\": %s", s->topic,
                     rd_kafka_err2str(why));
}

struct kafka_readout *kafka_readout_create(const struct kafka_readout_settings *settings,
                                           uint64_t identity, int wake_fd, struct monitor *monitor,
                                           struct error *err)
{
    struct kafka_readout *k = calloc(1, sizeof *k);
    if (k == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for the readout's consumer");
        return NULL;
    }
    k->settings = settings;
    k->header_name = "fragment";
    k->monitor = monitor;
    atomic_store(&monitor->kafka.used, true);
    atomic_store(&monitor->kafka.consumes, true);
    k->identity = identity;
    k->offsets = offsets_create(settings->in_flight, identity, err);
    k->letters = dead_letter_create(settings, monitor, err);
    if (k->offsets == NULL || k->letters == NULL || !open_consumer(k, wake_fd, err))
        kafka_readout_destroy(&k);
    return k;
}

void kafka_readout_take_windows(struct kafka_readout *k)
{
    k->header_name = "windows";
}

/* Gives all partitions up, and so commits. While the group waits for somebody, the broker answers
 * nothing that stands in line behind our wish to join, for as long as a session. False: it took
 * too long. */
static bool leave(struct kafka_readout *k)
{
    uint64_t end_ns = clock_monotonic_ns() + LEAVE_TIMEOUT_S * NS_PER_S;
    rd_kafka_queue_t *last = rd_kafka_queue_new(k->consumer);
    rd_kafka_error_t *failed = rd_kafka_consumer_close_queue(k->consumer, last);
    if (failed != NULL)
        rd_kafka_error_destroy(failed);
    while (!rd_kafka_consumer_closed(k->consumer) && clock_monotonic_ns() < end_ns) {
        rd_kafka_message_t *late = rd_kafka_consume_queue(last, LEAVE_POLL_MS);
        if (late != NULL)
            rd_kafka_message_destroy(late);
    }
    rd_kafka_queue_destroy(last);
    return rd_kafka_consumer_closed(k->consumer);
}

void kafka_readout_destroy(struct kafka_readout **handle)
{
    struct kafka_readout *k = *handle;
    if (k == NULL)
        return;
    if (k->waiting != NULL)
        rd_kafka_message_destroy(k->waiting);
    dead_letter_destroy(&k->letters);
    if (k->consumer != NULL) {
        bool gone = leave(k);
        if (!gone)
            log_warn("kafka: the group did not let go within %d s: what was not committed is "
                     "decided again by others, when the session is over",
                     LEAVE_TIMEOUT_S);
        if (k->queue != NULL)
            rd_kafka_queue_destroy(k->queue);
        /* librdkafka before 2.3 aborts when a cooperative consumer is destroyed that never was
         * assigned anything (its issue 4312): that one, and one that is in line, is left to the
         * process's end, silent. */
        if (gone && (k->was_assigned || rd_kafka_version() >= FIRST_SAFE_TO_DESTROY))
            rd_kafka_destroy(k->consumer);
        else
            rd_kafka_set_log_level(k->consumer, 0);
    }
    offsets_destroy(&k->offsets);
    free(k);
    *handle = NULL;
}

/* ---- messages ---- */

static void give_back(void *data, void *message)
{
    (void)data;
    rd_kafka_message_destroy(message);
}

/* Shows a Kafka message as one of ZeroMQ; no byte is copied. */
static void wrap(const struct kafka_readout *k, rd_kafka_message_t *from, struct receipt *receipt,
                 struct message *m)
{
    rd_kafka_headers_t *headers = NULL;
    const void *header = NULL;
    size_t bytes = 0;
    m->whole = rd_kafka_message_headers(from, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
               rd_kafka_header_get_last(headers, k->header_name, &header, &bytes) ==
                   RD_KAFKA_RESP_ERR_NO_ERROR &&
               header != NULL;
    m->receipt = receipt;
    (void)zmq_msg_init(&m->topic);
    if (m->whole) /* lives as long as the payload: nobody frees it */
        (void)zmq_msg_init_data(&m->header, (void *)(uintptr_t)header, bytes, NULL, NULL);
    else
        (void)zmq_msg_init(&m->header);
    (void)zmq_msg_init_data(&m->payload, from->payload, from->len, give_back, from);
}

/* Counts an error that came in place of a message. */
static void take_error(struct kafka_readout *k, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    counter_add(&k->monitor->kafka.errors, 1);
    log_limited(LOG_LEVEL_WARN, "kafka: %s: %s", k->settings->topic, rd_kafka_message_errstr(m));
}

/* Takes a message, or decides that it is left out; it is given up then. */
static enum receive_result take(struct kafka_readout *k, rd_kafka_message_t *next,
                                struct message *m)
{
    struct receipt *receipt = NULL;
    enum offsets_verdict verdict =
        offsets_take(k->offsets, next->partition, next->offset, &receipt);
    if (verdict == OFFSETS_FULL) { /* once more, with eyes open */
        offsets_look(k->offsets);
        verdict = offsets_take(k->offsets, next->partition, next->offset, &receipt);
    }
    switch (verdict) {
    case OFFSETS_NEW:
        if (offsets_seen_before(k->offsets, next->partition, next->offset))
            counter_add(&k->monitor->kafka.redelivered, 1);
        wrap(k, next, receipt, m);
        return RECEIVE_MESSAGE;
    case OFFSETS_FULL:
        counter_add(&k->monitor->kafka.full, 1);
        k->waiting = next;
        return RECEIVE_NONE;
    case OFFSETS_DONE:
        counter_add(&k->monitor->kafka.skipped, 1);
        break;
    case OFFSETS_FOREIGN:
        break;
    }
    rd_kafka_message_destroy(next);
    return RECEIVE_SKIPPED;
}

enum receive_result kafka_readout_receive(struct kafka_readout *k, struct message *m)
{
    if (k->refused)
        return RECEIVE_NONE;
    rd_kafka_message_t *next = k->waiting;
    k->waiting = NULL;
    if (next == NULL)
        next = rd_kafka_consumer_poll(k->consumer, 0);
    if (next == NULL)
        return RECEIVE_NONE;
    if (next->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return take(k, next, m);
    take_error(k, next);
    rd_kafka_message_destroy(next);
    return RECEIVE_SKIPPED;
}

void kafka_readout_set_aside(struct kafka_readout *k, const struct message *m,
                             enum fragment_fate why)
{
    dead_letter_put(k->letters, m, k->header_name, why);
}

/* ---- the clock's share ---- */

/* Where a partition's next message is taken. Until the first has come librdkafka knows no position
 * (-1001): then it is where the assignment began, or where a group without commits begins. */
static int64_t position(const struct kafka_readout *k, const rd_kafka_topic_partition_t *now,
                        int64_t assigned, int64_t low, int64_t high)
{
    if (now->offset >= 0)
        return now->offset;
    if (assigned >= 0)
        return assigned;
    return k->settings->start == KAFKA_EARLIEST ? low : high;
}

/* Messages that wait in our partitions, by what the broker said last. */
static void measure_lag(struct kafka_readout *k)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    int64_t lag = 0;
    if (rd_kafka_assignment(k->consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    rd_kafka_topic_partition_list_t *now = rd_kafka_topic_partition_list_copy(list);
    (void)rd_kafka_position(k->consumer, now);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *t = &list->elems[i];
        int64_t low = -1, high = -1;
        (void)rd_kafka_get_watermark_offsets(k->consumer, t->topic, t->partition, &low, &high);
        int64_t at = position(k, &now->elems[i], t->offset, low, high);
        lag += high > at && at >= 0 ? high - at : 0;
    }
    rd_kafka_topic_partition_list_destroy(now);
    rd_kafka_topic_partition_list_destroy(list);
    atomic_store(&k->monitor->kafka.lag, (uint64_t)lag);
}

static void hold(struct kafka_readout *k, bool held)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (held == k->paused || rd_kafka_assignment(k->consumer, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    (void)(held ? rd_kafka_pause_partitions : rd_kafka_resume_partitions)(k->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    k->paused = held;
    counter_add(&k->monitor->kafka.pauses, held ? 1 : 0);
}

/* While nothing is taken the group is kept by polling: what comes then waits. */
static void keep_group(struct kafka_readout *k)
{
    if (k->waiting != NULL)
        return;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(k->consumer, 0);
    if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        k->waiting = m;
    else if (m != NULL)
        rd_kafka_message_destroy(m);
}

void kafka_readout_tick(struct kafka_readout *k, bool held, uint64_t identity, uint64_t now_ns)
{
    k->identity = identity;
    offsets_set_identity(k->offsets, identity);
    if (!held)
        k->held_since_ns = 0;
    else if (k->held_since_ns == 0)
        k->held_since_ns = now_ns;
    hold(k, k->refused || (held && now_ns - k->held_since_ns >= PAUSE_AFTER_NS));
    if (k->paused)
        keep_group(k);
    dead_letter_tick(k->letters);
    if (k->refused && !k->left) {
        (void)rd_kafka_unsubscribe(k->consumer);
        k->left = true;
    }
    if (now_ns >= k->next_commit_ns) {
        commit(k);
        k->next_commit_ns = now_ns + k->settings->commit_interval_ns;
    }
    if (now_ns >= k->next_lag_ns) {
        measure_lag(k);
        k->next_lag_ns = now_ns + LAG_EVERY_NS;
    }
}
