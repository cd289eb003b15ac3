#include "data/geometry.h"

#include "base/bits.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_LIMIT = 65536 }; /* rows, columns and wires are kept in 16 bits */

static const double int16_span = 32768.0;
static const double int31_span = 2147483648.0;

/* A double to int32 or int64, at the nearer end of the range where it does not fit. */
static int32_t clamp_int32(double x)
{
    return x <= INT32_MIN ? INT32_MIN : x >= INT32_MAX ? INT32_MAX : (int32_t)x;
}

static int64_t clamp_int64(double x)
{
    return x <= -0x1p63 ? INT64_MIN : x >= 0x1p63 ? INT64_MAX : (int64_t)x;
}

/* The numbers alone, before anything is divided by them. */
static bool check_factors(const struct plane_settings *s, const struct preprocessing *pre,
                          struct error *err)
{
    const struct {
        const char *key;
        uint32_t value;
    } positive[] = {
        {"time_rebin", pre->time_rebin},     {"pool_time", pre->pool_time},
        {"pool_wires", pre->pool_wires},     {"window_time_bins", pre->window_time_bins},
        {"window_wires", pre->window_wires}, {"image_height", pre->image_height},
        {"image_width", pre->image_width},
    };
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
        if (positive[i].value == 0) {
            return error_set(err, ERROR_CONFIG, "plane %u: preprocessing %s = 0: must be above 0",
                             s->id, positive[i].key);
        }
    }
    if (!(pre->pixel_scale > 0) || !isfinite(pre->pixel_scale) || !((float)pre->pixel_scale > 0) ||
        !isfinite((float)pre->pixel_scale)) {
        return error_set(
            err, ERROR_CONFIG,
            "plane %u: preprocessing pixel_scale = %g: must be above 0 and fit float32", s->id,
            pre->pixel_scale);
    }
    if (!isfinite((float)pre->bin_floor) || !isfinite((float)pre->bin_clip) ||
        !isfinite((float)pre->pixel_threshold)) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: preprocessing bin_floor = %g, bin_clip = %g, pixel_threshold = "
                         "%g: must be finite",
                         s->id, pre->bin_floor, pre->bin_clip, pre->pixel_threshold);
    }
    if (pre->bin_clip < 0) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: preprocessing bin_clip = %g: must not be negative, or bins "
                         "without signal would not be 0",
                         s->id, pre->bin_clip);
    }
    if (pre->bin_clip < pre->bin_floor) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: preprocessing bin_clip = %g is below bin_floor = %g", s->id,
                         pre->bin_clip, pre->bin_floor);
    }
    if (!(s->scale > 0) || !isfinite(s->scale)) {
        return error_set(err, ERROR_CONFIG, "detector.plane %u: scale = %g: must be above 0", s->id,
                         s->scale);
    }
    if (!(fabs(s->pedestal) <= int16_span)) {
        return error_set(err, ERROR_CONFIG,
                         "detector.plane %u: pedestal = %g: must be within -32768 .. 32768 counts",
                         s->id, s->pedestal);
    }
    return true;
}

/* Whether sums of a pixel's int16 samples stay within 31 bits, with this pedestal. */
static bool counts_fit(const struct preprocessing *pre, double pedestal)
{
    double bins = (double)pre->pool_time * pre->pool_wires;
    return bins * (pre->time_rebin * (int16_span + fabs(pedestal)) + 1) < int31_span;
}

/* No sum of a pixel may leave 31 bits of counts, nor the range of float32. */
static bool check_sums(const struct plane_settings *s, const struct preprocessing *pre,
                       struct error *err)
{
    double bins = (double)pre->pool_time * pre->pool_wires;
    if (!counts_fit(pre, s->pedestal)) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: time_rebin %u x pool_time %u x pool_wires %u: sums of int16 "
                         "samples (pedestal %g) may not fit 31 bits",
                         s->id, pre->time_rebin, pre->pool_time, pre->pool_wires, s->pedestal);
    }
    double largest = fmax(fabs(pre->bin_floor), fabs(pre->bin_clip));
    if (bins * largest > FLT_MAX) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: preprocessing bin_clip = %g: a pixel of %u x %u bins may not "
                         "fit float32",
                         s->id, pre->bin_clip, pre->pool_time, pre->pool_wires);
    }
    return true;
}

/* Rows, columns and windows, once they are known. */
static bool check_extent(const struct plane_geometry *p, struct error *err)
{
    const struct preprocessing *pre = &p->pre;
    if (p->wires == 0 || p->wires > INDEX_LIMIT) {
        return error_set(err, ERROR_CONFIG, "detector.plane %u: wires = %u: must be 1 .. %u", p->id,
                         p->wires, (unsigned)INDEX_LIMIT);
    }
    if (p->rows > INDEX_LIMIT) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u: detector.ticks = %u gives %u rows of pixels: at most %u", p->id,
                         p->ticks, p->rows, (unsigned)INDEX_LIMIT);
    }
    if (p->bins < pre->window_time_bins) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u has %u time bins (detector.ticks = %u), a window needs %u: the "
                         "plane is smaller than a window",
                         p->id, p->bins, p->ticks, pre->window_time_bins);
    }
    if (p->wires < pre->window_wires) {
        return error_set(err, ERROR_CONFIG,
                         "plane %u has %u wires, a window needs %u: the plane is smaller than a "
                         "window",
                         p->id, p->wires, pre->window_wires);
    }
    if (pre->image_height > pre->window_time_bins / pre->pool_time) {
        return error_set(
            err, ERROR_CONFIG,
            "plane %u: preprocessing image_height = %u: a window has %u rows of pixels", p->id,
            pre->image_height, pre->window_time_bins / pre->pool_time);
    }
    if (pre->image_width > pre->window_wires / pre->pool_wires) {
        return error_set(
            err, ERROR_CONFIG,
            "plane %u: preprocessing image_width = %u: a window has %u columns of pixels", p->id,
            pre->image_width, pre->window_wires / pre->pool_wires);
    }
    return true;
}

static bool init_plane(struct plane_geometry *p, uint32_t ticks, const struct plane_settings *s,
                       const struct preprocessing *pre, struct error *err)
{
    if (!check_factors(s, pre, err) || !check_sums(s, pre, err))
        return false;
    p->id = s->id;
    p->wires = s->wires;
    p->ticks = ticks;
    p->scale = s->scale;
    p->pre = *pre;
    p->bins = ticks / pre->time_rebin;
    p->rows = p->bins / pre->pool_time;
    p->cols = s->wires / pre->pool_wires;
    p->channels = 1;
    p->words_per_row = (p->cols + 63) / 64;
    p->floor_counts = clamp_int32(ceil(pre->bin_floor / s->scale));
    p->clip_counts = clamp_int32(floor(pre->bin_clip / s->scale));
    p->threshold_counts = clamp_int64(ceil(pre->pixel_threshold / s->scale));
    if (!check_extent(p, err))
        return false;
    p->pedestal_counts = malloc(p->wires * sizeof *p->pedestal_counts);
    p->pedestal_units = calloc(p->wires, sizeof *p->pedestal_units);
    if (!p->pedestal_counts || !p->pedestal_units)
        return error_set(err, ERROR_SYSTEM, "no memory for the %u wires of plane %u", p->wires,
                         p->id);
    int32_t counts = (int32_t)lrint(pre->time_rebin * s->pedestal);
    for (uint32_t w = 0; w < p->wires; w++)
        p->pedestal_counts[w] = counts;
    return true;
}

bool geometry_init_wires(struct geometry *g, const struct detector_settings *detector,
                         const struct preprocessing *pre, struct error *err)
{
    memset(g, 0, sizeof *g);
    if (detector->n_planes == 0 || detector->n_planes > SETTINGS_MAX_PLANES)
        return error_set(err, ERROR_CONFIG, "detector.plane: %u planes: must be 1 .. %u",
                         detector->n_planes, (unsigned)SETTINGS_MAX_PLANES);
    for (uint32_t i = 0; i < detector->n_planes; i++) {
        const struct plane_settings *s = &detector->plane[i];
        bool good = true;
        if (geometry_find_plane(g, s->id) >= 0)
            good = error_set(err, ERROR_CONFIG, "detector.plane: id %u is there twice", s->id);
        if (!good || !init_plane(&g->plane[i], detector->ticks, s, &pre[i], err)) {
            g->n_planes = i + 1;
            geometry_fini(g);
            return false;
        }
        g->n_planes = i + 1;
    }
    return true;
}

void geometry_init_image(struct geometry *g, uint32_t height, uint32_t width, uint32_t channels)
{
    assert(height > 0 && width > 0 && channels > 0);
    assert(height <= INDEX_LIMIT && (uint64_t)width * channels <= INDEX_LIMIT);
    memset(g, 0, sizeof *g);
    g->images = true;
    g->n_planes = 1;
    struct plane_geometry *p = &g->plane[0];
    p->scale = 1;
    p->rows = height;
    p->cols = width;
    p->channels = channels;
    p->words_per_row = (width + 63) / 64;
}

uint32_t geometry_most_wires(const struct geometry *g)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < g->n_planes; i++)
        most = g->plane[i].wires > most ? g->plane[i].wires : most;
    return most;
}

/* ---- calibration ------------------------------------------------------------- */

static bool check_pedestal(const struct plane_geometry *p, uint32_t wire, enum sample_type type,
                           double pedestal, struct error *err)
{
    bool counts = type == SAMPLE_INT16;
    double most = counts ? int16_span : (double)FLT_MAX / p->pre.time_rebin;
    if (!(fabs(pedestal) <= most))
        return error_set(err, ERROR_CONFIG,
                         "plane %u, wire %u: pedestal = %g: must be within -%g .. %g %s", p->id,
                         wire, pedestal, most, most, counts ? "counts" : "units");
    if (counts && !counts_fit(&p->pre, pedestal))
        return error_set(err, ERROR_CONFIG,
                         "plane %u, wire %u: pedestal = %g: sums of int16 samples over a pixel may "
                         "not fit 31 bits",
                         p->id, wire, pedestal);
    return true;
}

static bool mask_wire(struct plane_geometry *p, uint32_t wire, uint8_t status, struct error *err)
{
    if (status >= WIRE_STATUS_COUNT)
        return error_set(err, ERROR_CONFIG,
                         "plane %u, wire %u: status = %u: must be 0 good, 1 dead or 2 hot", p->id,
                         wire, status);
    if (status == WIRE_GOOD)
        return true;
    if (p->masked == NULL)
        p->masked = calloc(bits_words(p->wires), sizeof *p->masked);
    if (p->masked == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for the masks of plane %u", p->id);
    bits_fill(p->masked, wire, 1);
    p->dead_wires += status == WIRE_DEAD;
    p->hot_wires += status == WIRE_HOT;
    return true;
}

bool geometry_calibrate(struct geometry *g, uint32_t plane, enum sample_type type,
                        const double *pedestal, const uint8_t *status, struct error *err)
{
    struct plane_geometry *p = &g->plane[plane];
    assert(!g->images && plane < g->n_planes);
    for (uint32_t w = 0; w < p->wires; w++) {
        if (!check_pedestal(p, w, type, pedestal[w], err) || !mask_wire(p, w, status[w], err))
            return false;
        if (type == SAMPLE_INT16)
            p->pedestal_counts[w] = (int32_t)lrint(p->pre.time_rebin * pedestal[w]);
        else
            p->pedestal_units[w] = (float)(p->pre.time_rebin * pedestal[w]);
    }
    return true;
}

static void put_uint32(uint8_t *to, uint32_t value)
{
    for (uint32_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

size_t geometry_list_masked(const struct geometry *g, const uint64_t *const *masked, uint8_t *list)
{
    size_t n = 0;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        for (uint32_t w = 0; masked[i] != NULL && w < bits_words(g->plane[i].wires); w++) {
            for (uint64_t bits = masked[i][w]; bits != 0; bits &= bits - 1, n += 8) {
                put_uint32(list + n, g->plane[i].id);
                put_uint32(list + n + 4, 64 * w + (uint32_t)__builtin_ctzll(bits));
            }
        }
    }
    return n;
}

bool geometry_close_calibration(struct geometry *g, struct error *err)
{
    const uint64_t *masked[SETTINGS_MAX_PLANES];
    g->masked = (struct masked_set){0};
    for (uint32_t i = 0; i < g->n_planes; i++) {
        masked[i] = g->plane[i].masked;
        g->masked.wires += g->plane[i].dead_wires + g->plane[i].hot_wires;
    }
    uint8_t *list = malloc((size_t)8 * g->masked.wires + 1);
    if (list == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for the masks of %u wires", g->masked.wires);
    bool good = hash_sha256(list, geometry_list_masked(g, masked, list), g->masked.sha256);
    free(list);
    return good || error_set(err, ERROR_SYSTEM, "no memory for the name of the masks");
}

const char *wire_status_name(enum wire_status status)
{
    static const char *const names[] = {
#define X(NAME, name, help) #name,
        WIRE_STATUSES(X)
#undef X
    };
    return names[status];
}

void geometry_fini(struct geometry *g)
{
    for (uint32_t i = 0; i < g->n_planes; i++) {
        free(g->plane[i].pedestal_counts);
        free(g->plane[i].pedestal_units);
        free(g->plane[i].masked);
    }
    memset(g, 0, sizeof *g);
}

int geometry_find_plane(const struct geometry *g, uint32_t id)
{
    for (uint32_t i = 0; i < g->n_planes; i++) {
        if (g->plane[i].id == id)
            return (int)i;
    }
    return -1;
}
