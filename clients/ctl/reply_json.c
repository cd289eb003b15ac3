#include "ctl/reply_json.h"

#include "common/json.h"
#include "ctl/status_text.h"

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *numbers(Sparsed__RunStatus__Number *const *list, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        json_set_clean(o, list[i]->name, json_unsigned(list[i]->value));
    return o;
}

static json_t *status(const Sparsed__RunStatus *s)
{
    json_t *o = json_object();
    set(o, "state", json_string(status_text_state(s)));
    set(o, "state_help", json_clean_string(s->state_help));
    set(o, "instance", json_clean_string(s->instance));
    set(o, "version", json_clean_string(s->version));
    set(o, "run_number", json_integer(s->run_number));
    set(o, "comment", json_clean_string(s->comment));
    set(o, "begin_time_ns", json_unsigned(s->begin_time_ns));
    set(o, "length_ns", json_unsigned(s->length_ns));
    set(o, "times", numbers(s->times, s->n_times));
    set(o, "events", numbers(s->events, s->n_events));
    set(o, "fragments", numbers(s->fragments, s->n_fragments));
    set(o, "output", numbers(s->output, s->n_output));
    set(o, "all_events", numbers(s->all_events, s->n_all_events));
    set(o, "runs", json_integer(s->runs));
    set(o, "last_event_run", json_integer(s->last_event_run));
    set(o, "healthy", json_boolean(s->healthy));
    set(o, "health", json_clean_string(s->health));
    set(o, "pending", json_clean_strings(s->pending, s->n_pending));
    set(o, "drain_left_ns", json_unsigned(s->drain_left_ns));
    set(o, "last_result", json_clean_string(s->last_result));
    set(o, "configuration_file", json_clean_string(s->configuration_file));
    set(o, "configuration_sha256",
        json_hex(s->configuration_sha256.data, s->configuration_sha256.len));
    set(o, "engine", json_clean_string(s->engine));
    set(o, "models", json_clean_strings(s->models, s->n_models));
    set(o, "changes", json_unsigned(s->changes));
    set(o, "working_directory", json_clean_string(s->working_directory));
    return o;
}

static const char *outcome(const Sparsed__ControlReply *reply)
{
    switch (reply->outcome) {
    case SPARSED__CONTROL_REPLY__OUTCOME__DONE:
        return "done";
    case SPARSED__CONTROL_REPLY__OUTCOME__BAD:
        return "bad";
    case SPARSED__CONTROL_REPLY__OUTCOME__REFUSED:
        return "refused";
    case SPARSED__CONTROL_REPLY__OUTCOME__FAILED:
        return "failed";
    case _SPARSED__CONTROL_REPLY__OUTCOME_IS_INT_SIZE:
        break;
    }
    return "unknown";
}

json_t *reply_json_object(const Sparsed__ControlReply *reply)
{
    json_t *o = json_object();
    set(o, "schema_version", json_integer(reply->schema_version));
    set(o, "outcome", json_string(outcome(reply)));
    set(o, "text", json_clean_string(reply->text));
    set(o, "allowed", json_clean_strings(reply->allowed, reply->n_allowed));
    set(o, "status", status(reply->status));
    if (reply->configuration[0] != '\0')
        set(o, "configuration", json_clean_string(reply->configuration));
    return o;
}
