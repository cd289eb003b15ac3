#include "config/config_check.h"

#include <inttypes.h>
#include <string.h>

/* What a kind of readout cannot do without. */
static void check_readout(const struct readout_settings *r, struct config_report *report)
{
    if (r->kind == READOUT_ZEROMQ && r->endpoints.count == 0)
        config_report_add(report, 0, "readout.endpoints must be given");
    if (r->kind == READOUT_KAFKA && r->kafka.brokers[0] == '\0')
        config_report_add(report, 0,
                          "readout.kafka.brokers must be given where readout.kind = \"kafka\"");
}

static void check_output(const struct kafka_output_settings *k, struct config_report *report)
{
    if (k->metrics_topic[0] != '\0' && k->brokers[0] == '\0')
        config_report_add(report, 0,
                          "output.kafka.brokers must be given where output.kafka.metrics_topic is");
}

void config_check_given(const struct settings *s, const struct config_places *places,
                        struct config_report *report)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        int array = settings_array_of(row->key);
        if (row->def != REQUIRED)
            continue;
        if (array < 0 && places->setting[i][0] == 0)
            config_report_add(report, 0, "%s must be given", row->key);
        if (array < 0)
            continue;
        uint32_t count = settings_count_const(s, &settings_arrays[array]);
        size_t prefix = strlen(settings_arrays[array].key);
        for (uint32_t e = 0; e < count; e++)
            if (places->setting[i][e] == 0)
                config_report_add(report, places->element[array][e],
                                  "%s[%" PRIu32 "]%s must be given", settings_arrays[array].key, e,
                                  row->key + prefix + 2);
    }
    for (int a = 0; a < SETTINGS_ARRAY_COUNT; a++)
        if (settings_count_const(s, &settings_arrays[a]) < settings_arrays[a].least)
            config_report_add(report, 0, "at least one [[%s]] must be given",
                              settings_arrays[a].key);
    check_readout(&s->readout, report);
    check_output(&s->output.kafka, report);
}

static config_place place_of(const struct config_places *places, const char *key, uint32_t element)
{
    return places->setting[settings_find(key)][element];
}

/* Ready-made images are plane 0. */
static bool has_plane(const struct detector_settings *d, uint32_t id)
{
    for (uint32_t i = 0; i < d->n_planes; i++)
        if (d->plane[i].id == id)
            return true;
    return d->n_planes == 0 && id == 0;
}

static void check_planes(const struct settings *s, const struct settings_planes *planes,
                         const char *array, const char *key, uint32_t element,
                         const struct config_places *places, struct config_report *report)
{
    for (uint32_t i = 0; i < planes->count; i++)
        if (!has_plane(&s->detector, planes->id[i]))
            config_report_add(report, place_of(places, key, element),
                              "%s[%" PRIu32 "].planes names plane %" PRIu32
                              ", but there is no [[detector.plane]] with id = %" PRIu32,
                              array, element, planes->id[i], planes->id[i]);
}

static void check_detector(const struct settings *s, const struct config_places *places,
                           struct config_report *report)
{
    const struct detector_settings *d = &s->detector;
    for (uint32_t i = 0; i < d->n_planes; i++)
        for (uint32_t j = 0; j < i; j++)
            if (d->plane[i].id == d->plane[j].id) {
                config_report_add(report, place_of(places, "detector.plane[].id", i),
                                  "two [[detector.plane]] have id = %" PRIu32, d->plane[i].id);
                break;
            }
    if (d->n_planes > 0 && d->ticks == 0)
        config_report_add(report, place_of(places, "detector.ticks", 0),
                          "detector.ticks must be given and above 0 where there are planes");
}

static void check_hot(const struct hot_settings *hot, const struct config_places *places,
                      struct config_report *report)
{
    if (hot->release > hot->hits)
        config_report_add(
            report, place_of(places, "imaging.hot.release", 0),
            "imaging.hot.release = %g is above imaging.hot.hits = %g: a wire would be "
            "hot and quiet at once",
            hot->release, hot->hits);
}

/* What a tier has no stage for must not be asked of it. */
static void check_stages(const struct settings *s, const struct config_places *places,
                         struct config_report *report)
{
    bool imaging = s->service.stages == STAGES_IMAGING;
    bool decision = s->service.stages == STAGES_DECISION;
    const struct {
        bool wrong;
        const char *key, *why;
    } rules[] = {
        {imaging && s->output.record.directory[0] != '\0', "output.record.directory",
         "no event is accepted here: record where they are decided"},
        {imaging && s->engine.kind == ENGINE_FPGA, "engine.kind",
         "\"fpga\": no window is scored here"},
        {imaging && s->shadow.file[0] != '\0', "engine.shadow.file", "no window is scored here"},
        {decision && s->output.record.directory[0] != '\0' &&
             (s->output.record.contents & RECORD_SAMPLES) != 0,
         "output.record.contents", "\"samples\": they do not come here, only pixels do"},
        {decision && s->imaging.hot.events > 0, "imaging.hot.events",
         "hot wires are looked for where the samples are"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong)
            config_report_add(report, place_of(places, rules[i].key, 0),
                              "%s with service.stages = \"%s\": %s", rules[i].key,
                              imaging ? "imaging" : "decision", rules[i].why);
}

/* A socket that the network can reach has keys, or the configuration says that it has
 * none: nobody opens one without having thought of it. */
static void check_door(const struct settings *s, enum door door, const char *key,
                       const char *endpoint, const struct config_places *places,
                       struct config_report *report)
{
    bool locked = s->security.secret_key[0] != '\0', named = s->security.plain >> door & 1;
    if (!locked && !named && !door_is_local(endpoint))
        config_report_add(report, place_of(places, key, 0),
                          "%s: \"%s\" can be reached from the network and asks for no key: give "
                          "security.secret_key, or name \"%s\" in security.plain",
                          key, endpoint, door_name(door));
}

static void check_security(const struct settings *s, const struct config_places *places,
                           struct config_report *report)
{
    const struct {
        enum door door;
        const char *key;
        const struct settings_strings *endpoints;
    } doors[] = {
        {DOOR_readout, "readout.endpoints", &s->readout.endpoints},
        {DOOR_decisions, "output.decisions", &s->output.decisions},
        {DOOR_push, "output.push", &s->output.push},
        {DOOR_metrics, "service.metrics", &s->service.metrics},
        {DOOR_control, "service.control", &s->service.control},
    };
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
        for (uint32_t k = 0; k < doors[i].endpoints->count; k++)
            check_door(s, doors[i].door, doors[i].key, doors[i].endpoints->text[k], places, report);
    if ((s->security.secret_key[0] == '\0') != (s->security.clients[0] == '\0'))
        config_report_add(report, place_of(places, "security.secret_key", 0),
                          "security.secret_key and security.clients: give both or none");
    if (s->security.first_tier[0] != '\0' &&
        (s->security.secret_key[0] == '\0' || s->service.stages != STAGES_DECISION))
        config_report_add(report, place_of(places, "security.first_tier", 0),
                          "security.first_tier: needs security.secret_key and service.stages = "
                          "\"decision\"");
}

void config_check_sense(const struct settings *s, const struct config_places *places,
                        struct config_report *report)
{
    check_detector(s, places, report);
    check_security(s, places, report);
    check_hot(&s->imaging.hot, places, report);
    check_stages(s, places, report);
    for (uint32_t i = 0; i < s->engine.n_models; i++)
        check_planes(s, &s->engine.model[i].planes, "engine.model", "engine.model[].planes", i,
                     places, report);
    for (uint32_t i = 0; i < s->trigger.n_rules; i++) {
        check_planes(s, &s->trigger.rule[i].planes, "trigger.rule", "trigger.rule[].planes", i,
                     places, report);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(s->trigger.rule[i].name, s->trigger.rule[j].name) == 0) {
                config_report_add(report, place_of(places, "trigger.rule[].name", i),
                                  "two [[trigger.rule]] have name = \"%s\"",
                                  s->trigger.rule[i].name);
                break;
            }
    }
}
