/* model_set: the models of a run, each with the planes it looks at. */
#ifndef SPARSED_MODEL_MODEL_SET_H
#define SPARSED_MODEL_MODEL_SET_H

#include "data/geometry.h"
#include "data/settings.h"
#include "model/model.h"

struct model_entry {
    struct model *model;
    uint32_t n_planes;
    uint32_t plane[SETTINGS_MAX_PLANES]; /* indices into the geometry's planes */
};

struct model_set {
    uint32_t n_models;
    struct model_entry entry[SETTINGS_MAX_MODELS];
    uint32_t max_outputs; /* the largest n_outputs */
};

/* Loads every model of the settings, checks that they agree with each other, with
 * the detector and with what [imaging] says, and makes the geometry that follows.
 * All models with preprocessing: a wire detector; all without: ready-made images
 * of one size. Errors name the file, the key and both values. */
bool model_set_load(struct model_set *set, struct geometry *g, const struct settings *settings,
                    struct error *err);
void model_set_fini(struct model_set *set);

/* Whether `wanted` takes what `now` takes: the same samples, reduced and cut in the same
 * way, so that it can come to its place while fragments flow. Else `err` (CONFIG) names
 * what differs and both values. */
bool model_set_interchangeable(const struct model *now, const struct model *wanted,
                               struct error *err);

#endif
