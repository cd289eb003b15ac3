#include "engine/disagreement.h"

#include "base/hash.h"
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *numbers(const int64_t *value, uint32_t n)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_integer(value[i]));
    return array;
}

/* [[row, column, value of each channel], ...] */
static json_t *pixels(const struct model *m, const struct window *w)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < w->n_listed; i++) {
        json_t *one = json_pack("[ii]", w->place[i].row, w->place[i].col);
        for (uint32_t c = 0; c < m->channels; c++)
            (void)json_array_append_new(one, json_integer(w->value[(size_t)i * m->channels + c]));
        (void)json_array_append_new(array, one);
    }
    return array;
}

void disagreement_save(const char *directory, const struct model *m, const struct identity *id,
                       const struct window *w, const int64_t *cpu, const int64_t *card)
{
    char path[1024], hex[SHA256_HEX_BYTES];
    hash_hex(m->sha256, hex);
    (void)snprintf(path, sizeof path, "%s/differing.jsonl", directory);
    json_t *o =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:i, s:o, s:o, s:o}", "model", m->name,
                  "sha256", hex, "run", (json_int_t)id->run, "subrun", (json_int_t)id->subrun,
                  "event", (json_int_t)id->event, "plane", w->plane, "first_bin", w->first_bin,
                  "first_wire", w->first_wire, "pixels", pixels(m, w), "cpu",
                  numbers(cpu, m->n_outputs), "card", numbers(card, m->n_outputs));
    FILE *f = o != NULL ? fopen(path, "ae") : NULL;
    bool good = f != NULL && json_dumpf(o, f, JSON_COMPACT) == 0 && fputc('\n', f) != EOF;
    good = f != NULL && fclose(f) == 0 && good;
    json_decref(o);
    if (!good)
        log_warn("engine.fpga.save_directory: %s: cannot be written: %s", path, strerror(errno));
}
