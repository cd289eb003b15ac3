#include "top/facts.h"

#include "common/text.h"

#include <math.h>
#include <string.h>

static const char *label(const Sparsed__Sample *s, const char *name)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (strcmp(s->labels[i]->name, name) == 0)
            return s->labels[i]->value;
    return "";
}

static void add(struct facts_list *l, const char *raw, double value)
{
    char name[FACTS_NAME_BYTES];
    text_clean(name, sizeof name, raw);
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->entry[i].name, name) == 0) {
            l->entry[i].value += value;
            return;
        }
    if (l->n == FACTS_LIST)
        return;
    memcpy(l->entry[l->n].name, name, sizeof name);
    l->entry[l->n++].value = value;
}

static struct facts_source *source(struct facts *f, const char *raw)
{
    char name[FACTS_NAME_BYTES];
    text_clean(name, sizeof name, raw);
    for (size_t i = 0; i < f->n_sources; i++)
        if (strcmp(f->source[i].name, name) == 0)
            return &f->source[i];
    if (f->n_sources == FACTS_SOURCES)
        return NULL;
    struct facts_source *s = &f->source[f->n_sources++];
    memcpy(s->name, name, sizeof name);
#define X(field, metric) s->field = NAN;
    FACTS_SOURCE_FIELDS(X)
#undef X
    return s;
}

static void read_latency(struct facts *f, const Sparsed__Sample *s)
{
    if (strcmp(label(s, "stage"), "latency") != 0)
        return;
    const char *q = label(s, "quantile");
    if (strcmp(s->suffix, "_sum") == 0)
        f->latency_sum = s->value;
    else if (strcmp(s->suffix, "_count") == 0)
        f->latency_count = s->value;
    else if (strcmp(q, "0.5") == 0)
        f->p50 = s->value;
    else if (strcmp(q, "0.99") == 0)
        f->p99 = s->value;
    else if (strcmp(q, "0.999") == 0)
        f->p999 = s->value;
    else if (strcmp(q, "1") == 0)
        f->max = s->value;
}

static void read_sample(struct facts *f, const char *name, const Sparsed__Sample *s)
{
#define X(field, metric)                                                                           \
    if (strcmp(name, metric) == 0)                                                                 \
        f->field = s->value;
    FACTS_SCALARS(X)
#undef X
#define X(field, metric, by)                                                                       \
    if (strcmp(name, metric) == 0)                                                                 \
        add(&f->field, label(s, by), s->value);
    FACTS_LISTS(X)
#undef X
    struct facts_source *from;
#define X(field, metric)                                                                           \
    if (strcmp(name, metric) == 0 && (from = source(f, label(s, "source"))))                       \
        from->field = s->value;
    FACTS_SOURCE_FIELDS(X)
#undef X
    if (strcmp(name, "thread_seconds_total") == 0)
        add(strcmp(label(s, "state"), "busy") == 0 ? &f->busy : &f->idle, label(s, "thread"),
            s->value);
    if (strcmp(name, "stage_seconds") == 0)
        read_latency(f, s);
    if (strcmp(name, "info") == 0)
        text_clean(f->engine, sizeof f->engine, label(s, "engine"));
}

static void read_health(struct facts_health *to, const Sparsed__Health *from)
{
    text_clean(to->state, sizeof to->state, from != NULL ? from->state : "unknown");
    for (size_t i = 0; from != NULL && i < from->n_reasons && to->n < FACTS_REASONS; i++)
        text_clean(to->reason[to->n++], FACTS_REASON_BYTES, from->reasons[i]);
}

void facts_read(struct facts *f, const Sparsed__Metrics *m)
{
    memset(f, 0, sizeof *f);
#define X(field, metric) f->field = NAN;
    FACTS_SCALARS(X)
#undef X
    f->p50 = f->p99 = f->p999 = f->max = f->latency_sum = f->latency_count = NAN;
    f->time_ns = m->time_ns;
    read_health(&f->health, m->health);
    text_clean(f->instance, sizeof f->instance, m->instance);
    text_clean(f->version, sizeof f->version, m->version);
    for (size_t i = 0; i < m->n_families; i++) {
        const char *name = m->families[i]->name;
        if (strncmp(name, "sparsed_", 8) != 0)
            continue;
        for (size_t k = 0; k < m->families[i]->n_samples; k++)
            if (isfinite(m->families[i]->samples[k]->value))
                read_sample(f, name + 8, m->families[i]->samples[k]);
    }
}

double facts_get(const struct facts_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->entry[i].name, name) == 0)
            return l->entry[i].value;
    return NAN;
}

double facts_sum(const struct facts_list *l)
{
    double sum = l->n > 0 ? 0 : NAN;
    for (size_t i = 0; i < l->n; i++)
        sum += l->entry[i].value;
    return sum;
}

bool facts_is_event_loss(const char *fate)
{
    return strcmp(fate, "accepted") != 0 && strcmp(fate, "rejected") != 0 &&
           strcmp(fate, "prescaled") != 0 && strcmp(fate, "throttled") != 0 &&
           strcmp(fate, "forwarded") != 0;
}

double facts_events_lost(const struct facts *f)
{
    double sum = f->event_fates.n > 0 ? 0 : NAN;
    for (size_t i = 0; i < f->event_fates.n; i++)
        if (facts_is_event_loss(f->event_fates.entry[i].name))
            sum += f->event_fates.entry[i].value;
    return sum;
}

double facts_fragments_lost(const struct facts *f)
{
    double good = facts_get(&f->fragment_fates, "assembled");
    return facts_sum(&f->fragment_fates) - (isnan(good) ? 0 : good);
}

/* Bytes and fragments of all sources. */
static double received(const struct facts *f, bool bytes)
{
    double sum = f->n_sources > 0 ? 0 : NAN;
    for (size_t i = 0; i < f->n_sources; i++) {
        double x = bytes ? f->source[i].bytes : f->source[i].received;
        sum += isnan(x) ? 0 : x;
    }
    return sum;
}

struct facts_rates facts_compare(const struct facts *now, const struct facts *before)
{
    struct facts_rates r = {.known = true};
    r.dt = ((double)now->time_ns - (double)before->time_ns) * 1e-9;
    if (!(r.dt > 0) || now->events_in < before->events_in ||
        now->uptime_seconds < before->uptime_seconds)
        return (struct facts_rates){.known = false};
    double accepted =
        facts_get(&now->event_fates, "accepted") - facts_get(&before->event_fates, "accepted");
    double dead = facts_sum(&now->dead_seconds) - facts_sum(&before->dead_seconds);
    double live = now->live_seconds - before->live_seconds;
    r.in_hz = (now->events_in - before->events_in) / r.dt;
    r.accepted_hz = accepted / r.dt;
    r.lost_hz = (facts_events_lost(now) - facts_events_lost(before)) / r.dt;
    r.windows_hz = (facts_sum(&now->windows) - facts_sum(&before->windows)) / r.dt;
    r.fragments_hz = (received(now, false) - received(before, false)) / r.dt;
    r.bytes_hz = (received(now, true) - received(before, true)) / r.dt;
    r.recorded_hz = (now->recorded_bytes - before->recorded_bytes) / r.dt;
    r.fragments_lost = facts_fragments_lost(now) - facts_fragments_lost(before);
    r.decisions_missed = now->decisions_missed - before->decisions_missed;
    r.record_lost = now->record_lost - before->record_lost;
    r.broken = facts_sum(&now->broken) - facts_sum(&before->broken);
    r.live = isnan(live) ? 1 - dead / r.dt : live + dead > 0 ? live / (live + dead) : NAN;
    double events = now->latency_count - before->latency_count;
    r.mean_latency = events > 0 ? (now->latency_sum - before->latency_sum) / events : NAN;
    return r;
}

static void shift(double *x, size_t n, double newest)
{
    if (n == FACTS_HISTORY)
        memmove(x, x + 1, (FACTS_HISTORY - 1) * sizeof *x);
    x[n == FACTS_HISTORY ? n - 1 : n] = newest;
}

static double known(const struct facts_rates *r, double x)
{
    return r->known && isfinite(x) ? x : NAN;
}

void facts_remember(struct facts_history *h, const struct facts_rates *r)
{
    shift(h->accepted_hz, h->n, known(r, r->accepted_hz));
    shift(h->latency, h->n, known(r, r->mean_latency));
    shift(h->recorded_hz, h->n, known(r, r->recorded_hz));
    h->n += h->n < FACTS_HISTORY;
}

double facts_mean(const double *x, size_t n)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) {
            sum += x[i];
            count++;
        }
    return count > 0 ? sum / count : NAN;
}
