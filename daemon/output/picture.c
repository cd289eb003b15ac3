/* The window to show is the one that speaks loudest for the event: the highest score of
 * the label that the first rule looks at (an event that was passed through: the first
 * rule of all). Its pixels come from the plane, so that those are there which the cut to
 * the model's maximum dropped; the window's own list, in the same scan order, says which.
 */
#include "output/picture.h"

#include "base/bits.h"

#include <math.h>
#include <stdio.h>

static bool looks_at(const struct settings_planes *planes, uint32_t id)
{
    for (uint32_t i = 0; i < planes->count; i++) {
        if (planes->id[i] == id)
            return true;
    }
    return planes->count == 0;
}

/* Index of the window to show, -1 if there is none; *score is its. */
static int64_t best_window(const struct event *ev, const struct run_info *info,
                           const struct rule_settings *rule, double *score)
{
    int output[SETTINGS_MAX_MODELS];
    int64_t best = -1;
    for (uint32_t i = 0; i < info->models->n_models; i++)
        output[i] = model_find_label(info->models->entry[i].model, rule->label);
    for (uint32_t i = 0; i < ev->n_windows; i++) {
        const struct window *w = &ev->window[i];
        if (output[w->model] < 0 || !looks_at(&rule->planes, info->geometry->plane[w->plane].id))
            continue;
        double s = ev->score[(size_t)i * ev->score_stride + (uint32_t)output[w->model]];
        if (best < 0 || s > *score) {
            best = i;
            *score = s;
        }
    }
    return best;
}

static float value_of(const struct plane_image *image, const struct model *m, size_t at)
{
    return image->raw ? (float)ldexp(image->value[at].i, -m->input_t->fraction)
                      : image->value[at].f;
}

/* The lit pixels of a row of the window, in scan order; *given walks the window's list. */
static void paint_row(struct picture *p, const struct plane_image *image,
                      const struct plane_geometry *pg, const struct model *m,
                      const struct window *w, uint32_t row, uint32_t *given)
{
    const uint64_t *mask = image->mask + (size_t)(p->first_row + row) * pg->words_per_row;
    size_t first = (size_t)(p->first_row + row) * pg->cols + p->first_col;
    for (uint32_t at = 0; at < p->width; at += 64) {
        uint64_t inside = p->width - at < 64 ? (UINT64_C(1) << (p->width - at)) - 1 : UINT64_MAX;
        uint64_t lit = bits_load(mask, p->first_col + at, 64 * pg->words_per_row) & inside;
        for (; lit != 0 && p->n_pixels < GALLERY_PIXELS; lit &= lit - 1) {
            uint16_t col = (uint16_t)(at + (uint32_t)__builtin_ctzll(lit));
            while (*given < w->n_listed &&
                   (w->place[*given].row < row ||
                    (w->place[*given].row == row && w->place[*given].col < col)))
                (*given)++;
            p->pixel[p->n_pixels++] = (struct picture_pixel){
                .row = (uint16_t)row,
                .col = col,
                .value = value_of(image, m, (first + col) * pg->channels),
                .given = *given < w->n_listed && w->place[*given].row == row &&
                         w->place[*given].col == col};
        }
    }
}

/* Each cell of the map stands for a rectangle of the plane. */
static void paint_map(struct picture *p, const struct plane_image *image,
                      const struct plane_geometry *pg)
{
    p->map_rows = pg->rows < GALLERY_MAP_ROWS ? pg->rows : GALLERY_MAP_ROWS;
    p->map_cols = pg->cols < GALLERY_MAP_COLS ? pg->cols : GALLERY_MAP_COLS;
    for (uint32_t row = 0; row < pg->rows; row++) {
        uint64_t *to = p->map[(uint64_t)row * p->map_rows / pg->rows];
        const uint64_t *mask = image->mask + (size_t)row * pg->words_per_row;
        for (uint32_t i = 0; i < pg->words_per_row; i++) {
            for (uint64_t lit = mask[i]; lit != 0; lit &= lit - 1) {
                uint32_t col = 64 * i + (uint32_t)__builtin_ctzll(lit);
                uint32_t cell = (uint32_t)((uint64_t)col * p->map_cols / pg->cols);
                to[cell / 64] |= UINT64_C(1) << cell % 64;
            }
        }
    }
}

static void paint_window(struct picture *p, const struct event *ev, const struct run_info *info,
                         const struct window *w)
{
    const struct plane_geometry *pg = &info->geometry->plane[w->plane];
    const struct plane_image *image = &ev->plane[w->plane];
    const struct model *m = info->models->entry[w->model].model;
    bool images = info->geometry->images;
    (void)snprintf(p->model, sizeof p->model, "%s", m->name);
    p->n_active = w->n_active;
    p->truncated = w->truncated;
    p->missing_wires = w->missing_wires;
    p->height = m->height;
    p->width = m->width;
    p->image = images;
    p->plane = pg->id;
    p->plane_rows = pg->rows;
    p->plane_cols = pg->cols;
    p->first_bin = w->first_bin;
    p->first_wire = w->first_wire;
    p->first_row = images ? w->first_bin : w->first_bin / pg->pre.pool_time;
    p->first_col = images ? w->first_wire : w->first_wire / pg->pre.pool_wires;
    uint32_t given = 0;
    for (uint32_t row = 0; row < p->height; row++)
        paint_row(p, image, pg, m, w, row, &given);
    paint_map(p, image, pg);
}

void picture_take(struct gallery *g, const struct event *ev, const struct run_info *info,
                  uint64_t now_ns, uint64_t wall_ns)
{
    struct picture *p = gallery_begin(g, now_ns);
    if (p == NULL)
        return;
    const struct trigger_settings *t = &info->settings->trigger;
    p->id = ev->id;
    p->decided_time_ns = wall_ns;
    p->latency_ns = ev->decided_ns - ev->last_fragment_ns;
    p->pass_through = ev->decision.pass_through;
    p->incomplete = ev->incomplete;
    p->n_windows = ev->n_windows;
    uint32_t first = 0;
    for (uint32_t fired = ev->decision.rules_fired; fired != 0; fired &= fired - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(fired);
        first = p->n_rules == 0 ? i : first;
        if (p->n_rules < GALLERY_RULES)
            (void)snprintf(p->rule[p->n_rules], SETTINGS_NAME_BYTES, "%s", t->rule[i].name);
        p->n_rules++;
    }
    if (t->n_rules > 0) {
        const struct rule_settings *rule = &t->rule[first];
        int64_t best = best_window(ev, info, rule, &p->score);
        (void)snprintf(p->label, sizeof p->label, "%s", rule->label);
        p->threshold = rule->threshold;
        if (best >= 0)
            paint_window(p, ev, info, &ev->window[best]);
    }
    gallery_end(g, p);
}
