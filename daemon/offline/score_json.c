#include "offline/score_json.h"

#include "common/decision_json.h"
#include "common/json.h"
#include "output/decision_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct score_json {
    const char *path;
    FILE *out;
    struct decision_message *message;
};

static bool failed(const struct score_json *j, struct error *err)
{
    return error_set(err, ERROR_STORAGE, "%s: cannot be written: %s", j->path, strerror(errno));
}

struct score_json *score_json_create(const char *path, const struct run_info *info,
                                     struct error *err)
{
    struct score_json *j = calloc(1, sizeof *j);
    if (j == NULL) {
        error_set(err, ERROR_SYSTEM, "%s: no memory", path);
        return NULL;
    }
    j->path = path;
    j->message = decision_message_create(info);
    j->out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (j->out == NULL || j->message == NULL) {
        failed(j, err);
        decision_message_destroy(&j->message);
        if (j->out != NULL && j->out != stdout)
            (void)fclose(j->out);
        free(j);
        return NULL;
    }
    return j;
}

static json_t *number(const struct truth *t, int c, size_t index, uint32_t k)
{
    return t->column[c].real ? json_number_or_null(truth_number(t, c, index, k))
                             : json_integer(truth_whole(t, c, index, k));
}

json_t *score_json_truth(const struct score_source *s, size_t index)
{
    const struct truth *t = &s->truth;
    if (t->n_columns == 0)
        return json_null();
    json_t *o = json_object();
    for (int c = 0; c < (int)t->n_columns; c++) {
        json_t *value;
        if (t->column[c].width == 1) {
            value = number(t, c, index, 0);
        } else {
            value = json_array();
            for (uint32_t k = 0; k < t->column[c].width; k++)
                (void)json_array_append_new(value, number(t, c, index, k));
        }
        (void)json_object_set_new(o, t->column[c].name, value);
    }
    return o;
}

static void add_windows(const struct score_lane *l, const struct score_source *s, json_t *truth)
{
    json_t *vertex = json_array(), *bins = json_array();
    for (uint32_t i = 0; i < l->event->n_windows; i++) {
        if (l->vertex[i])
            (void)json_array_append_new(vertex, json_integer(i));
        (void)json_array_append_new(bins, json_integer(l->neutrino_bins[i]));
    }
    if (score_source_has_vertex(s))
        (void)json_object_set(truth, "vertex_windows", vertex);
    if (score_source_has_neutrino_bins(s))
        (void)json_object_set(truth, "neutrino_bins", bins);
    json_decref(vertex);
    json_decref(bins);
}

bool score_json_append(struct score_json *j, struct score_lane *l, const struct score_source *s,
                       struct error *err)
{
    json_t *o = decision_json_object(decision_message_fill(j->message, l->event, 0, 0));
    if (json_is_object(l->truth))
        add_windows(l, s, l->truth);
    (void)json_object_set_new(o, "truth", l->truth);
    l->truth = NULL;
    errno = 0;
    return json_write_line(o, j->out) || failed(j, err);
}

bool score_json_close(struct score_json **json, struct error *err)
{
    struct score_json *j = *json;
    if (j == NULL)
        return true;
    errno = 0;
    bool good = (j->out == stdout ? fflush(j->out) : fclose(j->out)) == 0 || failed(j, err);
    decision_message_destroy(&j->message);
    free(j);
    *json = NULL;
    return good;
}
