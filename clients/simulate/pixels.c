/* A pixel column at a time: its wires are read into one small block of samples,
 * which the daemon's reducer takes as a fragment. The reducer is given threshold 0
 * and scale 1, so that it gives every sum in units; the threshold is applied
 * after, to the same exact sums. */
#include "simulate/pixels.h"

#include "imaging/reduce.h"

#include <stdlib.h>
#include <string.h>

struct pixel_maker {
    const struct geometry *geometry;
    const struct physics *physics;
    double threshold;
    struct wires *wires;
    struct reducer *reducer;
    struct reduced reduced;
    int16_t *samples;  /* [pool_wires][ticks], 0 between columns */
    float *value;      /* [rows][cols] */
    uint8_t *neutrino; /* [rows][cols] */
};

bool pixels_geometry(struct geometry *g, const struct constants *c, const struct preprocessing *pre,
                     struct error *err)
{
    struct detector_settings detector = {.ticks = (uint32_t)c->ticks, .n_planes = CHARGE_PLANES};
    struct preprocessing plain[CHARGE_PLANES];
    const double wires[CHARGE_PLANES] = {c->wires_u, c->wires_v, c->wires_y};
    if (pre->time_rebin != (uint32_t)c->roi_bin)
        return error_set(err, ERROR_CONFIG,
                         "time_rebin = %u, but roi_bin = %g: labels are of regions' bins, set both",
                         pre->time_rebin, c->roi_bin);
    if ((uint64_t)pre->pool_time * pre->pool_wires > UINT8_MAX)
        return error_set(err, ERROR_CONFIG,
                         "pool_time %u x pool_wires %u: more than 255 bins a pixel", pre->pool_time,
                         pre->pool_wires);
    for (uint32_t i = 0; i < CHARGE_PLANES; i++) {
        detector.plane[i] = (struct plane_settings){
            .id = i, .wires = (uint32_t)wires[i], .scale = 1.0 / WIRES_COUNTS_PER_UNIT};
        plain[i] = *pre;
        plain[i].pixel_threshold = 0;
        plain[i].pixel_scale = 1;
    }
    return geometry_init_wires(g, &detector, plain, err);
}

struct pixel_maker *pixel_maker_create(const struct geometry *g, const struct physics *p,
                                       double pixel_threshold, struct error *err)
{
    struct pixel_maker *m = calloc(1, sizeof *m);
    if (m == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for a worker");
        return NULL;
    }
    size_t pixels = 0;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        size_t n = (size_t)g->plane[i].rows * g->plane[i].cols;
        pixels = n > pixels ? n : pixels;
    }
    m->geometry = g;
    m->physics = p;
    m->threshold = pixel_threshold;
    m->reducer = reducer_create(g, err);
    m->wires = wires_create(p);
    m->reduced.hit_capacity = g->plane[0].rows;
    m->reduced.hit = calloc(g->plane[0].rows, sizeof *m->reduced.hit);
    m->samples = calloc((size_t)g->plane[0].pre.pool_wires * g->plane[0].ticks, sizeof *m->samples);
    m->value = calloc(pixels, sizeof *m->value);
    m->neutrino = calloc(pixels, sizeof *m->neutrino);
    if (!m->reducer || !m->wires || !m->reduced.hit || !m->samples || !m->value || !m->neutrino) {
        error_set(err, ERROR_SYSTEM, "no memory for a worker");
        pixel_maker_destroy(&m);
    }
    return m;
}

void pixel_maker_destroy(struct pixel_maker **m)
{
    if (*m == NULL)
        return;
    reducer_destroy(&(*m)->reducer);
    wires_destroy(&(*m)->wires);
    free((*m)->reduced.hit);
    free((*m)->samples);
    free((*m)->value);
    free((*m)->neutrino);
    free(*m);
    *m = NULL;
}

/* Counts the labelled bins of a wire, in its column's pixels; returns all of them. */
static int32_t note_labels(struct pixel_maker *m, const struct plane_geometry *g, uint32_t wire,
                           const struct wires_bins *bins)
{
    uint32_t col = wire / g->pre.pool_wires;
    int32_t n = 0;
    for (uint32_t word = 0; word < bins->words; word++) {
        for (uint64_t bits = bins->labelled[word]; bits != 0; bits &= bits - 1) {
            uint32_t bin = word * 64 + (uint32_t)__builtin_ctzll(bits);
            uint32_t row = bin / g->pre.pool_time;
            n += bin < g->bins;
            if (row < g->rows && col < g->cols)
                m->neutrino[(size_t)row * g->cols + col]++;
        }
    }
    return n;
}

/* Reads the wires of a column and reduces them. */
static int32_t column(struct pixel_maker *m, uint32_t plane, uint32_t first)
{
    const struct plane_geometry *g = &m->geometry->plane[plane];
    uint32_t pool = g->pre.pool_wires, n = g->wires - first < pool ? g->wires - first : pool;
    int32_t labels = 0;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        struct wires_bins bins;
        if (!wires_read(m->wires, first + i, m->samples + (size_t)i * g->ticks, &bins))
            continue;
        any = true;
        labels += note_labels(m, g, first + i, &bins);
    }
    if (!any)
        return 0;
    size_t bytes = (size_t)n * g->ticks * sizeof *m->samples;
    if (n == pool) {
        struct fragment f = {.kind = PAYLOAD_WIRES,
                             .sample_type = SAMPLE_INT16,
                             .plane = plane,
                             .first_wire = first,
                             .wires = n,
                             .samples = m->samples,
                             .samples_bytes = bytes};
        (void)reduce_fragment(m->reducer, &f, &m->reduced); /* one column: never too many hits */
        for (uint32_t i = 0; i < m->reduced.n_hits; i++) {
            const struct hit *h = &m->reduced.hit[i];
            m->value[(size_t)h->row * g->cols + h->col] = h->value.f;
        }
    }
    memset(m->samples, 0, bytes);
    return labels;
}

static bool keep(struct pixels *out, const struct pixel_row *row)
{
    if (out->n == out->capacity) {
        uint32_t capacity = out->capacity ? 2 * out->capacity : 4096;
        struct pixel_row *more = realloc(out->row, capacity * sizeof *more);
        if (more == NULL)
            return false;
        out->row = more;
        out->capacity = capacity;
    }
    out->row[out->n++] = *row;
    return true;
}

/* In scan order; what is read is 0 again for the next plane. */
static bool collect(struct pixel_maker *m, uint32_t plane, struct pixels *out)
{
    const struct plane_geometry *g = &m->geometry->plane[plane];
    for (uint32_t row = 0; row < g->rows; row++) {
        for (uint32_t col = 0; col < g->cols; col++) {
            size_t i = (size_t)row * g->cols + col;
            if (m->value[i] == 0 && m->neutrino[i] == 0)
                continue;
            struct pixel_row p = {.value = m->value[i],
                                  .row = (uint16_t)row,
                                  .col = (uint16_t)col,
                                  .plane = (uint8_t)plane,
                                  .neutrino = m->neutrino[i]};
            m->value[i] = 0;
            m->neutrino[i] = 0;
            bool active = p.value != 0 && (double)p.value >= m->threshold;
            if ((active || p.neutrino > 0) && !keep(out, &p))
                return false;
        }
    }
    return true;
}

bool pixel_maker_run(struct pixel_maker *m, const struct charge *q, uint64_t seed, uint64_t event,
                     struct pixels *out)
{
    out->n = 0;
    for (uint32_t plane = 0; plane < CHARGE_PLANES; plane++) {
        const struct plane_geometry *g = &m->geometry->plane[plane];
        if (!wires_plane(m->wires, q, plane, seed, event))
            return false;
        out->label_bins[plane] = 0;
        for (uint32_t wire = 0; wire < g->wires; wire += g->pre.pool_wires)
            out->label_bins[plane] += column(m, plane, wire);
        if (!collect(m, plane, out))
            return false;
    }
    return true;
}

void pixels_fini(struct pixels *p)
{
    free(p->row);
    *p = (struct pixels){0};
}
