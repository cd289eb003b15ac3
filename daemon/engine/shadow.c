/* An engine of its own over the same models with the candidate among them, for one event
 * at a time, without cards. Where a run has several models it scores the others again,
 * too: the trigger wants all of them, and nobody waits for it. */
#include "engine/shadow.h"

#include "base/hash.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

/* Of the hash that chooses events: not the one of any prescale or cross-check. */
#define SHADOW_SEED UINT64_C(0x7368616477)

struct shadow {
    double fraction;
    struct model *candidate;
    struct model_set models; /* the others are borrowed */
    struct engine_settings settings;
    struct engine *engine;
    struct event copy;
};

static bool same_labels(const struct model *now, const struct model *wanted, struct error *err)
{
    if (now->n_labels != wanted->n_labels)
        return error_set(err, ERROR_CONFIG,
                         "engine.shadow.file = %s: gives %u scores, but model %s gives %u",
                         wanted->path, wanted->n_labels, now->name, now->n_labels);
    for (uint32_t i = 0; i < now->n_labels; i++) {
        if (strcmp(now->label[i], wanted->label[i]) != 0)
            return error_set(err, ERROR_CONFIG,
                             "engine.shadow.file = %s: its score %u is \"%s\", but that of model "
                             "%s is \"%s\"",
                             wanted->path, i, wanted->label[i], now->name, now->label[i]);
    }
    return true;
}

static bool create(struct shadow *s, const struct shadow_settings *settings,
                   const struct engine_settings *engine, const struct geometry *g,
                   const struct model_set *models, struct error *err)
{
    if (settings->model >= models->n_models)
        return error_set(err, ERROR_CONFIG,
                         "engine.shadow.model = %u: there are %u models, counted from 0",
                         settings->model, models->n_models);
    const struct model *now = models->entry[settings->model].model;
    s->fraction = settings->fraction;
    s->models = *models;
    s->candidate = model_load(settings->file, err);
    if (s->candidate == NULL || !model_set_interchangeable(now, s->candidate, err) ||
        !same_labels(now, s->candidate, err))
        return false;
    s->models.entry[settings->model].model = s->candidate;
    s->settings = *engine;
    s->settings.kind = ENGINE_CPU;
    s->engine = engine_create(&s->settings, g, &s->models, 1, -1, NULL, err);
    return s->engine != NULL && engine_self_test(s->engine, err);
}

struct shadow *shadow_create(const struct shadow_settings *settings,
                             const struct engine_settings *engine, const struct geometry *g,
                             const struct model_set *models, struct error *err)
{
    struct shadow *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the shadow");
        return NULL;
    }
    if (!create(s, settings, engine, g, models, err))
        shadow_destroy(&s);
    return s;
}

void shadow_destroy(struct shadow **shadow)
{
    struct shadow *s = *shadow;
    if (s == NULL)
        return;
    engine_destroy(&s->engine);
    model_destroy(&s->candidate);
    free(s);
    *shadow = NULL;
}

const struct model_set *shadow_models(const struct shadow *s)
{
    return &s->models;
}

bool shadow_chosen(const struct shadow *s, const struct identity *id)
{
    return (double)(hash_mix(identity_hash(id, SHADOW_SEED)) >> 11) * 0x1p-53 < s->fraction;
}

struct event *shadow_score(struct shadow *s, const struct event *ev)
{
    s->copy = *ev;
    s->copy.index = 0;
    engine_submit(s->engine, &s->copy, ev->complete_ns);
    return engine_take(s->engine, ev->complete_ns);
}
