/* How: wires that the file has become fragments of whole pixel columns: where the samples
 * of several columns lie one after the other in memory they are borrowed, else a column is
 * gathered, a missing wire as zeros, which change no sum. Whatever is between is declared
 * empty. So every event is complete and no column is shared.
 *
 * Time stands still at 0: nothing here is late. */
#include "offline/score_lane.h"

#include "assembly/assembler.h"
#include "data/pixel.h"
#include "engine/engine.h"
#include "imaging/reduce.h"
#include "offline/score_turn.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct score_stages {
    const struct geometry *g;
    const struct model_set *models;
    enum score_kind kind;
    struct reducer *reducer;
    struct assembler *assembler;
    struct engine *engine;
    bool counts_hits; /* of each wire, for hot wires */
    struct reduced reduced;
    uint8_t *column; /* samples of one pixel column */
};

/* ---- life ---- */

static size_t column_bytes(const struct geometry *g)
{
    size_t most = 1;
    for (uint32_t p = 0; p < g->n_planes; p++) {
        size_t bytes = (size_t)g->plane[p].pre.pool_wires * g->plane[p].ticks * sizeof(float);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bool take_memory(struct score_stages *s, struct error *err)
{
    struct reduced *r = &s->reduced;
    reduce_capacity(s->g, &r->hit_capacity, &r->edge_capacity);
    r->edge_capacity = 0; /* no column is shared */
    r->hit = calloc((size_t)r->hit_capacity + 1, sizeof *r->hit);
    s->column = malloc(column_bytes(s->g));
    if (s->counts_hits)
        r->wire_hits = calloc((size_t)geometry_most_wires(s->g) + 1, sizeof *r->wire_hits);
    return (r->hit != NULL && s->column != NULL && (!s->counts_hits || r->wire_hits != NULL)) ||
           error_set(err, ERROR_SYSTEM, "no memory for a lane");
}

bool score_lane_init(struct score_lane *l, const struct settings *settings,
                     const struct geometry *g, const struct model_set *models, enum score_kind kind,
                     struct error *err)
{
    *l = (struct score_lane){0};
    struct score_stages *s = l->stages = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_SYSTEM, "no memory for a lane");
    bool counts_hits = settings->imaging.hot.events > 0 && kind == SCORE_WIRES;
    *s = (struct score_stages){.g = g, .models = models, .kind = kind, .counts_hits = counts_hits};
    struct assembler_settings one = {.slots = 1, .timeout_ns = 1, .wire_hits = counts_hits};
    s->reducer = reducer_create(g, err);
    s->assembler = s->reducer == NULL ? NULL : assembler_create(&one, g, err);
    struct engine_settings engine = settings->engine;
    engine.kind = ENGINE_CPU; /* the CPU is the judge of every card, and cards are the daemon's */
    s->engine = s->assembler == NULL ? NULL : engine_create(&engine, g, models, 1, -1, NULL, err);
    if (s->engine == NULL || !take_memory(s, err))
        return false;
    uint32_t windows = score_lane_windows(l);
    l->vertex = calloc(windows + 1, sizeof *l->vertex);
    l->neutrino_bins = calloc(windows + 1, sizeof *l->neutrino_bins);
    return (l->vertex != NULL && l->neutrino_bins != NULL) ||
           error_set(err, ERROR_SYSTEM, "no memory for a lane");
}

void score_lane_fini(struct score_lane *l)
{
    struct score_stages *s = l->stages;
    score_input_fini(&l->input);
    free(l->vertex);
    free(l->neutrino_bins);
    json_decref(l->truth);
    if (s != NULL) {
        engine_destroy(&s->engine);
        assembler_destroy(&s->assembler);
        reducer_destroy(&s->reducer);
        free(s->reduced.hit);
        free(s->reduced.wire_hits);
        free(s->column);
        free(s);
    }
    *l = (struct score_lane){0};
}

const char *score_lane_engine(const struct score_lane *l)
{
    return engine_name(l->stages->engine);
}

uint32_t score_lane_windows(const struct score_lane *l)
{
    return engine_windows_per_event(l->stages->engine);
}

/* ---- input to event ---- */

static struct fragment make_fragment(const struct score_lane *l, uint32_t plane, uint32_t first,
                                     uint32_t end, const void *samples)
{
    return (struct fragment){.id = l->input.id,
                             .event_time_ns = l->input.time_ns,
                             .kind = PAYLOAD_WIRES,
                             .sample_type = l->input.sample_type,
                             .encoding = samples == NULL ? ENCODING_EMPTY : ENCODING_NONE,
                             .plane = plane,
                             .first_wire = first,
                             .wires = end - first,
                             .samples = samples};
}

static bool refuse(struct score_lane *l, const struct fragment *f, enum fragment_fate fate)
{
    l->failed = true;
    return error_set(
        &l->err, ERROR_DATA, "event (%u, %u, %" PRIu64 "): plane %u, wires %u to %u: %s: %s",
        f->id.run, f->id.subrun, f->id.event, l->stages->g->plane[f->plane].id, f->first_wire,
        f->first_wire + f->wires - 1, fragment_fate_name(fate), fragment_fate_help(fate));
}

/* What a worker and the event thread do with a fragment. */
static bool push(struct score_lane *l, const struct fragment *f)
{
    struct score_stages *s = l->stages;
    enum fragment_fate fate = reduce_fragment(s->reducer, f, &s->reduced);
    if (fate == FRAGMENT_ASSEMBLED)
        fate = assembler_push(s->assembler, &s->reduced, 0);
    return fate == FRAGMENT_ASSEMBLED || refuse(l, f, fate);
}

static bool push_wires(struct score_lane *l, uint32_t plane, uint32_t first, uint32_t end,
                       const void *samples)
{
    struct fragment f = make_fragment(l, plane, first, end, samples);
    return push(l, &f);
}

/* How many of have[0 .. n) are whole columns from wire `first` on, their samples one after
 * the other. */
static size_t whole_columns(const struct opensamples_wire *have, size_t n, uint32_t first,
                            uint32_t pool)
{
    size_t i = 0;
    while (i < n && have[i].wire == first + i && have[i].row == have[0].row + i)
        i++;
    return i - i % pool;
}

/* The column that begins at `first`, gathered: what is there of have[0 .. n) and zeros. */
static const void *gather(struct score_lane *l, const struct opensamples_wire *have, size_t n,
                          uint32_t first, uint32_t end)
{
    const struct opensamples_wires *w = &l->input.wires;
    size_t bytes = w->ticks * sample_bytes(l->input.sample_type);
    uint8_t *column = l->stages->column;
    memset(column, 0, (end - first) * bytes);
    for (size_t i = 0; i < n && have[i].wire < end; i++)
        memcpy(column + (have[i].wire - first) * bytes,
               (const uint8_t *)w->samples + have[i].row * bytes, bytes);
    return column;
}

/* have[0 .. n): the plane's wires, ascending. */
static bool push_plane(struct score_lane *l, uint32_t plane, const struct opensamples_wire *have,
                       size_t n)
{
    const struct plane_geometry *p = &l->stages->g->plane[plane];
    const struct opensamples_wires *w = &l->input.wires;
    uint32_t pool = p->pre.pool_wires;
    size_t bytes = w->ticks * sample_bytes(l->input.sample_type), i = 0;
    for (uint32_t wire = 0, end; wire < p->wires; wire = end) {
        end = i < n ? have[i].wire / pool * pool : p->wires;
        if (end > wire) {
            if (!push_wires(l, plane, wire, end, NULL))
                return false;
            continue;
        }
        size_t whole = whole_columns(have + i, n - i, wire, pool);
        const void *samples;
        if (whole > 0) {
            samples = (const uint8_t *)w->samples + have[i].row * bytes;
            end = wire + (uint32_t)whole;
        } else {
            end = p->wires - wire < pool ? p->wires : wire + pool;
            samples = gather(l, have + i, n - i, wire, end);
        }
        if (!push_wires(l, plane, wire, end, samples))
            return false;
        while (i < n && have[i].wire < end)
            i++;
    }
    return true;
}

static bool push_all_wires(struct score_lane *l)
{
    const struct geometry *g = l->stages->g;
    const struct opensamples_wires *w = &l->input.wires;
    uint64_t used = 0;
    for (uint32_t p = 0; p < g->n_planes; p++) {
        size_t from = 0, n = 0;
        while (from < w->count && w->wire[from].plane != g->plane[p].id)
            from++;
        while (from + n < w->count && w->wire[from + n].plane == g->plane[p].id)
            n++;
        if (n > 0 && w->wire[from + n - 1].wire >= g->plane[p].wires) {
            l->failed = true;
            return error_set(&l->err, ERROR_DATA,
                             "event (%u, %u, %" PRIu64 "): wire_table/local_wire: wire %u in plane "
                             "%u, which has %u wires",
                             l->input.id.run, l->input.id.subrun, l->input.id.event,
                             w->wire[from + n - 1].wire, g->plane[p].id, g->plane[p].wires);
        }
        if (!push_plane(l, p, n > 0 ? w->wire + from : NULL, n))
            return false;
        used += n;
    }
    l->duplicates += w->duplicates;
    l->foreign_wires += w->count - used;
    return true;
}

/* Pixels are what a reducer would have left. */
static bool push_pixels(struct score_lane *l, uint32_t plane)
{
    struct score_stages *s = l->stages;
    const struct plane_geometry *p = &s->g->plane[plane];
    struct reduced *r = &s->reduced;
    r->fragment = make_fragment(l, plane, 0, p->wires, l->input.pixels.row);
    r->fragment.encoding = ENCODING_NONE;
    r->n_hits = r->n_edges = 0;
    r->nonfinite_bins = 0;
    for (uint32_t i = 0; i < l->input.pixels.count; i++) {
        const struct pixels_row *row = &l->input.pixels.row[i];
        struct hit *h = &r->hit[r->n_hits];
        if (row->plane != p->id || !pixel_from_units(p, row->value, &h->value.f))
            continue;
        h->row = row->row;
        h->col = row->col;
        r->n_hits++;
    }
    enum fragment_fate fate = assembler_push(s->assembler, r, 0);
    return fate == FRAGMENT_ASSEMBLED || refuse(l, &r->fragment, fate);
}

static bool push_input(struct score_lane *l)
{
    struct fragment image;
    switch (l->stages->kind) {
    case SCORE_WIRES:
        return push_all_wires(l);
    case SCORE_PIXELS:
        for (uint32_t p = 0; p < l->stages->g->n_planes; p++)
            if (!push_pixels(l, p))
                return false;
        return true;
    case SCORE_IMAGES:
        image = make_fragment(l, 0, 0, 1, l->input.image);
        image.kind = PAYLOAD_IMAGE;
        return push(l, &image);
    }
    return false;
}

/* ---- truth of the windows ---- */

/* A pixel, in pixels of its plane, inside the image of a window? */
static bool inside(const struct score_lane *l, const struct window *w, int64_t row, int64_t col)
{
    const struct model *m = l->stages->models->entry[w->model].model;
    int64_t first_row = w->first_bin / m->pre.pool_time;
    int64_t first_col = w->first_wire / m->pre.pool_wires;
    return row >= first_row && row < first_row + m->height && col >= first_col &&
           col < first_col + m->width;
}

static bool holds_vertex(const struct score_lane *l, const struct window *w)
{
    const struct score_input *in = &l->input;
    const struct plane_geometry *p = &l->stages->g->plane[w->plane];
    if (!in->has_vertex || p->id >= SCORE_TRUTH_PLANES || in->vertex_wire[p->id] < 0 ||
        !(in->vertex_tick >= 0 && in->vertex_tick < p->ticks))
        return false;
    return inside(l, w, (int64_t)in->vertex_tick / p->pre.time_rebin / p->pre.pool_time,
                  in->vertex_wire[p->id] / p->pre.pool_wires);
}

static int32_t neutrino_bins(const struct score_lane *l, const struct window *w)
{
    int32_t bins = 0;
    uint32_t plane = l->stages->g->plane[w->plane].id;
    for (uint32_t i = 0; i < l->input.pixels.count; i++) {
        const struct pixels_row *row = &l->input.pixels.row[i];
        if (row->neutrino > 0 && row->plane == plane && inside(l, w, row->row, row->col))
            bins += row->neutrino;
    }
    return bins;
}

/* From the assembler to the engine, where events may depend on those before. The turn is
 * kept until the windows are cut: what is masked belongs to the event whose turn it is. */
static struct event *submit(struct score_lane *l, bool reduced)
{
    struct score_stages *s = l->stages;
    struct event *ev = reduced ? assembler_take(s->assembler, 0) : NULL;
    if (l->turn != NULL)
        score_turn_take(l->turn, l->number);
    if (ev != NULL && l->turn != NULL && l->turn->hot != NULL)
        hot_wires_apply(l->turn->hot, ev);
    if (ev != NULL)
        engine_submit(s->engine, ev, 0);
    if (l->turn != NULL)
        score_turn_give(l->turn);
    return ev;
}

void score_lane_run(struct score_lane *l)
{
    struct score_stages *s = l->stages;
    l->failed = false;
    l->event = NULL;
    struct event *ev = submit(l, push_input(l));
    if (l->failed)
        return;
    if (ev == NULL || engine_take(s->engine, 0) != ev) {
        l->failed = true;
        error_set(&l->err, ERROR_SYSTEM, "event (%u, %u, %" PRIu64 ") was not scored",
                  l->input.id.run, l->input.id.subrun, l->input.id.event);
        return;
    }
    for (uint32_t i = 0; s->kind != SCORE_IMAGES && i < ev->n_windows; i++) {
        l->vertex[i] = holds_vertex(l, &ev->window[i]);
        l->neutrino_bins[i] = neutrino_bins(l, &ev->window[i]);
    }
    l->event = ev;
}

void score_lane_release(struct score_lane *l)
{
    assembler_release(l->stages->assembler, l->event, 0);
    l->event = NULL;
    json_decref(l->truth);
    l->truth = NULL;
}
