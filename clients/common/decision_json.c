#include "common/decision_json.h"

#include "common/json.h"

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static const char *fate_name(Sparsed__DecisionFate fate)
{
    switch (fate) {
    case SPARSED__DECISION_FATE__REJECTED:
        return "rejected";
    case SPARSED__DECISION_FATE__ACCEPTED:
        return "accepted";
    case SPARSED__DECISION_FATE__PRESCALED:
        return "prescaled";
    case SPARSED__DECISION_FATE__THROTTLED:
        return "throttled";
    case _SPARSED__DECISION_FATE_IS_INT_SIZE:
        break;
    }
    return "unknown";
}

static json_t *window(const Sparsed__WindowScore *w, const Sparsed__Decision *d)
{
    json_t *o = json_object(), *score = json_array(), *raw = json_array();
    set(o, "model", json_integer(w->model));
    if (w->model < d->n_models)
        set(o, "model_name", json_clean_string(d->models[w->model]->name));
    set(o, "plane", json_integer(w->plane));
    set(o, "first_bin", json_integer(w->first_bin));
    set(o, "first_wire", json_integer(w->first_wire));
    set(o, "n_active", json_integer(w->n_active));
    set(o, "truncated", json_boolean(w->truncated));
    set(o, "missing_wires", json_integer(w->missing_wires));
    set(o, "masked_wires", json_integer(w->masked_wires));
    for (size_t i = 0; i < w->n_score; i++)
        (void)json_array_append_new(score, json_number_or_null(w->score[i]));
    for (size_t i = 0; i < w->n_score_raw; i++)
        (void)json_array_append_new(raw, json_integer(w->score_raw[i]));
    set(o, "score", score);
    set(o, "score_raw", raw);
    return o;
}

static json_t *model(const Sparsed__ModelUsed *m)
{
    json_t *o = json_object(), *planes = json_array();
    set(o, "name", json_clean_string(m->name));
    set(o, "sha256", json_hex(m->sha256.data, m->sha256.len));
    set(o, "labels", json_clean_strings(m->labels, m->n_labels));
    for (size_t i = 0; i < m->n_planes; i++)
        (void)json_array_append_new(planes, json_integer(m->planes[i]));
    set(o, "planes", planes);
    return o;
}

static json_t *missing(const Sparsed__WireRange *r)
{
    json_t *o = json_object();
    set(o, "plane", json_integer(r->plane));
    set(o, "first_wire", json_integer(r->first_wire));
    set(o, "wires", json_integer(r->wires));
    set(o, "source_id", r->n_source_id > 0 ? json_integer(r->source_id[0]) : json_null());
    set(o, "why", r->why[0] != '\0' ? json_clean_string(r->why) : json_null());
    return o;
}

static json_t *times(const Sparsed__StageTimes *t)
{
    json_t *o = json_object();
    set(o, "assembly_ns", json_unsigned(t->assembly_ns));
    set(o, "reduce_ns", json_unsigned(t->reduce_ns));
    set(o, "engine_ns", json_unsigned(t->engine_ns));
    set(o, "trigger_ns", json_unsigned(t->trigger_ns));
    set(o, "latency_ns", json_unsigned(t->latency_ns));
    return o;
}

json_t *decision_json_object(const Sparsed__Decision *d)
{
    json_t *o = json_object();
    set(o, "schema_version", json_integer(d->schema_version));
    set(o, "run", json_integer(d->run));
    set(o, "subrun", json_integer(d->subrun));
    set(o, "event", json_unsigned(d->event));
    set(o, "event_time_ns", json_unsigned(d->event_time_ns));
    set(o, "decided_time_ns", json_unsigned(d->decided_time_ns));
    set(o, "accept", json_boolean(d->accept));
    set(o, "fate", json_string(fate_name(d->fate)));
    set(o, "rules_fired", json_clean_strings(d->rules_fired, d->n_rules_fired));
    set(o, "rules_prescaled", json_clean_strings(d->rules_prescaled, d->n_rules_prescaled));
    set(o, "pass_through", json_boolean(d->pass_through));
    json_t *windows = json_array(), *wires = json_array(), *models = json_array();
    for (size_t i = 0; i < d->n_windows; i++)
        (void)json_array_append_new(windows, window(d->windows[i], d));
    for (size_t i = 0; i < d->n_missing; i++)
        (void)json_array_append_new(wires, missing(d->missing[i]));
    for (size_t i = 0; i < d->n_models; i++)
        (void)json_array_append_new(models, model(d->models[i]));
    set(o, "windows", windows);
    set(o, "incomplete", json_boolean(d->incomplete));
    set(o, "missing", wires);
    set(o, "nonfinite_bins", json_unsigned(d->nonfinite_bins));
    set(o, "models", models);
    set(o, "engine", json_clean_string(d->engine));
    set(o, "configuration_sha256",
        json_hex(d->configuration_sha256.data, d->configuration_sha256.len));
    set(o, "calibration_sha256", json_hex(d->calibration_sha256.data, d->calibration_sha256.len));
    set(o, "masked_sha256", json_hex(d->masked_sha256.data, d->masked_sha256.len));
    set(o, "masked_wires", json_integer(d->masked_wires));
    set(o, "hot_wires", json_integer(d->hot_wires));
    set(o, "version", json_clean_string(d->version));
    set(o, "times", d->times ? times(d->times) : json_null());
    return o;
}
