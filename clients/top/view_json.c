#include "common/json.h"
#include "top/view.h"

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *list(const struct facts_list *l)
{
    json_t *o = json_object();
    for (size_t i = 0; i < l->n; i++)
        set(o, l->entry[i].name, json_number_or_null(l->entry[i].value));
    return o;
}

static json_t *rates(const struct facts_rates *r)
{
    if (!r->known)
        return json_null();
    json_t *o = json_object();
    set(o, "interval_seconds", json_number_or_null(r->dt));
    set(o, "in_hz", json_number_or_null(r->in_hz));
    set(o, "accepted_hz", json_number_or_null(r->accepted_hz));
    set(o, "lost_hz", json_number_or_null(r->lost_hz));
    set(o, "windows_hz", json_number_or_null(r->windows_hz));
    set(o, "fragments_hz", json_number_or_null(r->fragments_hz));
    set(o, "readout_bytes_per_second", json_number_or_null(r->bytes_hz));
    set(o, "recorded_bytes_per_second", json_number_or_null(r->recorded_hz));
    set(o, "live_fraction", json_number_or_null(r->live));
    set(o, "mean_latency_seconds", json_number_or_null(r->mean_latency));
    return o;
}

static json_t *sources(const struct facts *f)
{
    json_t *array = json_array();
    for (size_t i = 0; i < f->n_sources; i++) {
        const struct facts_source *s = &f->source[i];
        json_t *o = json_object();
        set(o, "source", json_string(s->name));
#define X(field, name) set(o, #field, json_number_or_null(s->field));
        FACTS_SOURCE_FIELDS(X)
#undef X
        (void)json_array_append_new(array, o);
    }
    return array;
}

static json_t *health(const struct facts_health *h)
{
    json_t *o = json_object(), *why = json_array();
    for (size_t i = 0; i < h->n; i++)
        (void)json_array_append_new(why, json_clean_string(h->reason[i]));
    set(o, "state", json_clean_string(h->state));
    set(o, "reasons", why);
    return o;
}

json_t *view_json(const struct facts *f, const struct facts_rates *r, const char *endpoint)
{
    json_t *o = json_object(), *latency = json_object();
    set(o, "endpoint", json_clean_string(endpoint));
    set(o, "instance", json_string(f->instance));
    set(o, "version", json_string(f->version));
    set(o, "engine", json_string(f->engine));
    set(o, "time_ns", json_unsigned(f->time_ns));
    set(o, "health", health(&f->health));
    set(o, "rate", rates(r));
    set(latency, "p50_seconds", json_number_or_null(f->p50));
    set(latency, "p99_seconds", json_number_or_null(f->p99));
    set(latency, "p999_seconds", json_number_or_null(f->p999));
    set(latency, "max_seconds", json_number_or_null(f->max));
    set(o, "latency", latency);
#define X(field, name) set(o, #field, json_number_or_null(f->field));
    FACTS_SCALARS(X)
#undef X
#define X(field, name, label) set(o, #field, list(&f->field));
    FACTS_LISTS(X)
#undef X
    set(o, "events_lost", json_number_or_null(facts_events_lost(f)));
    set(o, "fragments_lost", json_number_or_null(facts_fragments_lost(f)));
    set(o, "sources", sources(f));
    return o;
}
