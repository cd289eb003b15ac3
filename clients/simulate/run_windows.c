#include "simulate/run_windows.h"

#include "common/progress.h"
#include "simulate/crew.h"
#include "simulate/write_pixels.h"

#include <stdlib.h>
#include <time.h>

struct worker {
    struct tracker *tracker;
    struct pixel_maker *maker;
};

struct slot {
    struct truth_event event;
    struct pixels pixels;
};

struct run {
    const struct options *o;
    const struct physics *physics;
    struct geometry geometry;
    struct worker *worker; /* [threads] */
    struct slot *slot;     /* [slots] */
    struct pixel_file file;
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
    struct run *r = context;
    struct worker *w = &r->worker[worker];
    struct slot *s = &r->slot[slot];
    const struct numbering *n = &r->o->numbering;
    uint64_t event = (uint64_t)n->first_event + number;
    struct neutrino nu;
    event_make(w->tracker, n->seed, event, &nu);
    s->event = (struct truth_event){0};
    truth_event_fill(&s->event, n, number, r->physics, &nu);
    if (w->tracker->charge.no_memory ||
        !pixel_maker_run(w->maker, &w->tracker->charge, n->seed, event, &s->pixels))
        return error_set(err, ERROR_SYSTEM, "no memory for event %d", s->event.event_id[2]);
    for (int i = 0; i < CHARGE_PLANES; i++)
        s->event.label_bins[i] = s->pixels.label_bins[i];
    return true;
}

static bool take(void *context, uint32_t slot, uint64_t number, struct error *err)
{
    struct run *r = context;
    struct slot *s = &r->slot[slot];
    if (!write_pixels_event(&r->file, number, &s->event, &s->pixels, err))
        return false;
    if (progress_due(&r->progress, now_ns()))
        progress_draw(&r->progress, number + 1, 0, "pixels", now_ns());
    return true;
}

static bool init(struct run *r, uint32_t slots, struct error *err)
{
    const struct options *o = r->o;
    r->worker = calloc(o->threads, sizeof *r->worker);
    r->slot = calloc(slots, sizeof *r->slot);
    if (r->worker == NULL || r->slot == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for %u threads", o->threads);
    for (uint32_t i = 0; i < o->threads; i++) {
        struct worker *w = &r->worker[i];
        w->tracker = calloc(1, sizeof *w->tracker);
        if (w->tracker == NULL)
            return error_set(err, ERROR_SYSTEM, "no memory for %u threads", o->threads);
        w->tracker->physics = r->physics;
        w->maker = pixel_maker_create(&r->geometry, r->physics, o->pre.pixel_threshold, err);
        if (w->maker == NULL)
            return false;
    }
    return true;
}

static void fini(struct run *r, uint32_t slots)
{
    for (uint32_t i = 0; r->worker != NULL && i < r->o->threads; i++) {
        if (r->worker[i].tracker != NULL)
            charge_fini(&r->worker[i].tracker->charge);
        free(r->worker[i].tracker);
        pixel_maker_destroy(&r->worker[i].maker);
    }
    for (uint32_t i = 0; r->slot != NULL && i < slots; i++)
        pixels_fini(&r->slot[i].pixels);
    free(r->worker);
    free(r->slot);
    geometry_fini(&r->geometry);
}

bool run_windows(const struct options *o, const struct physics *p,
                 const volatile sig_atomic_t *stop, uint64_t *made, struct error *err)
{
    struct run r = {.o = o, .physics = p, .file.file = -1};
    uint32_t slots = 2 * o->threads;
    struct crew_work work = {.events = o->events,
                             .threads = o->threads,
                             .slots = slots,
                             .stop = stop,
                             .context = &r,
                             .make = make,
                             .take = take};
    *made = 0;
    progress_start(&r.progress, o->quiet, o->events, now_ns());
    bool good = pixels_geometry(&r.geometry, &o->constants, &o->pre, err) && init(&r, slots, err) &&
                write_pixels_open(&r.file, o->file, &o->constants, &o->pre, o->numbering.seed,
                                  o->command, err) &&
                crew_run(&work, made, err);
    progress_end(&r.progress);
    struct error close_error = {0};
    if (!write_pixels_close(&r.file, &close_error) && good) {
        *err = close_error;
        good = false;
    }
    fini(&r, slots);
    return good;
}
