/* sparse-score: the daemon's own imaging, engine and trigger over a file, without sockets,
 * on all cores: decisions with the truth beside them.
 *
 *     score_options   the command line
 *     score_source    what is in the file         score_config   what is done with it
 *     score_run       events in and out in order, lanes between
 *     score_lane      one event through the stages
 *     score_file, score_json                      what is written
 */
#include "common/text.h"
#include "offline/score_config.h"
#include "offline/score_run.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)signal(number, SIG_DFL); /* a second one ends at once */
    stop = 1;
}

static int fail(const struct error *err)
{
    (void)fprintf(stderr, "sparse-score: %s\n", err->text);
    return error_exit_status(err);
}

static uint32_t cores(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (uint32_t)n;
}

static bool choose_events(const struct score_options *o, const struct score_source *s,
                          struct score_run *r, struct error *err)
{
    uint64_t end = o->end == UINT64_MAX ? s->count : o->end;
    if (s->count == 0)
        return error_set(err, ERROR_DATA, "%s: no event in it", s->path);
    if (o->first >= s->count || end > s->count)
        return error_set(err, ERROR_CONFIG, "--events %" PRIu64 ":%" PRIu64 ": %s has %zu events",
                         o->first, end, s->path, s->count);
    r->first = (size_t)o->first;
    r->count = (size_t)(end - o->first);
    return true;
}

/* The accept rate is held on the events' own times. */
static bool check_times(const struct settings *settings, const struct score_options *o,
                        const struct score_source *s, struct error *err)
{
    if (settings->trigger.max_accept_rate == 0 || s->has_times || o->rate_hz > 0)
        return true;
    return error_set(err, ERROR_CONFIG,
                     "trigger.max_accept_rate = %g Hz: %s has no event_time_ns to hold it on: give "
                     "--rate HZ or --set trigger.max_accept_rate=0",
                     settings->trigger.max_accept_rate, s->path);
}

static void remark(uint64_t n, const char *text)
{
    char number[TEXT_NUMBER_BYTES];
    if (n > 0)
        (void)fprintf(stderr, "  %s %s\n", text_count(number, sizeof number, n), text);
}

static void say_efficiency(const char *what, uint64_t accepted, uint64_t all)
{
    char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES];
    if (all > 0)
        (void)fprintf(stderr, "  %s: %s of %s accepted (%.3g %%)\n", what,
                      text_count(a, sizeof a, accepted), text_count(b, sizeof b, all),
                      100 * (double)accepted / (double)all);
}

/* True: the ledger closes. */
static bool report(const struct score_run *r)
{
    char text[512], events[TEXT_NUMBER_BYTES], windows[TEXT_NUMBER_BYTES];
    char rate[TEXT_NUMBER_BYTES];
    double per_s = r->seconds > 0 ? (double)r->ledger.in / r->seconds : 0;
    bool closes = r->ledger.in_flight == 0 && r->ledger.in == r->count;
    (void)fprintf(stderr, "scored %s events in %.2f s: %s; %s windows, %s, %u thread%s\n",
                  text_count(events, sizeof events, r->ledger.in), r->seconds,
                  text_scaled(rate, sizeof rate, per_s, "Hz"),
                  text_count(windows, sizeof windows, r->windows), r->engine, r->threads,
                  r->threads == 1 ? "" : "s");
    if (r->source->nu_pdg >= 0) {
        uint64_t accepted = r->ledger.fate[EVENT_ACCEPTED];
        say_efficiency("events with a neutrino", r->neutrinos_accepted, r->neutrinos);
        say_efficiency("events without one", accepted - r->neutrinos_accepted,
                       r->ledger.in - r->neutrinos);
    }
    remark(r->truncated, "windows with more active pixels than the model takes");
    remark(r->nonfinite_bins, "time bins that are no number, taken as 0");
    remark(r->duplicates, "rows left out, their wire was there twice");
    remark(r->foreign_wires, "wires left out, their plane is not configured");
    ledger_format(&r->ledger, text, sizeof text);
    (void)fprintf(stderr, "%s   ledger %s\n", text, closes ? "closes" : "DOES NOT CLOSE");
    return closes;
}

static int score(const struct score_options *o, struct score_source *s, struct error *err)
{
    static struct settings settings;
    struct model_set models = {0};
    struct geometry g = {0};
    struct score_run r = {.settings = &settings,
                          .geometry = &g,
                          .models = &models,
                          .source = s,
                          .output = o->output,
                          .json = o->json,
                          .rate_hz = o->rate_hz,
                          .threads = o->threads > 0 ? o->threads : cores(),
                          .no_empty = o->no_empty,
                          .quiet = o->quiet,
                          .stop = &stop};
    if (!score_config_load(&settings, o, s, err) || !choose_events(o, s, &r, err) ||
        !check_times(&settings, o, s, err) || !model_set_load(&models, &g, &settings, err))
        return fail(err);
    bool good = score_source_check(s, &g, &models, err) && score_run(&r, err);
    int status = good ? 0 : fail(err);
    if (good && !report(&r))
        status = 1;
    model_set_fini(&models);
    geometry_fini(&g);
    return status;
}

int main(int argc, char **argv)
{
    struct score_options o;
    struct score_source source;
    struct error err = {0};
    score_options_parse(&o, argc, argv);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    bool good = score_source_open(&source, o.file, o.dataset, &err);
    int status = good ? score(&o, &source, &err) : fail(&err);
    score_source_close(&source);
    return status;
}
