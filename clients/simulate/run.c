#include "simulate/run.h"

#include "common/progress.h"
#include "simulate/crew.h"

#include <stdlib.h>
#include <time.h>

struct slot {
    struct truth_event truth;
    void *part; /* the output's */
};

struct state {
    const struct run *run;
    const struct run_output *to;
    void *output;
    uint32_t threads, slots;
    struct tracker **tracker; /* [threads] */
    void **worker;            /* [threads] the output's */
    struct slot *slot;        /* [slots] */
    struct progress progress;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool make(void *context, uint32_t worker, uint32_t slot, uint64_t number, struct error *err)
{
    struct state *s = context;
    const struct numbering *n = &s->run->o->numbering;
    struct tracker *t = s->tracker[worker];
    struct made_event e = {.tracker = t, .stream = (uint64_t)n->first_event + number};
    struct neutrino nu;
    event_make(t, n->seed, e.stream, &nu);
    truth_event_fill(&e.truth, n, number, s->run->physics, &nu);
    if (t->charge.no_memory)
        return error_set(err, ERROR_SYSTEM, "no memory for the charge of event %d",
                         e.truth.event_id[2]);
    if (!s->to->make(s->output, s->worker[worker], s->slot[slot].part, &e, err))
        return false;
    s->slot[slot].truth = e.truth;
    return true;
}

static bool take(void *context, uint32_t slot, uint64_t number, struct error *err)
{
    struct state *s = context;
    if (!s->to->take(s->output, s->slot[slot].part, &s->slot[slot].truth, number, err))
        return false;
    if (progress_due(&s->progress, now_ns()))
        progress_draw(&s->progress, number + 1, s->to->bytes ? s->to->bytes(s->output) : 0,
                      s->to->about, now_ns());
    return true;
}

static bool init(struct state *s, struct error *err)
{
    s->tracker = calloc(s->threads, sizeof(void *));
    s->worker = calloc(s->threads, sizeof *s->worker);
    s->slot = calloc(s->slots, sizeof *s->slot);
    bool good = s->tracker && s->worker && s->slot;
    for (uint32_t i = 0; good && i < s->threads; i++) {
        s->tracker[i] = calloc(1, sizeof *s->tracker[i]);
        good = s->tracker[i] != NULL;
        if (!good)
            break;
        s->tracker[i]->physics = s->run->physics;
        s->worker[i] = s->to->worker_create(s->output, err);
        if (s->worker[i] == NULL)
            return false;
    }
    for (uint32_t i = 0; good && i < s->slots; i++) {
        s->slot[i].part = s->to->slot_create(s->output, err);
        if (s->slot[i].part == NULL)
            return false;
    }
    return good || error_set(err, ERROR_SYSTEM, "no memory for %u threads", s->threads);
}

static void fini(struct state *s)
{
    for (uint32_t i = 0; s->tracker && s->worker && i < s->threads; i++) {
        if (s->tracker[i] != NULL)
            charge_fini(&s->tracker[i]->charge);
        free(s->tracker[i]);
        if (s->worker[i] != NULL)
            s->to->worker_destroy(s->worker[i]);
    }
    for (uint32_t i = 0; s->slot && i < s->slots; i++)
        if (s->slot[i].part != NULL)
            s->to->slot_destroy(s->slot[i].part);
    free(s->tracker);
    free(s->worker);
    free(s->slot);
}

bool run_events(const struct run *r, const struct run_output *to, uint64_t *made, struct error *err)
{
    struct state s = {.run = r, .to = to, .threads = r->o->threads};
    if (s.threads > r->o->events)
        s.threads = (uint32_t)r->o->events;
    s.slots = s.threads + 1; /* a slot may hold a whole readout's samples */
    struct crew_work work = {.events = r->o->events,
                             .threads = s.threads,
                             .slots = s.slots,
                             .stop = r->stop,
                             .context = &s,
                             .make = make,
                             .take = take};
    *made = 0;
    s.output = to->open(r, err);
    if (s.output == NULL)
        return false;
    progress_start(&s.progress, r->o->quiet, r->o->events, now_ns());
    bool good = init(&s, err) && crew_run(&work, made, err);
    progress_end(&s.progress);
    struct error at_end = {0};
    if (!to->close(s.output, good && !*r->stop, &at_end) && good) {
        *err = at_end;
        good = false;
    }
    fini(&s);
    return good;
}
