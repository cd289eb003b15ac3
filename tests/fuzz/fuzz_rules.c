/* Any rules and any scores: the decision must agree with itself, and with a second
 * reading of its rules. */
#include "stream.h"
#include "trigger/trigger.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WINDOWS = 32, OUTPUTS = 3, PLANES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void make_rules(struct stream *s, struct trigger_settings *t)
{
    t->seed = stream_take(s, 8);
    t->pass_through = (uint32_t)stream_take(s, 4);
    t->max_accept_rate = stream_take_double(s);
    t->accept_burst = (uint32_t)stream_take(s, 4);
    t->n_rules = (uint32_t)stream_take(s, 1) % (SETTINGS_MAX_RULES + 1);
    for (uint32_t i = 0; i < t->n_rules; i++) {
        struct rule_settings *r = &t->rule[i];
        r->name[0] = (char)stream_take(s, 1);
        r->label[0] = (char)('a' + stream_take(s, 1) % (OUTPUTS + 1)); /* 'd' is nobody's */
        r->threshold = stream_take_double(s);
        r->min_windows = 1 + (uint32_t)stream_take(s, 1);
        r->prescale = 1 + (uint32_t)stream_take(s, 2);
        r->planes.count = (uint32_t)stream_take(s, 1) % 3;
        for (uint32_t k = 0; k < r->planes.count; k++)
            r->planes.id[k] = (uint32_t)stream_take(s, 1) % (PLANES + 1);
    }
}

static void check(const struct trigger_settings *t, const struct decision *d)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << t->n_rules) - 1);
    bool wanted = d->rules_fired != 0 || d->pass_through;
    bool good = (d->rules_fired & d->rules_prescaled) == 0 &&
                ((d->rules_fired | d->rules_prescaled) & ~all) == 0;
    switch (d->fate) {
    case EVENT_ACCEPTED:
        good = good && wanted;
        break;
    case EVENT_THROTTLED:
        good = good && wanted && t->max_accept_rate > 0;
        break;
    case EVENT_PRESCALED:
        good = good && !wanted && d->rules_prescaled != 0;
        break;
    case EVENT_REJECTED:
        good = good && !wanted && d->rules_prescaled == 0;
        break;
    default:
        good = false;
    }
    for (uint32_t i = 0; i < t->n_rules; i++) {
        if (t->rule[i].prescale == 1 && (d->rules_prescaled >> i & 1) != 0)
            good = false;
    }
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct model model = {.n_labels = OUTPUTS, .label = {"a", "b", "c"}};
    struct geometry g = {.n_planes = PLANES};
    struct model_set models = {.n_models = 1, .max_outputs = OUTPUTS};
    models.entry[0] = (struct model_entry){.model = &model, .n_planes = PLANES};
    for (uint32_t p = 0; p < PLANES; p++) {
        g.plane[p].id = p;
        models.entry[0].plane[p] = p;
    }
    struct stream s = {data, bytes};
    static struct trigger_settings settings;
    memset(&settings, 0, sizeof settings);
    make_rules(&s, &settings);
    struct error err = {0};
    struct trigger *t = trigger_create(&settings, &models, &g, &err);
    if (t == NULL) {
        if (err.code != ERROR_CONFIG || err.text[0] == '\0')
            abort();
        return 0;
    }
    struct window window[MAX_WINDOWS] = {0};
    double score[MAX_WINDOWS * OUTPUTS];
    struct event ev = {.window = window, .score = score, .score_stride = OUTPUTS};
    while (s.bytes > 0) {
        ev.id.event = stream_take(&s, 2);
        ev.event_time_ns += stream_take(&s, 8);
        ev.n_windows = (uint32_t)stream_take(&s, 1) % (MAX_WINDOWS + 1);
        for (uint32_t i = 0; i < ev.n_windows; i++) {
            window[i].plane = (uint32_t)stream_take(&s, 1) % PLANES;
            for (uint32_t k = 0; k < OUTPUTS; k++)
                score[i * OUTPUTS + k] = stream_take_double(&s);
        }
        trigger_decide(t, &ev);
        check(&settings, &ev.decision);
    }
    trigger_destroy(&t);
    return 0;
}
