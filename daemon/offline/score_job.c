#include "offline/score_job.h"

#include "offline/score_config.h"

#include <inttypes.h>
#include <sched.h>
#include <string.h>

static uint32_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (uint32_t)n;
}

static bool choose_events(const struct score_options *o, const struct score_source *s,
                          struct score_run *r, struct error *err)
{
    uint64_t end = o->end == UINT64_MAX ? s->count : o->end;
    if (s->count == 0)
        return error_set(err, ERROR_DATA, "%s: no event in it", s->path);
    if (o->first >= s->count || end > s->count)
        return error_set(err, ERROR_CONFIG, "--events %" PRIu64 ":%" PRIu64 ": %s has %zu events",
                         o->first, end, s->path, s->count);
    r->first = (size_t)o->first;
    r->count = (size_t)(end - o->first);
    return true;
}

/* The accept rate is held on the events' own times. */
static bool check_times(const struct settings *settings, const struct score_options *o,
                        const struct score_source *s, struct error *err)
{
    if (settings->trigger.max_accept_rate == 0 || s->has_times || o->rate_hz > 0)
        return true;
    return error_set(err, ERROR_CONFIG,
                     "trigger.max_accept_rate = %g Hz: %s has no event_time_ns to hold it on: give "
                     "--rate HZ or --set trigger.max_accept_rate=0",
                     settings->trigger.max_accept_rate, s->path);
}

/* Hits of wires are counted in samples. */
static bool check_hot(const struct settings *settings, const struct score_source *s,
                      struct error *err)
{
    if (settings->imaging.hot.events == 0 || s->kind != SCORE_PIXELS)
        return true;
    return error_set(err, ERROR_CONFIG,
                     "imaging.hot.events = %u: %s holds pixels, in which wires are added up "
                     "already: give --set imaging.hot.events=0",
                     settings->imaging.hot.events, s->path);
}

bool score_job_open(struct score_job *j, const struct score_options *o, struct error *err)
{
    memset(j, 0, sizeof *j);
    return score_source_open(&j->source, o->file, o->dataset, err);
}

bool score_job_prepare(struct score_job *j, const struct score_options *o, struct error *err)
{
    j->run = (struct score_run){.settings = &j->settings,
                                .geometry = &j->geometry,
                                .models = &j->models,
                                .source = &j->source,
                                .output = o->output,
                                .json = o->json,
                                .rate_hz = o->rate_hz,
                                .threads = o->threads > 0 ? o->threads : cores(),
                                .no_empty = o->no_empty,
                                .quiet = o->quiet};
    return score_config_load(&j->settings, o, &j->source, err) &&
           choose_events(o, &j->source, &j->run, err) &&
           check_times(&j->settings, o, &j->source, err) &&
           check_hot(&j->settings, &j->source, err) &&
           model_set_load(&j->models, &j->geometry, &j->settings, err) &&
           score_source_check(&j->source, &j->geometry, &j->models, err);
}

bool score_job_run(struct score_job *j, const volatile sig_atomic_t *stop, struct error *err)
{
    j->run.stop = stop;
    return score_run(&j->run, err);
}

void score_job_close(struct score_job *j)
{
    model_set_fini(&j->models);
    geometry_fini(&j->geometry);
    score_source_close(&j->source);
}
