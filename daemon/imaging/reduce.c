/* A column of pixels at a time, wire by wire, so that samples are read from memory
 * once and in order: each wire becomes sums over a pixel's bins, added to what the
 * column's wires before it gave. Then the sums of the column are compared with the
 * threshold, 64 to a mask word, and only the few bits that are set are looked at.
 *
 * What a wire's samples become is a kernel's work (imaging/reduce_kernel.h), chosen
 * by what the processor has; which wires, edges and hits is decided here, once for
 * all kernels. */
#include "imaging/reduce.h"

#include "data/pixel.h"
#include "imaging/reduce_kernel.h"
#include "imaging/sample.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reducer {
    const struct geometry *geometry;
    const struct reduce_kernel *kernel;
    /* One block of memory. Float and int32 parts are apart, so that no value is
     * ever read as another type. */
    struct reduce_scratch scratch;
    float *sum_f;      /* [rows, up to a multiple of 64]: of a column, or of one wire */
    int32_t *sum_i;    /* [the same] */
    uint64_t *mask;    /* [a 64th of it] */
    float *column_f;   /* [as sum_f]: of a column whose wires are counted one by one */
    int32_t *column_i; /* [the same] */
    void *memory;
};

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

/* Words of a mask of the rows. */
static uint32_t mask_words(const struct plane_geometry *p)
{
    return (p->rows + REDUCE_SUM_MULTIPLE - 1) / REDUCE_SUM_MULTIPLE;
}

/* The samples of one wire, to sum_i or sum_f. */
static void add_wire(struct reducer *r, const struct plane_geometry *p, const struct fragment *f,
                     uint32_t wire, bool first, struct reduced *out)
{
    size_t wire_bytes = p->ticks * sample_bytes(f->sample_type);
    const unsigned char *samples =
        (const unsigned char *)f->samples + (wire - f->first_wire) * wire_bytes;
    if (f->sample_type == SAMPLE_INT16) {
        r->kernel->wire_counts(&r->scratch, p, samples, p->pedestal_counts[wire], r->sum_i, first);
    } else {
        out->nonfinite_bins += r->kernel->wire_float(&r->scratch, p, samples,
                                                     p->pedestal_units[wire], r->sum_f, first);
    }
}

/* What differs from 0 of a wire whose column is not whole. */
static bool put_edges(struct reducer *r, const struct plane_geometry *p, bool counts, uint32_t wire,
                      struct reduced *out)
{
    uint32_t words = mask_words(p);
    if (counts)
        r->kernel->above_counts(r->sum_i, words, INT32_MIN, r->mask);
    else
        r->kernel->above_float(r->sum_f, words, -INFINITY, r->mask);
    for (uint32_t w = 0; w < words; w++) {
        for (uint64_t bits = r->mask[w]; bits; bits &= bits - 1) {
            uint32_t row = 64 * w + (uint32_t)__builtin_ctzll(bits);
            union pixel_value sum;
            if (counts)
                sum.i = r->sum_i[row];
            else
                sum.f = r->sum_f[row];
            if (!put_edge(out, row, wire, sum))
                return false;
        }
    }
    return true;
}

/* Where the sums are at or above a threshold, to mask[]; false: nowhere. */
static bool find_above(struct reducer *r, const struct plane_geometry *p, bool counts,
                       int64_t least_counts, float least_units)
{
    uint32_t words = mask_words(p);
    if (!counts) {
        r->kernel->above_float(r->sum_f, words, least_units, r->mask);
        return true;
    }
    if (least_counts > INT32_MAX)
        return false;
    int64_t least = least_counts < INT32_MIN ? INT32_MIN : least_counts;
    r->kernel->above_counts(r->sum_i, words, (int32_t)least, r->mask);
    return true;
}

/* The hits of a whole column. A kernel's mask says where to look; whether it is a
 * hit is pixel.h's to say. */
static bool put_hits(struct reducer *r, const struct plane_geometry *p, bool counts, uint32_t col,
                     struct reduced *out)
{
    uint32_t words = mask_words(p);
    if (!find_above(r, p, counts, p->threshold_counts, (float)p->pre.pixel_threshold))
        return true;
    for (uint32_t w = 0; w < words; w++) {
        for (uint64_t bits = r->mask[w]; bits; bits &= bits - 1) {
            uint32_t row = 64 * w + (uint32_t)__builtin_ctzll(bits);
            union pixel_value value;
            bool hit = counts ? pixel_from_counts(p, r->sum_i[row], &value.f)
                              : pixel_from_units(p, r->sum_f[row], &value.f);
            if (hit && !put_hit(out, row, col, value))
                return false;
        }
    }
    return true;
}

/* Entries behind the last row, up to the end of its mask word, are 0. */
static void clear_padding(struct reducer *r, const struct plane_geometry *p)
{
    for (uint32_t i = p->rows; i < mask_words(p) * REDUCE_SUM_MULTIPLE; i++) {
        r->sum_f[i] = 0.0f;
        r->sum_i[i] = 0;
    }
}

/* How often the one wire whose sums these are has its share of the threshold, or more. */
static uint16_t count_hits(struct reducer *r, const struct plane_geometry *p, bool counts)
{
    uint32_t n = 0, words = mask_words(p), pool = p->pre.pool_wires;
    double share = p->pre.pixel_threshold / pool;
    if (!find_above(r, p, counts, (int64_t)ceil((double)p->threshold_counts / pool), (float)share))
        return 0;
    for (uint32_t w = 0; w < words; w++)
        n += (uint32_t)__builtin_popcountll(r->mask[w]);
    return n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
}

/* Adds the wire's sums to those of the column's wires before it: what a kernel does
 * where `first` is false. */
static void add_column(struct reducer *r, uint32_t rows, bool counts, bool first)
{
    if (first && counts)
        memcpy(r->column_i, r->sum_i, rows * sizeof *r->sum_i);
    else if (first)
        memcpy(r->column_f, r->sum_f, rows * sizeof *r->sum_f);
    else if (counts)
        for (uint32_t i = 0; i < rows; i++)
            r->column_i[i] += r->sum_i[i];
    else
        for (uint32_t i = 0; i < rows; i++)
            r->column_f[i] += r->sum_f[i];
}

/* A whole column whose wires are counted one by one. */
static bool count_column(struct reducer *r, const struct plane_geometry *p,
                         const struct fragment *f, uint32_t col, uint32_t first, uint32_t end,
                         struct reduced *out)
{
    bool counts = f->sample_type == SAMPLE_INT16, begun = false;
    for (uint32_t w = first; w < end; w++) {
        if (geometry_is_masked(p, w))
            continue;
        add_wire(r, p, f, w, true, out);
        out->wire_hits[w - f->first_wire] = count_hits(r, p, counts);
        add_column(r, p->rows, counts, !begun);
        begun = true;
    }
    if (!begun)
        return true;
    if (counts)
        memcpy(r->sum_i, r->column_i, p->rows * sizeof *r->sum_i);
    else
        memcpy(r->sum_f, r->column_f, p->rows * sizeof *r->sum_f);
    return put_hits(r, p, counts, col, out);
}

/* The wires [first, end) of pixel column `col`, all of which are in the fragment. */
static bool reduce_column(struct reducer *r, const struct plane_geometry *p,
                          const struct fragment *f, uint32_t col, uint32_t first, uint32_t end,
                          struct reduced *out)
{
    bool counts = f->sample_type == SAMPLE_INT16, begun = false;
    bool whole = end - first == p->pre.pool_wires;
    if (whole && out->wire_hits != NULL)
        return count_column(r, p, f, col, first, end, out);
    for (uint32_t w = first; w < end; w++) {
        if (geometry_is_masked(p, w))
            continue;
        add_wire(r, p, f, w, !whole || !begun, out);
        begun = true;
        if (!whole && !put_edges(r, p, counts, w, out))
            return false;
        if (!whole && out->wire_hits != NULL)
            out->wire_hits[w - f->first_wire] = count_hits(r, p, counts);
    }
    return !whole || !begun || put_hits(r, p, counts, col, out);
}

static bool reduce_wires(struct reducer *r, const struct plane_geometry *p,
                         const struct fragment *f, struct reduced *out)
{
    uint32_t pool = p->pre.pool_wires, end = f->first_wire + f->wires;
    if (end > p->cols * pool)
        end = p->cols * pool; /* wires that do not fill a pixel */
    clear_padding(r, p);
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

/* ---- ready-made images ------------------------------------------------------ */

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
                value.f = sample_float(samples, i);
                if (!(fabsf(value.f) <= FLT_MAX)) {
                    out->nonfinite_bins++;
                    continue;
                }
                if (value.f == 0.0f)
                    continue;
            } else {
                value.i = f->sample_type == SAMPLE_INT16 ? sample_int16(samples, i)
                                                         : sample_int32(samples, i);
                if (value.i == 0)
                    continue;
            }
            if (!put_hit(out, row, col, value))
                return false;
        }
    }
    return true;
}

/* ---- fragments -------------------------------------------------------------- */

enum fragment_fate reduce_fragment(struct reducer *r, const struct fragment *f, struct reduced *out)
{
    const struct plane_geometry *p = &r->geometry->plane[f->plane];
    out->fragment = *f;
    out->n_hits = out->n_edges = 0;
    out->nonfinite_bins = 0;
    if (out->wire_hits != NULL && f->kind == PAYLOAD_WIRES)
        memset(out->wire_hits, 0, f->wires * sizeof *out->wire_hits);
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

/* Memory for `n` items of `bytes`, from an address that 64 divides. */
static void *take(unsigned char **at, size_t n, size_t bytes)
{
    void *memory = *at;
    *at += (n * bytes + 63) / 64 * 64;
    return memory;
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
    rows = (rows + REDUCE_SUM_MULTIPLE - 1) / REDUCE_SUM_MULTIPLE * REDUCE_SUM_MULTIPLE;
    size_t bytes = (ticks + 2 * bins + 4 * rows) * sizeof(float) + rows / 8 + (size_t)8 * 64;
    struct reducer *r = calloc(1, sizeof *r);
    unsigned char *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!r || !memory) {
        free(r);
        free(memory);
        error_set(err, ERROR_SYSTEM, "no memory to reduce fragments of %zu rows", rows);
        return NULL;
    }
    r->geometry = g;
    r->kernel = reduce_kernel_find("auto");
    r->memory = memory;
    r->scratch.tick_f = take(&memory, ticks, sizeof(float));
    r->scratch.bin_f = take(&memory, bins, sizeof(float));
    r->scratch.bin_i = take(&memory, bins, sizeof(int32_t));
    r->sum_f = take(&memory, rows, sizeof(float));
    r->sum_i = take(&memory, rows, sizeof(int32_t));
    r->mask = take(&memory, rows / REDUCE_SUM_MULTIPLE, sizeof(uint64_t));
    r->column_f = take(&memory, rows, sizeof(float));
    r->column_i = take(&memory, rows, sizeof(int32_t));
    return r;
}

const char *reducer_kernel(const struct reducer *r)
{
    return r->kernel->name;
}

bool reducer_use(struct reducer *r, const char *name)
{
    const struct reduce_kernel *k = reduce_kernel_find(name);
    if (k)
        r->kernel = k;
    return k != NULL;
}

void reducer_destroy(struct reducer **r)
{
    if (!*r)
        return;
    free((*r)->memory);
    free(*r);
    *r = NULL;
}
