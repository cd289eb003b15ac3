/* How: a request is unpacked by protobuf-c, with its memory bounded by the message's size,
 * and copied field by field, each held to the length that run control keeps. A reply is
 * one message whose lists are named numbers from data/run_tally. */
#include "service/control_message.h"

#include "base/hash.h"
#include "proto/control.pb-c.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 1, MAX_PENDING = 8, LINE_BYTES = 128 };

/* ---- requests ---- */

static const enum run_step steps[] = {
    [SPARSED__CONTROL_REQUEST__COMMAND__STATUS] = RUN_STEP_STATUS,
    [SPARSED__CONTROL_REQUEST__COMMAND__CONFIG] = RUN_STEP_CONFIG,
    [SPARSED__CONTROL_REQUEST__COMMAND__CONFIGURE] = RUN_STEP_CONFIGURE,
    [SPARSED__CONTROL_REQUEST__COMMAND__START] = RUN_STEP_START,
    [SPARSED__CONTROL_REQUEST__COMMAND__PAUSE] = RUN_STEP_PAUSE,
    [SPARSED__CONTROL_REQUEST__COMMAND__RESUME] = RUN_STEP_RESUME,
    [SPARSED__CONTROL_REQUEST__COMMAND__STOP] = RUN_STEP_STOP,
    [SPARSED__CONTROL_REQUEST__COMMAND__RELOAD] = RUN_STEP_RELOAD,
    [SPARSED__CONTROL_REQUEST__COMMAND__MODEL] = RUN_STEP_MODEL,
    [SPARSED__CONTROL_REQUEST__COMMAND__SHADOW] = RUN_STEP_SHADOW,
    [SPARSED__CONTROL_REQUEST__COMMAND__PRESCALE] = RUN_STEP_PRESCALE,
    [SPARSED__CONTROL_REQUEST__COMMAND__SHUTDOWN] = RUN_STEP_SHUTDOWN,
};

__attribute__((format(printf, 2, 3))) static bool bad(struct run_reply *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    r->outcome = RUN_BAD;
    return false;
}

/* Bytes of the UTF-8 character at `s` (RFC 3629; the zero ends every one that is cut short),
 * or 0. What is no UTF-8 would make the run's records unreadable to strict readers. */
static size_t character(const unsigned char *s)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } shape[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t n = 1; n <= 4; n++) {
        if ((s[0] & shape[n - 1].mask) != shape[n - 1].lead)
            continue;
        uint32_t code = s[0] & (unsigned char)~shape[n - 1].mask;
        for (size_t i = 1; i < n; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (s[i] & 0x3f);
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        return code >= shape[n - 1].least && code < 0x110000 && !surrogate ? n : 0;
    }
    return 0;
}

/* Texts end in logs, records and paths: no control characters, and all of it or none. */
static bool take_text(const char *field, const char *from, char *to, size_t room,
                      struct run_reply *r)
{
    size_t n = strlen(from);
    if (n >= room)
        return bad(r, "%s has %zu characters, at most %zu are taken", field, n, room - 1);
    for (size_t i = 0, width = 0; i < n; i += width) {
        width = character((const unsigned char *)from + i);
        if (width == 0)
            return bad(r, "%s is not UTF-8", field);
        if ((unsigned char)from[i] < 0x20 || from[i] == 0x7f)
            return bad(r, "%s has a control character", field);
    }
    memcpy(to, from, n + 1);
    return true;
}

static bool take(const Sparsed__ControlRequest *m, struct run_command *ask, struct run_reply *r)
{
    if (m->schema_version != SCHEMA_VERSION)
        return bad(r, "schema version %" PRIu32 " is not one this program knows: it speaks %d",
                   m->schema_version, SCHEMA_VERSION);
    if ((size_t)m->command >= sizeof steps / sizeof *steps)
        return bad(r, "command %d is not one this program knows", (int)m->command);
    ask->step = steps[m->command];
    ask->run = m->run;
    ask->prescale = m->prescale;
    ask->share = m->share;
    if (!isfinite(m->share))
        return bad(r, "share is not a number");
    return take_text("file", m->file, ask->file, sizeof ask->file, r) &&
           take_text("name", m->name, ask->name, sizeof ask->name, r) &&
           take_text("comment", m->comment, ask->comment, sizeof ask->comment, r) &&
           take_text("operator_name", m->operator_name, ask->asked_by, sizeof ask->asked_by, r);
}

bool control_message_read(const uint8_t *data, size_t bytes, struct run_command *ask,
                          struct run_reply *reply)
{
    *ask = (struct run_command){.step = RUN_STEP_STATUS};
    if (bytes > CONTROL_MAX_REQUEST_BYTES)
        return bad(reply, "the request has %zu bytes, at most %d are taken", bytes,
                   CONTROL_MAX_REQUEST_BYTES);
    Sparsed__ControlRequest *m = sparsed__control_request__unpack(NULL, bytes, data);
    if (m == NULL)
        return bad(reply, "the request is not a ControlRequest");
    bool good = take(m, ask, reply);
    sparsed__control_request__free_unpacked(m, NULL);
    return good;
}

/* ---- replies ---- */

typedef Sparsed__RunStatus__Number number;

struct numbers {
    number item[RUN_COUNTS], *list[RUN_COUNTS];
};

/* What a reply points to while it is packed. */
struct parts {
    Sparsed__RunStatus status;
    struct numbers times, events, fragments, output, all_events;
    char allowed[RUN_STEP_COUNT][32], *allowed_list[RUN_STEP_COUNT];
    char pending[MAX_PENDING][LINE_BYTES], *pending_list[MAX_PENDING];
    char model[SETTINGS_MAX_MODELS][LINE_BYTES], *model_list[SETTINGS_MAX_MODELS];
    char directory[SETTINGS_PATH_BYTES];
};

static const Sparsed__ControlReply__Outcome outcomes[] = {
    [RUN_DONE] = SPARSED__CONTROL_REPLY__OUTCOME__DONE,
    [RUN_BAD] = SPARSED__CONTROL_REPLY__OUTCOME__BAD,
    [RUN_REFUSED] = SPARSED__CONTROL_REPLY__OUTCOME__REFUSED,
    [RUN_FAILED] = SPARSED__CONTROL_REPLY__OUTCOME__FAILED,
};

static const Sparsed__RunStatus__State states[] = {
#define X(NAME, name, help) [RUN_##NAME] = SPARSED__RUN_STATUS__STATE__##NAME,
    RUN_STATES(X)
#undef X
};

/* protobuf-c has no const; nothing writes through these. */
static char *text(const char *from)
{
    return (char *)(uintptr_t)(from != NULL ? from : "");
}

static number **fill(struct numbers *to, size_t *n, const struct run_count *from, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sparsed__run_status__number__init(&to->item[i]);
        to->item[i].name = text(from[i].name);
        to->item[i].value = from[i].value;
        to->list[i] = &to->item[i];
    }
    *n = count;
    return to->list;
}

static void fill_account(struct parts *p, const struct run_status *s)
{
    Sparsed__RunStatus *m = &p->status;
    const struct run_tally *t = &s->tally;
    struct run_count list[RUN_COUNTS];
    m->length_ns = t->length_ns;
    m->times = fill(&p->times, &m->n_times, list, run_tally_times(t, list));
    m->events = fill(&p->events, &m->n_events, list, run_tally_events(t, list));
    m->fragments = fill(&p->fragments, &m->n_fragments, list, run_tally_fragments(t, list));
    m->output = fill(&p->output, &m->n_output, list, run_tally_output(t, list));
    m->all_events = fill(&p->all_events, &m->n_all_events, list, run_tally_events(&s->all, list));
}

/* What a drain still has to do. */
static void fill_pending(struct parts *p, const struct run_status *s)
{
    struct run_count left[RUN_COUNTS];
    uint32_t n = 0, count = run_tally_pending(&s->tally, left);
    if (s->state != RUN_DRAINING)
        return;
    for (uint32_t i = 0; i < count && n < MAX_PENDING; i++)
        (void)snprintf(p->pending[n++], LINE_BYTES, "%" PRIu64 " %s", left[i].value, left[i].name);
    if (s->waits_for != NULL && n < MAX_PENDING)
        (void)snprintf(p->pending[n++], LINE_BYTES, "thread %s to end", s->waits_for);
    for (uint32_t i = 0; i < n; i++)
        p->pending_list[i] = p->pending[i];
    p->status.n_pending = n;
    p->status.pending = p->pending_list;
}

static void fill_models(struct parts *p, const struct run_info *info)
{
    char hex[SHA256_HEX_BYTES];
    for (uint32_t i = 0; i < info->models->n_models; i++) {
        const struct model *m = info->models->entry[i].model;
        hash_hex(m->sha256, hex);
        (void)snprintf(p->model[i], LINE_BYTES, "%s %.8s", m->name, hex);
        p->model_list[i] = p->model[i];
    }
    p->status.n_models = info->models->n_models;
    p->status.models = p->model_list;
}

/* Those that change something first. */
static size_t fill_allowed(struct parts *p, enum run_state state)
{
    char all[512], *rest = NULL;
    size_t n = 0;
    run_state_allowed(state, all, sizeof all);
    for (const char *one = strtok_r(all, ", ", &rest); one != NULL && n < RUN_STEP_COUNT;
         one = strtok_r(NULL, ", ", &rest)) {
        (void)snprintf(p->allowed[n], sizeof p->allowed[n], "%s", one);
        p->allowed_list[n] = p->allowed[n];
        n++;
    }
    return n;
}

static void fill_status(struct parts *p, const struct run_status *s,
                        const struct control_health *health, const struct run_info *info)
{
    Sparsed__RunStatus *m = &p->status;
    sparsed__run_status__init(m);
    m->state = states[s->state];
    m->state_help = text(run_state_help(s->state));
    m->instance = text(info->settings->detector.name);
    m->version = text(SPARSED_VERSION);
    m->run_number = s->number;
    m->comment = text(s->comment);
    m->begin_time_ns = s->begin_wall_ns;
    m->runs = s->runs;
    m->changes = s->changes;
    m->healthy = health->healthy;
    m->health = text(health->text);
    m->drain_left_ns = s->drain_left_ns;
    m->last_result = text(s->last_result);
    m->last_complete = s->last_complete;
    m->configuration_file = text(s->configuration_file);
    m->configuration_sha256 =
        (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)info->settings->sha256};
    m->engine = text(info->engine);
    if (getcwd(p->directory, sizeof p->directory) == NULL)
        p->directory[0] = '\0';
    m->working_directory = p->directory;
    fill_account(p, s);
    fill_pending(p, s);
    fill_models(p, info);
}

uint8_t *control_message_write(const struct run_reply *reply, const struct run_status *status,
                               const struct control_health *health, const struct run_info *info,
                               bool with_configuration, uint32_t last_event_run, size_t *bytes)
{
    Sparsed__ControlReply m;
    struct parts *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    sparsed__control_reply__init(&m);
    fill_status(p, status, health, info);
    p->status.last_event_run = last_event_run;
    m.schema_version = SCHEMA_VERSION;
    m.outcome = outcomes[reply->outcome];
    m.text = text(reply->text);
    m.n_allowed = fill_allowed(p, status->state);
    m.allowed = p->allowed_list;
    m.status = &p->status;
    m.configuration = text(with_configuration ? info->configuration : "");
    *bytes = sparsed__control_reply__get_packed_size(&m);
    uint8_t *packed = malloc(*bytes);
    if (packed != NULL)
        (void)sparsed__control_reply__pack(&m, packed);
    else
        *bytes = 0;
    free(p);
    return packed;
}
