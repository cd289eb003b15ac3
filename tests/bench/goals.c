#include "bench/goals.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_GOALS = 64, TEXT = 64 };

struct kept {
    struct goal goal;
    char what[TEXT], against[TEXT], unit[16], absent[TEXT];
};

struct goals {
    struct goal_rates rates;
    uint32_t n;
    struct kept row[MAX_GOALS];
};

struct goals *goals_create(void)
{
    return calloc(1, sizeof(struct goals));
}

void goals_destroy(struct goals **g)
{
    free(*g);
    *g = NULL;
}

struct goal_rates *goals_rates(struct goals *g)
{
    return &g->rates;
}

static const char *copy(char *to, size_t bytes, const char *text)
{
    if (text == NULL)
        return NULL;
    (void)snprintf(to, bytes, "%s", text);
    return to;
}

void goals_add(struct goals *g, const struct goal *row)
{
    if (g->n == MAX_GOALS)
        return;
    struct kept *k = &g->row[g->n++];
    k->goal = *row;
    k->goal.what = copy(k->what, sizeof k->what, row->what);
    k->goal.against = copy(k->against, sizeof k->against, row->against ? row->against : "");
    k->goal.unit = copy(k->unit, sizeof k->unit, row->unit ? row->unit : "");
    k->goal.absent = copy(k->absent, sizeof k->absent, row->absent);
}

void goals_add_series(struct goals *g, const char *what, const char *unit,
                      const struct bench_series *ours, const struct bench_series *peer, double goal)
{
    struct bench_ratio r = bench_ratio(ours, peer);
    double least = (double)bench_min_ns(ours), middle = (double)bench_median_ns(ours);
    bool time = strcmp(unit, "ns") == 0, sure = goal > 0 && r.low >= goal;
    goals_add(g, &(struct goal){.what = what,
                                .against = peer->name,
                                .unit = unit,
                                .best = time ? least / ours->work : ours->work / least,
                                .median = time ? middle / ours->work : ours->work / middle,
                                .ratio = r.means_something ? r.min : r.low,
                                .spread = r.spread,
                                .goal = goal,
                                .sense = GOAL_AT_LEAST,
                                .refused = !r.means_something && !sure});
}

/* ---- the table --------------------------------------------------------------- */

static const char *verdict(const struct goal *g)
{
    if (g->absent != NULL)
        return "not measured";
    if (g->refused)
        return "refused";
    if (g->goal == 0)
        return "shown";
    bool met = g->sense == GOAL_AT_MOST ? g->ratio <= g->goal : g->ratio >= g->goal;
    return met ? "met" : "NOT MET";
}

static void show_json(const struct bench_options *o, const struct goal *g)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:s}", "table", "goals", "what", g->what, "against",
                            g->against, "verdict", verdict(g));
    if (g->absent != NULL) {
        json_object_set_new(row, "why", json_string(g->absent));
    } else {
        json_object_set_new(row, "unit", json_string(g->unit));
        json_object_set_new(row, "best", json_real(g->best));
        json_object_set_new(row, "median", json_real(g->median));
        /* null: the spread is too large for a ratio to mean anything */
        json_object_set_new(row, "ratio", g->refused ? json_null() : json_real(g->ratio));
        json_object_set_new(row, "spread", json_real(g->spread));
    }
    if (g->goal > 0) {
        json_object_set_new(row, "goal", json_real(g->goal));
        json_object_set_new(row, "sense",
                            json_string(g->sense == GOAL_AT_MOST ? "at most" : "at least"));
    }
    bench_object(o, row);
}

static void show_text(const struct goal *g)
{
    printf("%-36s %-28s ", g->what, g->against);
    if (g->absent != NULL) {
        printf("%s", g->absent);
    } else {
        printf("%9.4g %9.4g %-7s ", g->best, g->median, g->unit);
        if (g->refused)
            printf("%8s %5.0f%%", "none", 100 * g->spread);
        else if (g->spread > 0)
            printf("%8.3g %5.0f%%", g->ratio, 100 * g->spread);
        else
            printf("%8.3g %6s", g->ratio, "");
    }
    if (g->goal > 0)
        printf("  %s %-5g", g->sense == GOAL_AT_MOST ? "<=" : ">=", g->goal);
    else
        printf("  %8s", "");
    printf(" %s\n", verdict(g));
}

void goals_show(const struct goals *g, const struct bench_options *o)
{
    if (g->n == 0)
        return;
    if (!o->json)
        printf("\ngoals: a goal is judged by the minima; refused: the figures spread by more than "
               "%.0f %%\n%-36s %-28s %9s %9s %-7s %8s %6s  goal\n",
               100 * BENCH_LARGEST_SPREAD, "what", "against", "best", "median", "unit", "ratio",
               "spread");
    for (uint32_t i = 0; i < g->n; i++) {
        if (o->json)
            show_json(o, &g->row[i].goal);
        else
            show_text(&g->row[i].goal);
    }
}

/* ---- a whole MicroBooNE ------------------------------------------------------- */

#define DETECTOR_GB_S      33.0  /* 8,256 wires x 2 MHz x 2 bytes */
#define DETECTOR_WINDOWS_S 26563 /* 312.5 frames x 85 windows */

static void show_need(const struct bench_options *o, const char *what, const char *rate,
                      double cores, const char *limit)
{
    bench_object(o, json_pack("{s:s, s:s, s:s, s:f, s:s}", "table", "server", "what", what, "rate",
                              rate, "cores", cores, "limit", limit));
    if (!o->json)
        printf("%-34s %-26s %8.2f   %s\n", what, rate, cores, limit);
}

void goals_show_server(struct goals *g, const struct bench_options *o)
{
    const struct goal_rates *r = &g->rates;
    char rate[64];
    if (!o->json)
        printf("\na whole MicroBooNE: 33 GB/s, 312.5 frames/s, 26.6 thousand windows/s\n"
               "%-34s %-26s %8s   %s\n",
               "", "of one core", "cores", "what limits");
    if (r->imaging_bytes_per_ns > 0) {
        (void)snprintf(rate, sizeof rate, "%.1f GB/s", r->imaging_bytes_per_ns);
        show_need(o, "imaging, int16", rate, DETECTOR_GB_S / r->imaging_bytes_per_ns,
                  "one read of memory");
    }
    if (r->window_ns > 0) {
        (void)snprintf(rate, sizeof rate, "%.2f million windows/s", 1e3 / r->window_ns);
        show_need(o, "engine, N = 20, 16 bits", rate, DETECTOR_WINDOWS_S * r->window_ns * 1e-9,
                  "nothing: it idles");
    }
    if (r->zmq_bytes_per_cpu_ns > 0) {
        (void)snprintf(rate, sizeof rate, "%.2f GB/s", r->zmq_bytes_per_cpu_ns);
        show_need(o, "ZeroMQ over tcp, both ends", rate, DETECTOR_GB_S / r->zmq_bytes_per_cpu_ns,
                  "the kernel's copies, in and out");
    }
    if (r->daemon_bytes_per_cpu_ns > 0) {
        (void)snprintf(rate, sizeof rate, "%.2f GB/s", r->daemon_bytes_per_cpu_ns);
        show_need(o, "the same and the whole daemon", rate,
                  DETECTOR_GB_S / r->daemon_bytes_per_cpu_ns, "the same");
    }
}
