/* How: a child is forked before this process has any thread of librdkafka, does its work, and
 * writes a struct kafka_result into a pipe. rdkafka_performance is a child of that child, whose
 * summary is read, and its processor time. A child ends with its work, so what memory it took goes
 * with it and is not given back piece by piece. */
#include "bench/kafka_run.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "config/config.h"
#include "data/monitor.h"
#include "data/receipt.h"
#include "output/kafka.h"
#include "readout/kafka.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 48, /* a FragmentHeader of whole wires has about so many */
    BEHIND = 1024,     /* messages that are received and not done, as events in the making */
    PATIENCE_MS = 30000,
    PEER_PATIENCE_S = 120,
    ADMIN_TIMEOUT_MS = 10000,
};
static const char mark[] = "LATENCY:"; /* rdkafka_performance's, in us of the time of day */

static struct kafka_result failed(const char *what, const char *why)
{
    (void)fprintf(stderr, "kafka: %s: %s\n", what, why);
    return (struct kafka_result){0};
}

/* Of latencies in the order they came the later half. */
static void summarize(struct kafka_result *r, uint64_t *ns, uint32_t n)
{
    r->median_ns = bench_quantile_ns(ns + n / 2, n - n / 2, 0.5);
    r->p99_ns = bench_quantile_ns(ns + n / 2, n - n / 2, 0.99);
}

/* ---- children ---- */

static uint64_t nanoseconds(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_usec * 1000;
}

struct kafka_child kafka_start(kafka_work work, const struct kafka_task *t)
{
    int ends[2];
    struct kafka_child c = {.pid = -1, .answer = -1, .task = t};
    if (pipe(ends) != 0)
        return c;
    (void)fflush(stdout);
    c.pid = fork();
    c.answer = ends[0];
    if (c.pid == 0) {
        (void)close(ends[0]);
        struct kafka_result r = work(t);
        _exit(write(ends[1], &r, sizeof r) == (ssize_t)sizeof r ? 0 : 1);
    }
    (void)close(ends[1]);
    return c;
}

struct kafka_result kafka_wait(struct kafka_child *c)
{
    struct kafka_result r = {0};
    struct rusage used = {0};
    int status = 0;
    if (c->pid <= 0 || read(c->answer, &r, sizeof r) != (ssize_t)sizeof r)
        r = failed(c->task->topic, "a run ended without an answer");
    if (c->pid > 0)
        (void)wait4(c->pid, &status, 0, &used);
    (void)close(c->answer);
    if (r.cpu_ns == 0)
        r.cpu_ns = nanoseconds(&used.ru_utime) + nanoseconds(&used.ru_stime);
    return r;
}

/* ---- topics and what is in them ---- */

static void on_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *lost)
{
    (void)rk;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    (void)failed("a message did not reach the broker", rd_kafka_err2str(m->err));
    ++*(uint32_t *)lost;
}

/* `lost` counts messages that did not arrive. */
static rd_kafka_t *open_producer(const struct kafka_task *t, uint32_t *lost)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", t->brokers, NULL, 0);
    (void)rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0);
    (void)rd_kafka_conf_set(conf, "max.in.flight", "1", NULL, 0); /* as base/kafka.h says */
    rd_kafka_conf_set_opaque(conf, lost);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)failed("a producer", why);
    }
    return rk;
}

static struct kafka_result make_topic(const struct kafka_task *t)
{
    char why[256] = "no answer";
    bool keep = t->bytes != 0;
    uint32_t lost = 0;
    rd_kafka_t *rk = open_producer(t, &lost);
    if (rk == NULL)
        return (struct kafka_result){0};
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(t->topic, (int)t->messages, 1, why, sizeof why);
    if (keep)
        (void)rd_kafka_NewTopic_set_config(topic, "retention.bytes", "-1");
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS);
    size_t n = 0;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **each =
        result == NULL ? NULL : rd_kafka_CreateTopics_result_topics(result, &n);
    bool good = n == 1 && rd_kafka_topic_result_error(each[0]) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!good)
        (void)failed(t->topic, n == 1 ? rd_kafka_topic_result_error_string(each[0]) : why);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return (struct kafka_result){.ns = good};
}

bool kafka_make_topic(const char *brokers, const char *topic, int32_t partitions, bool keep)
{
    const struct kafka_task t = {
        .brokers = brokers, .topic = topic, .messages = (uint32_t)partitions, .bytes = keep};
    struct kafka_child c = kafka_start(make_topic, &t);
    return kafka_wait(&c).ns != 0;
}

struct kafka_result kafka_fill(const struct kafka_task *t)
{
    char header[HEADER_BYTES] = {0};
    char *body = calloc(1, t->bytes);
    uint32_t lost = 0;
    rd_kafka_t *rk = body == NULL ? NULL : open_producer(t, &lost);
    if (rk == NULL)
        return (struct kafka_result){0};
    uint64_t begin = clock_monotonic_ns();
    for (uint32_t i = 0; i < t->messages; i++) {
        char key[32];
        int n = snprintf(key, sizeof key, "1.0.%" PRIu32, i);
        rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_NO_ERROR;
        do {
            (void)rd_kafka_poll(rk, why == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
            why = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(t->topic), RD_KAFKA_V_KEY(key, (size_t)n),
                                    RD_KAFKA_V_VALUE(body, t->bytes),
                                    RD_KAFKA_V_HEADER("fragment", header, HEADER_BYTES),
                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        } while (why == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
            return failed(t->topic, rd_kafka_err2str(why));
    }
    if (rd_kafka_flush(rk, PATIENCE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR || lost > 0)
        return failed(t->topic, "not all of it reached the broker");
    uint64_t ns = clock_monotonic_ns() - begin;
    rd_kafka_destroy(rk);
    return (struct kafka_result){.ns = ns};
}

/* ---- ours ---- */

/* The daemon's own settings, with its defaults. NULL: it said why. */
static struct settings *settings_of(const struct kafka_task *t)
{
    static struct settings settings;
    struct error err = {0};
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "[detector]\nticks = 6400\n[[detector.plane]]\nid = 0\nwires = 2400\n"
                     "[readout]\nkind = \"kafka\"\n"
                     "[readout.kafka]\nbrokers = \"%s\"\ntopic = \"%s\"\ngroup = \"%s-%d\"\n"
                     "[output.kafka]\nbrokers = \"%s\"\ntopic = \"%s\"\n"
                     "[[engine.model]]\nfile = \"none\"\n",
                     t->brokers, t->topic, t->topic, (int)getpid(), t->brokers, t->topic);
    if (config_load_text("bench", text, (size_t)n, NULL, 0, &settings, &err))
        return &settings;
    (void)failed("settings", err.text);
    return NULL;
}

static void sleep_until(int fd, int timeout_ms)
{
    uint64_t count;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) > 0 && read(fd, &count, sizeof count) < 0)
        return; /* somebody else was woken */
}

/* The time since a message of rdkafka_performance -l was sent; 0: it is none. */
static uint64_t age_ns(const struct message *m)
{
    char text[40] = {0};
    zmq_msg_t *payload = (zmq_msg_t *)(uintptr_t)&m->payload;
    size_t bytes = zmq_msg_size(payload);
    uint64_t sent_us = 0;
    memcpy(text, zmq_msg_data(payload), bytes < sizeof text - 1 ? bytes : sizeof text - 1);
    if (strncmp(text, mark, sizeof mark - 1) != 0)
        return 0;
    sent_us = strtoull(text + sizeof mark - 1, NULL, 10);
    return clock_wall_ns() - sent_us * 1000;
}

struct reading {
    struct kafka_readout *readout;
    struct receipt *behind[BEHIND];
    uint64_t *latency_ns; /* NULL: not asked for */
    uint64_t first_ns, last_ns;
    uint32_t taken;
};

/* A message that is taken is closed, and done when BEHIND others have come. */
static void take(struct reading *r, struct message *m, uint32_t messages)
{
    r->last_ns = clock_monotonic_ns();
    if (r->taken == 0)
        r->first_ns = r->last_ns;
    if (r->latency_ns != NULL)
        r->latency_ns[r->taken] = age_ns(m);
    struct receipt **place = &r->behind[r->taken % BEHIND];
    receipt_done(*place);
    *place = m->receipt;
    r->taken++;
    message_close(m);
    for (uint32_t i = 0; r->taken == messages && i < BEHIND; i++)
        receipt_done(r->behind[i]);
}

static bool read_all(struct reading *r, const struct kafka_task *t, uint64_t identity, int wake)
{
    uint64_t heard_ns = clock_monotonic_ns();
    while (r->taken < t->messages) {
        struct message m;
        uint64_t now = clock_monotonic_ns();
        bool some = kafka_readout_receive(r->readout, &m) == RECEIVE_MESSAGE;
        if (some) {
            heard_ns = now;
            take(r, &m, t->messages);
        }
        kafka_readout_tick(r->readout, false, identity, now);
        if (!some && now - heard_ns > PATIENCE_MS * NS_PER_MS)
            return false;
        if (!some)
            sleep_until(wake, 1000);
    }
    return true;
}

struct kafka_result kafka_read(const struct kafka_task *t)
{
    struct error err = {0};
    struct reading r = {0};
    struct kafka_result result = {0};
    int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct monitor *monitor = calloc(1, sizeof *monitor);
    const struct settings *s = settings_of(t);
    if (t->rate > 0)
        r.latency_ns = calloc(t->messages, sizeof *r.latency_ns);
    if (s == NULL || monitor == NULL)
        return result;
    r.readout = kafka_readout_create(&s->readout.kafka, 1, wake, monitor, &err);
    if (r.readout == NULL)
        return failed(t->topic, err.text);
    if (!read_all(&r, t, 1, wake))
        return failed(t->topic, "not all messages came");
    result.ns = r.last_ns - r.first_ns;
    if (r.latency_ns != NULL)
        summarize(&result, r.latency_ns, t->messages);
    kafka_readout_destroy(&r.readout); /* commits the rest */
    return result;
}

struct sending {
    struct kafka_decisions *output;
    struct receipt *receipt; /* [messages] */
    uint64_t *sent_ns, *latency_ns;
    uint32_t acknowledged; /* all before it are */
    int wake;
};

/* Acknowledgements of one partition come in order. */
static void look(struct sending *s, uint32_t sent)
{
    (void)kafka_decisions_poll(s->output);
    uint64_t now = clock_monotonic_ns();
    for (; s->acknowledged < sent && atomic_load(&s->receipt[s->acknowledged].done);
         s->acknowledged++)
        s->latency_ns[s->acknowledged] = now - s->sent_ns[s->acknowledged];
}

/* As the output thread does: what the queue does not take waits for acknowledgements. */
static bool send_all(struct sending *s, const struct kafka_task *t)
{
    char *body = calloc(1, t->bytes);
    struct event *event = calloc(1, sizeof *event);
    uint64_t begin = clock_monotonic_ns();
    bool good = body != NULL && event != NULL;
    for (uint32_t i = 0; good && i < t->messages; i++) {
        uint64_t due = begin + (t->rate == 0 ? 0 : i * NS_PER_S / t->rate), now;
        while ((now = clock_monotonic_ns()) < due) {
            sleep_until(s->wake, (int)((due - now) / NS_PER_MS));
            look(s, i);
        }
        event->id.event = i;
        event->receipt = &s->receipt[i];
        s->sent_ns[i] = now;
        while (!kafka_decisions_send(s->output, event, "decision.accepted", body, t->bytes)) {
            sleep_until(s->wake, 1000);
            look(s, i);
        }
        look(s, i + 1);
    }
    while (good && s->acknowledged < t->messages) {
        good = clock_monotonic_ns() - begin < 4 * PATIENCE_MS * NS_PER_MS;
        sleep_until(s->wake, 100);
        look(s, t->messages);
    }
    return good;
}

struct kafka_result kafka_send(const struct kafka_task *t)
{
    struct error err = {0};
    struct kafka_result result = {0};
    struct sending s = {.receipt = calloc(t->messages, sizeof *s.receipt),
                        .sent_ns = calloc(t->messages, sizeof *s.sent_ns),
                        .latency_ns = calloc(t->messages, sizeof *s.latency_ns),
                        .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    struct monitor *monitor = calloc(1, sizeof *monitor);
    const struct settings *set = settings_of(t);
    if (set == NULL || monitor == NULL || s.receipt == NULL || s.sent_ns == NULL ||
        s.latency_ns == NULL)
        return result;
    s.output = kafka_decisions_create(&set->output.kafka, s.wake, monitor, &err);
    if (s.output == NULL)
        return failed(t->topic, err.text);
    uint64_t begin = clock_monotonic_ns();
    if (!send_all(&s, t))
        return failed(t->topic, "not all decisions were acknowledged");
    result.ns = clock_monotonic_ns() - begin;
    if (t->rate > 0)
        summarize(&result, s.latency_ns, t->messages);
    kafka_decisions_destroy(&s.output, NS_PER_S);
    return result;
}

/* ---- the peer ---- */

static void read_latencies(struct kafka_result *r, const struct kafka_task *t)
{
    FILE *f = fopen(t->latencies, "r");
    uint64_t *ns = calloc(t->messages, sizeof *ns), us = 0;
    uint32_t n = 0;
    while (f != NULL && ns != NULL && n < t->messages && fscanf(f, "%" SCNu64, &us) == 1)
        ns[n++] = us * 1000;
    summarize(r, ns, n);
    free(ns);
    if (f != NULL)
        (void)fclose(f);
}

/* Runs it; what it says on its standard output is searched for "NUMBER msgs/s". */
static struct kafka_result run_peer(const struct kafka_task *t, const char *const *arguments)
{
    int ends[2];
    if (pipe(ends) != 0)
        return failed(t->peer, "no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO); /* where it says what groups do */
        (void)close(ends[0]);
        (void)alarm(PEER_PATIENCE_S); /* it would wait for a message for ever */
        execv(t->peer, (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    (void)close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    char line[512], last[512] = "it cannot be run";
    uint64_t rate = 0, all = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *at = strstr(line, " msgs/s");
        memcpy(last, line, sizeof last);
        if (at == NULL || sscanf(line, "%% %" SCNu64, &all) != 1)
            continue;
        while (at > line && at[-1] != ' ')
            at--;
        rate = strtoull(at, NULL, 10);
    }
    int status = 0;
    struct rusage used = {0};
    (void)wait4(pid, &status, 0, &used);
    if (f != NULL)
        (void)fclose(f);
    if (status != 0 || rate == 0 || all != t->messages)
        return failed(t->peer, last);
    struct kafka_result r = {.ns = (uint64_t)((double)all / (double)rate * (double)NS_PER_S),
                             .cpu_ns = nanoseconds(&used.ru_utime) + nanoseconds(&used.ru_stime)};
    if (t->latencies != NULL)
        read_latencies(&r, t);
    return r;
}

enum { TEXT_BYTES = 64 };

struct kafka_result kafka_peer_read(const struct kafka_task *t)
{
    char group[TEXT_BYTES], count[TEXT_BYTES];
    (void)snprintf(group, sizeof group, "peer-%d", (int)getpid());
    (void)snprintf(count, sizeof count, "%u", t->messages);
    const char *arguments[] = {t->peer,      "-G", group,      "-t",
                               t->topic,     "-b", t->brokers, "-c",
                               count,        "-H", "parse",    t->latencies != NULL ? "-lA" : NULL,
                               t->latencies, NULL};
    return run_peer(t, arguments);
}

/* With what ours sets: idempotence, the time it waits for more, key and header. */
struct kafka_result kafka_peer_send(const struct kafka_task *t)
{
    char size[TEXT_BYTES], count[TEXT_BYTES], rate[TEXT_BYTES];
    (void)snprintf(size, sizeof size, "%u", t->bytes);
    (void)snprintf(count, sizeof count, "%u", t->messages);
    (void)snprintf(rate, sizeof rate, "%u", t->rate);
    const char *arguments[24] = {t->peer, "-P",
                                 "-t",    t->topic,
                                 "-b",    t->brokers,
                                 "-c",    count,
                                 "-s",    size,
                                 "-k",    "1.0.1000",
                                 "-H",    "topic=decision.accepted",
                                 "-X",    "enable.idempotence=true",
                                 "-X",    "linger.ms=1"};
    uint32_t n = 18;
    if (t->rate > 0) {
        arguments[n++] = "-lr";
        arguments[n++] = rate;
    }
    if (t->latencies != NULL) {
        arguments[n++] = "-A";
        arguments[n++] = t->latencies;
    }
    return run_peer(t, arguments);
}
