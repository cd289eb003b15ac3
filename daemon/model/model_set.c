#include "model/model_set.h"

#include "model/calibration.h"

#include <string.h>

/* What every model on a plane must agree on, because a plane is reduced once.
 * X(field, format) */
#define SHARED_BY_PLANE(X)                                                                         \
    X(time_rebin, "%u")                                                                            \
    X(bin_floor, "%g")                                                                             \
    X(bin_clip, "%g")                                                                              \
    X(pool_time, "%u")                                                                             \
    X(pool_wires, "%u")                                                                            \
    X(pixel_threshold, "%g")                                                                       \
    X(pixel_scale, "%g")

/* Keys of [imaging] that may repeat what the model says. */
#define IMAGING_KEYS(X) X(time_rebin) X(pool_time) X(pool_wires) X(window_time_bins) X(window_wires)

static bool check_imaging(const struct imaging_settings *s, const struct model *m,
                          struct error *err)
{
#define X(key)                                                                                     \
    if (s->key != 0 && s->key != m->pre.key)                                                       \
        return error_set(err, ERROR_CONFIG,                                                        \
                         "imaging." #key " = %u: the model %s was trained with %u; leave the key " \
                         "out, the model brings its own",                                          \
                         s->key, m->name, m->pre.key);
    IMAGING_KEYS(X)
#undef X
    return true;
}

/* Ready-made images are pooled by nobody. */
static bool check_no_imaging(const struct imaging_settings *s, const struct model *m,
                             struct error *err)
{
#define X(key)                                                                                     \
    if (s->key != 0)                                                                               \
        return error_set(err, ERROR_CONFIG,                                                        \
                         "imaging." #key " = %u: the model %s takes ready-made images; leave the " \
                         "key out",                                                                \
                         s->key, m->name);
    IMAGING_KEYS(X)
#undef X
    return true;
}

static bool check_same(const struct model *a, const struct model *b, uint32_t plane,
                       struct error *err)
{
#define X(field, format)                                                                           \
    if (a->pre.field != b->pre.field)                                                              \
        return error_set(err, ERROR_CONFIG,                                                        \
                         "engine.model: plane %u is reduced once, but model %s has " #field        \
                         " = " format " and model %s has " format,                                 \
                         plane, a->name, a->pre.field, b->name, b->pre.field);
    SHARED_BY_PLANE(X)
#undef X
    return true;
}

static int find_plane(const struct detector_settings *d, uint32_t id)
{
    for (uint32_t p = 0; p < d->n_planes; p++) {
        if (d->plane[p].id == id)
            return (int)p;
    }
    return -1;
}

static bool load_files(struct model_set *set, const struct engine_settings *s, struct error *err)
{
    if (s->n_models == 0)
        return error_set(err, ERROR_CONFIG, "engine.model: at least one model is needed");
    for (uint32_t i = 0; i < s->n_models; i++) {
        struct model *m = model_load(s->model[i].file, err);
        if (m == NULL)
            return false;
        set->entry[set->n_models++].model = m;
        if (m->n_outputs > set->max_outputs)
            set->max_outputs = m->n_outputs;
        if (m->has_preprocessing != set->entry[0].model->has_preprocessing)
            return error_set(err, ERROR_CONFIG,
                             "engine.model: %s takes %s, but %s takes %s; one run has one kind",
                             set->entry[0].model->name,
                             m->has_preprocessing ? "ready-made images" : "wires", m->name,
                             m->has_preprocessing ? "wires" : "ready-made images");
    }
    return true;
}

/* The planes a model looks at, and that it agrees with who looks at them already. */
static bool assign_planes(struct model_set *set, uint32_t i, const struct model *of_plane[],
                          const struct settings *s, struct error *err)
{
    struct model_entry *entry = &set->entry[i];
    const struct settings_planes *wanted = &s->engine.model[i].planes;
    uint32_t count = wanted->count == 0 ? s->detector.n_planes : wanted->count;
    for (uint32_t k = 0; k < count; k++) {
        int p = wanted->count == 0 ? (int)k : find_plane(&s->detector, wanted->id[k]);
        if (p < 0)
            return error_set(err, ERROR_CONFIG,
                             "engine.model[%u].planes: plane %u is not configured", i,
                             wanted->id[k]);
        if (of_plane[p] != NULL &&
            !check_same(of_plane[p], entry->model, s->detector.plane[p].id, err))
            return false;
        of_plane[p] = entry->model;
        entry->plane[entry->n_planes++] = (uint32_t)p;
    }
    return true;
}

/* A plane must hold a window of each of its models, not of the last one only. */
static bool check_windows(const struct model_set *set, const struct geometry *g, struct error *err)
{
    for (uint32_t i = 0; i < set->n_models; i++) {
        const struct model *m = set->entry[i].model;
        for (uint32_t k = 0; k < set->entry[i].n_planes; k++) {
            const struct plane_geometry *p = &g->plane[set->entry[i].plane[k]];
            if (m->pre.window_time_bins > p->bins || m->pre.window_wires > p->wires)
                return error_set(err, ERROR_CONFIG,
                                 "detector.plane %u: %u time bins x %u wires are smaller than a "
                                 "window of model %s, %u x %u",
                                 p->id, p->bins, p->wires, m->name, m->pre.window_time_bins,
                                 m->pre.window_wires);
        }
    }
    return true;
}

static bool make_wires(struct model_set *set, struct geometry *g, const struct settings *s,
                       struct error *err)
{
    const struct model *of_plane[SETTINGS_MAX_PLANES] = {NULL};
    struct preprocessing pre[SETTINGS_MAX_PLANES];
    if (s->detector.n_planes == 0)
        return error_set(err, ERROR_CONFIG,
                         "detector.plane: model %s takes wires; at least one plane is needed",
                         set->entry[0].model->name);
    for (uint32_t i = 0; i < set->n_models; i++) {
        if (!check_imaging(&s->imaging, set->entry[i].model, err) ||
            !assign_planes(set, i, of_plane, s, err))
            return false;
    }
    for (uint32_t p = 0; p < s->detector.n_planes; p++) {
        if (of_plane[p] == NULL)
            return error_set(err, ERROR_CONFIG,
                             "detector.plane %u: no model looks at it; leave the plane out or "
                             "name it in engine.model.planes",
                             s->detector.plane[p].id);
        pre[p] = of_plane[p]->pre;
    }
    if (!geometry_init_wires(g, &s->detector, pre, err))
        return false;
    const char *calibration = s->detector.calibration;
    if (!check_windows(set, g, err) ||
        (calibration[0] != '\0' && !calibration_load(calibration, g, err))) {
        geometry_fini(g);
        return false;
    }
    return true;
}

static bool make_images(struct model_set *set, struct geometry *g, const struct settings *s,
                        struct error *err)
{
    const struct model *first = set->entry[0].model;
    if (s->detector.n_planes > 0)
        return error_set(err, ERROR_CONFIG,
                         "detector.plane: model %s takes ready-made images, which have no planes",
                         first->name);
    if (s->detector.calibration[0] != '\0')
        return error_set(err, ERROR_CONFIG,
                         "detector.calibration = \"%s\": model %s takes ready-made images, which "
                         "have no wires",
                         s->detector.calibration, first->name);
    if (s->imaging.hot.events > 0)
        return error_set(err, ERROR_CONFIG,
                         "imaging.hot.events = %u: model %s takes ready-made images, which have no "
                         "wires",
                         s->imaging.hot.events, first->name);
    if (first->height > UINT16_MAX || first->width * first->channels > UINT16_MAX)
        return error_set(err, ERROR_CONFIG,
                         "engine.model[0].file: image of %u x %u x %u: too large", first->height,
                         first->width, first->channels);
    for (uint32_t i = 0; i < set->n_models; i++) {
        const struct model *m = set->entry[i].model;
        if (!check_no_imaging(&s->imaging, m, err))
            return false;
        if (m->height != first->height || m->width != first->width ||
            m->channels != first->channels)
            return error_set(err, ERROR_CONFIG,
                             "engine.model: model %s takes %ux%ux%u images, model %s %ux%ux%u",
                             first->name, first->height, first->width, first->channels, m->name,
                             m->height, m->width, m->channels);
        set->entry[i].n_planes = 1;
        set->entry[i].plane[0] = 0;
    }
    geometry_init_image(g, first->height, first->width, first->channels);
    return true;
}

bool model_set_load(struct model_set *set, struct geometry *g, const struct settings *settings,
                    struct error *err)
{
    *set = (struct model_set){0};
    *g = (struct geometry){0};
    bool ok = load_files(set, &settings->engine, err) &&
              (set->entry[0].model->has_preprocessing ? make_wires(set, g, settings, err)
                                                      : make_images(set, g, settings, err));
    if (!ok)
        model_set_fini(set);
    return ok;
}

void model_set_fini(struct model_set *set)
{
    for (uint32_t i = 0; i < set->n_models; i++)
        model_destroy(&set->entry[i].model);
    *set = (struct model_set){0};
}

/* ---- one in the place of another ---- */

/* What a plane is reduced to, and what windows are cut to: X(field, format) */
#define FIXED_WHILE_RUNNING(X)                                                                     \
    SHARED_BY_PLANE(X)                                                                             \
    X(window_time_bins, "%u")                                                                      \
    X(window_wires, "%u")                                                                          \
    X(image_height, "%u")                                                                          \
    X(image_width, "%u")

static const char *takes(const struct model *m)
{
    return m->has_preprocessing ? "wires" : "ready-made images";
}

bool model_set_interchangeable(const struct model *now, const struct model *wanted,
                               struct error *err)
{
    if (now->has_preprocessing != wanted->has_preprocessing)
        return error_set(err, ERROR_CONFIG,
                         "%s: takes %s, but model %s takes %s; that needs a new start",
                         wanted->path, takes(wanted), now->name, takes(now));
#define X(field, format)                                                                           \
    if (now->has_preprocessing && now->pre.field != wanted->pre.field)                             \
        return error_set(err, ERROR_CONFIG,                                                        \
                         "%s: has " #field " = " format ", but model %s has " format               \
                         "; that needs a new start",                                               \
                         wanted->path, wanted->pre.field, now->name, now->pre.field);
    FIXED_WHILE_RUNNING(X)
#undef X
    if (now->height != wanted->height || now->width != wanted->width ||
        now->channels != wanted->channels)
        return error_set(err, ERROR_CONFIG,
                         "%s: takes images of %ux%ux%u, but model %s takes %ux%ux%u; that needs a "
                         "new start",
                         wanted->path, wanted->height, wanted->width, wanted->channels, now->name,
                         now->height, now->width, now->channels);
    return true;
}
