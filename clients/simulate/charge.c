/* Diffusion along the drift widens the pulse: its width is taken from a table, by
 * drift distance. Diffusion across the drift moves the whole step by a normal
 * random distance before the nearest wire is chosen; a track has several steps a
 * wire, so that its charge spreads as it should. */
#include "simulate/charge.h"

#include "simulate/portable.h"

#include <math.h>
#include <stdlib.h>

static double drift_us(const struct constants *c, double x)
{
    return x / c->cm_per_tick * c->tick_us;
}

/* sqrt(2 D t), cm. */
static double diffusion_cm(double cm2_per_s, double us)
{
    return sqrt(2 * cm2_per_s * 1e-6 * us);
}

/* Ticks, at the middle of width class `i`. */
static double pulse_sigma(const struct constants *c, uint32_t i)
{
    double x = c->x_max * (i + 0.5) / CHARGE_WIDTHS;
    double drift = diffusion_cm(c->diffusion_long, drift_us(c, x)) / c->cm_per_tick;
    return sqrt(c->pulse_sigma * c->pulse_sigma + drift * drift);
}

/* The rest of rounding goes to the largest weight. */
static void fill_pulse(struct charge_pulses *p, double sigma, double offset, int32_t *weight)
{
    int32_t sum = 0;
    uint32_t largest = 0;
    double below = portable_normal((-(double)p->before - offset) / sigma);
    for (uint32_t k = 0; k < p->taps; k++) {
        double above = portable_normal((k + 1.0 - p->before - offset) / sigma);
        weight[k] = (int32_t)floor((above - below) * 65536 + 0.5);
        sum += weight[k];
        largest = weight[k] > weight[largest] ? k : largest;
        below = above;
    }
    weight[largest] += 65536 - sum;
}

static void init_planes(struct charge_tables *t, const struct constants *c)
{
    double s, k;
    portable_sincos(c->wire_angle * (3.141592653589793 / 180), &s, &k);
    double p = c->wire_pitch;
    t->plane[0] = (struct charge_plane){(uint32_t)c->wires_u, -k / p, s / p, c->u_origin_y * k / p};
    t->plane[1] = (struct charge_plane){(uint32_t)c->wires_v, k / p, s / p, -c->v_origin_y * k / p};
    t->plane[2] = (struct charge_plane){(uint32_t)c->wires_y, 0, 1 / p, -c->y_origin_z / p};
}

bool charge_tables_init(struct charge_tables *t, const struct constants *c, struct error *err)
{
    struct charge_pulses *p = &t->pulses;
    double widest = pulse_sigma(c, CHARGE_WIDTHS - 1);
    double half = ceil(4.5 * widest) + 1;
    if (2 * half > CHARGE_MAX_TAPS)
        return error_set(err, ERROR_CONFIG,
                         "pulse_sigma = %g and diffusion_long = %g make pulses of %.3g ticks "
                         "sigma at full drift, more than %d",
                         c->pulse_sigma, c->diffusion_long, widest, CHARGE_MAX_TAPS / 9 - 1);
    p->before = (uint32_t)half;
    p->taps = 2 * p->before;
    for (uint32_t w = 0; w < CHARGE_WIDTHS; w++)
        for (uint32_t s = 0; s < CHARGE_SUBTICKS; s++)
            fill_pulse(p, pulse_sigma(c, w), (s + 0.5) / CHARGE_SUBTICKS, p->weight[w][s]);
    init_planes(t, c);
    t->recombination = c->box_b / (c->density * c->field);
    t->units_per_mev = c->electrons_per_mev / c->electrons_per_unit;
    return true;
}

static double wire_number(const struct charge_plane *p, struct vec at)
{
    return p->cy * at.y + p->cz * at.z + p->origin;
}

void charge_wires(const struct charge_tables *t, struct vec at, int32_t wire[CHARGE_PLANES])
{
    for (int i = 0; i < CHARGE_PLANES; i++) {
        double w = floor(wire_number(&t->plane[i], at) + 0.5);
        wire[i] = w >= 0 && w < t->plane[i].wires ? (int32_t)w : -1;
    }
}

double charge_tick(const struct constants *c, double x, double late)
{
    return x / c->cm_per_tick + c->trigger_tick + late;
}

static void keep(struct charge *q, uint32_t plane, const struct deposit *d)
{
    if (q->n[plane] == q->capacity[plane]) {
        uint32_t capacity = q->capacity[plane] ? 2 * q->capacity[plane] : 65536;
        struct deposit *list = realloc(q->list[plane], capacity * sizeof *list);
        if (list == NULL) {
            q->no_memory = true;
            return;
        }
        q->list[plane] = list;
        q->capacity[plane] = capacity;
    }
    q->list[plane][q->n[plane]++] = *d;
}

void charge_add(struct charge *q, struct random *r, struct vec at, double mev, double cm,
                double late, uint16_t particle, bool neutrino)
{
    const struct constants *c = q->c;
    const struct charge_tables *t = q->tables;
    if (!(mev > 0) || !space_inside(c, at))
        return;
    double tick = charge_tick(c, at.x, late), margin = t->pulses.before;
    if (tick < -margin || tick >= c->ticks + margin)
        return;
    double density = t->recombination * mev / cm;
    double kept = density > 1e-6 ? portable_log(c->box_a + density) / density : 1;
    double us = drift_us(c, at.x);
    kept *= portable_exp(-us / (c->lifetime_ms * 1000));
    double units = mev * t->units_per_mev * fmax(0, fmin(kept, 1));
    uint32_t width = (uint32_t)(at.x / c->x_max * CHARGE_WIDTHS);
    struct deposit d = {.particle = particle,
                        .time = (int32_t)floor(tick * CHARGE_SUBTICKS),
                        .charge = (int32_t)floor(fmin(units, 1e6) * CHARGE_UNIT + 0.5),
                        .width = (uint16_t)(width < CHARGE_WIDTHS ? width : CHARGE_WIDTHS - 1),
                        .neutrino = neutrino,
                        .mev = (float)mev};
    if (d.charge == 0)
        return;
    double spread = diffusion_cm(c->diffusion_trans, us) / c->wire_pitch;
    for (uint32_t i = 0; i < CHARGE_PLANES; i++) {
        double w = floor(wire_number(&t->plane[i], at) + spread * random_normal(r) + 0.5);
        if (w < 0 || w >= t->plane[i].wires)
            continue;
        d.wire = (uint16_t)w;
        keep(q, i, &d);
    }
}

void charge_fini(struct charge *q)
{
    for (int i = 0; i < CHARGE_PLANES; i++)
        free(q->list[i]);
    *q = (struct charge){0};
}
