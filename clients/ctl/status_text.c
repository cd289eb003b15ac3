#include "ctl/status_text.h"

#include "common/text.h"

#include <inttypes.h>
#include <string.h>

enum { NAME_BYTES = 600 };

static const struct {
    const char *name, *word, *colour;
} states[] = {
    [SPARSED__RUN_STATUS__STATE__INITIAL] = {"initial", "INITIAL", "\033[1m"},
    [SPARSED__RUN_STATUS__STATE__CONFIGURED] = {"configured", "CONFIGURED", "\033[1;36m"},
    [SPARSED__RUN_STATUS__STATE__RUNNING] = {"running", "RUNNING", "\033[1;32m"},
    [SPARSED__RUN_STATUS__STATE__PAUSED] = {"paused", "PAUSED", "\033[1;33m"},
    [SPARSED__RUN_STATUS__STATE__DRAINING] = {"draining", "DRAINING", "\033[1;33m"},
    [SPARSED__RUN_STATUS__STATE__ERROR] = {"error", "ERROR", "\033[1;31m"},
};

/* A newer daemon may have states that this program does not know. */
static bool is_known(const Sparsed__RunStatus *s)
{
    return (size_t)s->state < sizeof states / sizeof *states;
}

const char *status_text_state(const Sparsed__RunStatus *s)
{
    return is_known(s) ? states[s->state].name : "unknown";
}

static const char *clean(char text[NAME_BYTES], const char *from)
{
    return text_clean(text, NAME_BYTES, from);
}

static bool is_on(const Sparsed__RunStatus *s)
{
    return s->state == SPARSED__RUN_STATUS__STATE__RUNNING ||
           s->state == SPARSED__RUN_STATUS__STATE__PAUSED ||
           s->state == SPARSED__RUN_STATUS__STATE__DRAINING;
}

static void headline(const Sparsed__RunStatus *s, bool colour, FILE *to)
{
    char name[NAME_BYTES], clock[TEXT_NUMBER_BYTES];
    const char *on = colour && is_known(s) ? states[s->state].colour : "";
    fprintf(to, "%s%s%s", on, is_known(s) ? states[s->state].word : "UNKNOWN",
            on[0] != '\0' ? "\033[0m" : "");
    if (is_on(s))
        fprintf(to, "  run %" PRIu32 "  %s", s->run_number,
                text_clock(clock, sizeof clock, (double)s->length_ns * 1e-9));
    fprintf(to, "  %s", clean(name, s->instance));
    fprintf(to, "   %s%s\n", s->healthy ? "" : "NOT WELL: ", clean(name, s->health));
}

static void line(FILE *to, const char *name)
{
    fprintf(to, "  %-10s ", name);
}

/* The first number always, the others where they are not 0. */
static void numbers(FILE *to, const char *what, Sparsed__RunStatus__Number *const *list, size_t n)
{
    char count[TEXT_NUMBER_BYTES], name[NAME_BYTES];
    line(to, what);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && list[i]->value == 0)
            continue;
        clean(name, list[i]->name);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c;
        fprintf(to, "%s%s %s", i > 0 ? "   " : "", name,
                text_count(count, sizeof count, list[i]->value));
    }
    fputc('\n', to);
}

static void times(FILE *to, const Sparsed__RunStatus *s)
{
    char name[NAME_BYTES], time[TEXT_NUMBER_BYTES];
    double all = s->length_ns > 0 ? (double)s->length_ns : 1;
    line(to, "time");
    for (size_t i = 0; i < s->n_times; i++) {
        if (i > 0 && s->times[i]->value == 0)
            continue;
        double share = 100 * (double)s->times[i]->value / all;
        fprintf(to, "%s%s %.*f %% (%s)", i > 0 ? "   " : "", clean(name, s->times[i]->name),
                share < 10 ? 1 : 0, share,
                text_seconds(time, sizeof time, (double)s->times[i]->value * 1e-9));
    }
    fputc('\n', to);
}

static void run(const Sparsed__RunStatus *s, FILE *to)
{
    char name[NAME_BYTES], clock[TEXT_NUMBER_BYTES];
    if (!is_on(s)) {
        line(to, "last run");
        fprintf(to, "%" PRIu32 ", of %s, %s\n", s->run_number,
                text_clock(clock, sizeof clock, (double)s->length_ns * 1e-9),
                s->last_complete ? "all of it finished" : "NOT ALL OF IT FINISHED");
    }
    if (s->comment[0] != '\0') {
        line(to, "comment");
        fprintf(to, "%s\n", clean(name, s->comment));
    }
    numbers(to, "events", s->events, s->n_events);
    numbers(to, "fragments", s->fragments, s->n_fragments);
    numbers(to, "output", s->output, s->n_output);
    times(to, s);
    if (s->last_event_run != 0) {
        line(to, "readout");
        fprintf(to, "the last event decided was of the readout's run %" PRIu32 "\n",
                s->last_event_run);
    }
}

static void configuration(const Sparsed__RunStatus *s, FILE *to)
{
    char name[NAME_BYTES], hash[16] = "";
    if (s->state == SPARSED__RUN_STATUS__STATE__INITIAL || s->n_models == 0)
        return;
    text_hex(hash, sizeof hash, s->configuration_sha256.data,
             s->configuration_sha256.len < 4 ? s->configuration_sha256.len : 4);
    line(to, "config");
    fprintf(to, "%s %s",
            s->configuration_file[0] != '\0' ? clean(name, s->configuration_file) : "command line",
            hash);
    if (is_on(s) && s->changes > 0)
        fprintf(to, "   changed %" PRIu64 " times in this run", s->changes);
    fprintf(to, "   engine %s\n", clean(name, s->engine));
    for (size_t i = 0; i < s->n_models; i++) {
        line(to, i == 0 ? "models" : "");
        fprintf(to, "%s\n", clean(name, s->models[i]));
    }
}

static void drain(const Sparsed__RunStatus *s, FILE *to)
{
    char name[NAME_BYTES], left[TEXT_NUMBER_BYTES];
    line(to, "waits for");
    for (size_t i = 0; i < s->n_pending; i++)
        fprintf(to, "%s%s", i > 0 ? ", " : "", clean(name, s->pending[i]));
    fprintf(to, "%sat most %s more\n", s->n_pending > 0 ? "; " : "",
            text_seconds(left, sizeof left, (double)s->drain_left_ns * 1e-9));
}

void status_text_print(const Sparsed__ControlReply *reply, bool colour, FILE *to)
{
    const Sparsed__RunStatus *s = reply->status;
    char name[2 * NAME_BYTES];
    headline(s, colour, to);
    if (s->state == SPARSED__RUN_STATUS__STATE__DRAINING)
        drain(s, to);
    if (s->run_number != 0)
        run(s, to);
    if (s->last_result[0] != '\0' && (is_on(s) || !s->last_complete)) {
        line(to, is_on(s) ? "last run" : "");
        fprintf(to, "%s\n", text_clean(name, sizeof name, s->last_result));
    }
    if (s->runs > 1)
        numbers(to, "all runs", s->all_events, s->n_all_events);
    configuration(s, to);
    line(to, "now");
    for (size_t i = 0; i < reply->n_allowed; i++)
        fprintf(to, "%s%s", i > 0 ? ", " : "", text_clean(name, sizeof name, reply->allowed[i]));
    fputc('\n', to);
}
