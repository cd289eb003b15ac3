/* Each column is made as a text of its own, its width remembered, and the line
 * is the columns padded. A column wider than its limit is not remembered: one
 * freak does not push all later lines aside. */
#include "decisions/decision_text.h"

#include "common/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { COLUMN_BYTES = 256, WIDEST_COLUMN = 64, NAME_BYTES = 64 };

struct column {
    char text[COLUMN_BYTES];
};

__attribute__((format(printf, 2, 3))) static void add(struct column *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_list(c->text, sizeof c->text, format, args);
    va_end(args);
}

static void identity(struct column *c, struct decision_layout *layout, const Sparsed__Decision *d)
{
    char event[TEXT_NUMBER_BYTES];
    layout->subrun |= d->subrun != 0;
    add(c, "run %" PRIu32, d->run);
    if (layout->subrun)
        add(c, " subrun %" PRIu32, d->subrun);
    add(c, " event %s", text_count(event, sizeof event, d->event));
}

static const char *verdict_word(const Sparsed__Decision *d)
{
    switch (d->fate) {
    case SPARSED__DECISION_FATE__ACCEPTED:
        return "ACCEPT";
    case SPARSED__DECISION_FATE__PRESCALED:
        return "prescaled";
    case SPARSED__DECISION_FATE__THROTTLED:
        return "throttled";
    case SPARSED__DECISION_FATE__REJECTED:
        return "reject";
    case _SPARSED__DECISION_FATE_IS_INT_SIZE:
        break;
    }
    return d->accept ? "ACCEPT (unknown fate)" : "unknown fate";
}

static void verdict(struct column *c, const Sparsed__Decision *d)
{
    char name[NAME_BYTES];
    add(c, "%s", verdict_word(d));
    for (size_t i = 0; i < d->n_rules_fired; i++)
        add(c, "%s%s", i ? "+" : " ", text_clean(name, sizeof name, d->rules_fired[i]));
    if (d->pass_through)
        add(c, "%spass-through", d->n_rules_fired ? "+" : " ");
    if (d->n_rules_fired == 0 && !d->pass_through)
        for (size_t i = 0; i < d->n_rules_prescaled; i++)
            add(c, "%s%s", i ? "+" : " ", text_clean(name, sizeof name, d->rules_prescaled[i]));
}

struct best {
    const Sparsed__WindowScore *window;
    size_t label;
    double score;
};

static struct best find_best(const Sparsed__Decision *d)
{
    struct best b = {.score = -INFINITY};
    for (size_t i = 0; i < d->n_windows; i++)
        for (size_t k = 0; k < d->windows[i]->n_score; k++)
            if (d->windows[i]->score[k] > b.score)
                b = (struct best){d->windows[i], k, d->windows[i]->score[k]};
    return b;
}

static const Sparsed__ModelUsed *model_of(const Sparsed__Decision *d, const Sparsed__WindowScore *w)
{
    return w->model < d->n_models ? d->models[w->model] : NULL;
}

static void best_window(struct column *c, const Sparsed__Decision *d, const struct best *b)
{
    if (!b->window) {
        add(c, d->n_windows ? "no score" : "no windows");
        return;
    }
    char name[NAME_BYTES], wire[TEXT_NUMBER_BYTES], bin[TEXT_NUMBER_BYTES];
    const Sparsed__ModelUsed *m = model_of(d, b->window);
    add(c, "best %.3f", b->score);
    if (m && m->n_labels > 1 && b->label < m->n_labels)
        add(c, " %s", text_clean(name, sizeof name, m->labels[b->label]));
    if (d->accept && m && m->n_planes > 0)
        add(c, " plane %" PRIu32 " bin %s wire %s", b->window->plane,
            text_count(bin, sizeof bin, b->window->first_bin),
            text_count(wire, sizeof wire, b->window->first_wire));
}

static void active(struct column *c, const struct best *b)
{
    char n[TEXT_NUMBER_BYTES];
    if (b->window)
        add(c, "%6s active%s", text_count(n, sizeof n, b->window->n_active),
            b->window->truncated ? " (cut)" : "");
}

/* What a glance can do without: time, engine, missing and hot wires. */
static void rest(struct column *c, const Sparsed__Decision *d)
{
    char time[TEXT_NUMBER_BYTES], engine[NAME_BYTES], n[TEXT_NUMBER_BYTES];
    if (d->times)
        add(c, "%8s  ", text_seconds(time, sizeof time, (double)d->times->latency_ns * 1e-9));
    add(c, "%s", text_clean(engine, sizeof engine, d->engine));
    uint64_t missing = 0;
    for (size_t i = 0; i < d->n_missing; i++)
        missing += d->missing[i]->wires;
    if (d->incomplete || missing > 0)
        add(c, "  incomplete: %s wires missing", text_count(n, sizeof n, missing));
    if (d->hot_wires > 0)
        add(c, "  %s hot wires masked", text_count(n, sizeof n, d->hot_wires));
    if (d->nonfinite_bins > 0)
        add(c, "  %s bins not finite", text_count(n, sizeof n, d->nonfinite_bins));
}

static void put(char *line, size_t bytes, const struct column *c, int *width)
{
    int columns = (int)text_columns(c->text);
    if (columns > *width && columns <= WIDEST_COLUMN)
        *width = columns;
    int pad = columns < *width ? *width - columns : 0;
    text_add(line, bytes, "%s%*s  ", c->text, pad, "");
}

void decision_text_line(struct decision_layout *layout, const Sparsed__Decision *d, char *line,
                        size_t bytes)
{
    struct column c[5] = {0};
    struct best b = find_best(d);
    identity(&c[0], layout, d);
    verdict(&c[1], d);
    best_window(&c[2], d, &b);
    active(&c[3], &b);
    rest(&c[4], d);
    int none = 0;
    line[0] = '\0';
    put(line, bytes, &c[0], &layout->identity);
    put(line, bytes, &c[1], &layout->verdict);
    put(line, bytes, &c[2], &layout->best);
    put(line, bytes, &c[3], &layout->active);
    put(line, bytes, &c[4], &none);
    for (size_t used = strlen(line); used > 0 && line[used - 1] == ' ';)
        line[--used] = '\0';
}
