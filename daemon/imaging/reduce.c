/* One wire at a time, in stages that each are a plain loop over a short array, so
 * that a wire's samples are read from memory once and everything after that stays
 * in the first-level cache: pairs of ticks, time bins, floor and clip, rows. The
 * wires of a pixel column are added into one array of `rows` sums.
 *
 * Samples are loaded with memcpy: a message's payload may lie at any address.
 * The published factors 6 and 4 have loops of their own; others are added by the
 * general pairwise sum. An explicit kernel for an instruction set would replace
 * wire_rows_float and wire_rows_counts and nothing else. */
#include "imaging/reduce.h"

#include "data/pixel.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reducer {
    const struct geometry *geometry;
    /* One block of memory. Float and int32 parts are apart, so that no value is
     * ever read as another type. */
    float *tick_f;  /* ticks of one bin, or pairs of a wire's ticks */
    float *bin_f;   /* [bins] */
    float *row_f;   /* [rows]: one wire's sums */
    float *col_f;   /* [rows]: a column's sums */
    int32_t *bin_i; /* [bins] */
    int32_t *row_i; /* [rows] */
    int32_t *col_i; /* [rows] */
    void *memory;
};

/* ---- loads -------------------------------------------------------------- */

static inline float load_float(const unsigned char *samples, size_t i)
{
    float x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

static inline int32_t load_int16(const unsigned char *samples, size_t i)
{
    int16_t x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

static inline int32_t load_int32(const unsigned char *samples, size_t i)
{
    int32_t x;
    memcpy(&x, samples + i * sizeof x, sizeof x);
    return x;
}

/* Adds v[0 .. n) pairwise in index order, overwriting v: neighbours first, then
 * neighbouring sums, an odd one out carried to the next round. */
static float pairwise(float *v, uint32_t n)
{
    while (n > 1) {
        uint32_t half = n / 2;
        for (uint32_t i = 0; i < half; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n & 1)
            v[half] = v[n - 1];
        n = half + (n & 1);
    }
    return v[0];
}

/* ---- float32: one wire to rows ------------------------------------------- */

static void bins_float(struct reducer *r, const unsigned char *wire, uint32_t rebin, uint32_t bins)
{
    float *bin = r->bin_f, *tick = r->tick_f;
    if (rebin == 6) {
        for (uint32_t i = 0; i < 3 * bins; i++)
            tick[i] = load_float(wire, 2 * i) + load_float(wire, 2 * i + 1);
        for (uint32_t b = 0; b < bins; b++)
            bin[b] = (tick[3 * b] + tick[3 * b + 1]) + tick[3 * b + 2];
        return;
    }
    for (uint32_t b = 0; b < bins; b++) {
        memcpy(tick, wire + (size_t)b * rebin * sizeof *tick, rebin * sizeof *tick);
        bin[b] = pairwise(tick, rebin);
    }
}

/* Returns how many bins were not finite. */
static uint32_t condition_float(float *bin, uint32_t bins, float low, float high)
{
    uint32_t bad = 0;
    for (uint32_t b = 0; b < bins; b++) {
        float x = bin[b];
        int finite = fabsf(x) <= FLT_MAX; /* false for NaN too */
        bad += (uint32_t)!finite;
        x = finite ? x : 0.0f;
        x = x < low ? 0.0f : x;
        bin[b] = x > high ? high : x;
    }
    return bad;
}

/* row_f[0 .. rows) of one wire; returns the number of bins that were not finite. */
static uint32_t wire_rows_float(struct reducer *r, const struct plane_geometry *p,
                                const unsigned char *wire)
{
    uint32_t pool = p->pre.pool_time, bins = p->rows * pool;
    bins_float(r, wire, p->pre.time_rebin, bins);
    uint32_t bad = condition_float(r->bin_f, bins, (float)p->pre.bin_floor, (float)p->pre.bin_clip);
    const float *bin = r->bin_f;
    float *row = r->row_f;
    if (pool == 4) {
        for (uint32_t i = 0; i < p->rows; i++)
            row[i] = (bin[4 * i] + bin[4 * i + 1]) + (bin[4 * i + 2] + bin[4 * i + 3]);
    } else {
        for (uint32_t i = 0; i < p->rows; i++)
            row[i] = pairwise(r->bin_f + (size_t)i * pool, pool);
    }
    return bad;
}

/* ---- int16: one wire to rows --------------------------------------------- */

static void bins_counts(int32_t *bin, const unsigned char *wire, uint32_t rebin, uint32_t bins)
{
    if (rebin == 6) {
        for (uint32_t b = 0; b < bins; b++) {
            size_t t = (size_t)b * 6;
            bin[b] = load_int16(wire, t) + load_int16(wire, t + 1) + load_int16(wire, t + 2) +
                     load_int16(wire, t + 3) + load_int16(wire, t + 4) + load_int16(wire, t + 5);
        }
        return;
    }
    for (uint32_t b = 0; b < bins; b++) {
        int32_t sum = 0;
        for (uint32_t t = 0; t < rebin; t++)
            sum += load_int16(wire, (size_t)b * rebin + t);
        bin[b] = sum;
    }
}

/* row_i[0 .. rows) of one wire. */
static void wire_rows_counts(struct reducer *r, const struct plane_geometry *p,
                             const unsigned char *wire, int32_t pedestal)
{
    uint32_t pool = p->pre.pool_time, bins = p->rows * pool;
    int32_t *bin = r->bin_i, low = p->floor_counts, high = p->clip_counts;
    bins_counts(bin, wire, p->pre.time_rebin, bins);
    for (uint32_t b = 0; b < bins; b++) {
        int32_t x = bin[b] - pedestal;
        x = x < low ? 0 : x;
        bin[b] = x > high ? high : x;
    }
    for (uint32_t i = 0; i < p->rows; i++) {
        int32_t sum = 0;
        for (uint32_t b = 0; b < pool; b++)
            sum += bin[i * pool + b];
        r->row_i[i] = sum;
    }
}

/* ---- wires to pixels ------------------------------------------------------ */

static bool put_hit(struct reduced *out, uint32_t row, uint32_t col, union pixel_value value)
{
    if (out->n_hits == out->hit_capacity)
        return false;
    out->hit[out->n_hits++] = (struct hit){(uint16_t)row, (uint16_t)col, value};
    return true;
}

static bool put_edge(struct reduced *out, uint32_t row, uint32_t wire, union pixel_value sum)
{
    if (out->n_edges == out->edge_capacity)
        return false;
    out->edge[out->n_edges++] = (struct edge_value){(uint16_t)row, (uint16_t)wire, sum};
    return true;
}

/* The wires [first, end) of pixel column `col`, all of which are in the fragment. */
static bool reduce_column(struct reducer *r, const struct plane_geometry *p,
                          const struct fragment *f, uint32_t col, uint32_t first, uint32_t end,
                          struct reduced *out)
{
    bool counts = f->sample_type == SAMPLE_INT16;
    bool whole = end - first == p->pre.pool_wires;
    size_t wire_bytes = p->ticks * sample_bytes(f->sample_type);
    for (uint32_t w = first; w < end; w++) {
        const unsigned char *wire =
            (const unsigned char *)f->samples + (w - f->first_wire) * wire_bytes;
        if (counts)
            wire_rows_counts(r, p, wire, p->pedestal_counts[w]);
        else
            out->nonfinite_bins += wire_rows_float(r, p, wire);
        if (!whole) {
            for (uint32_t i = 0; i < p->rows; i++) {
                union pixel_value sum;
                if (counts ? r->row_i[i] == 0 : r->row_f[i] == 0.0f)
                    continue;
                if (counts)
                    sum.i = r->row_i[i];
                else
                    sum.f = r->row_f[i];
                if (!put_edge(out, i, w, sum))
                    return false;
            }
        } else if (counts) {
            for (uint32_t i = 0; i < p->rows; i++)
                r->col_i[i] = w == first ? r->row_i[i] : r->col_i[i] + r->row_i[i];
        } else {
            for (uint32_t i = 0; i < p->rows; i++)
                r->col_f[i] = w == first ? r->row_f[i] : r->col_f[i] + r->row_f[i];
        }
    }
    for (uint32_t i = 0; whole && i < p->rows; i++) {
        union pixel_value value;
        bool hit = counts ? pixel_from_counts(p, r->col_i[i], &value.f)
                          : pixel_from_units(p, r->col_f[i], &value.f);
        if (hit && !put_hit(out, i, col, value))
            return false;
    }
    return true;
}

static bool reduce_wires(struct reducer *r, const struct plane_geometry *p,
                         const struct fragment *f, struct reduced *out)
{
    uint32_t pool = p->pre.pool_wires, end = f->first_wire + f->wires;
    if (end > p->cols * pool)
        end = p->cols * pool; /* wires that do not fill a pixel */
    for (uint32_t w = f->first_wire; w < end;) {
        uint32_t col = w / pool, col_end = (col + 1) * pool;
        if (col_end > end)
            col_end = end;
        if (!reduce_column(r, p, f, col, w, col_end, out))
            return false;
        w = col_end;
    }
    return true;
}

static bool reduce_image(const struct plane_geometry *p, const struct fragment *f,
                         struct reduced *out)
{
    const unsigned char *samples = f->samples;
    uint32_t width = p->cols * p->channels;
    for (uint32_t row = 0; row < p->rows; row++) {
        for (uint32_t col = 0; col < width; col++) {
            size_t i = (size_t)row * width + col;
            union pixel_value value;
            if (f->sample_type == SAMPLE_FLOAT32) {
                value.f = load_float(samples, i);
                if (!(fabsf(value.f) <= FLT_MAX)) {
                    out->nonfinite_bins++;
                    continue;
                }
                if (value.f == 0.0f)
                    continue;
            } else {
                value.i = f->sample_type == SAMPLE_INT16 ? load_int16(samples, i)
                                                         : load_int32(samples, i);
                if (value.i == 0)
                    continue;
            }
            if (!put_hit(out, row, col, value))
                return false;
        }
    }
    return true;
}

enum fragment_fate reduce_fragment(struct reducer *r, const struct fragment *f, struct reduced *out)
{
    const struct plane_geometry *p = &r->geometry->plane[f->plane];
    out->fragment = *f;
    out->n_hits = out->n_edges = 0;
    out->nonfinite_bins = 0;
    if (!f->samples)
        return FRAGMENT_ASSEMBLED;
    bool fits = f->kind == PAYLOAD_IMAGE ? reduce_image(p, f, out) : reduce_wires(r, p, f, out);
    if (!fits) {
        out->n_hits = out->n_edges = 0;
        return FRAGMENT_EDGE_FULL;
    }
    return FRAGMENT_ASSEMBLED;
}

/* ---- life ------------------------------------------------------------------ */

void reduce_capacity(const struct geometry *g, uint32_t *hits, uint32_t *edges)
{
    *hits = *edges = 0;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        const struct plane_geometry *p = &g->plane[i];
        uint64_t h = (uint64_t)p->rows * p->cols * p->channels;
        uint64_t e = 0;
        if (!g->images) {
            /* A fragment within one column shares at most pool_wires - 1 wires of
             * it, one that ends in two columns so many of each; never more than
             * the plane has. */
            e = 2 * (uint64_t)(p->pre.pool_wires - 1);
            e = (e < p->wires ? e : p->wires) * p->rows;
        }
        assert(h <= UINT32_MAX && e <= UINT32_MAX);
        *hits = h > *hits ? (uint32_t)h : *hits;
        *edges = e > *edges ? (uint32_t)e : *edges;
    }
}

struct reducer *reducer_create(const struct geometry *g, struct error *err)
{
    size_t rows = 1, bins = 1, ticks = 1;
    for (uint32_t i = 0; i < g->n_planes && !g->images; i++) {
        const struct plane_geometry *p = &g->plane[i];
        rows = p->rows > rows ? p->rows : rows;
        bins = p->bins > bins ? p->bins : bins;
        ticks = p->pre.time_rebin > ticks ? p->pre.time_rebin : ticks;
    }
    ticks = 3 * bins > ticks ? 3 * bins : ticks;
    struct reducer *r = calloc(1, sizeof *r);
    void *memory = calloc(ticks + 2 * bins + 4 * rows, sizeof(float));
    if (!r || !memory) {
        free(r);
        free(memory);
        error_set(err, ERROR_SYSTEM, "no memory to reduce fragments of %zu rows", rows);
        return NULL;
    }
    r->geometry = g;
    r->memory = memory;
    r->tick_f = memory;
    r->bin_f = r->tick_f + ticks;
    r->row_f = r->bin_f + bins;
    r->col_f = r->row_f + rows;
    r->bin_i = (int32_t *)(r->col_f + rows);
    r->row_i = r->bin_i + bins;
    r->col_i = r->row_i + rows;
    return r;
}

void reducer_destroy(struct reducer **r)
{
    if (!*r)
        return;
    free((*r)->memory);
    free(*r);
    *r = NULL;
}
