#include "common/run_json.h"

#include "common/json.h"
#include "common/text.h"

#include <inttypes.h>
#include <string.h>

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

static json_t *counts(Sparsed__RunRecord__Count *const *list, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        json_set_clean(o, list[i]->name, json_unsigned(list[i]->value));
    return o;
}

static json_t *models(const Sparsed__RunRecord *r)
{
    json_t *array = json_array();
    for (size_t i = 0; i < r->n_models; i++) {
        const Sparsed__RunRecord__Model *m = r->models[i];
        json_t *o = json_object(), *planes = json_array();
        set(o, "name", json_clean_string(m->name));
        set(o, "sha256", json_hex(m->sha256.data, m->sha256.len));
        set(o, "labels", json_clean_strings(m->labels, m->n_labels));
        for (size_t k = 0; k < m->n_planes; k++)
            (void)json_array_append_new(planes, json_integer(m->planes[k]));
        set(o, "planes", planes);
        (void)json_array_append_new(array, o);
    }
    return array;
}

static const char *kind(const Sparsed__RunRecord *r)
{
    switch (r->kind) {
    case SPARSED__RUN_RECORD__KIND__BEGIN:
        return "begin";
    case SPARSED__RUN_RECORD__KIND__CHANGE:
        return "change";
    case SPARSED__RUN_RECORD__KIND__END:
        return "end";
    case _SPARSED__RUN_RECORD__KIND_IS_INT_SIZE:
        break;
    }
    return "unknown";
}

/* With its line ends; what is not UTF-8 cannot be written and is left out. */
static json_t *configuration(const Sparsed__RunRecord *r)
{
    json_t *text = json_string(r->configuration);
    return text != NULL ? text : json_null();
}

json_t *run_json_object(const Sparsed__RunRecord *r)
{
    json_t *o = json_object();
    set(o, "schema_version", json_integer(r->schema_version));
    set(o, "kind", json_string(kind(r)));
    set(o, "run_number", json_integer(r->run_number));
    set(o, "instance", json_clean_string(r->instance));
    set(o, "version", json_clean_string(r->version));
    set(o, "time_ns", json_unsigned(r->time_ns));
    set(o, "begin_time_ns", json_unsigned(r->begin_time_ns));
    set(o, "comment", json_clean_string(r->comment));
    set(o, "configuration", configuration(r));
    set(o, "configuration_sha256",
        json_hex(r->configuration_sha256.data, r->configuration_sha256.len));
    set(o, "models", models(r));
    set(o, "engine", json_clean_string(r->engine));
    if (r->kind != SPARSED__RUN_RECORD__KIND__END)
        return o;
    set(o, "ended_by", json_clean_string(r->ended_by));
    set(o, "complete", json_boolean(r->complete));
    set(o, "unfinished", counts(r->unfinished, r->n_unfinished));
    set(o, "length_ns", json_unsigned(r->length_ns));
    set(o, "times", counts(r->times, r->n_times));
    set(o, "events", counts(r->events, r->n_events));
    set(o, "fragments", counts(r->fragments, r->n_fragments));
    set(o, "output", counts(r->output, r->n_output));
    return o;
}

static void add_counts(char *line, size_t bytes, Sparsed__RunRecord__Count *const *list, size_t n)
{
    char name[64], count[TEXT_NUMBER_BYTES];
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || list[i]->value > 0)
            text_add(line, bytes, " %s %s", text_clean(name, sizeof name, list[i]->name),
                     text_count(count, sizeof count, list[i]->value));
    }
}

void run_json_line(const Sparsed__RunRecord *r, char *line, size_t bytes)
{
    char text[300], clock[TEXT_NUMBER_BYTES], hash[16];
    line[0] = '\0';
    text_add(line, bytes, "run %" PRIu32 " ", r->run_number);
    if (r->kind == SPARSED__RUN_RECORD__KIND__END) {
        text_add(line, bytes, "ENDS (%s) after %s:", text_clean(text, sizeof text, r->ended_by),
                 text_clock(clock, sizeof clock, (double)r->length_ns * 1e-9));
        add_counts(line, bytes, r->events, r->n_events);
        text_add(line, bytes, r->complete ? "   complete" : "   NOT COMPLETE:");
        add_counts(line, bytes, r->unfinished, r->n_unfinished);
        return;
    }
    text_add(line, bytes, r->kind == SPARSED__RUN_RECORD__KIND__BEGIN ? "BEGINS" : "CHANGES");
    if (r->comment[0] != '\0')
        text_add(line, bytes, " (%s)", text_clean(text, sizeof text, r->comment));
    for (size_t i = 0; i < r->n_models; i++)
        text_add(line, bytes, "  model %s %s", text_clean(text, sizeof text, r->models[i]->name),
                 text_hex(hash, 9, r->models[i]->sha256.data, r->models[i]->sha256.len));
    text_add(line, bytes, "  configuration %s",
             text_hex(hash, 9, r->configuration_sha256.data, r->configuration_sha256.len));
}
