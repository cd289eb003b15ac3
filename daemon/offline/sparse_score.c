/* sparse-score: the daemon's own imaging, engine and trigger over a file, without sockets,
 * on all cores: decisions with the truth beside them.
 *
 *     score_options   the command line            score_job      all that follows
 *     score_source    what is in the file         score_config   what is done with it
 *     score_run       events in and out in order, lanes between
 *     score_lane      one event through the stages
 *     score_file, score_json                      what is written
 */
#include "common/text.h"
#include "offline/score_job.h"

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

int main(int argc, char **argv)
{
    static struct score_job job;
    struct score_options o;
    struct error err = {0};
    score_options_parse(&o, argc, argv);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    bool good = score_job_open(&job, &o, &err) && score_job_prepare(&job, &o, &err) &&
                score_job_run(&job, &stop, &err);
    int status = good ? 0 : fail(&err);
    if (good && !report(&job.run))
        status = 1;
    score_job_close(&job);
    return status;
}
