/* goals: what sparsed is held to, and what was measured of it in this run.
 *
 * Each subcommand adds its rows while it measures; the table comes last, so that
 * the last lines of `sparse-bench all` are the answer:
 *
 *     what                     against            best  median   ratio spread  goal
 *     engine, N = 20, 16 bits  665 ns (paper)     98.1   101.0   0.148    3%  <= 0.20  met
 *
 * A ratio is ours to the peer's where the goal is "at most", and how many times
 * faster ours is, or which part of the peer's rate it reaches, where it is "at
 * least". The goal is judged by the minima. Where the figures spread too much there
 * is no ratio and no verdict: refused; unless three quarters of the rounds reach the
 * goal all the same, then the ratio is the one they reach.
 *
 * Beside the goals it keeps the rates of one core from which the need of a whole
 * detector is computed. One thread.
 */
#ifndef SPARSED_TESTS_BENCH_GOALS_H
#define SPARSED_TESTS_BENCH_GOALS_H

#include "bench/bench.h"

enum goal_sense { GOAL_AT_MOST, GOAL_AT_LEAST };

/* One row. Texts are copied. */
struct goal {
    const char *what, *against, *unit;
    double best, median; /* in `unit` */
    double ratio;        /* of minima, or the figure itself where nothing is beside it */
    double spread;       /* of the ratio from round to round; 0: not known */
    double goal;         /* 0: none, the row only shows */
    enum goal_sense sense;
    bool refused;       /* the spread is too large */
    const char *absent; /* not NULL: not measured, and why */
};

/* The rates of one core; 0: not measured. */
struct goal_rates {
    double imaging_bytes_per_ns;    /* int16 samples to hits */
    double window_ns;               /* active pixels to score, N = 20, 16 bits */
    double zmq_bytes_per_cpu_ns;    /* both ends over tcp, by processor time */
    double daemon_bytes_per_cpu_ns; /* the same and the whole daemon */
};

struct goals;
struct goals *goals_create(void);
void goals_destroy(struct goals **g);

void goals_add(struct goals *g, const struct goal *row);
struct goal_rates *goals_rates(struct goals *g);

/* The row of `ours`, to be at least `goal` times as fast as `peer`, by bench_ratio.
 * Shown in `unit`: "ns", the time for one unit of work; else units of work a ns. */
void goals_add_series(struct goals *g, const char *what, const char *unit,
                      const struct bench_series *ours, const struct bench_series *peer,
                      double goal);

/* All rows, in the order they came; nothing where there are none. */
void goals_show(const struct goals *g, const struct bench_options *o);

/* What a whole MicroBooNE needs, in cores, from goals_rates. */
void goals_show_server(struct goals *g, const struct bench_options *o);

#endif
