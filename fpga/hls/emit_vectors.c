/* How: every window is made here as the host makes it: the dense image becomes a window by the
 * daemon's own rule, the window a record. The CPU engine scores it, and its tensors are what
 * the kernel must give, unless the vectors file has recorded ones, which then stand instead.
 * The format is at the head of project/testbench.cpp.
 */
#include "project.h"

#include "base/hash.h"
#include "engine/cpu/reference.h"
#include "model/dense_window.h"
#include "model/h5_read.h"

#include <hdf5.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 3000, MAX_VALUES = 1 << 28, MAX_WINDOWS = 1 << 20 };

struct tensor {
    uint32_t layer;
    uint32_t kind;     /* 0 values, 1 places */
    uint64_t n;        /* numbers a window */
    int64_t *recorded; /* [window][n], or NULL: the CPU engine's */
    int64_t *value;    /* [n], of the window being written */
};

struct vectors {
    const struct project *project;
    uint32_t windows;
    int64_t *recorded_input; /* [window][h][w][c], or NULL: random */
    uint64_t seed;
    uint32_t n_tensors;
    struct tensor tensor[MAX_TENSORS];
    int32_t *image;
    struct pixel *place;
    int32_t *value;
    unsigned char *record; /* a window as the kernel takes it */
    FILE *to;
};

static bool no_memory(struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "no memory");
}

/* ---- recorded vectors ---- */

static uint64_t numbers_of(const struct layer *l, uint32_t kind)
{
    if (kind == 1) {
        return l->out.sparse ? 2 * (uint64_t)l->out.slots : 0;
    }
    uint64_t places = l->out.sparse ? l->out.slots : (uint64_t)l->out.height * l->out.width;
    return places * l->out.channels;
}

static bool add_tensor(struct vectors *v, uint32_t layer, uint32_t kind, int64_t *recorded,
                       struct error *err)
{
    struct tensor *t = &v->tensor[v->n_tensors];
    *t = (struct tensor){.layer = layer, .kind = kind, .recorded = recorded};
    t->n = numbers_of(&v->project->model->layer[layer], kind);
    t->value = calloc(t->n, sizeof *t->value);
    v->n_tensors++;
    return t->value != NULL || no_memory(err);
}

/* expected/LAYER/{feat,hash,out}: [window]... */
static bool read_tensors(struct vectors *v, hid_t group, uint32_t layer, uint32_t windows,
                         struct error *err)
{
    static const struct {
        const char *name;
        uint32_t kind;
        bool sparse;
    } kinds[] = {{"feat", 0, true}, {"hash", 1, true}, {"out", 0, false}};
    const struct layer *l = &v->project->model->layer[layer];
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (H5Lexists(group, kinds[k].name, H5P_DEFAULT) <= 0 || kinds[k].sparse != l->out.sparse) {
            continue;
        }
        struct h5_shape shape;
        if (!h5_read_shape(group, kinds[k].name, &shape, err)) {
            return false;
        }
        uint64_t n = h5_read_elements(&shape);
        if (shape.axis[0] != windows || n > MAX_VALUES ||
            n != windows * numbers_of(l, kinds[k].kind)) {
            char is[96];
            h5_read_format_shape(&shape, is, sizeof is);
            return error_set(err, ERROR_DATA, "%s is %s, needs %" PRIu64 " numbers for %u windows",
                             kinds[k].name, is, numbers_of(l, kinds[k].kind), windows);
        }
        int64_t *recorded = h5_read_integers(group, kinds[k].name, &shape, err);
        if (recorded == NULL || !add_tensor(v, layer, kinds[k].kind, recorded, err)) {
            return false;
        }
    }
    return true;
}

static bool read_input(struct vectors *v, hid_t file, uint32_t *windows, struct error *err)
{
    const struct model *m = v->project->model;
    struct h5_shape shape;
    if (!h5_read_shape(file, "input", &shape, err)) {
        return false;
    }
    uint64_t n = h5_read_elements(&shape);
    if (shape.rank != 4 || shape.axis[1] != m->height || shape.axis[2] != m->width ||
        shape.axis[3] != m->channels || n == 0 || n > MAX_VALUES) {
        char is[96];
        h5_read_format_shape(&shape, is, sizeof is);
        return error_set(err, ERROR_DATA, "input is %s, needs (windows, %u, %u, %u)", is, m->height,
                         m->width, m->channels);
    }
    v->recorded_input = h5_read_integers(file, "input", &shape, err);
    for (uint64_t i = 0; v->recorded_input != NULL && i < n; i++) {
        int64_t x = v->recorded_input[i];
        if (x < fixed_min(m->input_t) || x > fixed_max(m->input_t)) {
            return error_set(err, ERROR_DATA,
                             "input holds %" PRId64 ": outside the model's input type", x);
        }
    }
    *windows = (uint32_t)shape.axis[0];
    return v->recorded_input != NULL;
}

static bool read_expected(struct vectors *v, hid_t file, uint32_t windows, struct error *err)
{
    const struct model *m = v->project->model;
    hid_t expected = h5_read_group(file, "expected", err);
    bool good = expected >= 0;
    for (uint32_t i = m->reduce == NULL ? 0 : 1; good && i <= project_last_layer(m); i++) {
        const char *name = m->layer[i].name;
        if (H5Lexists(expected, name, H5P_DEFAULT) <= 0) {
            continue;
        }
        hid_t group = h5_read_group(expected, name, err);
        good = group >= 0 &&
               (read_tensors(v, group, i, windows, err) || error_prefix(err, "expected/%s", name));
        if (group >= 0) {
            (void)H5Gclose(group);
        }
    }
    if (expected >= 0) {
        (void)H5Gclose(expected);
    }
    return good;
}

static bool read_vectors(struct vectors *v, const char *path, uint32_t most, struct error *err)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        return error_set(err, ERROR_DATA, "%s: cannot be read as an HDF5 file", path);
    }
    uint32_t windows = 0;
    bool good = read_input(v, file, &windows, err) && read_expected(v, file, windows, err);
    v->windows = windows < most ? windows : most;
    (void)H5Fclose(file);
    return good || error_prefix(err, "%s", path);
}

/* ---- random windows, expected from the CPU engine ---- */

static bool expect_all_layers(struct vectors *v, struct error *err)
{
    const struct model *m = v->project->model;
    for (uint32_t i = m->reduce == NULL ? 0 : 1; i <= project_last_layer(m); i++) {
        if (!add_tensor(v, i, 0, NULL, err) ||
            (m->layer[i].out.sparse && !add_tensor(v, i, 1, NULL, err))) {
            return false;
        }
    }
    return true;
}

static int32_t random_value(const struct fixed_type *t, uint64_t r)
{
    int64_t low = fixed_min(t);
    int64_t high = fixed_max(t);
    switch (r % 8) {
    case 0:
        return (int32_t)low;
    case 1:
        return (int32_t)high;
    default:
        return (int32_t)(low + (int64_t)((r >> 8) % (uint64_t)(high - low + 1)));
    }
}

/* From empty to full: each window has its own share of pixels that are not 0. */
static void random_image(struct vectors *v, uint32_t window)
{
    const struct model *m = v->project->model;
    uint64_t h = hash_mix(v->seed ^ hash_mix(window));
    uint64_t pixels = (uint64_t)m->height * m->width;
    uint64_t slots = m->reduce == NULL ? pixels / 16 + 1 : m->reduce->out.slots;
    uint64_t mean = window % 8 == 7 ? pixels : h % (3 * slots);
    for (uint64_t j = 0; j < pixels; j++) {
        uint64_t r = hash_mix(h ^ (j << 8));
        bool full = (r >> 11) % pixels < mean;
        for (uint32_t c = 0; c < m->channels; c++) {
            v->image[j * m->channels + c] = full ? random_value(m->input_t, hash_mix(r ^ c)) : 0;
        }
    }
}

/* ---- writing ---- */

/* The daemon's lists hold raws of the input type, in `bytes` each. */
static void put(unsigned char *to, int64_t raw, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        to[i] = (unsigned char)((uint64_t)raw >> (8 * i));
    }
}

static void make_record(struct vectors *v, const struct window *w)
{
    const struct project *p = v->project;
    const struct model *m = p->model;
    uint32_t pixels = p->image ? m->height * m->width : w->n_listed;
    memset(v->record, 0, (size_t)p->beats * 64);
    if (!p->image) {
        put(v->record, w->n_listed, 4);
    }
    for (uint32_t i = 0; i < pixels; i++) {
        unsigned char *to = v->record + (p->image ? 0 : 4) + (size_t)i * p->pixel_bytes;
        const int32_t *from = (p->image ? v->image : v->value) + (size_t)i * m->channels;
        if (!p->image) {
            put(to, w->place[i].row, p->place_bytes);
            put(to + p->place_bytes, w->place[i].col, p->place_bytes);
            to += 2 * p->place_bytes;
        }
        for (uint32_t c = 0; c < m->channels; c++) {
            put(to + c * p->value_bytes, from[c], p->value_bytes);
        }
    }
}

static void take_tensors(void *user, uint32_t index, const struct layer *l,
                         const struct reference_tensor *seen)
{
    (void)l;
    struct vectors *v = user;
    for (uint32_t k = 0; k < v->n_tensors; k++) {
        struct tensor *t = &v->tensor[k];
        if (t->layer != index || t->recorded != NULL) {
            continue;
        }
        for (uint64_t i = 0; i < t->n; i++) {
            t->value[i] = t->kind == 0 ? seen->value[i]
                          : i % 2 == 0 ? (int64_t)seen->place[i / 2].row
                                       : (int64_t)seen->place[i / 2].col;
        }
    }
}

static void write_window(struct vectors *v, struct reference *engine, uint32_t window)
{
    const struct project *p = v->project;
    const struct model *m = p->model;
    uint64_t pixels = (uint64_t)m->height * m->width * m->channels;
    for (uint64_t i = 0; v->recorded_input != NULL && i < pixels; i++) {
        v->image[i] = (int32_t)v->recorded_input[window * pixels + i];
    }
    if (v->recorded_input == NULL) {
        random_image(v, window);
    }
    struct window w;
    int64_t raw[MODEL_MAX_OUTPUTS];
    dense_window_make(m, v->image, v->place, v->value, &w);
    reference_trace(engine, &w, raw, take_tensors, v);
    make_record(v, &w);
    uint64_t n_active = p->image ? w.n_active : w.n_listed;
    (void)fwrite(v->record, 64, p->beats, v->to);
    (void)fwrite(&n_active, sizeof n_active, 1, v->to);
    for (uint32_t k = 0; k < v->n_tensors; k++) {
        const struct tensor *t = &v->tensor[k];
        const int64_t *from = t->recorded == NULL ? t->value : t->recorded + window * t->n;
        (void)fwrite(from, sizeof *from, t->n, v->to);
    }
    (void)fwrite(raw, sizeof *raw, m->n_outputs, v->to);
}

static bool write_all(struct vectors *v, struct error *err)
{
    const struct project *p = v->project;
    const struct model *m = p->model;
    size_t pixels = (size_t)m->height * m->width;
    struct reference *engine = reference_create(m, err);
    v->image = calloc(pixels * m->channels, sizeof *v->image);
    v->place = calloc(m->max_listed, sizeof *v->place);
    v->value = calloc((size_t)m->max_listed * m->channels, sizeof *v->value);
    v->record = calloc(p->beats, 64);
    bool good = engine != NULL;
    if (good && (v->image == NULL || v->place == NULL || v->value == NULL || v->record == NULL)) {
        good = no_memory(err);
    }
    char head[24] = "sparsed vectors 1";
    char sha[SHA256_HEX_BYTES];
    hash_hex(m->sha256, sha);
    const uint32_t sizes[] = {p->beats * 64, m->n_outputs, v->windows, v->n_tensors};
    (void)fwrite(head, sizeof head, 1, v->to);
    (void)fwrite(sha, 64, 1, v->to);
    (void)fwrite(sizes, sizeof sizes, 1, v->to);
    for (uint32_t k = 0; k < v->n_tensors; k++) {
        (void)fwrite(&v->tensor[k].layer, sizeof(uint32_t), 1, v->to);
        (void)fwrite(&v->tensor[k].kind, sizeof(uint32_t), 1, v->to);
        (void)fwrite(&v->tensor[k].n, sizeof(uint64_t), 1, v->to);
    }
    for (uint32_t w = 0; good && w < v->windows; w++) {
        write_window(v, engine, w);
    }
    reference_destroy(&engine);
    return good;
}

static void free_vectors(struct vectors *v)
{
    for (uint32_t k = 0; k < v->n_tensors; k++) {
        free(v->tensor[k].recorded);
        free(v->tensor[k].value);
    }
    free(v->recorded_input);
    free(v->image);
    free(v->place);
    free(v->value);
    free(v->record);
    free(v);
}

bool emit_vectors(const struct project *p, const char *path, uint32_t most, uint64_t seed,
                  struct error *err)
{
    struct vectors *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return no_memory(err);
    }
    v->project = p;
    v->seed = seed;
    v->windows = most < MAX_WINDOWS ? most : MAX_WINDOWS;
    bool good = path != NULL ? read_vectors(v, path, most, err) : expect_all_layers(v, err);
    v->to = good ? project_open(p, "tb/vectors.bin", err) : NULL;
    if (v->to != NULL) {
        good = write_all(v, err);
        good = project_close(p, v->to, "tb/vectors.bin", good ? err : NULL) && good;
    } else {
        good = false;
    }
    free_vectors(v);
    return good;
}
