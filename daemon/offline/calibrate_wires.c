#include "offline/calibrate_wires.h"

#include "model/wire_noise.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static bool take_plane(struct calibrate_plane *p, const struct plane_geometry *g, uint32_t events)
{
    p->id = g->id;
    p->wires = g->wires;
    p->pedestal = calloc(p->wires, sizeof *p->pedestal);
    p->noise = calloc(p->wires, sizeof *p->noise);
    p->status = calloc(p->wires, sizeof *p->status);
    p->samples = calloc(p->wires, sizeof *p->samples);
    p->of_event = calloc((size_t)p->wires * events, 2 * sizeof *p->of_event);
    p->events = calloc(p->wires, sizeof *p->events);
    return p->pedestal != NULL && p->noise != NULL && p->status != NULL && p->samples != NULL &&
           p->of_event != NULL && p->events != NULL;
}

bool calibrate_wires_init(struct calibrate_wires *c, const struct geometry *g, uint32_t events,
                          struct error *err)
{
    *c = (struct calibrate_wires){
        .ticks = g->plane[0].ticks, .events = events, .n_planes = g->n_planes};
    uint32_t most = 1;
    bool good = true;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        good = take_plane(&c->plane[i], &g->plane[i], events) && good;
        most = g->plane[i].wires > most ? g->plane[i].wires : most;
    }
    most = c->ticks > most ? c->ticks : most;
    most = events > most ? events : most;
    c->histogram = calloc(WIRE_NOISE_VALUES, sizeof *c->histogram);
    c->scratch = calloc(most, sizeof *c->scratch);
    good = good && c->histogram != NULL && c->scratch != NULL;
    return good || error_set(err, ERROR_SYSTEM, "no memory for %u events of %u planes", events,
                             g->n_planes);
}

void calibrate_wires_fini(struct calibrate_wires *c)
{
    for (uint32_t i = 0; i < c->n_planes; i++) {
        struct calibrate_plane *p = &c->plane[i];
        free(p->pedestal);
        free(p->noise);
        free(p->status);
        free(p->samples);
        free(p->of_event);
        free(p->events);
    }
    free(c->histogram);
    free(c->scratch);
    *c = (struct calibrate_wires){0};
}

/* ---- events ---- */

/* Pedestals of a wire's events, its noises behind them. */
static float *of_wire(const struct calibrate_wires *c, const struct calibrate_plane *p,
                      uint32_t wire)
{
    return p->of_event + (size_t)wire * 2 * c->events;
}

bool calibrate_wires_add(struct calibrate_wires *c, uint32_t plane, uint32_t wire,
                         enum sample_type type, const void *samples, struct error *err)
{
    struct calibrate_plane *p = &c->plane[plane];
    if (c->type != 0 && c->type != type)
        return error_set(err, ERROR_DATA,
                         "plane %u, wire %u: %s samples after %s ones: a calibration is of one "
                         "type",
                         p->id, wire, type == SAMPLE_INT16 ? "int16" : "float32",
                         type == SAMPLE_INT16 ? "float32" : "int16");
    c->type = type;
    if (p->events[wire] == c->events)
        return true;
    struct wire_noise n = type == SAMPLE_INT16 ? wire_noise_counts(samples, c->ticks, c->histogram)
                                               : wire_noise_units(samples, c->ticks, c->scratch);
    if (n.n == 0) {
        c->nonfinite_wires++;
        return true;
    }
    float *to = of_wire(c, p, wire) + p->events[wire]++;
    to[0] = (float)n.pedestal;
    to[c->events] = (float)n.noise;
    p->samples[wire] += n.n;
    return true;
}

/* ---- judging ---- */

/* Of wires that have samples; 0: none has. */
static double typical(struct calibrate_wires *c, const struct calibrate_plane *p,
                      const double *value)
{
    uint32_t n = 0;
    for (uint32_t w = 0; w < p->wires; w++)
        if (p->events[w] > 0)
            c->scratch[n++] = (float)value[w];
    return n == 0 ? 0 : (double)wire_noise_median(c->scratch, n);
}

static uint8_t status_of(const struct calibrate_plane *p, uint32_t wire, double dead, double hot)
{
    if (p->events[wire] == 0 || p->noise[wire] < dead * p->typical_noise)
        return WIRE_DEAD;
    return p->noise[wire] > hot * p->typical_noise ? WIRE_HOT : WIRE_GOOD;
}

static bool judge_plane(struct calibrate_wires *c, struct calibrate_plane *p, double dead,
                        double hot, struct error *err)
{
    uint32_t seen = 0;
    for (uint32_t w = 0; w < p->wires; w++) {
        float *events = of_wire(c, p, w);
        uint32_t n = p->events[w];
        p->pedestal[w] = n == 0 ? 0 : (double)wire_noise_median(events, n);
        p->noise[w] = n == 0 ? 0 : (double)wire_noise_median(events + c->events, n);
        seen += n > 0;
    }
    if (seen == 0)
        return error_set(err, ERROR_DATA, "plane %u: no samples of any of its %u wires came", p->id,
                         p->wires);
    p->typical_noise = typical(c, p, p->noise);
    p->typical_pedestal = typical(c, p, p->pedestal);
    if (!(p->typical_noise > 0))
        return error_set(err, ERROR_DATA,
                         "plane %u: half of its wires have no noise: are the samples "
                         "zero-suppressed? Then nobody can say which wires are dead",
                         p->id);
    for (uint32_t w = 0; w < p->wires; w++) {
        if (p->events[w] == 0)
            p->pedestal[w] = p->typical_pedestal;
        p->status[w] = status_of(p, w, dead, hot);
        p->n[p->status[w]]++;
    }
    return true;
}

bool calibrate_wires_judge(struct calibrate_wires *c, double dead, double hot, struct error *err)
{
    for (uint32_t i = 0; i < c->n_planes; i++)
        if (!judge_plane(c, &c->plane[i], dead, hot, err))
            return false;
    return true;
}
