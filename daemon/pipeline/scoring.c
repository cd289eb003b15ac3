/* Models and the engine that computes them, made by the control thread. Epochs share one
 * where a change left the models alone: a new prescale does not restart a card. What is the
 * same is told by the files' hashes, not by their names: a file may have changed.
 */
#include "pipeline/parts.h"

#include <stdlib.h>
#include <string.h>

void scoring_drop(struct scoring **handle)
{
    struct scoring *s = *handle;
    if (s == NULL || --s->epochs > 0)
        return;
    engine_destroy(&s->engine);
    model_set_fini(&s->loaded);
    free(s);
    *handle = NULL;
}

/* `models` are borrowed; or `loaded`, if not NULL, which become the scoring's own, whatever
 * comes of it. */
static struct scoring *make_scoring(struct pipeline *p, const struct engine_settings *settings,
                                    const struct model_set *models, struct model_set *loaded,
                                    struct error *err)
{
    struct scoring *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for models");
        if (loaded != NULL)
            model_set_fini(loaded);
        return NULL;
    }
    s->epochs = 1;
    memcpy(&s->settings, settings, sizeof s->settings); /* with its padding: it is compared */
    s->models = models;
    if (loaded != NULL) {
        s->loaded = *loaded;
        s->models = &s->loaded;
    }
    s->engine = engine_create(&s->settings, p->g, s->models, p->settings->readout.event_slots,
                              p->event_wake.fd, p->monitor, err);
    if (s->engine == NULL || (loaded != NULL && !engine_self_test(s->engine, err)))
        scoring_drop(&s);
    return s;
}

static bool same_models(const struct model_set *a, const struct model_set *b)
{
    bool same = a->n_models == b->n_models;
    for (uint32_t i = 0; same && i < a->n_models; i++)
        same = memcmp(a->entry[i].model->sha256, b->entry[i].model->sha256, SHA256_BYTES) == 0;
    return same;
}

/* The models that `wanted` names, which fit this pipeline. */
static bool load_models(const struct scoring *now, const struct settings *wanted,
                        struct model_set *set, struct error *err)
{
    struct geometry g;
    if (!model_set_load(set, &g, wanted, err))
        return false;
    geometry_fini(&g); /* the pipeline has its own, and this one is the same */
    bool good = set->n_models == now->models->n_models ||
                error_set(err, ERROR_CONFIG,
                          "engine.model: %u models, but %u are in force; that needs a new start",
                          set->n_models, now->models->n_models);
    for (uint32_t i = 0; good && i < set->n_models; i++)
        good = model_set_interchangeable(now->models->entry[i].model, set->entry[i].model, err);
    if (!good)
        model_set_fini(set);
    return good;
}

struct scoring *scoring_first(struct pipeline *p, const struct model_set *models, struct error *err)
{
    return make_scoring(p, &p->settings->engine, models, NULL, err);
}

struct scoring *scoring_next(struct pipeline *p, struct scoring *now, const struct settings *wanted,
                             struct error *err)
{
    struct model_set set;
    if (!load_models(now, wanted, &set, err))
        return NULL;
    /* Bytes, padding too: where that differs, a new engine is made without need. */
    bool same = memcmp(&now->settings, &wanted->engine, /* NOLINT(bugprone-*) */
                       sizeof now->settings) == 0;
    if (same && same_models(now->models, &set)) {
        model_set_fini(&set);
        now->epochs++;
        return now;
    }
    return make_scoring(p, &wanted->engine, NULL, &set, err);
}
