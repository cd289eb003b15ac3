/* The output of a full file: samples of wires with signal, and all truth. */
#include "simulate/run.h"
#include "simulate/write_opensamples.h"

#include <stdlib.h>

struct samples {
    const struct run *run;
    struct sample_file *file;
};

struct slot {
    struct readout readout;
    uint32_t particles;
    struct particle_row particle[TRACKER_PARTICLES];
};

static void *open_file(const struct run *r, struct error *err)
{
    const struct options *o = r->o;
    struct samples *s = calloc(1, sizeof *s);
    if (s == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    s->run = r;
    s->file = write_opensamples_open(o->file, &o->constants, o->numbering.seed, o->command,
                                     o->float32, o->deflate, err);
    if (s->file == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static bool close_file(void *output, bool good, struct error *err)
{
    struct samples *s = output;
    (void)good; /* what was written is whole events in any case */
    bool closed = write_opensamples_close(s->file, err);
    free(s);
    return closed;
}

static void *worker_create(void *output, struct error *err)
{
    const struct samples *s = output;
    struct readout_shape shape = {.group_wires = s->run->o->pre.pool_wires,
                                  .block_wires = s->run->o->block_wires,
                                  .float32 = s->run->o->float32,
                                  .hits = true};
    struct readout_maker *m = readout_maker_create(s->run->physics, &shape);
    if (m == NULL)
        error_set(err, ERROR_SYSTEM, "no memory for a worker");
    return m;
}

static void worker_destroy(void *worker)
{
    struct readout_maker *m = worker;
    readout_maker_destroy(&m);
}

static void *slot_create(void *output, struct error *err)
{
    (void)output;
    struct slot *s = calloc(1, sizeof *s);
    if (s == NULL)
        error_set(err, ERROR_SYSTEM, "no memory");
    return s;
}

static void slot_destroy(void *slot)
{
    struct slot *s = slot;
    readout_fini(&s->readout);
    free(s);
}

static bool make(void *output, void *worker, void *slot, struct made_event *e, struct error *err)
{
    const struct samples *o = output;
    struct slot *s = slot;
    if (!readout_maker_run(worker, &e->tracker->charge, o->run->o->numbering.seed, e->stream,
                           &s->readout))
        return error_set(err, ERROR_SYSTEM, "no memory for the samples of event %d",
                         e->truth.event_id[2]);
    s->particles = e->tracker->n_particles;
    for (uint32_t i = 0; i < s->particles; i++)
        write_opensamples_particle(&s->particle[i], e->tracker, i);
    for (int i = 0; i < CHARGE_PLANES; i++)
        e->truth.label_bins[i] = s->readout.label_bins[i];
    return true;
}

static bool take(void *output, void *slot, const struct truth_event *truth, uint64_t number,
                 struct error *err)
{
    struct samples *o = output;
    struct slot *s = slot;
    bool good = write_opensamples_event(o->file, number, truth, &s->readout, s->particle,
                                        s->particles, err);
    readout_clear(&s->readout);
    return good;
}

const struct run_output samples_output = {.about = "samples and truth",
                                          .open = open_file,
                                          .close = close_file,
                                          .worker_create = worker_create,
                                          .worker_destroy = worker_destroy,
                                          .slot_create = slot_create,
                                          .slot_destroy = slot_destroy,
                                          .make = make,
                                          .take = take};
