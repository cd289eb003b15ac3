#include "bench/bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- rounds and statistics -------------------------------------------------- */

bool bench_measure(struct bench_series *series, uint32_t n_series, uint32_t rounds)
{
    if (rounds > BENCH_MAX_ROUNDS)
        rounds = BENCH_MAX_ROUNDS;
    for (uint32_t i = 0; i < n_series; i++)
        series[i].n = 0;
    for (uint32_t round = 0; round <= rounds; round++) {
        for (uint32_t i = 0; i < n_series; i++) {
            uint64_t ns = series[i].run(series[i].state);
            if (ns == 0)
                return false;
            if (round > 0) /* the first one warms up */
                series[i].ns[series[i].n++] = ns;
        }
    }
    return true;
}

uint64_t bench_thread_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t bench_quantile_ns(uint64_t *values, uint32_t n, double q)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, compare_ns);
    uint32_t at = (uint32_t)(q * n);
    return values[at < n ? at : n - 1];
}

uint64_t bench_min_ns(const struct bench_series *s)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < s->n; i++)
        least = s->ns[i] < least ? s->ns[i] : least;
    return least;
}

uint64_t bench_median_ns(const struct bench_series *s)
{
    uint64_t values[BENCH_MAX_ROUNDS];
    memcpy(values, s->ns, s->n * sizeof *values);
    return bench_quantile_ns(values, s->n, 0.5);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Series may do different work a run, so times are taken for a unit of work. */
struct bench_ratio bench_ratio(const struct bench_series *ours, const struct bench_series *peer)
{
    double each[BENCH_MAX_ROUNDS], scale = ours->work / peer->work;
    uint32_t n = ours->n < peer->n ? ours->n : peer->n;
    for (uint32_t i = 0; i < n; i++)
        each[i] = (double)peer->ns[i] / (double)ours->ns[i] * scale;
    qsort(each, n, sizeof each[0], compare_double);
    struct bench_ratio r = {
        .min = (double)bench_min_ns(peer) / (double)bench_min_ns(ours) * scale,
        .median = (double)bench_median_ns(peer) / (double)bench_median_ns(ours) * scale,
        .spread = (each[n * 3 / 4] - each[n / 4]) / each[n / 2],
        .low = each[n / 4],
    };
    r.means_something = n >= 3 && r.spread <= BENCH_LARGEST_SPREAD;
    return r;
}

const struct bench_series *bench_fastest(const struct bench_series *series, uint32_t n)
{
    const struct bench_series *best = &series[0];
    for (uint32_t i = 1; i < n; i++) {
        if ((double)bench_min_ns(&series[i]) / series[i].work <
            (double)bench_min_ns(best) / best->work)
            best = &series[i];
    }
    return best;
}

/* ---- tables ------------------------------------------------------------------ */

void bench_title(const struct bench_options *o, const char *title)
{
    if (o->json)
        return;
    printf("\n%s\n%-34s %9s %9s   %9s %9s %7s  %s\n", title, "", "best", "median", "ratio",
           "of median", "spread", "goal");
}

static void add_ratio(json_t *row, const struct bench_ratio *r, const char *peer, double goal)
{
    json_object_set_new(row, "peer", json_string(peer));
    json_object_set_new(row, "spread", json_real(r->spread));
    /* null: the spread is too large for a ratio to mean anything */
    json_object_set_new(row, "ratio_of_minima",
                        r->means_something ? json_real(r->min) : json_null());
    json_object_set_new(row, "ratio_of_medians",
                        r->means_something ? json_real(r->median) : json_null());
    if (goal > 0)
        json_object_set_new(row, "goal", json_real(goal));
}

void bench_row_rate(const struct bench_options *o, const char *table,
                    const struct bench_series *ours, const struct bench_series *peer, double goal)
{
    double best = ours->work / (double)bench_min_ns(ours);
    double median = ours->work / (double)bench_median_ns(ours);
    struct bench_ratio r = {0};
    if (peer != NULL)
        r = bench_ratio(ours, peer);
    if (o->json) {
        json_t *row =
            json_pack("{s:s, s:s, s:f, s:f, s:i}", "table", table, "name", ours->name,
                      "best_per_ns", best, "median_per_ns", median, "rounds", (int)ours->n);
        if (peer != NULL)
            add_ratio(row, &r, peer->name, goal);
        bench_object(o, row);
        return;
    }
    printf("%-34s %9.2f %9.2f", ours->name, best, median);
    if (peer != NULL && r.means_something) {
        printf("   %9.3f %9.3f %6.0f%%", r.min, r.median, 100 * r.spread);
        if (goal > 0)
            printf("  %.2f %s", goal, r.min >= goal ? "met" : "NOT MET");
    } else if (peer != NULL) {
        printf("   no ratio: it spreads by %.0f %% from round to round", 100 * r.spread);
    }
    printf("\n");
}

void bench_note(const struct bench_options *o, const char *format, ...)
{
    if (o->json)
        return;
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args); /* NOLINT(clang-analyzer-valist.Uninitialized): it is */
    va_end(args);
    printf("\n");
}

void bench_object(const struct bench_options *o, json_t *object)
{
    if (o->json && object != NULL) {
        (void)json_dumpf(object, stdout, JSON_REAL_PRECISION(6));
        printf("\n");
        (void)fflush(stdout);
    }
    json_decref(object);
}
