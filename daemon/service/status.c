#include "service/status.h"

#include "data/run_state.h"
#include "service/json_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = GALLERY_PLACES - 1 };

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static json_t *whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Takes the reference. NULL where anything of it is left out for want of memory. */
static char *text_of(json_t *o, size_t *bytes)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(o);
    if (!json_text_is_whole()) {
        free(text);
        text = NULL;
    }
    *bytes = text != NULL ? strlen(text) : 0;
    return text;
}

/* ---- status ---- */

static json_t *health_json(struct watch *w)
{
    struct health h;
    json_t *o = json_object(), *why = json_array();
    watch_health(w, &h);
    for (uint32_t i = 0; i < h.n; i++)
        (void)json_array_append_new(why, json_text(h.reason[i]));
    set(o, "state", json_string(health_state_name(h.state)));
    set(o, "means", json_string(health_state_help(h.state)));
    set(o, "reasons", why);
    return o;
}

static json_t *run_json(const struct monitor *m, uint64_t now_ns)
{
    json_t *o = json_object();
    enum run_state state = (enum run_state)atomic_load(&m->run_state);
    uint64_t begun = atomic_load(&m->run_begun_ns), ended = atomic_load(&m->run_ended_ns);
    uint64_t until = ended != 0 ? ended : now_ns;
    set(o, "state", json_string(run_state_name(state)));
    set(o, "means", json_string(run_state_help(state)));
    set(o, "number", whole(atomic_load(&m->run_number)));
    set(o, "seconds",
        begun != 0 && until > begun ? number((double)(until - begun) / 1e9) : json_null());
    return o;
}

static json_t *point_json(const struct watch_point *p)
{
    json_t *o = json_object();
    set(o, "time_ns", whole(p->wall_ns));
    set(o, "in_hz", number(p->in_hz));
    set(o, "accepted_hz", number(p->accepted_hz));
    set(o, "lost_hz", number(p->lost_hz));
    set(o, "live", number(p->live));
    set(o, "bytes_hz", number(p->bytes_hz));
    set(o, "windows_hz", number(p->windows_hz));
    set(o, "latency_s", number(p->latency_s));
    return o;
}

/* [[largest ns of the bucket, count], ...] of the buckets that are not empty. */
static json_t *buckets_json(const struct histogram *h)
{
    json_t *all = json_array();
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        if (n > 0)
            (void)json_array_append_new(
                all, json_pack("[II]", (json_int_t)histogram_bucket_top_ns(i), (json_int_t)n));
    }
    return all;
}

static json_t *changes_json(struct watch *w)
{
    struct watch_change change[WATCH_CHANGES];
    uint32_t n = watch_changes(w, change);
    json_t *all = json_array();
    for (uint32_t i = n; i-- > 0;) { /* newest first */
        json_t *o = json_object();
        set(o, "time_ns", whole(change[i].wall_ns));
        set(o, "trouble", json_boolean(change[i].trouble));
        set(o, "text", json_text(change[i].text));
        (void)json_array_append_new(all, o);
    }
    return all;
}

char *status_text(const struct metrics_source *source, uint64_t now_ns, uint64_t wall_ns,
                  size_t *bytes)
{
    struct watch_point latest;
    json_text_begin();
    json_t *o = json_object();
    set(o, "time_ns", whole(wall_ns));
    const struct run_info *info = run_info_borrow(source->board);
    set(o, "instance", json_text(info->settings->detector.name));
    run_info_return(source->board);
    set(o, "version", json_string(SPARSED_VERSION));
    set(o, "health", health_json(source->watch));
    set(o, "run", run_json(source->monitor, now_ns));
    set(o, "rate", watch_latest(source->watch, &latest) ? point_json(&latest) : json_null());
    set(o, "latency_buckets", buckets_json(&source->monitor->stage[STAGE_latency]));
    set(o, "changes", changes_json(source->watch));
    set(o, "newest_accepted", whole(source->gallery != NULL ? gallery_newest(source->gallery) : 0));
    set(o, "metrics", metrics_json(source, now_ns));
    return text_of(o, bytes);
}

/* ---- history ---- */

/* Columns, since there are many points: {"time_ns": [...], "in_hz": [...], ...}. */
static json_t *span_json(struct watch *w, enum watch_span span)
{
    struct watch_point *point = calloc(WATCH_POINTS, sizeof *point);
    if (point == NULL)
        json_text_lack();
    uint32_t n = point != NULL ? watch_history(w, span, point) : 0;
    json_t *o = json_object(), *time = json_array(), *in = json_array(), *accepted = json_array(),
           *lost = json_array(), *live = json_array(), *latency = json_array();
    for (uint32_t i = 0; i < n; i++) {
        (void)json_array_append_new(time, whole(point[i].wall_ns));
        (void)json_array_append_new(in, number(point[i].in_hz));
        (void)json_array_append_new(accepted, number(point[i].accepted_hz));
        (void)json_array_append_new(lost, number(point[i].lost_hz));
        (void)json_array_append_new(live, number(point[i].live));
        (void)json_array_append_new(latency, number(point[i].latency_s));
    }
    free(point);
    set(o, "interval_s", number((double)watch_interval_ns(span) / 1e9));
    set(o, "points", whole(WATCH_POINTS));
    set(o, "time_ns", time);
    set(o, "in_hz", in);
    set(o, "accepted_hz", accepted);
    set(o, "lost_hz", lost);
    set(o, "live", live);
    set(o, "latency_s", latency);
    return o;
}

static json_t *event_fates_json(void)
{
    json_t *all = json_array();
    for (uint32_t k = 0; k < EVENT_FATE_COUNT; k++) {
        enum event_fate fate = (enum event_fate)k;
        json_t *o = json_object();
        set(o, "name", json_string(event_fate_name(fate)));
        set(o, "means", json_string(event_fate_help(fate)));
        set(o, "lost", json_boolean(event_fate_is_loss(fate)));
        (void)json_array_append_new(all, o);
    }
    return all;
}

static json_t *fragment_fates_json(void)
{
    json_t *all = json_array();
    for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++) {
        json_t *o = json_object();
        set(o, "name", json_string(fragment_fate_name((enum fragment_fate)k)));
        set(o, "means", json_string(fragment_fate_help((enum fragment_fate)k)));
        set(o, "lost", json_boolean(k != FRAGMENT_ASSEMBLED));
        (void)json_array_append_new(all, o);
    }
    return all;
}

char *status_history_text(const struct metrics_source *source, size_t *bytes)
{
    json_text_begin();
    json_t *o = json_object();
    for (uint32_t i = 0; i < WATCH_SPAN_COUNT; i++)
        set(o, watch_span_name((enum watch_span)i), span_json(source->watch, (enum watch_span)i));
    set(o, "event_fates", event_fates_json());
    set(o, "fragment_fates", fragment_fates_json());
    return text_of(o, bytes);
}

/* ---- accepted ---- */

/* [row, col, value, given, row, ...]: flat, for there may be hundreds. */
static json_t *pixels_json(const struct picture *p)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < p->n_pixels; i++) {
        (void)json_array_append_new(all, json_integer(p->pixel[i].row));
        (void)json_array_append_new(all, json_integer(p->pixel[i].col));
        (void)json_array_append_new(all, number((double)p->pixel[i].value));
        (void)json_array_append_new(all, json_integer(p->pixel[i].given));
    }
    return all;
}

/* [row, col, row, col, ...] of the lit cells. */
static json_t *map_json(const struct picture *p)
{
    json_t *lit = json_array();
    for (uint32_t row = 0; row < p->map_rows; row++) {
        for (uint32_t col = 0; col < p->map_cols; col++) {
            if ((p->map[row][col / 64] >> col % 64 & 1) == 0)
                continue;
            (void)json_array_append_new(lit, json_integer(row));
            (void)json_array_append_new(lit, json_integer(col));
        }
    }
    return json_pack("{s:i, s:i, s:o}", "rows", (int)p->map_rows, "cols", (int)p->map_cols, "lit",
                     lit);
}

static json_t *window_json(const struct picture *p)
{
    json_t *o = json_object();
    set(o, "model", json_text(p->model));
    set(o, "label", json_text(p->label));
    set(o, "score", number(p->score));
    set(o, "threshold", number(p->threshold));
    set(o, "height", whole(p->height));
    set(o, "width", whole(p->width));
    set(o, "n_active", whole(p->n_active));
    set(o, "truncated", json_boolean(p->truncated));
    set(o, "missing_wires", whole(p->missing_wires));
    set(o, "first_bin", whole(p->first_bin));
    set(o, "first_wire", whole(p->first_wire));
    set(o, "pixels", pixels_json(p));
    return o;
}

static json_t *plane_json(const struct picture *p)
{
    json_t *o = json_object();
    set(o, "id", whole(p->plane));
    set(o, "image", json_boolean(p->image));
    set(o, "rows", whole(p->plane_rows));
    set(o, "cols", whole(p->plane_cols));
    set(o, "first_row", whole(p->first_row));
    set(o, "first_col", whole(p->first_col));
    set(o, "map", map_json(p));
    return o;
}

static json_t *picture_json(const struct picture *p)
{
    json_t *o = json_object(), *rules = json_array();
    char event[24];
    (void)snprintf(event, sizeof event, "%" PRIu64, p->id.event);
    for (uint32_t i = 0; i < p->n_rules && i < GALLERY_RULES; i++)
        (void)json_array_append_new(rules, json_text(p->rule[i]));
    set(o, "number", whole(p->number));
    set(o, "run", whole(p->id.run));
    set(o, "subrun", whole(p->id.subrun));
    set(o, "event", json_string(event)); /* a browser's numbers are exact to 2^53 only */
    set(o, "decided_time_ns", whole(p->decided_time_ns));
    set(o, "latency_s", number((double)p->latency_ns / 1e9));
    set(o, "rules", rules);
    set(o, "n_rules", whole(p->n_rules));
    set(o, "pass_through", json_boolean(p->pass_through));
    set(o, "incomplete", json_boolean(p->incomplete));
    set(o, "n_windows", whole(p->n_windows));
    set(o, "window", p->height > 0 ? window_json(p) : json_null());
    set(o, "plane", p->height > 0 ? plane_json(p) : json_null());
    return o;
}

char *status_accepted_text(const struct metrics_source *source, size_t *bytes)
{
    struct picture *picture = calloc(PICTURES, sizeof *picture);
    json_text_begin();
    json_t *o = json_object(), *all = json_array();
    if (picture == NULL)
        json_text_lack();
    uint32_t n = picture != NULL && source->gallery != NULL
                     ? gallery_copy(source->gallery, picture, PICTURES)
                     : 0;
    for (uint32_t i = 0; i < n; i++)
        (void)json_array_append_new(all, picture_json(&picture[i]));
    set(o, "newest", whole(n > 0 ? picture[0].number : 0));
    set(o, "accepted", all);
    free(picture);
    return text_of(o, bytes);
}
