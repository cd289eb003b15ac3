#include "top/view.h"

#include "common/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 10 };

static bool is_real_source(const struct facts_source *s)
{
    return strcmp(s->name, "unknown") != 0 && s->received > 0;
}

static bool in_trouble(const struct facts *f)
{
    return strcmp(f->health.state, "trouble") == 0;
}

static struct view_line *begin(struct view *v, const char *label)
{
    struct view_line *l = &v->line[v->n < VIEW_LINES ? v->n++ : VIEW_LINES - 1];
    snprintf(l->text, sizeof l->text, "%-*s", LABEL_COLUMNS, label);
    l->bad = false;
    return l;
}

__attribute__((format(printf, 2, 3))) static void add(struct view_line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_list(l->text, sizeof l->text, format, args);
    va_end(args);
}

/* The numbers of one printf at a time: enough buffers in turn. Single-threaded. */
static char *room(void)
{
    static char buffer[16][TEXT_NUMBER_BYTES];
    static unsigned next;
    return buffer[next++ % 16];
}
static const char *count(double x)
{
    char *b = room();
    return x >= 0 && x < 1.8e19 ? text_count(b, TEXT_NUMBER_BYTES, (uint64_t)x) : "-";
}
static const char *rate(double x)
{
    return text_rate(room(), TEXT_NUMBER_BYTES, x);
}
static const char *seconds(double x)
{
    return text_seconds(room(), TEXT_NUMBER_BYTES, x);
}
static const char *size(double x)
{
    return text_bytes(room(), TEXT_NUMBER_BYTES, x);
}

/* The last 30 values from 0 to the largest; what is unknown is a blank. */
static void sparkline(struct view_line *l, const double *x, size_t n, bool utf8)
{
    static const char *const fine[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
    double top = 0;
    size_t first = n > 30 ? n - 30 : 0;
    for (size_t i = first; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (size_t i = first; i < n; i++) {
        int level = top > 0 && x[i] > 0 ? (int)(x[i] / top * 7.999) : 0;
        add(l, "%s", isnan(x[i]) ? " " : (utf8 ? fine : plain)[level]);
    }
}

/* Run control's word; a daemon that has no word for it runs. */
static const char *run_state(const struct facts *f)
{
    for (size_t i = 0; i < f->run_state.n; i++) {
        if (f->run_state.entry[i].value == 1)
            return f->run_state.entry[i].name;
    }
    return "running";
}

static void render_title(struct view *v, const struct facts *f)
{
    char up[TEXT_NUMBER_BYTES];
    struct view_line *l = begin(v, "sparsed");
    /* the word comes first: it is the last thing that a narrow terminal cuts off */
    add(l, "%s   %s  run ", in_trouble(f) ? "TROUBLE" : f->health.state, f->instance);
    double run = f->run_number > 0 ? f->run_number : f->run;
    if (isfinite(run))
        add(l, "%.0f", run);
    else
        add(l, "-");
    bool runs = f->run_seconds > 0;
    add(l, "  %s %s", run_state(f),
        text_clock(up, sizeof up, runs ? f->run_seconds : f->uptime_seconds));
    l->bad = in_trouble(f);
    for (size_t i = 0; i < f->health.n; i++) {
        l = begin(v, i == 0 ? "why" : "");
        add(l, "%s%s", f->health.reason[i], in_trouble(f) ? " !" : "");
        l->bad = in_trouble(f);
    }
}

static void render_cards(struct view *v, const struct facts *f)
{
    double cards = facts_sum(&f->cards), up = facts_get(&f->cards, "up");
    double differing = facts_sum(&f->card_differing);
    struct view_line *l = begin(v, "cards");
    add(l, "%s of %s up", count(up), count(cards));
    for (size_t i = 0; i < f->cards.n; i++)
        if (f->cards.entry[i].value > 0 && strcmp(f->cards.entry[i].name, "up") != 0)
            add(l, ", %s %s", count(f->cards.entry[i].value), f->cards.entry[i].name);
    add(l, "   windows %s   fallback %s   cross-checked %s, differing %s",
        count(facts_sum(&f->card_windows)), count(facts_sum(&f->card_fallback)),
        count(facts_sum(&f->card_checked)), count(differing));
    l->bad = up < cards || differing > 0;
    add(l, "%s", l->bad ? " !" : "");
    if (facts_sum(&f->card_down) > 0) {
        l = begin(v, "");
        add(l, "taken out %s:", count(facts_sum(&f->card_down)));
        for (size_t i = 0; i < f->card_down.n; i++)
            if (f->card_down.entry[i].value > 0)
                add(l, " %s %s", f->card_down.entry[i].name, count(f->card_down.entry[i].value));
    }
}

static void render_rates(struct view *v, const struct facts *f, const struct facts_rates *r,
                         const struct facts_history *past, bool utf8)
{
    static const struct facts_rates unknown = {.in_hz = NAN,
                                               .accepted_hz = NAN,
                                               .lost_hz = NAN,
                                               .windows_hz = NAN,
                                               .bytes_hz = NAN,
                                               .live = NAN};
    const struct facts_rates *s = r->known ? r : &unknown;
    struct view_line *l = begin(v, "rate");
    add(l, "%s Hz in   %s Hz accepted   %s lost/s   live ", rate(s->in_hz), rate(s->accepted_hz),
        rate(s->lost_hz));
    if (isnan(s->live))
        add(l, "-");
    else
        add(l, "%.2f %%", 100 * s->live);
    l->bad = s->lost_hz > 0 || s->live < 0.99;
    l = begin(v, "accepted");
    add(l, "%s Hz over %zu messages   ", rate(facts_mean(past->accepted_hz, past->n)), past->n);
    sparkline(l, past->accepted_hz, past->n, utf8);
    l = begin(v, "latency");
    add(l, "p50 %s   p99 %s   p99.9 %s   max %s   ", seconds(f->p50), seconds(f->p99),
        seconds(f->p999), seconds(f->max));
    sparkline(l, past->latency, past->n, utf8);
    l = begin(v, "engine");
    add(l, "%s   %s windows/s   cut %s   readout %s/s", f->engine[0] ? f->engine : "-",
        rate(s->windows_hz), count(f->windows_truncated), size(s->bytes_hz));
    if (f->cards.n > 0)
        render_cards(v, f);
}

static void render_sources(struct view *v, const struct facts *f)
{
    enum { SHOWN = 12 };
    size_t shown = 0, ok = 0;
    struct view_line *l;
    for (size_t i = 0; i < f->n_sources; i++) {
        const struct facts_source *s = &f->source[i];
        bool silent = s->silent_seconds > VIEW_SILENT_SECONDS && is_real_source(s);
        bool odd = silent || s->missed > 0 || s->repeated > 0 || s->out_of_order > 0 ||
                   s->missing_wires > 0;
        if (!odd || shown == SHOWN) {
            ok += is_real_source(s);
            continue;
        }
        l = begin(v, shown++ == 0 ? "sources" : "");
        add(l, "%s %s", s->name, silent ? "silent" : "ok");
        if (silent)
            add(l, " %.0f s !", s->silent_seconds);
        add(l, "   missed %s in %s gaps, repeated %s, out of order %s", count(s->missed),
            count(s->gaps), count(s->repeated), count(s->out_of_order));
        if (s->missing_wires > 0)
            add(l, ", wires not there in time %s", count(s->missing_wires));
        l->bad = silent;
    }
    l = begin(v, shown == 0 ? "sources" : "");
    add(l, "%zu %s", ok, shown == 0 ? "ok" : "more");
}

static void add_above_0(struct view_line *l, const char *what, const struct facts_list *list)
{
    add(l, "%s", what);
    for (size_t i = 0; i < list->n; i++)
        if (list->entry[i].value > 0)
            add(l, " %s %s", list->entry[i].name, count(list->entry[i].value));
}

static void render_ledger(struct view *v, const struct facts *f)
{
    double lost = facts_events_lost(f);
    struct view_line *l = begin(v, "ledger");
    add(l, "in %s =", count(f->events_in));
    for (size_t i = 0; i < f->event_fates.n; i++)
        if (!facts_is_event_loss(f->event_fates.entry[i].name) &&
            (strcmp(f->event_fates.entry[i].name, "forwarded") != 0 ||
             f->event_fates.entry[i].value > 0))
            add(l, " %s %s +", f->event_fates.entry[i].name, count(f->event_fates.entry[i].value));
    add(l, " lost %s + in flight %s", count(lost), count(f->in_flight));
    l->bad = facts_sum(&f->broken) > 0;
    if (l->bad) {
        add(l, "   does not close !");
        add_above_0(begin(v, ""), "checks that failed:", &f->broken);
    }
    if (lost > 0) {
        l = begin(v, "");
        add(l, "lost %s:", count(lost));
        for (size_t i = 0; i < f->event_fates.n; i++)
            if (facts_is_event_loss(f->event_fates.entry[i].name) &&
                f->event_fates.entry[i].value > 0)
                add(l, " %s %s", f->event_fates.entry[i].name,
                    count(f->event_fates.entry[i].value));
    }
    if (facts_sum(&f->timed_out) > 0)
        add_above_0(begin(v, ""), "incomplete, by why:", &f->timed_out);
    l = begin(v, "fragments");
    add(l, "lost %s", count(facts_fragments_lost(f)));
    for (size_t i = 0; i < f->fragment_fates.n; i++)
        if (f->fragment_fates.entry[i].value > 0)
            add(l, "   %s %s", f->fragment_fates.entry[i].name,
                count(f->fragment_fates.entry[i].value));
    if (facts_sum(&f->lost_by_cause) > 0)
        add_above_0(begin(v, ""), "lost by cause:", &f->lost_by_cause);
}

static void add_share(struct view_line *l, const char *name, double part, double whole)
{
    if (part > 0 && whole > 0)
        add(l, "   %s %.1f %%", name, 100 * part / whole);
}

/* Where the run's time went, since the start, and how busy the threads were. */
static void render_time(struct view *v, const struct facts *f)
{
    char length[TEXT_NUMBER_BYTES];
    if (!(f->run_seconds > 0))
        return;
    struct view_line *l = begin(v, "time");
    add(l, "%s =", text_clock(length, sizeof length, f->run_seconds));
    add_share(l, "live", f->live_seconds, f->run_seconds);
    add_share(l, "paused", f->paused_seconds, f->run_seconds);
    add_share(l, "draining", f->draining_seconds, f->run_seconds);
    for (size_t i = 0; i < f->dead_seconds.n; i++)
        add_share(l, f->dead_seconds.entry[i].name, f->dead_seconds.entry[i].value, f->run_seconds);
    l = begin(v, "busy");
    for (size_t i = 0; i < f->busy.n; i++) {
        const struct facts_entry *e = &f->busy.entry[i];
        add_share(l, e->name, e->value, e->value + facts_get(&f->idle, e->name));
    }
}

static void render_rest(struct view *v, const struct facts *f, const struct facts_history *past)
{
    struct view_line *l = begin(v, "rules");
    for (size_t i = 0; i < f->rules_fired.n; i++) {
        const char *name = f->rules_fired.entry[i].name;
        add(l, "%s fired %s, prescaled away %s   ", name, count(f->rules_fired.entry[i].value),
            count(facts_get(&f->rules_prescaled, name)));
    }
    add(l, "pass-through %s", count(f->pass_through));
    l = begin(v, "disk");
    double per_second = facts_mean(past->recorded_hz, past->n);
    if (f->disk_free_bytes >= 0)
        add(l, "%s written in %s files, %s free", size(f->recorded_bytes), count(f->recorded_files),
            size(f->disk_free_bytes));
    else
        add(l, "not recording");
    if (per_second > 0 && f->disk_free_bytes >= 0)
        add(l, ", %.1f h at this rate", f->disk_free_bytes / per_second / 3600);
    if (f->record_failing > 0)
        add(l, "   failing !");
    l->bad = f->record_failing > 0;
    l = begin(v, "output");
    add(l, "decisions %s, missed %s   not recorded %s", count(f->decisions_published),
        count(f->decisions_missed), count(f->record_lost));
    l = begin(v, "inside");
    add(l, "slots %s of %s", count(f->slots_used), count(f->slots));
    for (size_t i = 0; i < f->queues.n; i++)
        add(l, "   %s %s", f->queues.entry[i].name, count(f->queues.entry[i].value));
    add(l, "   memory %s", size(f->memory_bytes));
}

void view_render(struct view *v, const struct facts *f, const struct facts_rates *r,
                 const struct facts_history *past, bool utf8)
{
    v->n = 0;
    render_title(v, f);
    render_rates(v, f, r, past, utf8);
    render_sources(v, f);
    render_ledger(v, f);
    render_time(v, f);
    render_rest(v, f, past);
}
