/* How: a row's function puts samples into a sink; one sink writes text, one builds the
 * message, one JSON. A value is a double in all: counts are exact to 2^53. */
#include "service/metrics.h"

#include "proto/metrics.pb-c.h"
#include "service/json_text.h"
#include "service/metrics_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_SUMMARY] = "summary",
};

size_t metrics_count(void)
{
    return metrics_table_rows;
}

const char *metrics_name(size_t i)
{
    return metrics_table[i].name;
}

/* ---- as text ---- */

struct text_sink {
    struct sink sink; /* first */
    const struct metric *row;
    FILE *to;
};

static void put_escaped(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            (void)fputs("\\n", to);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            (void)fputc('\\', to);
        }
        (void)fputc(*text, to);
    }
}

static void put_text(struct sink *s, const char *suffix, const struct label *labels, size_t n,
                     double value)
{
    struct text_sink *t = (struct text_sink *)s;
    (void)fprintf(t->to, "%s%s", t->row->name, suffix);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(t->to, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
        put_escaped(t->to, labels[i].value);
        (void)fputc('"', t->to);
    }
    (void)fprintf(t->to, "%s %.16g\n", n > 0 ? "}" : "", value);
}

char *metrics_text(const struct metrics_source *source, uint64_t now_ns, size_t *bytes)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, bytes);
    if (to == NULL) {
        return NULL;
    }
    const struct run_info *info = run_info_borrow(source->board);
    struct text_sink t = {{source->monitor, info, now_ns, put_text, source->watch}, NULL, to};
    for (size_t i = 0; i < metrics_table_rows; i++) {
        t.row = &metrics_table[i];
        (void)fprintf(t.to, "# HELP %s %s\n# TYPE %s %s\n", t.row->name, t.row->help, t.row->name,
                      type_names[t.row->type]);
        t.row->emit(&t.sink);
    }
    run_info_return(source->board);
    bool good = ferror(t.to) == 0;
    if (fclose(t.to) != 0 || !good) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- as a message: a family at a time, packed by protobuf-c ---- */

struct message_sink {
    struct sink sink; /* first */
    Sparsed__MetricFamily *family;
    size_t room;
    bool failed;
};

/* A copy; NULL, and `lacking`, where there is no memory. */
static char *keep(const char *text, bool *lacking)
{
    char *copy = strdup(text);
    *lacking = *lacking || copy == NULL;
    return copy;
}

static Sparsed__Sample *new_sample(const char *suffix, const struct label *labels, size_t n,
                                   double value, bool *lacking)
{
    Sparsed__Sample *sample = calloc(1, sizeof *sample);
    if (sample == NULL) {
        return NULL;
    }
    sparsed__sample__init(sample);
    sample->suffix = keep(suffix, lacking);
    sample->value = value;
    sample->labels = calloc(n + 1, sizeof(void *));
    for (size_t i = 0; sample->labels != NULL && i < n; i++) {
        Sparsed__Label *label = calloc(1, sizeof *label);
        if (label == NULL) {
            break;
        }
        sparsed__label__init(label);
        sample->labels[sample->n_labels++] = label;
        label->name = keep(labels[i].name, lacking);
        label->value = keep(labels[i].value, lacking);
    }
    return sample;
}

static void put_message(struct sink *s, const char *suffix, const struct label *labels, size_t n,
                        double value)
{
    struct message_sink *m = (struct message_sink *)s;
    Sparsed__MetricFamily *f = m->family;
    if (f->n_samples == m->room) {
        size_t room = m->room == 0 ? 16 : 2 * m->room;
        Sparsed__Sample **larger = realloc(f->samples, room * sizeof(void *));
        if (larger == NULL) {
            m->failed = true;
            return;
        }
        f->samples = larger;
        m->room = room;
    }
    Sparsed__Sample *sample = new_sample(suffix, labels, n, value, &m->failed);
    if (sample == NULL || sample->n_labels != n) {
        m->failed = true;
    }
    if (sample != NULL) {
        f->samples[f->n_samples++] = sample;
    }
}

static bool fill_family(struct message_sink *m, Sparsed__MetricFamily *f, const struct metric *row)
{
    sparsed__metric_family__init(f);
    f->name = keep(row->name, &m->failed);
    f->help = keep(row->help, &m->failed);
    f->type = row->type == METRIC_COUNTER ? SPARSED__METRIC_FAMILY__TYPE__COUNTER
              : row->type == METRIC_GAUGE ? SPARSED__METRIC_FAMILY__TYPE__GAUGE
                                          : SPARSED__METRIC_FAMILY__TYPE__SUMMARY;
    m->family = f;
    m->room = 0;
    row->emit(&m->sink);
    return !m->failed;
}

static bool fill_health(Sparsed__Metrics *all, struct watch *watch)
{
    struct health h;
    if (watch == NULL)
        return true;
    watch_health(watch, &h);
    Sparsed__Health *to = all->health = calloc(1, sizeof *to);
    if (to == NULL)
        return false;
    sparsed__health__init(to);
    to->state = strdup(health_state_name(h.state));
    to->reasons = calloc(HEALTH_REASONS, sizeof(char *));
    for (uint32_t i = 0; to->reasons != NULL && i < h.n; i++) {
        to->reasons[i] = strdup(h.reason[i]);
        to->n_reasons += to->reasons[i] != NULL;
    }
    return to->state != NULL && to->n_reasons == h.n;
}

uint8_t *metrics_message(const struct metrics_source *source, uint64_t now_ns, uint64_t wall_ns,
                         size_t *bytes)
{
    Sparsed__Metrics *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    const struct run_info *info = run_info_borrow(source->board);
    struct message_sink m = {
        {source->monitor, info, now_ns, put_message, source->watch}, NULL, 0, false};
    sparsed__metrics__init(all);
    all->schema_version = 1;
    all->instance = keep(info->settings->detector.name, &m.failed);
    all->version = keep(SPARSED_VERSION, &m.failed);
    all->time_ns = wall_ns;
    all->families = calloc(metrics_table_rows, sizeof(void *));
    bool good = all->families != NULL && !m.failed;
    for (size_t i = 0; good && i < metrics_table_rows; i++) {
        Sparsed__MetricFamily *f = calloc(1, sizeof *f);
        if (f == NULL) {
            good = false;
            break;
        }
        all->families[all->n_families++] = f;
        good = fill_family(&m, f, &metrics_table[i]);
    }
    run_info_return(source->board);
    good = good && fill_health(all, source->watch);
    *bytes = good ? sparsed__metrics__get_packed_size(all) : 0;
    uint8_t *packed = good ? malloc(*bytes) : NULL;
    if (packed != NULL) {
        (void)sparsed__metrics__pack(all, packed);
    }
    sparsed__metrics__free_unpacked(all, NULL);
    return packed; /* NOLINT(clang-analyzer-unix.Malloc): free_unpacked has freed `all` */
}

/* ---- as JSON ---- */

struct json_sink {
    struct sink sink; /* first */
    json_t *samples;
};

static void put_json(struct sink *s, const char *suffix, const struct label *labels, size_t n,
                     double value)
{
    struct json_sink *j = (struct json_sink *)s;
    if (n >= 2 && value == 0)
        return;
    json_t *sample = json_array(), *by = json_object();
    bool whole = value > -1e15 && value < 1e15 && value == (double)(json_int_t)value;
    (void)json_array_append_new(sample, whole ? json_integer((json_int_t)value) : json_real(value));
    for (size_t i = 0; i < n; i++)
        (void)json_object_set_new(by, labels[i].name, json_text(labels[i].value));
    (void)json_array_append_new(sample, by);
    if (suffix[0] != '\0')
        (void)json_array_append_new(sample, json_string(suffix));
    (void)json_array_append_new(j->samples, sample);
}

json_t *metrics_json(const struct metrics_source *source, uint64_t now_ns)
{
    json_t *all = json_object();
    const struct run_info *info = run_info_borrow(source->board);
    for (size_t i = 0; all != NULL && i < metrics_table_rows; i++) {
        struct json_sink j = {{source->monitor, info, now_ns, put_json, source->watch},
                              json_array()};
        metrics_table[i].emit(&j.sink);
        (void)json_object_set_new(all, metrics_table[i].name, j.samples);
    }
    run_info_return(source->board);
    return all;
}
