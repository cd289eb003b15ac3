/* kafka: the daemon's two sides of a broker against librdkafka's own rdkafka_performance, on
 * the same broker and topic, with messages of the same size, in turn:
 *
 *     readout     a topic that was filled once is read again and again, each time by a new group
 *     decisions   messages are sent until the last is acknowledged
 *     latency     a steady rate: from rdkafka_performance's sending to whoever reads;
 *                 from sending a decision to its acknowledgement
 *
 * The broker is tests/kafka/broker.py's, unless --brokers names one. */
#include "base/clock.h"
#include "base/log.h"
#include "bench/goals.h"
#include "bench/kafka_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOAL 0.80
enum { PARTITIONS = 6, LATENCY_RUNS = 5, NAME_BYTES = 96 };

/* One row is one size. */
static const struct size {
    const char *name;
    uint32_t bytes, messages;
} reads[] = {{"512 KB", 512000, 1200}, {"16 KB", 16384, 40000}, {"1 KB", 1024, 500000}},
  sends[] = {{"512 KB", 512000, 300},
             {"16 KB", 16384, 5000},
             {"1 KB", 1024, 60000},
             {"256 B", 256, 200000}};
static const struct rate {
    const char *name;
    uint32_t bytes, messages, rate;
} rates[] = {{"512 KB", 512000, 300, 100}, {"1 KB", 1024, 2000, 1000}};
enum {
    N_READS = sizeof reads / sizeof reads[0],
    N_SENDS = sizeof sends / sizeof sends[0],
    N_RATES = sizeof rates / sizeof rates[0],
};

/* ---- the broker ---- */

struct broker {
    char address[NAME_BYTES];
    pid_t helper, process; /* broker.py, 0: it is somebody else's; and the broker itself */
    FILE *hold;            /* its end is the broker's */
};

static bool start_broker(struct broker *b, const char *given)
{
    int hold[2], answer[2];
    memset(b, 0, sizeof *b);
    if (given != NULL) {
        (void)snprintf(b->address, sizeof b->address, "%s", given);
        return true;
    }
    if (pipe2(hold, 0) != 0 || pipe2(answer, 0) != 0)
        return false;
    b->helper = fork();
    if (b->helper == 0) {
        (void)dup2(hold[0], STDIN_FILENO);
        (void)dup2(answer[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) {
            (void)close(hold[i]);
            (void)close(answer[i]);
        }
        execl(BENCH_PYTHON, BENCH_PYTHON, BENCH_SOURCE "/tests/kafka/broker.py",
              "--set=log.retention.bytes=67108864", "--set=log.segment.bytes=33554432",
              "--set=log.retention.check.interval.ms=2000", "--set=file.delete.delay.ms=100",
              "--set=message.max.bytes=2097152", NULL);
        _exit(127);
    }
    (void)close(hold[0]);
    (void)close(answer[1]);
    b->hold = fdopen(hold[1], "w");
    FILE *f = fdopen(answer[0], "r");
    int process = 0;
    bool good = f != NULL && fscanf(f, "%95s %d", b->address, &process) == 2;
    b->process = process;
    if (f != NULL)
        (void)fclose(f);
    if (!good)
        (void)fprintf(stderr, "kafka: %s/tests/kafka/broker.py gave no broker\n", BENCH_SOURCE);
    return good;
}

static void stop_broker(struct broker *b)
{
    if (b->hold != NULL)
        (void)fclose(b->hold);
    if (b->helper > 0)
        (void)waitpid(b->helper, NULL, 0);
}

/* Processor time of the broker so far; 0: it is not ours to look at. */
static uint64_t broker_ns(const struct broker *b)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)b->process);
    FILE *f = b->process > 0 ? fopen(path, "r") : NULL;
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &kernel) != 2)
        user = kernel = 0;
    (void)fclose(f);
    return (uint64_t)(user + kernel) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* ---- throughput ---- */

struct side {
    const struct broker *broker;
    kafka_work work;
    struct kafka_task task;
    uint64_t cpu_ns, broker_ns, messages; /* of all rounds */
};

static uint64_t run_side(void *state)
{
    struct side *s = state;
    uint64_t before = broker_ns(s->broker);
    struct kafka_child c = kafka_start(s->work, &s->task);
    struct kafka_result r = kafka_wait(&c);
    s->cpu_ns += r.cpu_ns;
    s->broker_ns += broker_ns(s->broker) - before;
    s->messages += s->task.messages;
    return r.ns;
}

static void show_side(const struct bench_options *o, const char *what, const struct size *size,
                      const struct bench_series *series, const struct side *s)
{
    double n = (double)s->messages, rate = size->messages / (double)bench_median_ns(series) * 1e9;
    double ours = (double)s->cpu_ns * 1e-3 / n, broker = (double)s->broker_ns * 1e-3 / n;
    bench_note(o,
               "%s: median %.0f messages/s; processor time a message: %.2f us, the broker's %.2f",
               series->name, rate, ours, broker);
    bench_object(o, json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f}", "table", "kafka messages",
                              "what", what, "name", series->name, "bytes", (int)size->bytes,
                              "per_s", rate, "cpu_us", ours, "broker_cpu_us", broker));
}

/* One size: the peer, and ours. */
static bool compare(const struct bench_options *o, const struct broker *b, const char *what,
                    const char *topic, const struct size *size, const kafka_work work[2])
{
    char names[2][NAME_BYTES], title[NAME_BYTES + 8];
    struct side side[2];
    static struct bench_series series[2]; /* they are large */
    memset(series, 0, sizeof series);
    (void)snprintf(names[0], sizeof names[0], "rdkafka_performance, %s", size->name);
    (void)snprintf(names[1], sizeof names[1], "%s, %s", what, size->name);
    for (int i = 0; i < 2; i++) {
        side[i] = (struct side){.broker = b, .work = work[i]};
        side[i].task = (struct kafka_task){.brokers = b->address,
                                           .topic = topic,
                                           .peer = o->rdkafka_performance,
                                           .messages = size->messages,
                                           .bytes = size->bytes};
        series[i] = (struct bench_series){.name = names[i], .run = run_side, .state = &side[i]};
        series[i].work = (double)size->messages * size->bytes;
    }
    if (!bench_measure(series, 2, o->rounds))
        return false;
    bench_row_rate(o, "kafka", &series[0], NULL, 0);
    bench_row_rate(o, "kafka", &series[1], &series[0], GOAL);
    for (int i = 0; i < 2; i++)
        show_side(o, what, size, &series[i], &side[i]);
    (void)snprintf(title, sizeof title, "kafka, %s", names[1]);
    series[0].name = "rdkafka_performance";
    goals_add_series(o->goals, title, "GB/s", &series[1], &series[0], GOAL);
    return true;
}

static bool bench_readout(const struct bench_options *o, const struct broker *b)
{
    static const kafka_work work[2] = {kafka_peer_read, kafka_read};
    bench_title(o, "kafka, readout: messages of a topic, GB/s, against rdkafka_performance -G");
    for (uint32_t i = 0; i < N_READS; i++) {
        char topic[NAME_BYTES];
        (void)snprintf(topic, sizeof topic, "read-%d-%u", (int)getpid(), reads[i].bytes);
        const struct kafka_task fill = {.brokers = b->address,
                                        .topic = topic,
                                        .messages = reads[i].messages,
                                        .bytes = reads[i].bytes};
        if (!kafka_make_topic(b->address, topic, PARTITIONS, true))
            return false;
        struct kafka_child c = kafka_start(kafka_fill, &fill);
        if (kafka_wait(&c).ns == 0 || !compare(o, b, "readout", topic, &reads[i], work))
            return false;
    }
    return true;
}

static bool bench_output(const struct bench_options *o, const struct broker *b)
{
    static const kafka_work work[2] = {kafka_peer_send, kafka_send};
    bench_title(o, "kafka, decisions: sent and acknowledged, GB/s, against rdkafka_performance -P");
    for (uint32_t i = 0; i < N_SENDS; i++) {
        char topic[NAME_BYTES];
        (void)snprintf(topic, sizeof topic, "send-%d-%u", (int)getpid(), sends[i].bytes);
        if (!kafka_make_topic(b->address, topic, 1, false) ||
            !compare(o, b, "decisions", topic, &sends[i], work))
            return false;
    }
    return true;
}

/* ---- latency ---- */

struct latency {
    uint64_t median_ns[2][LATENCY_RUNS], p99_ns[2][LATENCY_RUNS]; /* the peer, ours */
};

/* Reading: rdkafka_performance sends, the peer or ours reads. */
static struct kafka_result read_once(const struct kafka_task *t, bool ours)
{
    struct kafka_task source = *t;
    source.latencies = NULL;
    struct kafka_child reader = kafka_start(ours ? kafka_read : kafka_peer_read, t);
    struct kafka_child sender = kafka_start(kafka_peer_send, &source);
    bool good = kafka_wait(&sender).ns != 0;
    struct kafka_result r = kafka_wait(&reader);
    r.ns = good ? r.ns : 0;
    return r;
}

static struct kafka_result send_once(const struct kafka_task *t, bool ours)
{
    struct kafka_child c = kafka_start(ours ? kafka_send : kafka_peer_send, t);
    return kafka_wait(&c);
}

static void show_latency(const struct bench_options *o, const char *what, const struct rate *rate,
                         struct latency *l)
{
    uint64_t m[2], p[2];
    for (int i = 0; i < 2; i++) {
        m[i] = bench_quantile_ns(l->median_ns[i], LATENCY_RUNS, 0.5);
        p[i] = bench_quantile_ns(l->p99_ns[i], LATENCY_RUNS, 0.5);
    }
    bench_note(o, "%s, %s, %u/s: median %.3f ms (rdkafka_performance %.3f), 99 %% %.3f ms (%.3f)",
               what, rate->name, rate->rate, (double)m[1] * 1e-6, (double)m[0] * 1e-6,
               (double)p[1] * 1e-6, (double)p[0] * 1e-6);
    bench_object(o, json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:I}", "table", "kafka latency",
                              "what", what, "bytes", (int)rate->bytes, "rate", (int)rate->rate,
                              "median_ns", (json_int_t)m[1], "peer_median_ns", (json_int_t)m[0],
                              "p99_ns", (json_int_t)p[1], "peer_p99_ns", (json_int_t)p[0]));
}

static bool measure_latency(const struct bench_options *o, const struct broker *b, bool reading,
                            const struct rate *rate, const char *file)
{
    struct latency l;
    for (int i = 0; i < 2 * LATENCY_RUNS; i++) {
        char topic[NAME_BYTES];
        bool ours = i % 2 == 1;
        (void)snprintf(topic, sizeof topic, "late-%d-%d-%u-%d", (int)getpid(), reading, rate->bytes,
                       i);
        const struct kafka_task t = {.brokers = b->address,
                                     .topic = topic,
                                     .peer = o->rdkafka_performance,
                                     .latencies = ours ? NULL : file,
                                     .messages = rate->messages,
                                     .bytes = rate->bytes,
                                     .rate = rate->rate};
        if (!kafka_make_topic(b->address, topic, 1, false))
            return false;
        struct kafka_result r = reading ? read_once(&t, ours) : send_once(&t, ours);
        if (r.ns == 0)
            return false;
        l.median_ns[ours][i / 2] = r.median_ns;
        l.p99_ns[ours][i / 2] = r.p99_ns;
    }
    show_latency(o, reading ? "sent to received" : "decision to acknowledgement", rate, &l);
    return true;
}

static bool bench_latencies(const struct bench_options *o, const struct broker *b)
{
    char file[] = "/tmp/sparse-bench-XXXXXX";
    int fd = mkstemp(file);
    bool good = fd >= 0;
    bench_note(o, "\nkafka, latency: the second half of each run, median of %d runs", LATENCY_RUNS);
    for (uint32_t i = 0; good && i < 2 * N_RATES; i++)
        good = measure_latency(o, b, i < N_RATES, &rates[i % N_RATES], file);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(file);
    }
    return good;
}

static void absent(const struct bench_options *o)
{
    goals_add(o->goals, &(struct goal){.what = "kafka",
                                       .against = "rdkafka_performance",
                                       .goal = GOAL,
                                       .sense = GOAL_AT_LEAST,
                                       .absent = "no --rdkafka-performance FILE"});
}

int bench_kafka(const struct bench_options *o)
{
    struct broker b;
    if (o->rdkafka_performance == NULL) {
        absent(o);
        return 0;
    }
    log_set_level(LOG_LEVEL_WARN);
    bool good = start_broker(&b, o->brokers) && bench_readout(o, &b) && bench_output(o, &b) &&
                bench_latencies(o, &b);
    stop_broker(&b);
    return good ? 0 : 1;
}
