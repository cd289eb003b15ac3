/* How: what is in the file decides which reader of clients/recorded opens it; from there
 * on the three differ only in what score_source_read fills. */
#include "offline/score_source.h"

#include "base/rehearse.h"

#include <stdlib.h>
#include <string.h>

enum { REHEARSAL_SECONDS = 120 };

/* The tick of a vertex from its x, in cm: 0.0548965 cm a tick of 0.5 us at the drift speed
 * of MicroBooNE's files, tick 800 at x = 0 (docs/scoring.md). */
static const double cm_a_tick = 0.0548965, tick_of_anode = 800;

static bool fail(struct error *err, const struct failure *f)
{
    return error_set(err, ERROR_DATA, "%s", f->text);
}

/* ---- life ---- */

static bool choose_kind(struct score_source *s, const char *dataset, struct failure *f)
{
    hid_t file = column_open_file(s->path, f);
    if (file < 0)
        return false;
    bool good = true;
    if (column_exists(file, "preprocessing") ||
        (column_exists(file, "pixel_table") && !column_exists(file, "wire_table")))
        s->kind = SCORE_PIXELS;
    else if (column_exists(file, "wire_table"))
        s->kind = SCORE_WIRES;
    else if (column_exists(file, dataset))
        s->kind = SCORE_IMAGES;
    else
        good =
            failure_set(f, "%s: neither wire_table nor pixel_table nor %s in it", s->path, dataset);
    s->has_detector = good && s->kind != SCORE_IMAGES && detector_exists(file);
    if (s->has_detector)
        good = detector_read(&s->detector, file, s->path, f);
    H5Fclose(file);
    return good;
}

static bool open_kind(struct score_source *s, const char *dataset, struct failure *f)
{
    switch (s->kind) {
    case SCORE_WIRES:
        s->wires = opensamples_open(s->path, f);
        if (!s->wires)
            return false;
        s->count = opensamples_count(s->wires);
        s->has_times = opensamples_has_times(s->wires);
        return true;
    case SCORE_PIXELS:
        s->pixels = pixels_open(s->path, f);
        if (!s->pixels)
            return false;
        s->count = pixels_index(s->pixels)->count;
        s->has_times = pixels_index(s->pixels)->has_times;
        return true;
    case SCORE_IMAGES:
        s->images = images_open(s->path, dataset, f);
        if (!s->images)
            return false;
        s->count = images_count(s->images);
        s->has_times = images_has_times(s->images);
        return true;
    }
    return false;
}

static bool find_truth(struct score_source *s, struct failure *f)
{
    s->nu_pdg = s->vertex_wire = s->vertex_x = -1;
    if (!truth_open(&s->truth, s->path, s->count, f))
        return false;
    int pdg = truth_find(&s->truth, "nu_pdg", 1);
    int wire = truth_find(&s->truth, "nu_vtx_wire_pos", SCORE_TRUTH_PLANES);
    int x = truth_find(&s->truth, "nu_vtx_corr", 3);
    if (pdg >= 0 && !s->truth.column[pdg].real)
        s->nu_pdg = pdg;
    if (s->nu_pdg >= 0 && wire >= 0 && x >= 0 && !s->truth.column[wire].real) {
        s->vertex_wire = wire;
        s->vertex_x = x;
    }
    return true;
}

static bool open_all(struct score_source *s, const char *path, const char *dataset,
                     struct failure *f)
{
    *s = (struct score_source){.path = path, .nu_pdg = -1, .vertex_wire = -1, .vertex_x = -1};
    return choose_kind(s, dataset, f) && open_kind(s, dataset, f) && find_truth(s, f);
}

struct rehearsal {
    const char *path, *dataset;
};

static void rehearse_open(void *arg)
{
    const struct rehearsal *r = arg;
    struct score_source s;
    struct failure f;
    (void)open_all(&s, r->path, r->dataset, &f);
}

bool score_source_open(struct score_source *s, const char *path, const char *dataset,
                       struct error *err)
{
    struct failure f;
    struct rehearsal r = {path, dataset == NULL ? "images" : dataset};
    int signal = 0;
    *s = (struct score_source){.path = path};
    if (!rehearse(rehearse_open, &r, REHEARSAL_SECONDS, &signal))
        return error_set(err, ERROR_DATA, "%s: damaged: libhdf5 cannot read it (signal %d)", path,
                         signal);
    return open_all(s, path, r.dataset, &f) || fail(err, &f);
}

void score_source_close(struct score_source *s)
{
    opensamples_close(&s->wires);
    pixels_close(&s->pixels);
    images_close(&s->images);
    truth_close(&s->truth);
}

bool score_source_has_vertex(const struct score_source *s)
{
    return s->kind != SCORE_IMAGES && s->vertex_wire >= 0;
}

bool score_source_has_neutrino_bins(const struct score_source *s)
{
    return s->kind == SCORE_PIXELS && pixels_has_neutrino(s->pixels);
}

/* ---- does it fit? ---- */

static bool check_recipe(const struct score_source *s, const struct model *m, struct error *err)
{
    const struct pixels_recipe *is = pixels_recipe(s->pixels);
#define X(field)                                                                                   \
    if (is->field != (double)m->pre.field)                                                         \
        return error_set(err, ERROR_DATA,                                                          \
                         "%s: preprocessing: " #field " = %g, model %s was trained with %g",       \
                         s->path, is->field, m->name, (double)m->pre.field);
    PIXELS_RECIPE(X)
#undef X
    return true;
}

static bool check_plane(const struct score_source *s, const struct plane_geometry *p,
                        struct error *err)
{
    if (s->has_detector && p->id >= s->detector.planes)
        return error_set(err, ERROR_DATA, "%s: detector has %u planes, detector.plane names %u",
                         s->path, s->detector.planes, p->id);
    if (s->has_detector && s->detector.wires[p->id] != p->wires)
        return error_set(err, ERROR_DATA,
                         "%s: plane %u has %u wires, detector.plane of the configuration says %u",
                         s->path, p->id, s->detector.wires[p->id], p->wires);
    uint32_t ticks = s->kind == SCORE_WIRES ? opensamples_ticks(s->wires) : s->detector.ticks;
    if (ticks != p->ticks)
        return error_set(err, ERROR_DATA, "%s: %s %u ticks a wire, detector.ticks = %u", s->path,
                         s->kind == SCORE_WIRES ? "wire_table/adc has" : "detector says", ticks,
                         p->ticks);
    return true;
}

static bool check_image(const struct score_source *s, const struct geometry *g, struct error *err)
{
    uint32_t height, width, channels;
    images_shape(s->images, &height, &width, &channels);
    const struct plane_geometry *p = &g->plane[0];
    if (height == p->rows && width == p->cols && channels == p->channels)
        return true;
    return error_set(err, ERROR_DATA, "%s: images are %ux%ux%u, the model takes %ux%ux%u", s->path,
                     height, width, channels, p->rows, p->cols, p->channels);
}

bool score_source_check(const struct score_source *s, const struct geometry *g,
                        const struct model_set *models, struct error *err)
{
    if (g->images != (s->kind == SCORE_IMAGES))
        return error_set(err, ERROR_DATA, "%s holds %s, model %s takes %s", s->path,
                         g->images ? "no ready-made images" : "ready-made images",
                         models->entry[0].model->name, g->images ? "them" : "wires");
    if (g->images)
        return check_image(s, g, err);
    if (s->kind == SCORE_PIXELS && g->calibrated)
        return error_set(err, ERROR_DATA,
                         "%s holds pixels, in which wires are added up already: "
                         "detector.calibration cannot be applied to them",
                         s->path);
    for (uint32_t i = 0; s->kind == SCORE_PIXELS && i < models->n_models; i++)
        if (!check_recipe(s, models->entry[i].model, err))
            return false;
    for (uint32_t i = 0; i < g->n_planes; i++)
        if (!check_plane(s, &g->plane[i], err))
            return false;
    return true;
}

/* ---- an event ---- */

static struct identity identity_of(const struct score_source *s, size_t index)
{
    if (s->kind == SCORE_IMAGES) {
        const struct images_event *e = images_event(s->images, index);
        return (struct identity){.run = e->run, .subrun = e->subrun, .event = e->event};
    }
    const struct event_entry *e = s->kind == SCORE_WIRES ? opensamples_event(s->wires, index)
                                                         : &pixels_index(s->pixels)->event[index];
    return (struct identity){.run = e->run, .subrun = e->subrun, .event = e->event};
}

static uint64_t time_of(const struct score_source *s, size_t index)
{
    if (s->kind == SCORE_IMAGES)
        return images_event(s->images, index)->time_ns;
    return s->kind == SCORE_WIRES ? opensamples_event(s->wires, index)->time_ns
                                  : pixels_index(s->pixels)->event[index].time_ns;
}

static bool read_image(struct score_source *s, size_t index, struct score_input *in,
                       struct failure *f)
{
    if (!in->image)
        in->image = malloc(images_bytes(s->images));
    if (!in->image)
        return failure_set(f, "%s: no memory for an image", s->path);
    in->sample_type = images_float(s->images) ? SAMPLE_FLOAT32 : SAMPLE_INT32;
    return images_read(s->images, index, in->image, f);
}

static bool read_truth(struct score_source *s, size_t index, struct score_input *in,
                       struct failure *f)
{
    if (!truth_load(&s->truth, index, f))
        return false;
    in->neutrino = s->nu_pdg >= 0 && truth_whole(&s->truth, s->nu_pdg, index, 0) != 0;
    in->has_vertex = in->neutrino && score_source_has_vertex(s);
    for (uint32_t p = 0; in->has_vertex && p < SCORE_TRUTH_PLANES; p++)
        in->vertex_wire[p] = truth_whole(&s->truth, s->vertex_wire, index, p);
    if (in->has_vertex)
        in->vertex_tick =
            truth_number(&s->truth, s->vertex_x, index, 0) / cm_a_tick + tick_of_anode;
    return true;
}

bool score_source_read(struct score_source *s, size_t index, struct score_input *in,
                       struct error *err)
{
    struct failure f;
    in->id = identity_of(s, index);
    in->time_ns = time_of(s, index);
    bool good = read_truth(s, index, in, &f);
    switch (s->kind) {
    case SCORE_WIRES:
        in->sample_type = opensamples_int16(s->wires) ? SAMPLE_INT16 : SAMPLE_FLOAT32;
        good =
            good && opensamples_read(s->wires, index, opensamples_ticks(s->wires), &in->wires, &f);
        break;
    case SCORE_PIXELS:
        in->sample_type = SAMPLE_FLOAT32;
        good = good && pixels_read(s->pixels, index, &in->pixels, &f);
        break;
    case SCORE_IMAGES:
        good = good && read_image(s, index, in, &f);
        break;
    }
    return good || fail(err, &f);
}

void score_input_fini(struct score_input *in)
{
    opensamples_wires_fini(&in->wires);
    pixels_event_fini(&in->pixels);
    free(in->image);
    *in = (struct score_input){0};
}
