/* sparse-calibrate: pedestal and noise of every wire, and which wires are dead or hot.
 *
 *     calibrate_options   the command line
 *     calibrate_source    recorded events or live fragments, of which detector
 *     calibrate_wires     one pedestal and one noise of each wire and event; the wire's
 *     calibrate_file      what is written
 */
#include "base/hash.h"
#include "common/json.h"
#include "common/text.h"
#include "offline/calibrate_file.h"
#include "offline/calibrate_source.h"

#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)signal(number, SIG_DFL); /* a second one ends at once */
    stop = 1;
}

static int fail(const struct error *err)
{
    (void)fprintf(stderr, "sparse-calibrate: %s\n", err->text);
    return error_exit_status(err);
}

/* ---- the account ---- */

static void remark(uint64_t n, const char *text)
{
    char number[TEXT_NUMBER_BYTES];
    if (n > 0)
        (void)fprintf(stderr, "  %s %s\n", text_count(number, sizeof number, n), text);
}

static void report(const struct calibrate_wires *c, const struct calibrate_account *account)
{
    char n[TEXT_NUMBER_BYTES];
    const char *unit = c->type == SAMPLE_INT16 ? "counts" : "units";
    (void)fprintf(stderr, "calibrated %s events, %s\n", text_count(n, sizeof n, account->events),
                  c->type == SAMPLE_INT16 ? "int16" : "float32");
    for (uint32_t i = 0; i < c->n_planes; i++) {
        const struct calibrate_plane *p = &c->plane[i];
        (void)fprintf(stderr,
                      "  plane %u: %u wires, pedestal %.2f, noise %.3f %s (medians); masked: %u "
                      "dead, %u hot\n",
                      p->id, p->wires, p->typical_pedestal, p->typical_noise, unit, p->n[WIRE_DEAD],
                      p->n[WIRE_HOT]);
    }
    remark(account->duplicates, "rows left out, their wire was there twice");
    remark(account->foreign_wires, "wires left out, their plane is not configured");
    remark(account->refused, "fragments refused");
    remark(c->nonfinite_wires, "times a wire had no finite sample");
}

static json_t *masked_json(const struct calibrate_plane *p)
{
    json_t *list = json_array();
    for (uint32_t w = 0; w < p->wires; w++)
        if (p->status[w] != WIRE_GOOD)
            (void)json_array_append_new(
                list, json_pack("{s:I, s:s, s:o, s:o}", "wire", (json_int_t)w, "status",
                                wire_status_name((enum wire_status)p->status[w]), "pedestal",
                                json_number_or_null(p->pedestal[w]), "noise",
                                json_number_or_null(p->noise[w])));
    return list;
}

static bool print_json(const struct calibrate_options *o, const struct calibrate_wires *c,
                       const struct calibrate_account *account)
{
    json_t *planes = json_array();
    uint8_t digest[SHA256_BYTES];
    bool hashed = o->output != NULL && hash_sha256_file(o->output, digest);
    for (uint32_t i = 0; i < c->n_planes; i++) {
        const struct calibrate_plane *p = &c->plane[i];
        (void)json_array_append_new(
            planes,
            json_pack("{s:I, s:I, s:o, s:o, s:I, s:I, s:o}", "plane", (json_int_t)p->id, "wires",
                      (json_int_t)p->wires, "median_pedestal",
                      json_number_or_null(p->typical_pedestal), "median_noise",
                      json_number_or_null(p->typical_noise), "dead", (json_int_t)p->n[WIRE_DEAD],
                      "hot", (json_int_t)p->n[WIRE_HOT], "masked", masked_json(p)));
    }
    json_t *all = json_pack("{s:o, s:o, s:I, s:s, s:o}", "output",
                            o->output != NULL ? json_clean_string(o->output) : json_null(),
                            "sha256", hashed ? json_hex(digest, sizeof digest) : json_null(),
                            "events", (json_int_t)account->events, "sample_type",
                            c->type == SAMPLE_INT16 ? "int16" : "float32", "planes", planes);
    return json_write_line(all, stdout);
}

/* ---- the work ---- */

/* "noise.h5 and 3 more", "live tcp://daq01:5555". */
static void name_source(const struct calibrate_options *o, char *text, size_t bytes)
{
    if (o->live != NULL)
        (void)snprintf(text, bytes, "live %s", o->live);
    else if (o->n_files == 1)
        (void)snprintf(text, bytes, "%s", o->file[0]);
    else
        (void)snprintf(text, bytes, "%s and %zu more", o->file[0], o->n_files - 1);
}

static bool calibrate(const struct calibrate_options *o, const struct settings *settings,
                      const struct geometry *g, struct calibrate_wires *c,
                      struct calibrate_account *account, struct error *err)
{
    char source[SETTINGS_PATH_BYTES];
    if (!calibrate_wires_init(c, g, o->events, err) ||
        !calibrate_source_read(o, settings, g, c, &stop, account, err) ||
        !calibrate_wires_judge(c, o->dead, o->hot, err))
        return false;
    name_source(o, source, sizeof source);
    struct calibrate_made made = {.detector = settings->detector.name,
                                  .source = source,
                                  .events = account->events,
                                  .dead = o->dead,
                                  .hot = o->hot};
    return o->output == NULL || calibrate_file_write(o->output, c, &made, err);
}

int main(int argc, char **argv)
{
    static struct settings settings;
    static struct calibrate_options options;
    struct geometry g = {0};
    struct calibrate_wires wires = {0};
    struct calibrate_account account = {0};
    struct error err = {0};
    calibrate_options_parse(&options, argc, argv);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    bool good = calibrate_source_detector(&options, &settings, &g, &err) &&
                calibrate(&options, &settings, &g, &wires, &account, &err);
    int status = good ? 0 : fail(&err);
    if (good)
        report(&wires, &account);
    if (good && options.json && !print_json(&options, &wires, &account))
        status = 1;
    calibrate_wires_fini(&wires);
    geometry_fini(&g);
    return status;
}
