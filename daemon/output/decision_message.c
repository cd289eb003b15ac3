/* How: one Sparsed__Decision with all its arrays is made once; an event only fills
 * numbers and counts in. Its packed size has a bound, found by packing the largest
 * event there can be: all windows, every second wire missing, every number at its
 * longest. */
#include "output/decision_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct decision_message {
    const struct run_info *info;
    Sparsed__Decision message;
    Sparsed__StageTimes times;
    Sparsed__WindowScore *window, **windows;
    Sparsed__WireRange *range, **ranges;
    uint32_t *range_source; /* [max_ranges] */
    uint32_t max_ranges;
    Sparsed__ModelUsed model[SETTINGS_MAX_MODELS], *models[SETTINGS_MAX_MODELS];
    char *label[SETTINGS_MAX_MODELS][MODEL_MAX_OUTPUTS];
    uint32_t plane[SETTINGS_MAX_MODELS][SETTINGS_MAX_PLANES];
    char *fired[SETTINGS_MAX_RULES], *prescaled[SETTINGS_MAX_RULES];
};

static const Sparsed__DecisionFate fates[EVENT_FATE_COUNT] = {
    [EVENT_ACCEPTED] = SPARSED__DECISION_FATE__ACCEPTED,
    [EVENT_REJECTED] = SPARSED__DECISION_FATE__REJECTED,
    [EVENT_PRESCALED] = SPARSED__DECISION_FATE__PRESCALED,
    [EVENT_THROTTLED] = SPARSED__DECISION_FATE__THROTTLED,
};

/* ---- what never changes in a run ---- */

static void fill_models(struct decision_message *m)
{
    const struct model_set *set = m->info->models;
    for (uint32_t i = 0; i < set->n_models; i++) {
        struct model *network = set->entry[i].model;
        Sparsed__ModelUsed *used = &m->model[i];
        sparsed__model_used__init(used);
        used->name = network->name;
        used->sha256 = (ProtobufCBinaryData){SHA256_BYTES, network->sha256};
        for (uint32_t k = 0; k < network->n_labels; k++) {
            m->label[i][k] = network->label[k];
        }
        used->n_labels = network->n_labels;
        used->labels = m->label[i];
        for (uint32_t k = 0; k < set->entry[i].n_planes; k++) {
            m->plane[i][k] = m->info->geometry->plane[set->entry[i].plane[k]].id;
        }
        used->n_planes = set->entry[i].n_planes;
        used->planes = m->plane[i];
        m->models[i] = used;
    }
    m->message.n_models = set->n_models;
    m->message.models = m->models;
}

static bool make_message(struct decision_message *m)
{
    uint32_t n = m->info->windows_per_event;
    m->max_ranges = EVENT_MISSING_RANGES; /* they may be cut where the source changes */
    for (uint32_t i = 0; i < m->info->geometry->n_planes; i++) {
        m->max_ranges += (m->info->geometry->plane[i].wires + 1) / 2;
    }
    m->window = calloc(n + 1, sizeof *m->window);
    m->windows = calloc(n + 1, sizeof(void *));
    m->range = calloc(m->max_ranges + 1, sizeof *m->range);
    m->ranges = calloc(m->max_ranges + 1, sizeof(void *));
    m->range_source = calloc(m->max_ranges + 1, sizeof *m->range_source);
    if (m->window == NULL || m->windows == NULL || m->range == NULL || m->ranges == NULL ||
        m->range_source == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        sparsed__window_score__init(&m->window[i]);
        m->windows[i] = &m->window[i];
    }
    for (uint32_t i = 0; i < m->max_ranges; i++) {
        sparsed__wire_range__init(&m->range[i]);
        m->range[i].source_id = &m->range_source[i];
        m->ranges[i] = &m->range[i];
    }
    sparsed__decision__init(&m->message);
    sparsed__stage_times__init(&m->times);
    Sparsed__Decision *d = &m->message;
    d->schema_version = 1;
    d->windows = m->windows;
    d->missing = m->ranges;
    d->rules_fired = m->fired;
    d->rules_prescaled = m->prescaled;
    d->times = &m->times;
    d->version = (char *)(uintptr_t)SPARSED_VERSION;
    d->configuration_sha256 =
        (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)m->info->settings->sha256};
    if (m->info->geometry->calibrated) {
        d->calibration_sha256 = (ProtobufCBinaryData){
            SHA256_BYTES, (uint8_t *)(uintptr_t)m->info->geometry->calibration_sha256};
    }
    fill_models(m);
    return true;
}

struct decision_message *decision_message_create(const struct run_info *info)
{
    struct decision_message *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->info = info;
    if (!make_message(m)) {
        decision_message_destroy(&m);
    }
    return m;
}

void decision_message_destroy(struct decision_message **message)
{
    struct decision_message *m = *message;
    if (m == NULL) {
        return;
    }
    free(m->window);
    free(m->windows);
    free(m->range);
    free(m->ranges);
    free(m->range_source);
    free(m);
    *message = NULL;
}

/* Every count at its largest and every number at its longest; then packs it dry. */
size_t decision_message_largest_bytes(struct decision_message *m)
{
    static double score[MODEL_MAX_OUTPUTS];
    static int64_t raw[MODEL_MAX_OUTPUTS];
    static uint8_t longest_sha256[SHA256_BYTES];
    Sparsed__Decision *d = &m->message;
    for (uint32_t i = 0; i < MODEL_MAX_OUTPUTS; i++) {
        raw[i] = INT64_MIN;
    }
    d->run = d->subrun = UINT32_MAX;
    d->event = d->event_time_ns = d->decided_time_ns = d->nonfinite_bins = UINT64_MAX;
    d->accept = d->pass_through = d->incomplete = 1;
    d->masked_wires = d->hot_wires = UINT32_MAX;
    d->masked_sha256 = (ProtobufCBinaryData){SHA256_BYTES, longest_sha256};
    d->fate = SPARSED__DECISION_FATE__THROTTLED;
    d->n_windows = m->info->windows_per_event;
    for (uint32_t i = 0; i < m->info->windows_per_event; i++) {
        Sparsed__WindowScore *w = &m->window[i];
        w->model = w->plane = w->first_bin = w->first_wire = UINT32_MAX;
        w->n_active = w->missing_wires = w->masked_wires = UINT32_MAX;
        w->truncated = 1;
        w->n_score = w->n_score_raw = m->info->models->max_outputs;
        w->score = score;
        w->score_raw = raw;
    }
    d->n_missing = m->max_ranges;
    for (uint32_t i = 0; i < m->max_ranges; i++) {
        m->range[i].plane = m->range[i].first_wire = m->range[i].wires = UINT32_MAX;
        m->range[i].n_source_id = 1;
        m->range_source[i] = UINT32_MAX;
        m->range[i].why = (char *)(uintptr_t) "assembly"; /* none is longer */
    }
    /* A rule either passed or was prescaled; both lists full is above any event. */
    const struct trigger_settings *t = &m->info->settings->trigger;
    for (uint32_t i = 0; i < t->n_rules; i++) {
        m->fired[i] = m->prescaled[i] = (char *)(uintptr_t)t->rule[i].name;
    }
    d->n_rules_fired = d->n_rules_prescaled = t->n_rules;
    m->times.assembly_ns = m->times.reduce_ns = m->times.engine_ns = UINT64_MAX;
    m->times.trigger_ns = m->times.latency_ns = UINT64_MAX;
    return sparsed__decision__get_packed_size(d);
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

static void fill_windows(struct decision_message *m, const struct event *ev)
{
    assert(ev->n_windows <= m->info->windows_per_event);
    for (uint32_t i = 0; i < ev->n_windows; i++) {
        const struct window *from = &ev->window[i];
        Sparsed__WindowScore *to = &m->window[i];
        to->model = from->model;
        to->plane = m->info->geometry->plane[from->plane].id;
        to->first_bin = from->first_bin;
        to->first_wire = from->first_wire;
        to->n_active = from->n_active;
        to->truncated = from->truncated;
        to->missing_wires = from->missing_wires;
        to->masked_wires = from->masked_wires;
        to->n_score = to->n_score_raw = m->info->models->entry[from->model].model->n_outputs;
        to->score = &ev->score[(size_t)i * ev->score_stride];
        to->score_raw = &ev->score_raw[(size_t)i * ev->score_stride];
    }
    m->message.n_windows = ev->n_windows;
}

/* A plane of which nothing came has no bits worth reading; one that was declared empty has. */
static bool wire_came(const struct plane_image *image, uint32_t wires, uint32_t wire)
{
    return image->wires_missing < wires && (image->wire_present[wire / 64] >> (wire % 64) & 1) != 0;
}

static Sparsed__WireRange *add_range(struct decision_message *m, uint32_t plane, uint32_t first,
                                     uint32_t wires)
{
    size_t i = m->message.n_missing++;
    Sparsed__WireRange *r = &m->range[i];
    r->plane = m->info->geometry->plane[plane].id;
    r->first_wire = first;
    r->wires = wires;
    r->n_source_id = 0;
    r->why = (char *)(uintptr_t) "";
    return r;
}

/* The ranges that assembly explained. */
static void fill_explained(struct decision_message *m, const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n_missing; i++) {
        const struct missing_wires *from = &ev->missing[i];
        Sparsed__WireRange *r = add_range(m, from->plane, from->first_wire, from->wires);
        r->n_source_id = from->source_known ? 1 : 0;
        r->source_id[0] = from->source_id;
        r->why = (char *)(uintptr_t)loss_name(from->why);
    }
}

/* Those beyond it, if they are more than an event has room for. */
static void fill_missing(struct decision_message *m, const struct event *ev)
{
    const struct missing_wires *last =
        ev->n_missing > 0 ? &ev->missing[ev->n_missing - 1] : &(struct missing_wires){0};
    m->message.n_missing = 0;
    fill_explained(m, ev);
    for (uint32_t i = last->plane; i < m->info->geometry->n_planes && ev->wires_missing > 0; i++) {
        const struct plane_geometry *g = &m->info->geometry->plane[i];
        if (ev->plane[i].wires_missing == 0) {
            continue;
        }
        Sparsed__WireRange *open = NULL;
        for (uint32_t w = i == last->plane ? last->first_wire + last->wires : 0; w < g->wires;
             w++) {
            if (wire_came(&ev->plane[i], g->wires, w)) {
                open = NULL;
            } else if (open != NULL) {
                open->wires++;
            } else {
                open = add_range(m, i, w, 1);
            }
        }
    }
}

static void fill_masked(Sparsed__Decision *d, const struct event *ev)
{
    d->masked_wires = ev->masked.wires;
    d->hot_wires = ev->masked.hot_wires;
    d->masked_sha256 = (ProtobufCBinaryData){ev->masked.wires > 0 ? SHA256_BYTES : 0,
                                             (uint8_t *)(uintptr_t)ev->masked.sha256};
}

static uint64_t since(uint64_t to, uint64_t from)
{
    return to > from ? to - from : 0;
}

/* Who scored this event's windows. */
static const char *engine_of(const struct decision_message *m, const struct event *ev)
{
    if (m->info->settings->engine.kind == ENGINE_CPU)
        return m->info->engine;
    if (!ev->scored_by_card)
        return "cpu";
    return ev->scored_by_cpu ? "fpga, cpu" : "fpga";
}

const Sparsed__Decision *decision_message_fill(struct decision_message *m, const struct event *ev,
                                               uint64_t now_ns, uint64_t wall_ns)
{
    Sparsed__Decision *d = &m->message;
    const struct trigger_settings *t = &m->info->settings->trigger;
    d->run = ev->id.run;
    d->subrun = ev->id.subrun;
    d->event = ev->id.event;
    d->event_time_ns = ev->event_time_ns;
    d->decided_time_ns = wall_ns;
    d->accept = ev->decision.fate == EVENT_ACCEPTED;
    d->fate = fates[ev->decision.fate];
    d->n_rules_fired = name_rules(t, ev->decision.rules_fired, m->fired);
    d->n_rules_prescaled = name_rules(t, ev->decision.rules_prescaled, m->prescaled);
    d->pass_through = ev->decision.pass_through;
    d->engine = (char *)(uintptr_t)engine_of(m, ev);
    d->incomplete = ev->incomplete;
    d->nonfinite_bins = ev->nonfinite_bins;
    m->times.assembly_ns = since(ev->last_fragment_ns, ev->first_fragment_ns);
    m->times.reduce_ns = since(ev->complete_ns, ev->last_fragment_ns);
    m->times.engine_ns = since(ev->scored_ns, ev->complete_ns);
    m->times.trigger_ns = since(ev->decided_ns, ev->scored_ns);
    m->times.latency_ns = since(now_ns, ev->last_fragment_ns);
    fill_windows(m, ev);
    fill_missing(m, ev);
    fill_masked(d, ev);
    return d;
}
