/* A window's rows are 64-bit words shifted out of the plane's mask; walking their
 * bits visits its pixels in scan order, and an empty stretch costs one test.
 */
#include "engine/windows.h"

#include "base/bits.h"

#include <stdlib.h>

/* --- the plan ------------------------------------------------------------ */

/* How many starts cover `length` pixels, and the i-th of them. */
static uint32_t tile_count(uint32_t length, uint32_t window, uint32_t stride)
{
    uint32_t whole = (length - window) / stride + 1;
    return (length - window) % stride == 0 ? whole : whole + 1;
}

static uint32_t tile_start(uint32_t i, uint32_t length, uint32_t window, uint32_t stride)
{
    return i * stride + window <= length ? i * stride : length - window;
}

struct tiling {
    uint32_t window_rows, window_cols, stride_rows, stride_cols;
    uint32_t height, width;
};

static bool tiling_of(const struct engine_settings *settings, const struct geometry *g,
                      const struct model *m, struct tiling *t, struct error *err)
{
    if (g->images) {
        *t = (struct tiling){m->height, m->width, 1, 1, m->height, m->width};
        return true;
    }
    const struct preprocessing *pre = &m->pre;
    uint32_t time = settings->window_stride_time_bins, wires = settings->window_stride_wires;
    if (time % pre->pool_time != 0)
        return error_set(err, ERROR_CONFIG,
                         "engine.window_stride_time_bins = %u: must be a multiple of %u, the time "
                         "bins that model %s pools to a pixel",
                         time, pre->pool_time, m->name);
    if (wires % pre->pool_wires != 0)
        return error_set(err, ERROR_CONFIG,
                         "engine.window_stride_wires = %u: must be a multiple of %u, the wires "
                         "that model %s pools to a pixel",
                         wires, pre->pool_wires, m->name);
    t->window_rows = pre->window_time_bins / pre->pool_time;
    t->window_cols = pre->window_wires / pre->pool_wires;
    t->stride_rows = time == 0 ? t->window_rows : time / pre->pool_time;
    t->stride_cols = wires == 0 ? t->window_cols : wires / pre->pool_wires;
    t->height = pre->image_height;
    t->width = pre->image_width;
    return true;
}

static bool add_plane(struct window_plan *plan, const struct geometry *g, const struct model *m,
                      uint32_t model, uint32_t plane, const struct tiling *t)
{
    const struct plane_geometry *pg = &g->plane[plane];
    uint32_t down = tile_count(pg->rows, t->window_rows, t->stride_rows);
    uint32_t across = tile_count(pg->cols, t->window_cols, t->stride_cols);
    uint64_t total = plan->n_windows + (uint64_t)down * across;
    struct window_place *grown =
        total > UINT32_MAX ? NULL : realloc(plan->place, total * sizeof *grown);
    if (grown == NULL)
        return false;
    plan->place = grown;
    for (uint32_t i = 0; i < down * across; i++) {
        plan->place[plan->n_windows++] = (struct window_place){
            .model = model,
            .plane = plane,
            .first_row = tile_start(i / across, pg->rows, t->window_rows, t->stride_rows),
            .first_col = tile_start(i % across, pg->cols, t->window_cols, t->stride_cols),
            .height = t->height,
            .width = t->width,
            .first_listed = plan->max_listed,
            .first_value = plan->max_values};
        plan->max_listed += m->max_listed;
        plan->max_values += (uint64_t)m->max_listed * m->channels;
    }
    return true;
}

bool window_plan_init(struct window_plan *plan, const struct engine_settings *settings,
                      const struct geometry *g, const struct model_set *models, struct error *err)
{
    *plan = (struct window_plan){0};
    for (uint32_t i = 0; i < models->n_models; i++) {
        const struct model_entry *entry = &models->entry[i];
        struct tiling t = {0};
        if (!tiling_of(settings, g, entry->model, &t, err)) {
            window_plan_fini(plan);
            return false;
        }
        for (uint32_t k = 0; k < entry->n_planes; k++) {
            if (!add_plane(plan, g, entry->model, i, entry->plane[k], &t)) {
                window_plan_fini(plan);
                return error_set(err, ERROR_SYSTEM, "no memory for the windows of model %s",
                                 entry->model->name);
            }
        }
    }
    return true;
}

void window_plan_fini(struct window_plan *plan)
{
    free(plan->place);
    *plan = (struct window_plan){0};
}

/* --- cutting -------------------------------------------------------------- */

/* What a pixel holds whose bit is not set. */
static const union pixel_value empty[MODEL_MAX_CHANNELS];

/* The list that is being filled. */
struct cutter {
    const struct model *m;
    const struct plane_image *image;
    uint32_t n_active, n_listed;
    struct pixel *place;
    int32_t *value;
};

static int32_t quantise(const struct cutter *c, union pixel_value v)
{
    const struct fixed_type *t = c->m->input_t;
    return (int32_t)(c->image->raw ? fixed_cast(v.i, t->fraction, t)
                                   : fixed_from_double((double)v.f, t));
}

static void add_pixel(struct cutter *c, uint16_t row, uint16_t col, const union pixel_value *v)
{
    const struct model *m = c->m;
    bool full = c->n_listed == m->max_listed;
    int32_t first = quantise(c, v[0]);
    bool active = m->reduce != NULL && first > m->reduce->threshold_raw;
    int32_t *out = full ? NULL : &c->value[(size_t)c->n_listed * m->channels];
    for (uint32_t ch = 0; ch < m->channels; ch++) {
        int32_t raw = ch == 0 ? first : quantise(c, v[ch]);
        active = active || (m->reduce == NULL && raw != 0);
        if (!full)
            out[ch] = raw;
    }
    if (!active)
        return;
    c->n_active++;
    if (!full)
        c->place[c->n_listed++] = (struct pixel){row, col};
}

static uint32_t missing_wires(const struct plane_image *image, const struct plane_geometry *pg,
                              const struct window_place *w)
{
    if (image->wires_missing == 0)
        return 0;
    if (pg->wires == 0)
        return 1; /* an image that is not there: it counts as one wire */
    uint32_t wires = w->width * pg->pre.pool_wires;
    return wires - bits_count(image->wire_present, w->first_col * pg->pre.pool_wires, wires);
}

static uint32_t masked_wires(const struct plane_image *image, const struct plane_geometry *pg,
                             const struct window_place *w)
{
    if (image->masked == NULL)
        return 0;
    return bits_count(image->masked, w->first_col * pg->pre.pool_wires,
                      w->width * pg->pre.pool_wires);
}

void window_cut(const struct window_plan *plan, uint32_t i, const struct geometry *g,
                const struct model_set *models, struct event *ev, struct pixel *place,
                int32_t *value)
{
    const struct window_place *w = &plan->place[i];
    const struct plane_geometry *pg = &g->plane[w->plane];
    const struct plane_image *image = &ev->plane[w->plane];
    struct cutter c = {.m = models->entry[w->model].model,
                       .image = image,
                       .place = place + w->first_listed,
                       .value = value + w->first_value};
    /* A threshold below 0 makes pixels active that hold nothing (ready-made images
     * only; with preprocessing the loader refuses it). */
    uint64_t dark = c.m->reduce != NULL && c.m->reduce->threshold_raw < 0 ? UINT64_MAX : 0;
    for (uint32_t row = 0; row < w->height; row++) {
        const uint64_t *mask = image->mask + (size_t)(w->first_row + row) * pg->words_per_row;
        const union pixel_value *values =
            image->value + (size_t)(w->first_row + row) * pg->cols * pg->channels;
        for (uint32_t at = 0; at < w->width; at += 64) {
            uint64_t lit = bits_load(mask, w->first_col + at, 64 * pg->words_per_row);
            uint64_t inside =
                w->width - at < 64 ? (UINT64_C(1) << (w->width - at)) - 1 : UINT64_MAX;
            for (uint64_t bits = (lit | dark) & inside; bits != 0; bits &= bits - 1) {
                uint32_t bit = (uint32_t)__builtin_ctzll(bits), col = at + bit;
                add_pixel(&c, (uint16_t)row, (uint16_t)col,
                          (lit >> bit & 1) != 0
                              ? values + (size_t)(w->first_col + col) * pg->channels
                              : empty);
            }
        }
    }
    ev->window[i] =
        (struct window){.model = w->model,
                        .plane = w->plane,
                        .first_bin = w->first_row * (g->images ? 1 : pg->pre.pool_time),
                        .first_wire = w->first_col * (g->images ? 1 : pg->pre.pool_wires),
                        .n_active = c.n_active,
                        .n_listed = c.n_listed,
                        .missing_wires = missing_wires(image, pg, w),
                        .masked_wires = masked_wires(image, pg, w),
                        .truncated = c.n_active > c.n_listed,
                        .place = c.place,
                        .value = c.value};
}
