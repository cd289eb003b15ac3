/* How: a new configuration is read and its models are loaded beside the old ones; only when
 * that is good is the old pipeline ended and the new one made, because both want the same
 * sockets. */
#include "pipeline/run_actions.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "config/config.h"
#include "config/settings_table.h"
#include "pipeline/epoch.h"
#include "pipeline/parts.h"
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a pipeline borrows. */
struct configured {
    struct settings settings;
    struct geometry geometry;
    struct model_set models;
};

struct run_actions {
    struct run_origin origin;
    char file[SETTINGS_PATH_BYTES]; /* the last configuration's; "": none */
    struct configured *now;         /* NULL: nothing is configured */
    struct pipeline *p;
    struct run_info_board board;
    /* What the board shows while nothing is configured. */
    struct run_info idle;
    struct geometry no_planes;
    struct model_set no_models;
};

struct run_actions *run_actions_create(const struct run_origin *origin, struct error *err)
{
    struct run_actions *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for run control");
        return NULL;
    }
    a->origin = *origin;
    (void)snprintf(a->file, sizeof a->file, "%s", origin->file != NULL ? origin->file : "");
    a->idle = (struct run_info){.settings = origin->first,
                                .geometry = &a->no_planes,
                                .models = &a->no_models,
                                .engine = "none"};
    run_info_board_init(&a->board, &a->idle);
    return a;
}

struct run_info_board *run_actions_board(struct run_actions *a)
{
    return &a->board;
}

static void destroy_configured(struct configured **c)
{
    if (*c == NULL)
        return;
    model_set_fini(&(*c)->models);
    geometry_fini(&(*c)->geometry);
    free(*c);
    *c = NULL;
}

static void end_pipeline(struct run_actions *a)
{
    if (a->p == NULL)
        return;
    run_info_show(&a->board, &a->idle);
    pipeline_show(a->p, NULL);
    pipeline_destroy(&a->p);
    destroy_configured(&a->now);
}

void run_actions_destroy(struct run_actions **actions)
{
    struct run_actions *a = *actions;
    if (a == NULL)
        return;
    end_pipeline(a);
    run_info_board_fini(&a->board);
    free(a);
    *actions = NULL;
}

/* ---- configurations ---- */

/* Keys whose sockets and files are open as long as the daemon runs. */
static bool is_the_daemons(const char *key)
{
    return strncmp(key, "security.", strlen("security.")) == 0 ||
           strcmp(key, "service.http") == 0 || strcmp(key, "service.metrics") == 0 ||
           strcmp(key, "service.control") == 0 || strcmp(key, "output.kafka.metrics_topic") == 0;
}

static bool check_the_daemons(const struct settings *first, const struct settings *wanted,
                              const char *file, struct error *err)
{
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (is_the_daemons(row->key) &&
            memcmp(settings_field_const(first, row, 0), settings_field_const(wanted, row, 0),
                   row->bytes) != 0)
            return error_set(err, ERROR_CONFIG,
                             "%s: %s differs from what the daemon was started with; that needs a "
                             "restart of the daemon",
                             file[0] != '\0' ? file : "the configuration", row->key);
    }
    return true;
}

/* Reads `file` as the command line's would have been. */
static bool read_settings(struct run_actions *a, const char *file, struct settings *s,
                          struct error *err)
{
    const struct run_origin *o = &a->origin;
    if (!config_load(file[0] != '\0' ? file : NULL, o->overrides, o->n_overrides, s, err) ||
        !check_the_daemons(o->first, s, file, err))
        return false;
    s->readout.doors = s->output.doors = s->service.doors = o->doors;
    return true;
}

static struct configured *load(struct run_actions *a, const char *file, struct error *err)
{
    struct configured *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for a configuration");
        return NULL;
    }
    if (!read_settings(a, file, &c->settings, err) ||
        !model_set_load(&c->models, &c->geometry, &c->settings, err)) {
        free(c);
        return NULL;
    }
    return c;
}

static void log_models(const struct model_set *models)
{
    for (uint32_t i = 0; i < models->n_models; i++) {
        const struct model *m = models->entry[i].model;
        char hex[SHA256_HEX_BYTES], pixels[48] = "all pixels";
        hash_hex(m->sha256, hex);
        if (m->reduce != NULL)
            (void)snprintf(pixels, sizeof pixels, "up to %u active pixels", m->max_listed);
        log_info("model %s  %ux%ux%u, %s, %" PRIu64 " parameters, sha256 %.8s", m->name, m->height,
                 m->width, m->channels, pixels, m->n_parameters, hex);
    }
}

static void log_configured(const struct run_actions *a)
{
    const struct settings *s = &a->now->settings;
    const struct run_info *info = pipeline_run_info(a->p);
    log_models(&a->now->models);
    log_info("engine %s  %u worker%s  %u windows an event", info->engine, s->imaging.workers,
             s->imaging.workers == 1 ? "" : "s", info->windows_per_event);
    for (uint32_t i = 0; i < s->readout.endpoints.count; i++)
        log_info("readout %s %s", s->readout.pattern == READOUT_SUB ? "sub" : "pull",
                 s->readout.endpoints.text[i]);
    if (s->service.stages == STAGES_IMAGING)
        log_info("imaging alone: windows are sent on as source %u, nothing is decided here",
                 s->output.source_id);
    if (s->service.stages == STAGES_DECISION)
        log_info("decision alone: windows messages are taken, no fragments");
    log_info("%u event slots, %.0f MiB of address space", s->readout.event_slots,
             (double)atomic_load(&a->origin.monitor->memory_bytes) / (1024.0 * 1024.0));
}

/* Counts by a rule's place begin again: another rule may have come to it. */
static void begin_rules(struct monitor *m)
{
    for (uint32_t i = 0; i < SETTINGS_MAX_RULES; i++) {
        atomic_store(&m->rule_fired[i], 0);
        atomic_store(&m->rule_prescaled[i], 0);
    }
}

static enum run_result configure(void *self, const char *file, struct error *err)
{
    struct run_actions *a = self;
    const char *from = file[0] != '\0' ? file : a->file;
    struct configured *next = load(a, from, err);
    if (next == NULL)
        return RUN_RESULT_UNCHANGED;
    bool had = a->p != NULL;
    end_pipeline(a);
    a->p = pipeline_create(&next->settings, &next->geometry, &next->models, a->origin.zmq_context,
                           a->origin.monitor, err);
    if (a->p == NULL) {
        destroy_configured(&next);
        return had ? RUN_RESULT_BROKEN : RUN_RESULT_UNCHANGED;
    }
    a->now = next;
    begin_rules(a->origin.monitor);
    if (from != a->file)
        (void)snprintf(a->file, sizeof a->file, "%s", from);
    log_set_level((enum log_level)next->settings.service.log_level);
    pipeline_show(a->p, &a->board);
    log_configured(a);
    return RUN_RESULT_DONE;
}

/* ---- a run ---- */

static enum run_result start(void *self, const struct run_begin *run, struct error *err)
{
    struct run_actions *a = self;
    return pipeline_start(a->p, run, err);
}

static void pause_run(void *self, bool paused)
{
    struct run_actions *a = self;
    pipeline_pause(a->p, paused);
}

static uint64_t stop(void *self, const char *ended_by, uint64_t now_ns)
{
    struct run_actions *a = self;
    uint64_t limit_ns = pipeline_settings(a->p)->service.stop_limit_ns;
    pipeline_stop_begin(a->p, ended_by, now_ns, limit_ns);
    return now_ns + limit_ns;
}

static enum run_drain drain(void *self, uint64_t now_ns, uint64_t wall_ns)
{
    struct run_actions *a = self;
    return pipeline_drain(a->p, now_ns, wall_ns);
}

static const char *waits_for(void *self)
{
    struct run_actions *a = self;
    return pipeline_waits_for(a->p);
}

static void tend(void *self)
{
    struct run_actions *a = self;
    if (a->p != NULL) {
        pipeline_tend(a->p);
        pipeline_rest(a->p, clock_monotonic_ns());
    }
}

static const char *file_of(void *self)
{
    const struct run_actions *a = self;
    return a->file;
}

/* ---- changes while running ---- */

/* The place of the model that `name` means: its name, its file, or "" where there is one. */
static bool find_model(const struct run_actions *a, const char *name, uint32_t *place,
                       struct error *err)
{
    const struct model_set *set = pipeline_run_info(a->p)->models;
    const struct settings *s = pipeline_settings(a->p);
    char names[512] = "";
    *place = 0;
    if (name[0] == '\0' && set->n_models == 1)
        return true;
    for (uint32_t i = 0; i < set->n_models; i++) {
        const char *one = set->entry[i].model->name;
        size_t used = strlen(names);
        *place = i;
        if (name[0] != '\0' &&
            (strcmp(name, one) == 0 || strcmp(name, s->engine.model[i].file) == 0))
            return true;
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", one);
    }
    return error_set(err, ERROR_CONFIG, "%s%s: the models in force are %s",
                     name[0] != '\0' ? "no model " : "say which model is meant", name, names);
}

static bool want_model(struct run_actions *a, const struct run_command *ask,
                       struct settings *wanted, char *text, struct error *err)
{
    uint32_t place = 0;
    if (ask->file[0] == '\0')
        return error_set(err, ERROR_CONFIG, "model needs the model's file");
    if (!find_model(a, ask->name, &place, err))
        return false;
    (void)snprintf(wanted->engine.model[place].file, sizeof wanted->engine.model[place].file, "%s",
                   ask->file);
    (void)snprintf(text, RUN_TEXT_BYTES, "%s is in force, after %s", ask->file,
                   pipeline_run_info(a->p)->models->entry[place].model->name);
    return true;
}

static bool want_shadow(struct run_actions *a, const struct run_command *ask,
                        struct settings *wanted, char *text, struct error *err)
{
    uint32_t place = 0;
    if (ask->file[0] == '\0') {
        wanted->shadow.file[0] = '\0';
        (void)snprintf(text, RUN_TEXT_BYTES, "no candidate is scored");
        return true;
    }
    if (!(ask->share > 0 && ask->share <= 1))
        return error_set(err, ERROR_CONFIG,
                         "shadow: a share of %g of the events: must be above 0, "
                         "at most 1",
                         ask->share);
    if (!find_model(a, ask->name, &place, err))
        return false;
    (void)snprintf(wanted->shadow.file, sizeof wanted->shadow.file, "%s", ask->file);
    wanted->shadow.model = place;
    wanted->shadow.fraction = ask->share;
    (void)snprintf(text, RUN_TEXT_BYTES, "%s is tried on %g of the events in the place of %s",
                   ask->file, ask->share,
                   pipeline_run_info(a->p)->models->entry[place].model->name);
    return true;
}

static bool want_prescale(const struct run_command *ask, struct settings *wanted, char *text,
                          struct error *err)
{
    struct trigger_settings *t = &wanted->trigger;
    char names[512] = "";
    if (ask->prescale == 0)
        return error_set(err, ERROR_CONFIG, "prescale of %s = 0: must be 1 or more", ask->name);
    for (uint32_t i = 0; i < t->n_rules; i++) {
        size_t used = strlen(names);
        if (strcmp(t->rule[i].name, ask->name) == 0) {
            (void)snprintf(text, RUN_TEXT_BYTES, "prescale of %s is %" PRIu32 ", after %" PRIu32,
                           ask->name, ask->prescale, t->rule[i].prescale);
            t->rule[i].prescale = ask->prescale;
            return true;
        }
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                       t->rule[i].name);
    }
    return error_set(err, ERROR_CONFIG, "no rule %s: the rules are %s", ask->name,
                     names[0] != '\0' ? names : "none");
}

static bool want_reload(struct run_actions *a, const struct run_command *ask,
                        struct settings *wanted, char *text, struct error *err)
{
    const char *file = ask->file[0] != '\0' ? ask->file : a->file;
    if (!read_settings(a, file, wanted, err))
        return false;
    char changes[640];
    uint32_t n = config_changes(pipeline_settings(a->p), wanted, changes, sizeof changes);
    (void)snprintf(text, RUN_TEXT_BYTES, "reloaded%s%s%s%s", file[0] != '\0' ? " from " : "", file,
                   n > 0 ? "\n" : ": nothing in it differs", changes);
    return true;
}

static bool fill_wanted(struct run_actions *a, const struct run_command *ask,
                        struct settings *wanted, char *text, struct error *err)
{
    *wanted = *pipeline_settings(a->p);
    switch (ask->step) {
    case RUN_STEP_MODEL:
        return want_model(a, ask, wanted, text, err);
    case RUN_STEP_SHADOW:
        return want_shadow(a, ask, wanted, text, err);
    case RUN_STEP_PRESCALE:
        return want_prescale(ask, wanted, text, err);
    default:
        return want_reload(a, ask, wanted, text, err);
    }
}

static bool change(void *self, const struct run_command *ask, char *text, struct error *err)
{
    struct run_actions *a = self;
    struct settings *wanted = calloc(1, sizeof *wanted);
    if (wanted == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for a configuration");
    bool good = fill_wanted(a, ask, wanted, text, err) &&
                (config_sha256(wanted, wanted->sha256) ||
                 error_set(err, ERROR_SYSTEM, "no memory for a configuration")) &&
                config_change(pipeline_settings(a->p), wanted, err) &&
                pipeline_change(a->p, wanted, err);
    if (good && ask->step == RUN_STEP_RELOAD && ask->file[0] != '\0')
        memcpy(a->file, ask->file, sizeof a->file);
    if (good)
        log_set_level((enum log_level)wanted->service.log_level);
    free(wanted);
    return good;
}

struct run_world run_actions_world(struct run_actions *a)
{
    return (struct run_world){.self = a,
                              .configure = configure,
                              .start = start,
                              .pause = pause_run,
                              .stop = stop,
                              .drain = drain,
                              .waits_for = waits_for,
                              .change = change,
                              .tend = tend,
                              .file = file_of};
}
