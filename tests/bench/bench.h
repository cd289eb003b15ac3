/* bench: measurements that are honest about themselves.
 *
 * Ours and its peers are measured in one run, turn by turn, so that a machine that
 * gets slower does so for all of them:
 *
 *     round 1   peer, peer, ours
 *     round 2   peer, peer, ours
 *     ...
 *
 * Of each series the minimum and the median are kept, and of two series the ratio
 * of minima, the ratio of medians, and the spread of the ratio from round to round
 * (between its quartiles, relative to its median). Where that spread is above
 * BENCH_LARGEST_SPREAD no ratio is given, and that is said instead.
 *
 * One thread.
 */
#ifndef SPARSED_TESTS_BENCH_H
#define SPARSED_TESTS_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { BENCH_MAX_ROUNDS = 201 };
#define BENCH_LARGEST_SPREAD 0.25

struct goals; /* goals.h */

struct bench_options {
    const char *model;  /* a model file, for engine and the whole daemon; may be NULL */
    bool model_given;   /* on the command line */
    const char *models; /* folder of this project's own models */
    const char *kernel; /* C simulation of a network, libkernel_NAME.so; may be NULL */
    const char *python; /* an interpreter that has onnxruntime */
    const char *rtl;    /* the simulated kernel, libkernel_rtl.so; may not be there */
    const char *rdkafka_performance; /* librdkafka's own measure; may be NULL */
    const char *brokers;             /* Kafka's; NULL: one is started */
    const char *resources;           /* lines of fpga/rtl/measure.py --json; may be NULL */
    uint32_t rounds;                 /* 3 .. BENCH_MAX_ROUNDS */
    uint32_t events;                 /* of each latency run */
    uint32_t soak_s;                 /* how long memory is watched */
    bool json;                       /* one object a line, no table */
    struct goals *goals;             /* where results go that a goal is set for */
};

/* One thing to measure, and what was measured. */
struct bench_series {
    const char *name;
    /* Does the work once; returns the time in ns that it wants counted, or 0 where
     * it failed and said why. */
    uint64_t (*run)(void *state);
    void *state;
    double work; /* per run, in `unit`s: bytes, windows */
    uint32_t n;
    uint64_t ns[BENCH_MAX_ROUNDS];
};

/* Runs all series `rounds` times in turn, after one round that is not counted.
 * False: one failed. */
bool bench_measure(struct bench_series *series, uint32_t n_series, uint32_t rounds);

uint64_t bench_min_ns(const struct bench_series *s);
uint64_t bench_median_ns(const struct bench_series *s);

/* The time this thread had the processor, ns: a busy machine matters less to it. */
uint64_t bench_thread_ns(void);

/* The quantile q of n values, which are sorted in place. */
uint64_t bench_quantile_ns(uint64_t *values, uint32_t n, double q);

struct bench_ratio {
    double min, median;   /* the peer's time over ours: 1 is as fast, 2 twice as fast */
    double spread, low;   /* of single rounds: between the quartiles; the lower one */
    bool means_something; /* spread is small enough */
};
struct bench_ratio bench_ratio(const struct bench_series *ours, const struct bench_series *peer);

/* Of the peers of one thing the one with the smallest minimum. */
const struct bench_series *bench_fastest(const struct bench_series *series, uint32_t n);

/* ---- what is shown ---- */

/* Heads a table. `title` says what is measured against what. */
void bench_title(const struct bench_options *o, const char *title);

/* One row: `ours` in work per second, in units of 1e9 (GB/s), against `peer`, NULL
 * for a row without a ratio. `goal` 0: none; else met where the ratio of minima
 * reaches it. */
void bench_row_rate(const struct bench_options *o, const char *table,
                    const struct bench_series *ours, const struct bench_series *peer, double goal);

/* One line of text below a table; nothing with --json. */
void bench_note(const struct bench_options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One object, as a line of --json; nothing without. Steals the reference. */
void bench_object(const struct bench_options *o, json_t *object);

/* ---- subcommands: 0, or 1 where something failed and was said ---- */

int bench_windows(const struct bench_options *o);
int bench_active(const struct bench_options *o);
int bench_peers(const struct bench_options *o);
int bench_chains(const struct bench_options *o);
int bench_offload(const struct bench_options *o);
int bench_imaging(const struct bench_options *o);
int bench_pipeline(const struct bench_options *o);
int bench_latency(const struct bench_options *o);
int bench_workers(const struct bench_options *o);
int bench_memory(const struct bench_options *o);
int bench_fpga(const struct bench_options *o);
int bench_kafka(const struct bench_options *o);
int bench_tiers(const struct bench_options *o);

#endif
