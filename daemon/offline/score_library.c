#include "offline/score_library.h"

#include "offline/score_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUBLIC __attribute__((visibility("default")))

static const volatile sig_atomic_t never = 0;

static int32_t status(bool good, const struct error *err, char *error, size_t bytes)
{
    if (good)
        return 0;
    (void)snprintf(error, bytes, "%s", err->text);
    return error_exit_status(err);
}

PUBLIC const char *sparsed_score_version(void)
{
    return SPARSED_VERSION;
}

PUBLIC int32_t sparsed_score_events(const char *file, const char *dataset, uint64_t *events,
                                    char *error, size_t error_bytes)
{
    struct error err = {0};
    struct score_source source;
    bool good = score_source_open(&source, file, dataset, &err);
    *events = good ? source.count : 0;
    score_source_close(&source);
    return status(good, &err, error, error_bytes);
}

static bool make_options(struct score_options *o, const struct sparsed_score_request *q,
                         struct error *err)
{
    *o = (struct score_options){.config = q->config,
                                .model = q->model,
                                .file = q->file,
                                .output = q->output,
                                .dataset = q->dataset,
                                .threshold = q->threshold,
                                .rate_hz = q->rate_hz,
                                .threads = q->threads,
                                .first = q->first,
                                .end = q->end,
                                .no_empty = q->no_empty != 0,
                                .quiet = true};
    if ((q->config == NULL) == (q->model == NULL))
        return error_set(err, ERROR_CONFIG, "%s: give a model or a configuration, one of them",
                         q->file);
    if (q->n_settings > SCORE_MAX_OVERRIDES)
        return error_set(err, ERROR_CONFIG, "%s: more than %d settings", q->file,
                         SCORE_MAX_OVERRIDES);
    for (size_t i = 0; i < q->n_settings; i++)
        o->override[i] = q->settings[i];
    o->n_overrides = q->n_settings;
    return true;
}

/* A share of a file knows nothing of the events before it. */
static bool check_share(const struct score_job *j, struct error *err)
{
    double rate = j->settings.trigger.max_accept_rate;
    if (rate == 0 || j->run.count == j->source.count)
        return true;
    return error_set(err, ERROR_CONFIG,
                     "trigger.max_accept_rate = %g Hz: hangs on all events before: score the whole "
                     "of %s in one piece, or set trigger.max_accept_rate=0",
                     rate, j->source.path);
}

static void fill(struct sparsed_score_result *result, const struct score_run *r)
{
    *result = (struct sparsed_score_result){.events = r->ledger.in,
                                            .accepted = r->ledger.fate[EVENT_ACCEPTED],
                                            .rejected = r->ledger.fate[EVENT_REJECTED],
                                            .prescaled = r->ledger.fate[EVENT_PRESCALED],
                                            .throttled = r->ledger.fate[EVENT_THROTTLED],
                                            .windows = r->windows,
                                            .truncated = r->truncated,
                                            .nonfinite_bins = r->nonfinite_bins,
                                            .duplicates = r->duplicates,
                                            .foreign_wires = r->foreign_wires};
    (void)snprintf(result->engine, sizeof result->engine, "%s", r->engine);
}

PUBLIC int32_t sparsed_score_file(const struct sparsed_score_request *request,
                                  struct sparsed_score_result *result, char *error,
                                  size_t error_bytes)
{
    struct error err = {0};
    struct score_options o;
    struct score_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        (void)error_set(&err, ERROR_SYSTEM, "%s: no memory", request->file);
        return status(false, &err, error, error_bytes);
    }
    bool good = make_options(&o, request, &err) && score_job_open(job, &o, &err) &&
                score_job_prepare(job, &o, &err) && check_share(job, &err) &&
                score_job_run(job, &never, &err);
    if (good)
        fill(result, &job->run);
    score_job_close(job);
    free(job);
    return status(good, &err, error, error_bytes);
}
