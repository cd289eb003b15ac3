#include "offline/verify_windows.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const struct model *m;
    const char *path;
    uint64_t line;
    struct verify_windows *to;
    struct error *err;
};

static bool refuse(const struct reader *r, const char *key, const char *why)
{
    return error_set(r->err, ERROR_DATA, "%s:%" PRIu64 ": %s: %s", r->path, r->line, key, why);
}

static bool read_answer(const struct reader *r, const json_t *o, const char *key, int64_t *raw)
{
    const json_t *list = json_object_get(o, key);
    if (json_array_size(list) != r->m->n_outputs)
        return refuse(r, key, "must be a list of the model's outputs");
    for (uint32_t i = 0; i < r->m->n_outputs; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_integer(value))
            return refuse(r, key, "must be a list of integers");
        raw[i] = json_integer_value(value);
    }
    return true;
}

/* An integer of low .. high. */
static bool read_number(const json_t *list, size_t i, int64_t low, int64_t high, int64_t *to)
{
    const json_t *value = json_array_get(list, i);
    *to = json_integer_value(value);
    return json_is_integer(value) && *to >= low && *to <= high;
}

static bool read_pixel(const struct reader *r, const json_t *one, struct pixel *place,
                       int32_t *value)
{
    int64_t row, col, raw;
    if (json_array_size(one) != 2 + (size_t)r->m->channels ||
        !read_number(one, 0, 0, (int64_t)r->m->height - 1, &row) ||
        !read_number(one, 1, 0, (int64_t)r->m->width - 1, &col))
        return refuse(r, "pixels", "must be lists of row, column and values inside the image");
    *place = (struct pixel){(uint16_t)row, (uint16_t)col};
    for (uint32_t c = 0; c < r->m->channels; c++) {
        if (!read_number(one, 2 + (size_t)c, fixed_min(r->m->input_t), fixed_max(r->m->input_t),
                         &raw))
            return refuse(r, "pixels", "a value is not of the model's input type");
        value[c] = (int32_t)raw;
    }
    return true;
}

static bool read_pixels(const struct reader *r, const json_t *o, struct window *w)
{
    const json_t *pixels = json_object_get(o, "pixels");
    size_t n = json_array_size(pixels);
    if (!json_is_array(pixels) || n > r->m->max_listed)
        return refuse(r, "pixels", "must be a list of at most as many pixels as the model takes");
    struct pixel *place = calloc(n + 1, sizeof *place);
    int32_t *value = calloc(n * r->m->channels + 1, sizeof *value);
    w->n_active = w->n_listed = (uint32_t)n;
    w->place = place;
    w->value = value;
    if (place == NULL || value == NULL)
        return error_set(r->err, ERROR_SYSTEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        if (!read_pixel(r, json_array_get(pixels, i), &place[i], value + i * r->m->channels))
            return false;
        if (i > 0 && (place[i].row < place[i - 1].row ||
                      (place[i].row == place[i - 1].row && place[i].col <= place[i - 1].col)))
            return refuse(r, "pixels", "must be in scan order");
    }
    return true;
}

static bool grow(struct verify_windows *w, uint32_t outputs)
{
    if ((w->n & (w->n - 1)) != 0)
        return true; /* room is a power of two */
    uint64_t room = w->n == 0 ? 1 : 2 * w->n;
    struct window *window = realloc(w->window, room * sizeof *window);
    w->window = window != NULL ? window : w->window;
    int64_t *cpu = realloc(w->cpu, room * outputs * sizeof *cpu);
    w->cpu = cpu != NULL ? cpu : w->cpu;
    int64_t *card = realloc(w->card, room * outputs * sizeof *card);
    w->card = card != NULL ? card : w->card;
    return window != NULL && cpu != NULL && card != NULL;
}

static bool read_window(const struct reader *r, const json_t *o)
{
    struct verify_windows *w = r->to;
    const char *sha256 = json_string_value(json_object_get(o, "sha256"));
    char hex[SHA256_HEX_BYTES];
    hash_hex(r->m->sha256, hex);
    if (sha256 == NULL || strcmp(sha256, hex) != 0)
        return refuse(r, "sha256", "the window is not of this model");
    if (!grow(w, r->m->n_outputs))
        return error_set(r->err, ERROR_SYSTEM, "no memory");
    size_t at = (size_t)w->n * r->m->n_outputs;
    w->window[w->n] = (struct window){0};
    w->n++;
    return read_pixels(r, o, &w->window[w->n - 1]) && read_answer(r, o, "cpu", w->cpu + at) &&
           read_answer(r, o, "card", w->card + at);
}

static bool read_lines(struct reader *r, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    for (ssize_t n; good && (n = getline(&line, &room, f)) >= 0;) {
        json_error_t why;
        json_t *o = json_loadb(line, (size_t)n, 0, &why);
        r->line++;
        good = o != NULL ? read_window(r, o) : refuse(r, "not JSON", why.text);
        json_decref(o);
    }
    free(line);
    return good;
}

struct verify_windows *verify_windows_read(const struct model *m, const char *path,
                                           struct error *err)
{
    struct reader r = {.m = m, .path = path, .to = calloc(1, sizeof *r.to), .err = err};
    FILE *f = fopen(path, "re");
    bool good = false;
    if (f == NULL)
        (void)error_set(err, ERROR_DATA, "%s: %s", path, strerror(errno));
    else if (r.to == NULL)
        (void)error_set(err, ERROR_SYSTEM, "no memory");
    else
        good = read_lines(&r, f) &&
               (r.to->n > 0 || error_set(err, ERROR_DATA, "%s: no window in it", path));
    if (f != NULL)
        (void)fclose(f);
    if (!good)
        verify_windows_destroy(&r.to);
    return r.to;
}

void verify_windows_destroy(struct verify_windows **windows)
{
    struct verify_windows *w = *windows;
    if (w == NULL)
        return;
    for (uint64_t i = 0; i < w->n; i++) {
        free((void *)(uintptr_t)w->window[i].place);
        free((void *)(uintptr_t)w->window[i].value);
    }
    free(w->window);
    free(w->cpu);
    free(w->card);
    free(w);
    *windows = NULL;
}

uint64_t verify_windows_compare(const struct verify_windows *w, const struct model *m,
                                const int64_t *raw, const int64_t *then)
{
    uint64_t differ = 0;
    for (uint64_t i = 0; i < w->n; i++) {
        size_t at = (size_t)i * m->n_outputs;
        differ += memcmp(raw + at, then + at, m->n_outputs * sizeof *raw) != 0;
    }
    return differ;
}
