/* How: event k is job k and has lane k % n. `read` counts jobs that were given to workers,
 * `begun` those that one has taken; both only grow, under one lock. The caller's thread
 * runs n jobs ahead of what it has written, then waits for the oldest. */
#include "offline/score_run.h"

#include "base/clock.h"
#include "common/progress.h"
#include "offline/score_turn.h"
#include "trigger/trigger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES_AHEAD = 2 }; /* lanes that are read into or written while others are scored */

struct pool {
    struct score_run *run;
    struct score_lane *lane; /* [lanes] */
    bool *done;              /* [lanes] scored, not yet written */
    uint32_t lanes, started;
    size_t read, begun;
    bool end;
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    pthread_t *thread;
    struct score_turn turn;
    struct run_info info;
    struct trigger *trigger;
    struct score_file *file;
    struct score_json *json;
    struct progress progress;
};

static void *work(void *arg)
{
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->begun == p->read && !p->end)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->begun == p->read)
            break;
        uint32_t i = (uint32_t)(p->begun++ % p->lanes);
        pthread_mutex_unlock(&p->lock);
        score_lane_run(&p->lane[i]);
        pthread_mutex_lock(&p->lock);
        p->done[i] = true;
        pthread_cond_signal(&p->finished);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- life ---- */

static bool make_lanes(struct pool *p, struct error *err)
{
    struct score_run *r = p->run;
    p->lanes = r->threads + LANES_AHEAD;
    p->lane = calloc(p->lanes, sizeof *p->lane);
    p->done = calloc(p->lanes, sizeof *p->done);
    p->thread = calloc(r->threads, sizeof *p->thread);
    if (p->lane == NULL || p->done == NULL || p->thread == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for %u threads", r->threads);
    for (uint32_t i = 0; i < p->lanes; i++)
        if (!score_lane_init(&p->lane[i], r->settings, r->geometry, r->models, r->source->kind,
                             err))
            return false;
    return true;
}

static bool make_outputs(struct pool *p, struct error *err)
{
    struct score_run *r = p->run;
    (void)snprintf(r->engine, sizeof r->engine, "%s", score_lane_engine(&p->lane[0]));
    p->info = (struct run_info){.settings = r->settings,
                                .geometry = r->geometry,
                                .models = r->models,
                                .engine = r->engine,
                                .windows_per_event = score_lane_windows(&p->lane[0])};
    p->trigger = trigger_create(&r->settings->trigger, r->models, r->geometry, err);
    if (p->trigger == NULL)
        return false;
    if (r->output != NULL) {
        p->file =
            score_file_create(r->output, r->no_empty, r->source, r->first, r->count, &p->info, err);
        if (p->file == NULL)
            return false;
    }
    if (r->json != NULL)
        p->json = score_json_create(r->json, &p->info, err);
    return r->json == NULL || p->json != NULL;
}

static bool start_threads(struct pool *p, struct error *err)
{
    for (; p->started < p->run->threads; p->started++) {
        int failed = pthread_create(&p->thread[p->started], NULL, work, p);
        if (failed != 0)
            return error_set(err, ERROR_SYSTEM, "cannot start a thread: %s", strerror(failed));
    }
    return true;
}

static void end_threads(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->end = true;
    p->begun = p->read; /* what was not begun need not be */
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->started; i++)
        (void)pthread_join(p->thread[i], NULL);
}

static void fini(struct pool *p)
{
    struct error ignored;
    score_file_abandon(&p->file);
    (void)score_json_close(&p->json, &ignored);
    trigger_destroy(&p->trigger);
    for (uint32_t i = 0; p->lane != NULL && i < p->lanes; i++)
        score_lane_fini(&p->lane[i]);
    free(p->lane);
    free(p->done);
    free(p->thread);
    score_turn_fini(&p->turn);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->finished);
}

/* ---- an event ---- */

static bool begin(struct pool *p, size_t job, struct error *err)
{
    struct score_run *r = p->run;
    struct score_lane *l = &p->lane[job % p->lanes];
    size_t index = r->first + job;
    if (!score_source_read(r->source, index, &l->input, err))
        return false;
    if (r->rate_hz > 0)
        l->input.time_ns = (uint64_t)((double)job / r->rate_hz * 1e9);
    l->number = job;
    l->turn = &p->turn;
    if (p->json != NULL)
        l->truth = score_json_truth(r->source, index);
    r->ledger.in++;
    pthread_mutex_lock(&p->lock);
    p->read++;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void count(struct score_run *r, struct score_lane *l)
{
    const struct event *ev = l->event;
    enum event_fate fate = ev->decision.fate;
    r->ledger.fate[fate]++;
    r->ledger.lost += event_fate_is_loss(fate) ? 1 : 0;
    r->windows += ev->n_windows;
    r->nonfinite_bins += ev->nonfinite_bins;
    r->duplicates += l->duplicates;
    r->foreign_wires += l->foreign_wires;
    l->duplicates = l->foreign_wires = 0;
    for (uint32_t i = 0; i < ev->n_windows; i++)
        r->truncated += ev->window[i].truncated;
    r->neutrinos += l->input.neutrino;
    r->neutrinos_accepted += l->input.neutrino && fate == EVENT_ACCEPTED;
}

/* Waits for the job, decides, writes, releases. */
static bool finish(struct pool *p, size_t job, struct error *err)
{
    struct score_run *r = p->run;
    uint32_t i = (uint32_t)(job % p->lanes);
    struct score_lane *l = &p->lane[i];
    pthread_mutex_lock(&p->lock);
    while (!p->done[i])
        pthread_cond_wait(&p->finished, &p->lock);
    p->done[i] = false;
    pthread_mutex_unlock(&p->lock);
    if (l->failed)
        return error_set(err, l->err.code, "%s: %s", r->source->path, l->err.text);
    trigger_decide(p->trigger, l->event);
    count(r, l);
    bool good = (p->file == NULL || score_file_append(p->file, l, err)) &&
                (p->json == NULL || score_json_append(p->json, l, r->source, err));
    score_lane_release(l);
    return good;
}

static void show(struct pool *p, size_t job)
{
    char about[96];
    uint64_t now_ns = clock_monotonic_ns();
    if (!progress_due(&p->progress, now_ns))
        return;
    (void)snprintf(about, sizeof about, "%u windows an event, %.40s, %u thread%s",
                   p->info.windows_per_event, p->run->engine, p->run->threads,
                   p->run->threads == 1 ? "" : "s");
    progress_draw(&p->progress, job, 0, about, now_ns);
}

static bool go_through(struct pool *p, struct error *err)
{
    const struct score_run *r = p->run;
    for (size_t job = 0; job < r->count + p->lanes; job++) {
        if (*r->stop)
            return error_set(err, ERROR_SYSTEM, "stopped after %llu of %zu events",
                             (unsigned long long)(r->ledger.in), r->count);
        if (job >= p->lanes && job - p->lanes < r->count && !finish(p, job - p->lanes, err))
            return false;
        if (job < r->count && !begin(p, job, err))
            return false;
        if (job >= p->lanes)
            show(p, job - p->lanes);
    }
    return true;
}

bool score_run(struct score_run *r, struct error *err)
{
    struct pool p = {.run = r};
    pthread_mutex_init(&p.lock, NULL);
    pthread_cond_init(&p.work, NULL);
    pthread_cond_init(&p.finished, NULL);
    uint64_t start_ns = clock_monotonic_ns();
    bool good = score_turn_init(&p.turn, r->settings, r->geometry, err) && make_lanes(&p, err) &&
                make_outputs(&p, err) && start_threads(&p, err);
    progress_start(&p.progress, r->quiet, r->count, clock_monotonic_ns());
    good = good && go_through(&p, err);
    end_threads(&p);
    progress_end(&p.progress);
    if (good)
        good = score_json_close(&p.json, err);
    if (good && p.file != NULL)
        good = score_file_close(&p.file, err);
    fini(&p);
    r->seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    for (uint32_t i = 0; i < EVENT_FATE_COUNT; i++)
        r->ledger.in_flight += r->ledger.fate[i];
    r->ledger.in_flight = r->ledger.in - r->ledger.in_flight;
    return good;
}
