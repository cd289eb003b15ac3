/* How: one message on the stack and a few arrays beside it, filled from tables. It is
 * made a few times a run, so memory is taken where it is needed. */
#include "output/run_record.h"

#include "base/hash.h"
#include "base/kafka.h"
#include "proto/run.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef Sparsed__RunRecord__Count message_count;

struct counts {
    message_count count[RUN_COUNTS], *list[RUN_COUNTS];
};

struct models {
    Sparsed__RunRecord__Model model[SETTINGS_MAX_MODELS], *list[SETTINGS_MAX_MODELS];
    char *label[SETTINGS_MAX_MODELS][MODEL_MAX_OUTPUTS];
    uint32_t plane[SETTINGS_MAX_MODELS][SETTINGS_MAX_PLANES];
};

struct parts {
    struct models models;
    struct counts unfinished, times, events, fragments, output;
};

static const Sparsed__RunRecord__Kind kinds[] = {
    [RUN_RECORD_BEGIN] = SPARSED__RUN_RECORD__KIND__BEGIN,
    [RUN_RECORD_CHANGE] = SPARSED__RUN_RECORD__KIND__CHANGE,
    [RUN_RECORD_END] = SPARSED__RUN_RECORD__KIND__END,
};

const char *run_record_topic(enum run_record_kind kind)
{
    static const char *const topics[] = {
        [RUN_RECORD_BEGIN] = "run.begin",
        [RUN_RECORD_CHANGE] = "run.change",
        [RUN_RECORD_END] = "run.end",
    };
    return topics[kind];
}

void run_record_key(const struct run_record *r, enum run_record_kind kind,
                    const struct run_info *info, char key[RUN_RECORD_KEY_BYTES])
{
    char host[KAFKA_HOST_BYTES];
    kafka_host(host);
    (void)snprintf(key, RUN_RECORD_KEY_BYTES, "%s@%s.%" PRIu32 ".%" PRIu64 ".%" PRIu32,
                   run_record_topic(kind), host, r->number, r->begin_wall_ns, info->epoch);
}

/* protobuf-c has no const; nothing writes through these. */
static char *text(const char *from)
{
    return (char *)(uintptr_t)(from != NULL ? from : "");
}

static size_t fill_models(struct models *to, const struct run_info *info)
{
    const struct model_set *set = info->models;
    for (uint32_t i = 0; i < set->n_models; i++) {
        struct model *network = set->entry[i].model;
        Sparsed__RunRecord__Model *m = &to->model[i];
        sparsed__run_record__model__init(m);
        m->name = network->name;
        m->sha256 = (ProtobufCBinaryData){SHA256_BYTES, network->sha256};
        for (uint32_t k = 0; k < network->n_labels; k++)
            to->label[i][k] = network->label[k];
        m->n_labels = network->n_labels;
        m->labels = to->label[i];
        for (uint32_t k = 0; k < set->entry[i].n_planes; k++)
            to->plane[i][k] = info->geometry->plane[set->entry[i].plane[k]].id;
        m->n_planes = set->entry[i].n_planes;
        m->planes = to->plane[i];
        to->list[i] = m;
    }
    return set->n_models;
}

static message_count **fill_counts(struct counts *to, size_t *n, const struct run_count *from,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sparsed__run_record__count__init(&to->count[i]);
        to->count[i].name = text(from[i].name);
        to->count[i].value = from[i].value;
        to->list[i] = &to->count[i];
    }
    *n = count;
    return to->list;
}

static void fill_end(Sparsed__RunRecord *m, struct parts *p, const struct run_record *r)
{
    const struct run_tally *t = &r->tally;
    struct run_count list[RUN_COUNTS];
    m->ended_by = text(r->ended_by);
    m->length_ns = t->length_ns;
    m->unfinished =
        fill_counts(&p->unfinished, &m->n_unfinished, list, run_tally_unfinished(t, list));
    m->complete = m->n_unfinished == 0;
    m->times = fill_counts(&p->times, &m->n_times, list, run_tally_times(t, list));
    m->events = fill_counts(&p->events, &m->n_events, list, run_tally_events(t, list));
    m->fragments = fill_counts(&p->fragments, &m->n_fragments, list, run_tally_fragments(t, list));
    m->output = fill_counts(&p->output, &m->n_output, list, run_tally_output(t, list));
}

static void fill(Sparsed__RunRecord *m, struct parts *p, const struct run_record *r,
                 enum run_record_kind kind, const struct run_info *info)
{
    sparsed__run_record__init(m);
    m->schema_version = 1;
    m->kind = kinds[kind];
    m->run_number = r->number;
    m->instance = text(info->settings->detector.name);
    m->version = text(SPARSED_VERSION);
    m->begin_time_ns = r->begin_wall_ns;
    m->comment = text(r->comment);
    m->configuration = text(info->configuration);
    m->configuration_sha256 =
        (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)info->settings->sha256};
    m->n_models = fill_models(&p->models, info);
    m->models = p->models.list;
    m->engine = text(info->engine);
    if (kind == RUN_RECORD_END)
        fill_end(m, p, r);
}

uint8_t *run_record_message(const struct run_record *r, enum run_record_kind kind,
                            const struct run_info *info, uint64_t wall_ns, size_t *bytes)
{
    Sparsed__RunRecord m;
    struct parts *p = calloc(1, sizeof *p);
    uint8_t *packed = NULL;
    if (p != NULL) {
        fill(&m, p, r, kind, info);
        m.time_ns = wall_ns;
        *bytes = sparsed__run_record__get_packed_size(&m);
        packed = malloc(*bytes);
    }
    if (packed != NULL)
        (void)sparsed__run_record__pack(&m, packed);
    free(p);
    return packed;
}
