/* tiers: what an event costs on its way between two tiers (service.stages), beside the engine
 * that scores it: packed in the first tier, checked and opened in the second, put into a slot;
 * then its windows are cut and scored. A MicroBooNE event's three planes, with as many pixels as
 * events of sparse-simulate have (median 780), on straight tracks; and with every tenth lit. */
#include "assembly/assembler.h"
#include "base/hash.h"
#include "bench/bench.h"
#include "bench/whole.h"
#include "engine/engine.h"
#include "output/windows_message.h"
#include "readout/windows.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_A_RUN = 200, NO_TIMEOUT_S = 3600 };

/* Both ends in one process. */
struct ends {
    struct model_set models;
    struct geometry g;
    struct engine *engine;
    struct assembler *first, *second;
    struct windows_message *message;
    struct windows_decoder *decoder;
    struct windows_parts parts;
    struct fragment fragment;
    struct reduced reduced;
    struct event *event; /* the first tier's */
    struct event *brought;
    uint64_t number; /* of the second tier's event */
};

/* ---- an event ---- */

/* Pixels of straight tracks until `want` are there, in a grid of marks. */
static void draw(uint8_t *mark, uint32_t rows, uint32_t cols, uint32_t want, uint64_t seed)
{
    uint32_t lit = 0;
    for (uint64_t k = 0; lit < want; k++) {
        uint64_t random = hash_mix(seed ^ hash_mix(k));
        double row = (double)(random % rows), col = (double)(random / rows % cols);
        double angle = (double)(random >> 40) * 1e-5, down = angle - (double)(uint32_t)angle;
        for (uint32_t i = 0; i < 60 && lit < want; i++, row += down, col += 1 - down) {
            uint32_t at = (uint32_t)row * cols + (uint32_t)col;
            if (row >= rows || col >= cols)
                break;
            lit += mark[at] == 0;
            mark[at] = 1;
        }
    }
}

static bool push_plane(struct ends *e, uint32_t plane, uint32_t want)
{
    const struct plane_geometry *pg = &e->g.plane[plane];
    uint8_t *mark = calloc(pg->rows, pg->cols);
    if (mark == NULL)
        return false;
    draw(mark, pg->rows, pg->cols, want, plane);
    uint32_t n = 0;
    for (uint32_t i = 0; i < pg->rows * pg->cols; i++) {
        if (mark[i] != 0)
            e->reduced.hit[n++] = (struct hit){(uint16_t)(i / pg->cols),
                                               (uint16_t)(i % pg->cols),
                                               {.f = 0.01f * (float)(i % 90 + 1)}};
    }
    free(mark);
    struct reduced r = {.hit = e->reduced.hit, .n_hits = n};
    r.fragment = (struct fragment){.sample_type = SAMPLE_INT16, .plane = plane, .wires = pg->wires};
    return assembler_push(e->first, &r, 0) == FRAGMENT_ASSEMBLED;
}

static bool make_event(struct ends *e, uint32_t pixels)
{
    uint64_t all = windows_capacity(&e->g);
    for (uint32_t i = 0; i < e->g.n_planes; i++) {
        const struct plane_geometry *pg = &e->g.plane[i];
        if (!push_plane(e, i, (uint32_t)((uint64_t)pixels * pg->rows * pg->cols / all)))
            return false;
    }
    e->event = assembler_take(e->first, 0);
    return e->event != NULL;
}

/* ---- the steps ---- */

static bool pack(struct ends *e)
{
    e->parts = windows_message_fill(e->message, e->event, 0);
    return true;
}

static bool open_message(struct ends *e)
{
    const struct windows_parts *m = &e->parts;
    return windows_decode(e->decoder, m->header, m->header_bytes, m->payload, m->payload_bytes,
                          &e->fragment) == FRAGMENT_ASSEMBLED &&
           windows_open(e->decoder, m->header, m->header_bytes, &e->fragment, &e->reduced) ==
               FRAGMENT_ASSEMBLED;
}

static bool assemble(struct ends *e)
{
    if (e->brought != NULL)
        assembler_release(e->second, e->brought, 0);
    e->reduced.fragment.id.event = ++e->number;
    if (assembler_push(e->second, &e->reduced, 0) != FRAGMENT_ASSEMBLED)
        return false;
    e->brought = assembler_take(e->second, 0);
    return e->brought != NULL;
}

static bool score(struct ends *e)
{
    engine_submit(e->engine, e->brought, 0);
    return engine_take(e->engine, 0) == e->brought;
}

struct step {
    struct ends *ends;
    bool (*make)(struct ends *e);
};

static uint64_t run_step(void *state)
{
    const struct step *s = state;
    uint64_t begin = bench_thread_ns();
    for (int i = 0; i < EVENTS_A_RUN; i++) {
        if (!s->make(s->ends))
            return 0;
    }
    return bench_thread_ns() - begin;
}

/* ---- life ---- */

static bool open_ends(struct ends *e, const char *model, struct error *err)
{
    static struct settings s;
    memset(&s, 0, sizeof s);
    s.detector.ticks = 6400;
    s.detector.n_planes = WHOLE_PLANES;
    for (uint32_t i = 0; i < WHOLE_PLANES; i++)
        s.detector.plane[i] = (struct plane_settings){.id = i, .wires = whole_wires[i], .scale = 1};
    s.engine.n_models = 1;
    (void)snprintf(s.engine.kernel, sizeof s.engine.kernel, "auto");
    (void)snprintf(s.engine.model[0].file, sizeof s.engine.model[0].file, "%s", model);
    if (!model_set_load(&e->models, &e->g, &s, err))
        return false;
    struct assembler_settings slots = {
        .slots = 4, .timeout_ns = (uint64_t)NO_TIMEOUT_S * 1000000000, .own_masks = true};
    e->engine = engine_create(&s.engine, &e->g, &e->models, slots.slots, -1, NULL, err);
    e->first = assembler_create(&slots, &e->g, err);
    e->second = assembler_create(&slots, &e->g, err);
    e->message = windows_message_create(&e->g, 0, err);
    e->decoder = windows_create(&e->g, err);
    e->reduced.hit = calloc(windows_capacity(&e->g), sizeof *e->reduced.hit);
    e->reduced.whole = windows_whole_create(&e->g);
    return e->engine != NULL && e->first != NULL && e->second != NULL && e->message != NULL &&
           e->decoder != NULL && e->reduced.hit != NULL && e->reduced.whole != NULL;
}

static void close_ends(struct ends *e)
{
    free(e->reduced.hit);
    windows_whole_destroy(&e->reduced.whole);
    windows_destroy(&e->decoder);
    windows_message_destroy(&e->message);
    assembler_destroy(&e->first);
    assembler_destroy(&e->second);
    engine_destroy(&e->engine);
    model_set_fini(&e->models);
    geometry_fini(&e->g);
}

static void show(const struct bench_options *o, const struct ends *e, const struct bench_series *s,
                 double engine_ns)
{
    double best = (double)bench_min_ns(s) / s->work, median = (double)bench_median_ns(s) / s->work;
    size_t bytes = e->parts.header_bytes + e->parts.payload_bytes;
    bench_object(o, json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f}", "table", "tiers", "what",
                              s->name, "pixels", (int)e->reduced.n_hits, "bytes", (int)bytes,
                              "best_ns", best, "median_ns", median, "of_engine", best / engine_ns));
    if (!o->json)
        printf("%-44s %7u %8zu %10.2f %10.2f %10.2f\n", s->name, e->reduced.n_hits, bytes,
               best * 1e-3, median * 1e-3, best / engine_ns);
}

static bool measure(const struct bench_options *o, struct ends *e, uint32_t pixels)
{
    struct step step[] = {{e, pack}, {e, open_message}, {e, assemble}, {e, score}};
    const char *names[] = {"first tier: packed", "second tier: checked and opened",
                           "second tier: into a slot", "its 85 windows cut and scored"};
    enum { STEPS = sizeof step / sizeof *step };
    struct bench_series series[STEPS];
    memset(series, 0, sizeof series);
    for (uint32_t i = 0; i < STEPS; i++)
        series[i] = (struct bench_series){
            .name = names[i], .run = run_step, .state = &step[i], .work = EVENTS_A_RUN};
    if (!make_event(e, pixels) || !bench_measure(series, STEPS, o->rounds))
        return false;
    double engine_ns = (double)bench_min_ns(&series[STEPS - 1]) / EVENTS_A_RUN;
    for (uint32_t i = 0; i < STEPS; i++)
        show(o, e, &series[i], engine_ns);
    assembler_release(e->first, e->event, 0);
    assembler_forget(e->first);
    return true;
}

int bench_tiers(const struct bench_options *o)
{
    struct error err = {0};
    struct ends e = {0};
    if (o->model == NULL) {
        bench_note(o, "tiers: no model");
        return 0;
    }
    if (!o->json)
        printf("\ntiers: us an event, one core, three planes of MicroBooNE\n"
               "%-44s %7s %8s %10s %10s %10s\n",
               "", "pixels", "bytes", "best", "median", "of scoring");
    bool good = open_ends(&e, o->model, &err) && measure(o, &e, 780) &&
                measure(o, &e, windows_capacity(&e.g) / 10);
    if (!good)
        (void)fprintf(stderr, "tiers: %s\n", err.text[0] ? err.text : "an event is not taken");
    close_ends(&e);
    return !good;
}
