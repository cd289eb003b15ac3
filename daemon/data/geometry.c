#include "data/geometry.h"

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

/* No sum of a pixel may leave 31 bits of counts, nor the range of float32. */
static bool check_sums(const struct plane_settings *s, const struct preprocessing *pre,
                       struct error *err)
{
    double bins = (double)pre->pool_time * pre->pool_wires;
    double counts = bins * (pre->time_rebin * (int16_span + fabs(s->pedestal)) + 1);
    if (counts >= int31_span) {
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
    if (!p->pedestal_counts)
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

void geometry_fini(struct geometry *g)
{
    for (uint32_t i = 0; i < g->n_planes; i++)
        free(g->plane[i].pedestal_counts);
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
