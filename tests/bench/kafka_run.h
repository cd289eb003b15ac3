/* kafka_run: what is measured at a Kafka broker, each time in a process of its own, so that
 * processor time is told apart and nothing of librdkafka's stays behind.
 *
 *     fill      topic <-- messages as a readout sends them
 *     read      topic --> readout/kafka.c: receipts, offsets committed behind them
 *     send      output/kafka.c --> topic, until the last is acknowledged
 *     peer      librdkafka's rdkafka_performance: the same, read or send
 *
 * A run's time is what rdkafka_performance counts: reading from the first message to the last,
 * sending from the first call to the last acknowledgement. One thread.
 */
#ifndef SPARSED_TESTS_BENCH_KAFKA_RUN_H
#define SPARSED_TESTS_BENCH_KAFKA_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kafka_task {
    const char *brokers, *topic;
    const char *peer;      /* rdkafka_performance; NULL where ours does it */
    const char *latencies; /* peer: a file of one latency in us a line; NULL: none */
    uint32_t messages, bytes;
    uint32_t rate; /* messages a second, each with its time of day; 0: as fast as it goes */
};

/* What a run says of itself. */
struct kafka_result {
    uint64_t ns;                /* 0: it failed and said why */
    uint64_t cpu_ns;            /* processor time of its process */
    uint64_t median_ns, p99_ns; /* with a rate: of one message; the first half is not counted */
};

/* Makes a topic of so many partitions; `keep`: nothing of it is ever deleted. */
bool kafka_make_topic(const char *brokers, const char *topic, int32_t partitions, bool keep);

/* A run that goes on beside the caller's. */
struct kafka_child {
    pid_t pid;
    int answer;
    const struct kafka_task *task;
};

typedef struct kafka_result (*kafka_work)(const struct kafka_task *t);

struct kafka_result kafka_fill(const struct kafka_task *t);
struct kafka_result kafka_read(const struct kafka_task *t);
struct kafka_result kafka_send(const struct kafka_task *t);
struct kafka_result kafka_peer_read(const struct kafka_task *t);
struct kafka_result kafka_peer_send(const struct kafka_task *t);

/* Starts `work` in a child, and waits for what it says. */
struct kafka_child kafka_start(kafka_work work, const struct kafka_task *t);
struct kafka_result kafka_wait(struct kafka_child *c);

#endif
