/* How: without a configuration file one is written into memory, as TOML, and loaded like any
 * other, so that defaults, ranges and --set work as ever. */
#include "offline/score_config.h"

#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

/* MicroBooNE's, where a file of wires does not say. */
static const uint32_t microboone_wires[] = {2400, 2400, 3456};
enum { MICROBOONE_PLANES = 3 };
static const double sixteenth = 0.0625; /* units a count of its int16 samples */

/* A TOML text: quotes and backslashes escaped, control characters by number. */
static void put_text(FILE *out, const char *key, const char *text)
{
    (void)fprintf(out, "%s = \"", key);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\u%04x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputs("\"\n", out);
}

static void put_plane(FILE *out, uint32_t id, uint32_t wires, double scale)
{
    (void)fprintf(out, "[[detector.plane]]\nid = %u\nwires = %u\nscale = %.17g\n", id, wires,
                  scale);
}

static bool put_planes(FILE *out, const struct score_source *s, struct error *err)
{
    if (s->kind == SCORE_IMAGES)
        return true;
    uint32_t ticks = s->kind == SCORE_WIRES ? opensamples_ticks(s->wires) : s->detector.ticks;
    (void)fprintf(out, "[detector]\nticks = %u\n", ticks);
    for (uint32_t p = 0; s->has_detector && p < s->detector.planes; p++)
        put_plane(out, p, s->detector.wires[p], s->detector.scale);
    for (uint32_t p = 0; !s->has_detector && p < OPENSAMPLES_PLANES; p++) {
        if (!opensamples_has_plane(s->wires, p))
            continue;
        if (p >= MICROBOONE_PLANES)
            return error_set(err, ERROR_CONFIG,
                             "%s: plane %u is not one of MicroBooNE (0, 1, 2): say how many wires "
                             "it has in a configuration (--config)",
                             s->path, p);
        put_plane(out, p, microboone_wires[p], sixteenth);
    }
    return true;
}

static bool write_config(FILE *out, const struct score_options *o, const struct score_source *s,
                         struct error *err)
{
    struct model *m = model_load(o->model, err);
    if (m == NULL)
        return false;
    bool good = put_planes(out, s, err);
    (void)fputs("[readout]\nendpoints = [\"@inproc://none\"]\n[[engine.model]]\n", out);
    put_text(out, "file", o->model);
    (void)fputs("[[trigger.rule]]\n", out);
    put_text(out, "name", m->label[0]);
    put_text(out, "label", m->label[0]);
    (void)fprintf(out, "threshold = %.17g\n", o->threshold);
    model_destroy(&m);
    return good;
}

bool score_config_load(struct settings *settings, const struct score_options *o,
                       const struct score_source *s, struct error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    if (o->config != NULL)
        return config_load(o->config, o->override, o->n_overrides, settings, err);
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for a configuration");
    bool good = write_config(out, o, s, err);
    if (fclose(out) != 0)
        good = error_set(err, ERROR_SYSTEM, "no memory for a configuration");
    good = good && config_load_text("without --config", text, bytes, o->override, o->n_overrides,
                                    settings, err);
    free(text);
    return good;
}
