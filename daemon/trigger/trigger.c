/* What a rule asks of a window is resolved when the trigger is made: for each model
 * the output to look at, and a bit for each plane.
 *
 * The accept rate is a leaky bucket in its "virtual scheduling" form (ITU-T I.371,
 * GCRA): an accepted event moves a theoretical time on by one interval, and an event
 * is throttled while that time is more than the burst ahead of its own. With clocks
 * that agree it is never more than the burst and one interval ahead of the latest
 * event. Where it is CLOCK_STEP_NS further than that, the clock went back, or an
 * event before was dated far ahead: it begins anew, or nothing would be accepted for
 * as long as the step.
 */
#include "trigger/trigger.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_STEP_NS   UINT64_C(10000000000)
#define MAX_INTERVAL_NS 1e18

struct rule {
    double threshold;
    uint32_t min_windows, prescale;
    uint32_t planes;                     /* bit p: plane index p */
    int32_t output[SETTINGS_MAX_MODELS]; /* of its label; -1: the model has no such label */
    uint64_t seed;
};

struct trigger {
    uint32_t n_rules;
    struct rule rule[SETTINGS_MAX_RULES];
    uint32_t pass_through;
    uint64_t pass_through_seed;
    uint64_t interval_ns; /* between accepted events at the limit; 0: no limit */
    uint64_t burst_ns;
    uint64_t theoretical_ns;
};

/* A seed of its own for each name. */
static uint64_t named_seed(uint64_t seed, const char *name)
{
    uint64_t h = hash_mix(seed);
    for (; *name != '\0'; name++)
        h = hash_mix(h ^ (uint8_t)*name);
    return h;
}

static uint32_t planes_of(const struct settings_planes *planes, const struct geometry *g)
{
    uint32_t bits = planes->count == 0 ? (1U << g->n_planes) - 1 : 0;
    for (uint32_t i = 0; i < planes->count; i++) {
        int p = geometry_find_plane(g, planes->id[i]);
        bits |= p < 0 ? 0 : 1U << p;
    }
    return bits;
}

static bool no_such_label(const struct rule_settings *s, const struct model_set *models,
                          bool exists, struct error *err)
{
    char known[256] = "";
    for (uint32_t i = 0; i < models->n_models; i++) {
        const struct model *m = models->entry[i].model;
        for (uint32_t k = 0; k < m->n_labels; k++) {
            size_t used = strlen(known);
            (void)snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "",
                           m->label[k]);
        }
    }
    if (exists)
        return error_set(err, ERROR_CONFIG,
                         "trigger.rule %s: no model with label \"%s\" looks at its planes", s->name,
                         s->label);
    return error_set(err, ERROR_CONFIG, "trigger.rule %s: no model has the label \"%s\", only %s",
                     s->name, s->label, known);
}

static bool make_rule(struct rule *r, const struct rule_settings *s, uint64_t seed,
                      const struct model_set *models, const struct geometry *g, struct error *err)
{
    *r = (struct rule){.threshold = s->threshold,
                       .min_windows = s->min_windows,
                       .prescale = s->prescale,
                       .planes = planes_of(&s->planes, g),
                       .seed = named_seed(seed, s->name)};
    bool exists = false, looks = false;
    for (uint32_t i = 0; i < models->n_models; i++) {
        const struct model_entry *entry = &models->entry[i];
        r->output[i] = model_find_label(entry->model, s->label);
        exists = exists || r->output[i] >= 0;
        for (uint32_t k = 0; k < entry->n_planes; k++)
            looks = looks || (r->output[i] >= 0 && (r->planes >> entry->plane[k] & 1) != 0);
    }
    return looks || no_such_label(s, models, exists, err);
}

/* Neither an interval nor a burst is longer than MAX_INTERVAL_NS, 31 years. */
static void set_rate(struct trigger *t, double rate_hz, uint32_t burst)
{
    double interval = fmin(1e9 / rate_hz, MAX_INTERVAL_NS);
    double ahead = (burst > 0 ? burst - 1 : 0) * interval;
    t->interval_ns = interval < 1 ? 1 : (uint64_t)interval;
    t->burst_ns = (uint64_t)fmin(ahead, MAX_INTERVAL_NS);
}

struct trigger *trigger_create(const struct trigger_settings *settings,
                               const struct model_set *models, const struct geometry *g,
                               struct error *err)
{
    struct trigger *t = calloc(1, sizeof *t);
    if (t == NULL) {
        error_set(err, ERROR_SYSTEM, "no memory for the trigger");
        return NULL;
    }
    t->n_rules = settings->n_rules;
    t->pass_through = settings->pass_through;
    t->pass_through_seed = named_seed(settings->seed, "pass-through");
    if (settings->max_accept_rate > 0)
        set_rate(t, settings->max_accept_rate, settings->accept_burst);
    for (uint32_t i = 0; i < t->n_rules; i++) {
        if (!make_rule(&t->rule[i], &settings->rule[i], settings->seed, models, g, err)) {
            trigger_destroy(&t);
            return NULL;
        }
    }
    return t;
}

void trigger_destroy(struct trigger **t)
{
    free(*t);
    *t = NULL;
}

uint64_t trigger_pace_ns(const struct trigger *t)
{
    return t->theoretical_ns;
}

void trigger_set_pace_ns(struct trigger *t, uint64_t pace_ns)
{
    t->theoretical_ns = pace_ns;
}

static bool fires(const struct rule *r, const struct event *ev)
{
    uint32_t windows = 0;
    for (uint32_t i = 0; i < ev->n_windows && windows < r->min_windows; i++) {
        const struct window *w = &ev->window[i];
        int32_t output = r->output[w->model];
        if (output >= 0 && (r->planes >> w->plane & 1) != 0 &&
            ev->score[(size_t)i * ev->score_stride + (uint32_t)output] > r->threshold)
            windows++;
    }
    return windows >= r->min_windows;
}

/* Whether an event at this time would be above the accept rate; else it counts. */
static bool throttled(struct trigger *t, uint64_t time_ns)
{
    if (t->interval_ns == 0)
        return false;
    uint64_t most_ahead_ns = t->burst_ns + t->interval_ns + CLOCK_STEP_NS;
    if (t->theoretical_ns < time_ns || t->theoretical_ns - time_ns > most_ahead_ns)
        t->theoretical_ns = time_ns;
    if (t->theoretical_ns - time_ns > t->burst_ns)
        return true;
    uint64_t room_ns = UINT64_MAX - t->theoretical_ns;
    t->theoretical_ns += t->interval_ns < room_ns ? t->interval_ns : room_ns;
    return false;
}

void trigger_decide(struct trigger *t, struct event *ev)
{
    struct decision d = {0};
    for (uint32_t i = 0; i < t->n_rules; i++) {
        const struct rule *r = &t->rule[i];
        if (!fires(r, ev))
            continue;
        if (identity_hash(&ev->id, r->seed) % r->prescale == 0)
            d.rules_fired |= 1U << i;
        else
            d.rules_prescaled |= 1U << i;
    }
    d.pass_through =
        t->pass_through > 0 && identity_hash(&ev->id, t->pass_through_seed) % t->pass_through == 0;
    if (d.rules_fired != 0 || d.pass_through)
        d.fate = throttled(t, ev->event_time_ns) ? EVENT_THROTTLED : EVENT_ACCEPTED;
    else
        d.fate = d.rules_prescaled != 0 ? EVENT_PRESCALED : EVENT_REJECTED;
    ev->decision = d;
}
