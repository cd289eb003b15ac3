/* The output of --windows: pixels of the daemon's own reduction, and truth. */
#include "simulate/run.h"
#include "simulate/write_pixels.h"

#include <stdlib.h>

struct windows {
    const struct run *run;
    struct geometry geometry;
    struct pixel_file file;
};

static void *open_file(const struct run *r, struct error *err)
{
    const struct options *o = r->o;
    struct windows *w = calloc(1, sizeof *w);
    if (w == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    w->run = r;
    if (!pixels_geometry(&w->geometry, &o->constants, &o->pre, err) ||
        !write_pixels_open(&w->file, o->file, &o->constants, &o->pre, o->numbering.seed, o->command,
                           err)) {
        geometry_fini(&w->geometry);
        free(w);
        return NULL;
    }
    return w;
}

static bool close_file(void *output, bool good, struct error *err)
{
    struct windows *w = output;
    (void)good; /* what was written is whole events in any case */
    bool closed = write_pixels_close(&w->file, err);
    geometry_fini(&w->geometry);
    free(w);
    return closed;
}

static void *worker_create(void *output, struct error *err)
{
    struct windows *w = output;
    return pixel_maker_create(&w->geometry, w->run->physics, w->run->o->pre.pixel_threshold, err);
}

static void worker_destroy(void *worker)
{
    struct pixel_maker *m = worker;
    pixel_maker_destroy(&m);
}

static void *slot_create(void *output, struct error *err)
{
    (void)output;
    struct pixels *p = calloc(1, sizeof *p);
    if (p == NULL)
        error_set(err, ERROR_SYSTEM, "no memory");
    return p;
}

static void slot_destroy(void *slot)
{
    pixels_fini(slot);
    free(slot);
}

static bool make(void *output, void *worker, void *slot, struct made_event *e, struct error *err)
{
    const struct windows *w = output;
    struct pixels *p = slot;
    if (!pixel_maker_run(worker, &e->tracker->charge, w->run->o->numbering.seed, e->stream, p))
        return error_set(err, ERROR_SYSTEM, "no memory for event %d", e->truth.event_id[2]);
    for (int i = 0; i < CHARGE_PLANES; i++)
        e->truth.label_bins[i] = p->label_bins[i];
    return true;
}

static bool take(void *output, void *slot, const struct truth_event *truth, uint64_t number,
                 struct error *err)
{
    struct windows *w = output;
    return write_pixels_event(&w->file, number, truth, slot, err);
}

const struct run_output windows_output = {.about = "pixels",
                                          .open = open_file,
                                          .close = close_file,
                                          .worker_create = worker_create,
                                          .worker_destroy = worker_destroy,
                                          .slot_create = slot_create,
                                          .slot_destroy = slot_destroy,
                                          .make = make,
                                          .take = take};
