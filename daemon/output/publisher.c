/* How: one Sparsed__Decision with all its arrays is made once; an event only fills
 * numbers and counts in. Its packed size has a bound, found by packing the largest
 * event there can be: all windows, every second wire missing, every number at its
 * longest. PUB runs with ZMQ_XPUB_NODROP, so that a full queue is told (EAGAIN)
 * instead of hidden; the message is then sent again without it, which drops it for
 * the full queues alone. */
#include "output/publisher.h"

#include "output/endpoint.h"
#include "proto/decision.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct publisher {
    const struct run_info *info;
    struct monitor *monitor;
    void *pub, *push; /* NULL: no endpoints */
    Sparsed__Decision message;
    Sparsed__StageTimes times;
    Sparsed__WindowScore *window, **windows;
    Sparsed__WireRange *range, **ranges;
    uint32_t max_ranges;
    Sparsed__ModelUsed model[SETTINGS_MAX_MODELS], *models[SETTINGS_MAX_MODELS];
    char *label[SETTINGS_MAX_MODELS][MODEL_MAX_OUTPUTS];
    uint32_t plane[SETTINGS_MAX_MODELS][SETTINGS_MAX_PLANES];
    char *fired[SETTINGS_MAX_RULES], *prescaled[SETTINGS_MAX_RULES];
    uint8_t *buffer;
    size_t buffer_bytes;
};

static const char *const topics[EVENT_FATE_COUNT] = {
    [EVENT_ACCEPTED] = "decision.accepted",
    [EVENT_REJECTED] = "decision.rejected",
    [EVENT_PRESCALED] = "decision.prescaled",
    [EVENT_THROTTLED] = "decision.throttled",
};

static const Sparsed__DecisionFate fates[EVENT_FATE_COUNT] = {
    [EVENT_ACCEPTED] = SPARSED__DECISION_FATE__ACCEPTED,
    [EVENT_REJECTED] = SPARSED__DECISION_FATE__REJECTED,
    [EVENT_PRESCALED] = SPARSED__DECISION_FATE__PRESCALED,
    [EVENT_THROTTLED] = SPARSED__DECISION_FATE__THROTTLED,
};

/* ---- what never changes in a run ---- */

static void fill_models(struct publisher *p)
{
    const struct model_set *set = p->info->models;
    for (uint32_t i = 0; i < set->n_models; i++) {
        struct model *m = set->entry[i].model;
        Sparsed__ModelUsed *used = &p->model[i];
        sparsed__model_used__init(used);
        used->name = m->name;
        used->sha256 = (ProtobufCBinaryData){SHA256_BYTES, m->sha256};
        for (uint32_t k = 0; k < m->n_labels; k++) {
            p->label[i][k] = m->label[k];
        }
        used->n_labels = m->n_labels;
        used->labels = p->label[i];
        for (uint32_t k = 0; k < set->entry[i].n_planes; k++) {
            p->plane[i][k] = p->info->geometry->plane[set->entry[i].plane[k]].id;
        }
        used->n_planes = set->entry[i].n_planes;
        used->planes = p->plane[i];
        p->models[i] = used;
    }
    p->message.n_models = set->n_models;
    p->message.models = p->models;
}

static bool make_message(struct publisher *p)
{
    uint32_t n = p->info->windows_per_event;
    p->max_ranges = 0;
    for (uint32_t i = 0; i < p->info->geometry->n_planes; i++) {
        p->max_ranges += (p->info->geometry->plane[i].wires + 1) / 2;
    }
    p->window = calloc(n + 1, sizeof *p->window);
    p->windows = calloc(n + 1, sizeof(void *));
    p->range = calloc(p->max_ranges + 1, sizeof *p->range);
    p->ranges = calloc(p->max_ranges + 1, sizeof(void *));
    if (p->window == NULL || p->windows == NULL || p->range == NULL || p->ranges == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        sparsed__window_score__init(&p->window[i]);
        p->windows[i] = &p->window[i];
    }
    for (uint32_t i = 0; i < p->max_ranges; i++) {
        sparsed__wire_range__init(&p->range[i]);
        p->ranges[i] = &p->range[i];
    }
    sparsed__decision__init(&p->message);
    sparsed__stage_times__init(&p->times);
    Sparsed__Decision *d = &p->message;
    d->schema_version = 1;
    d->windows = p->windows;
    d->missing = p->ranges;
    d->rules_fired = p->fired;
    d->rules_prescaled = p->prescaled;
    d->times = &p->times;
    d->engine = (char *)(uintptr_t)p->info->engine;
    d->version = (char *)(uintptr_t)SPARSED_VERSION;
    d->configuration_sha256 =
        (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)p->info->settings->sha256};
    fill_models(p);
    return true;
}

/* Every count at its largest and every number at its longest; then packs it dry. */
static bool make_buffer(struct publisher *p)
{
    static double score[MODEL_MAX_OUTPUTS];
    static int64_t raw[MODEL_MAX_OUTPUTS];
    Sparsed__Decision *d = &p->message;
    for (uint32_t i = 0; i < MODEL_MAX_OUTPUTS; i++) {
        raw[i] = INT64_MIN;
    }
    d->run = d->subrun = UINT32_MAX;
    d->event = d->event_time_ns = d->decided_time_ns = d->nonfinite_bins = UINT64_MAX;
    d->accept = d->pass_through = d->incomplete = 1;
    d->fate = SPARSED__DECISION_FATE__THROTTLED;
    d->n_windows = p->info->windows_per_event;
    for (uint32_t i = 0; i < p->info->windows_per_event; i++) {
        Sparsed__WindowScore *w = &p->window[i];
        w->model = w->plane = w->first_bin = w->first_wire = UINT32_MAX;
        w->n_active = w->missing_wires = UINT32_MAX;
        w->truncated = 1;
        w->n_score = w->n_score_raw = p->info->models->max_outputs;
        w->score = score;
        w->score_raw = raw;
    }
    d->n_missing = p->max_ranges;
    for (uint32_t i = 0; i < p->max_ranges; i++) {
        p->range[i].plane = p->range[i].first_wire = p->range[i].wires = UINT32_MAX;
    }
    /* A rule either passed or was prescaled; both lists full is above any event. */
    const struct trigger_settings *t = &p->info->settings->trigger;
    for (uint32_t i = 0; i < t->n_rules; i++) {
        p->fired[i] = p->prescaled[i] = (char *)(uintptr_t)t->rule[i].name;
    }
    d->n_rules_fired = d->n_rules_prescaled = t->n_rules;
    p->times.assembly_ns = p->times.reduce_ns = p->times.engine_ns = UINT64_MAX;
    p->times.trigger_ns = p->times.latency_ns = UINT64_MAX;
    p->buffer_bytes = sparsed__decision__get_packed_size(d);
    p->buffer = malloc(p->buffer_bytes);
    return p->buffer != NULL;
}

static void *open_socket(void *context, int type, const struct output_settings *s,
                         const struct settings_strings *list, const char *key, struct error *err)
{
    void *socket = zmq_socket(context, type);
    if (socket == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: cannot make a socket: %s", key,
                        zmq_strerror(zmq_errno()));
        return NULL;
    }
    int high_water_mark = (int)s->high_water_mark;
    int no_linger = 0, no_drop = 1;
    if (zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark) != 0 ||
        zmq_setsockopt(socket, ZMQ_LINGER, &no_linger, sizeof no_linger) != 0 ||
        (type == ZMQ_PUB &&
         zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop) != 0)) {
        (void)error_set(err, ERROR_SYSTEM, "%s: cannot set the socket up: %s", key,
                        zmq_strerror(zmq_errno()));
        (void)zmq_close(socket);
        return NULL;
    }
    if (!endpoint_attach_all(socket, list, true, key, err)) {
        (void)zmq_close(socket);
        return NULL;
    }
    return socket;
}

struct publisher *publisher_create(const struct output_settings *settings,
                                   const struct run_info *info, void *zmq_context,
                                   struct monitor *monitor, struct error *err)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the publisher");
        return NULL;
    }
    p->info = info;
    p->monitor = monitor;
    bool good = make_message(p) && make_buffer(p);
    if (!good) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the publisher");
    }
    if (good && settings->decisions.count > 0) {
        p->pub = open_socket(zmq_context, ZMQ_PUB, settings, &settings->decisions,
                             "output.decisions", err);
        good = p->pub != NULL;
    }
    if (good && settings->push.count > 0) {
        p->push = open_socket(zmq_context, ZMQ_PUSH, settings, &settings->push, "output.push", err);
        good = p->push != NULL;
    }
    if (!good) {
        publisher_destroy(&p, 0);
    }
    return p;
}

/* ---- an event ---- */

static size_t name_rules(const struct trigger_settings *t, uint32_t bits, char **names)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_rules; i++) {
        if ((bits >> i & 1) != 0) {
            names[n++] = (char *)(uintptr_t)t->rule[i].name;
        }
    }
    return n;
}

static void fill_windows(struct publisher *p, const struct event *ev)
{
    assert(ev->n_windows <= p->info->windows_per_event);
    for (uint32_t i = 0; i < ev->n_windows; i++) {
        const struct window *from = &ev->window[i];
        Sparsed__WindowScore *to = &p->window[i];
        to->model = from->model;
        to->plane = p->info->geometry->plane[from->plane].id;
        to->first_bin = from->first_bin;
        to->first_wire = from->first_wire;
        to->n_active = from->n_active;
        to->truncated = from->truncated;
        to->missing_wires = from->missing_wires;
        to->n_score = to->n_score_raw = p->info->models->entry[from->model].model->n_outputs;
        to->score = &ev->score[(size_t)i * ev->score_stride];
        to->score_raw = &ev->score_raw[(size_t)i * ev->score_stride];
    }
    p->message.n_windows = ev->n_windows;
}

static bool wire_came(const struct plane_image *image, uint32_t wire)
{
    return image->has_data && (image->wire_present[wire / 64] >> (wire % 64) & 1) != 0;
}

static void fill_missing(struct publisher *p, const struct event *ev)
{
    size_t n = 0;
    for (uint32_t i = 0; i < p->info->geometry->n_planes && ev->wires_missing > 0; i++) {
        const struct plane_geometry *g = &p->info->geometry->plane[i];
        if (ev->plane[i].has_data && ev->plane[i].wires_missing == 0) {
            continue;
        }
        bool open = false;
        for (uint32_t w = 0; w < g->wires; w++) {
            if (wire_came(&ev->plane[i], w)) {
                open = false;
            } else if (open) {
                p->range[n - 1].wires++;
            } else {
                p->range[n].plane = g->id;
                p->range[n].first_wire = w;
                p->range[n++].wires = 1;
                open = true;
            }
        }
    }
    p->message.n_missing = n;
}

static uint64_t since(uint64_t to, uint64_t from)
{
    return to > from ? to - from : 0;
}

static void fill(struct publisher *p, const struct event *ev, uint64_t now_ns, uint64_t wall_ns)
{
    Sparsed__Decision *d = &p->message;
    const struct trigger_settings *t = &p->info->settings->trigger;
    d->run = ev->id.run;
    d->subrun = ev->id.subrun;
    d->event = ev->id.event;
    d->event_time_ns = ev->event_time_ns;
    d->decided_time_ns = wall_ns;
    d->accept = ev->decision.fate == EVENT_ACCEPTED;
    d->fate = fates[ev->decision.fate];
    d->n_rules_fired = name_rules(t, ev->decision.rules_fired, p->fired);
    d->n_rules_prescaled = name_rules(t, ev->decision.rules_prescaled, p->prescaled);
    d->pass_through = ev->decision.pass_through;
    d->incomplete = ev->incomplete;
    d->nonfinite_bins = ev->nonfinite_bins;
    p->times.assembly_ns = since(ev->last_fragment_ns, ev->first_fragment_ns);
    p->times.reduce_ns = since(ev->complete_ns, ev->last_fragment_ns);
    p->times.engine_ns = since(ev->scored_ns, ev->complete_ns);
    p->times.trigger_ns = since(ev->decided_ns, ev->scored_ns);
    p->times.latency_ns = since(now_ns, ev->last_fragment_ns);
    fill_windows(p, ev);
    fill_missing(p, ev);
}

static bool try_send(void *socket, const char *topic, const void *body, size_t bytes)
{
    return zmq_send(socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(socket, body, bytes, ZMQ_DONTWAIT) >= 0;
}

/* libzmq looks for news of its peers (room again, gone) only now and then while it
 * is busy; asking for the socket's events makes it look now. */
static void look_at_peers(void *socket)
{
    int events = 0;
    size_t bytes = sizeof events;
    (void)zmq_getsockopt(socket, ZMQ_EVENTS, &events, &bytes);
}

static bool send_both(void *socket, const char *topic, const void *body, size_t bytes)
{
    if (try_send(socket, topic, body, bytes)) {
        return true;
    }
    look_at_peers(socket);
    return try_send(socket, topic, body, bytes);
}

static bool send_to_those_with_room(void *socket, const char *topic, const void *body, size_t bytes)
{
    int no_drop = 0;
    (void)zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop);
    bool sent = try_send(socket, topic, body, bytes);
    no_drop = 1;
    (void)zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &no_drop, sizeof no_drop);
    return sent;
}

void publisher_send(struct publisher *p, const struct event *ev, uint64_t now_ns, uint64_t wall_ns)
{
    const char *topic = topics[ev->decision.fate];
    assert(topic != NULL); /* a lost event has no decision */
    if (p->pub == NULL && p->push == NULL) {
        return;
    }
    fill(p, ev, now_ns, wall_ns);
    size_t bytes = sparsed__decision__pack(&p->message, p->buffer);
    assert(bytes <= p->buffer_bytes);
    bool sent = false;
    if (p->pub != NULL) {
        sent = send_both(p->pub, topic, p->buffer, bytes);
        if (!sent) {
            counter_add(&p->monitor->decisions_missed, 1);
            sent = send_to_those_with_room(p->pub, topic, p->buffer, bytes);
        }
    }
    if (p->push != NULL) {
        if (send_both(p->push, topic, p->buffer, bytes)) {
            sent = true;
        } else {
            counter_add(&p->monitor->decisions_missed, 1);
        }
    }
    counter_add(&p->monitor->decisions_published, sent ? 1 : 0);
}

static void close_socket(void *socket, int linger_ms)
{
    if (socket != NULL) {
        (void)zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        (void)zmq_close(socket);
    }
}

void publisher_destroy(struct publisher **publisher, int linger_ms)
{
    struct publisher *p = *publisher;
    if (p == NULL) {
        return;
    }
    close_socket(p->pub, linger_ms);
    close_socket(p->push, linger_ms);
    free(p->window);
    free(p->windows);
    free(p->range);
    free(p->ranges);
    free(p->buffer);
    free(p);
    *publisher = NULL;
}
