/* How: the file is read into memory once, hashed, and given to HDF5 as an image,
 * so that the hash is of the very bytes that were loaded and no file can change
 * or block in between. Then root attributes, preprocessing, the layers in the
 * order of their numbers, and what only the whole can tell. All of it first in a
 * child process (model/h5_image.h).
 */
#include "model/model.h"

#include "base/clock.h"
#include "base/hdf5.h"
#include "model/h5_image.h"
#include "model/h5_read.h"
#include "model/layer_load.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 999, MAX_PREPROCESSING = 1 << 20 };

/* ---- root and preprocessing ---- */

static bool load_root(hid_t file, struct model *m, struct error *err)
{
    char format[32];
    uint32_t version;
    if (!h5_read_string(file, "format", format, sizeof format, err)) {
        return false;
    }
    if (strcmp(format, "sparsed-model") != 0) {
        return error_set(err, ERROR_MODEL, "attribute format = \"%s\": must be sparsed-model",
                         format);
    }
    return h5_read_uint(file, "version", 1, 1, &version, err) &&
           h5_read_string(file, "name", m->name, sizeof m->name, err) &&
           h5_read_string(file, "created_by", m->created_by, sizeof m->created_by, err) &&
           h5_read_strings(file, "labels", m->label[0], sizeof m->label[0], MODEL_MAX_OUTPUTS,
                           &m->n_labels, err);
}

static bool read_preprocessing(hid_t group, struct preprocessing *p, struct error *err)
{
    const struct {
        const char *name;
        uint32_t *to;
    } whole[] = {
        {"time_rebin", &p->time_rebin},     {"window_time_bins", &p->window_time_bins},
        {"window_wires", &p->window_wires}, {"pool_time", &p->pool_time},
        {"pool_wires", &p->pool_wires},     {"image_height", &p->image_height},
        {"image_width", &p->image_width},
    };
    const struct {
        const char *name;
        double *to;
    } real[] = {
        {"bin_floor", &p->bin_floor},
        {"bin_clip", &p->bin_clip},
        {"pixel_threshold", &p->pixel_threshold},
        {"pixel_scale", &p->pixel_scale},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (!h5_read_uint(group, whole[i].name, 1, MAX_PREPROCESSING, whole[i].to, err)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        if (!h5_read_double(group, real[i].name, real[i].to, err)) {
            return false;
        }
    }
    return true;
}

static bool check_preprocessing(const struct preprocessing *p, struct error *err)
{
    if (p->pixel_scale <= 0) {
        return error_set(err, ERROR_MODEL, "attribute pixel_scale = %g: must be above 0",
                         p->pixel_scale);
    }
    if (p->bin_clip < p->bin_floor) {
        return error_set(err, ERROR_MODEL, "attribute bin_clip = %g: below bin_floor = %g",
                         p->bin_clip, p->bin_floor);
    }
    if (p->image_height > p->window_time_bins / p->pool_time) {
        return error_set(err, ERROR_MODEL, "attribute image_height = %u: a window has %u rows",
                         p->image_height, p->window_time_bins / p->pool_time);
    }
    if (p->image_width > p->window_wires / p->pool_wires) {
        return error_set(err, ERROR_MODEL, "attribute image_width = %u: a window has %u columns",
                         p->image_width, p->window_wires / p->pool_wires);
    }
    return true;
}

static bool load_preprocessing(hid_t file, struct model *m, struct error *err)
{
    m->has_preprocessing = H5Lexists(file, "preprocessing", H5P_DEFAULT) > 0;
    if (!m->has_preprocessing) {
        return true;
    }
    hid_t group = h5_read_group(file, "preprocessing", err);
    if (group < 0) {
        return false;
    }
    bool good = (read_preprocessing(group, &m->pre, err) && check_preprocessing(&m->pre, err)) ||
                error_prefix(err, "group preprocessing");
    (void)H5Gclose(group);
    return good;
}

/* ---- layers ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct layer *)a)->name, ((const struct layer *)b)->name);
}

static bool is_numbered(const char *name)
{
    for (int i = 0; i < 3; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
    }
    return name[3] == '_' && name[4] != '\0';
}

/* Names of all groups, NNN_name, in ascending order. */
static bool load_names(hid_t layers, struct model *m, struct error *err)
{
    H5G_info_t info;
    if (H5Gget_info(layers, &info) < 0 || info.nlinks < 1 || info.nlinks > MAX_LAYERS) {
        return error_set(err, ERROR_MODEL, "group layers must hold 1 .. %d layers", MAX_LAYERS);
    }
    m->layer = calloc((size_t)info.nlinks, sizeof *m->layer);
    if (m->layer == NULL) {
        return error_set(err, ERROR_SYSTEM, "no memory");
    }
    m->n_layers = (uint32_t)info.nlinks;
    for (uint32_t i = 0; i < m->n_layers; i++) {
        char *name = m->layer[i].name;
        ssize_t length = H5Lget_name_by_idx(layers, ".", H5_INDEX_NAME, H5_ITER_INC, i, name,
                                            MODEL_NAME_BYTES, H5P_DEFAULT);
        if (length < 5 || length >= MODEL_NAME_BYTES || !is_numbered(name)) {
            return error_set(err, ERROR_MODEL,
                             "layer %.*s: must be called NNN_name, at most %d bytes", 16,
                             length > 0 ? name : "", MODEL_NAME_BYTES - 1);
        }
    }
    qsort(m->layer, m->n_layers, sizeof *m->layer, by_name);
    for (uint32_t i = 1; i < m->n_layers; i++) {
        if (strncmp(m->layer[i - 1].name, m->layer[i].name, 3) == 0) {
            return error_set(err, ERROR_MODEL, "layer %s: has the same number as %s",
                             m->layer[i].name, m->layer[i - 1].name);
        }
    }
    return true;
}

static bool load_layers(hid_t layers, struct model *m, struct error *err)
{
    uint64_t parameters = 0;
    if (!load_names(layers, m, err)) {
        return false;
    }
    for (uint32_t i = 0; i < m->n_layers; i++) {
        struct layer *l = &m->layer[i];
        hid_t group = h5_read_group(layers, l->name, err);
        if (group < 0) {
            return error_prefix(err, "layers");
        }
        bool good = layer_load(group, i == 0 ? NULL : l - 1, l, &parameters, err);
        (void)H5Gclose(group);
        if (!good) {
            return error_prefix(err, "layer %s", l->name);
        }
    }
    return true;
}

/* ---- the whole ---- */

static void derive(struct model *m)
{
    const struct layer *first = &m->layer[0];
    const struct layer *last = &m->layer[m->n_layers - 1];
    m->height = first->out.height;
    m->width = first->out.width;
    m->channels = first->out.channels;
    m->input_t = &first->out_t;
    if (m->n_layers > 1 && m->layer[1].class == LAYER_SPARSE_INPUT_REDUCE) {
        m->reduce = &m->layer[1];
    }
    uint32_t pixels = m->height * m->width;
    m->max_listed = m->reduce == NULL ? pixels : m->reduce->n_max_pixels;
    m->n_outputs = last->out.channels;
    m->output_t = last->out_t;
    for (uint32_t i = 0; i < m->n_layers; i++) {
        const struct layer *l = &m->layer[i];
        if (l->weight != NULL) {
            uint64_t fields = l->class == LAYER_DENSE ? 1 : (uint64_t)l->kernel_h * l->kernel_w;
            m->n_parameters += (fields * l->in.channels + 1) * l->out.channels;
        }
    }
}

static bool check_whole(const struct model *m, struct error *err)
{
    const struct layer *last = &m->layer[m->n_layers - 1];
    if (!last->out.flat) {
        return error_set(err, ERROR_MODEL, "layer %s: the last layer must give one axis",
                         last->name);
    }
    if (m->n_outputs != m->n_labels) {
        return error_set(err, ERROR_MODEL, "attribute labels has %u strings, layer %s gives %u",
                         m->n_labels, last->name, m->n_outputs);
    }
    if (!m->has_preprocessing) {
        return true;
    }
    if (m->pre.image_height != m->height || m->pre.image_width != m->width || m->channels != 1) {
        return error_set(err, ERROR_MODEL,
                         "layer %s: input is %ux%ux%u, group preprocessing makes %ux%ux1 "
                         "(image_height, image_width)",
                         m->layer[0].name, m->height, m->width, m->channels, m->pre.image_height,
                         m->pre.image_width);
    }
    if (m->reduce != NULL && m->reduce->threshold_raw < 0) {
        return error_set(err, ERROR_MODEL,
                         "layer %s: attribute threshold_raw = %lld: with preprocessing every empty "
                         "pixel would be active, must be 0 or more",
                         m->reduce->name, (long long)m->reduce->threshold_raw);
    }
    return true;
}

static bool load_open_file(hid_t file, struct model *m, struct error *err)
{
    if (!load_root(file, m, err) || !load_preprocessing(file, m, err)) {
        return false;
    }
    hid_t layers = h5_read_group(file, "layers", err);
    if (layers < 0) {
        return false;
    }
    bool good = load_layers(layers, m, err);
    (void)H5Gclose(layers);
    if (!good) {
        return false;
    }
    derive(m);
    return check_whole(m, err);
}

static bool load_image(const void *data, size_t bytes, struct model *m, struct error *err)
{
    hid_t file = h5_image_open(data, bytes);
    if (file < 0) {
        return error_set(err, ERROR_MODEL, "not an HDF5 file, or a damaged one");
    }
    bool good = load_open_file(file, m, err);
    (void)H5Fclose(file);
    return good;
}

struct model *model_load_bytes(const char *path, const void *data, size_t bytes, struct error *err)
{
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory", path);
        return NULL;
    }
    (void)snprintf(m->path, sizeof m->path, "%s", path);
    if (!hash_sha256(data, bytes, m->sha256)) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory", path);
        model_destroy(&m);
        return NULL;
    }
    /* HDF5 would print its own stack of messages; ours is one sentence */
    H5E_auto2_t report;
    void *report_to;
    (void)H5Eget_auto2(H5E_DEFAULT, &report, &report_to);
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    bool good = load_image(data, bytes, m, err) || error_prefix(err, "%s", path);
    (void)H5Eset_auto2(H5E_DEFAULT, report, report_to);
    if (!good) {
        model_destroy(&m);
    }
    return m;
}

/* How long a load waits for a file that is being written. */
#define MODEL_TURN_NS (5 * NS_PER_S)

struct image {
    const char *path;
    const void *data;
    size_t bytes;
};

static void load_and_forget(void *arg)
{
    const struct image *image = arg;
    struct error err;
    struct model *m = model_load_bytes(image->path, image->data, image->bytes, &err);
    model_destroy(&m);
}

struct model *model_load(const char *path, struct error *err)
{
    struct image image = {.path = path};
    void *data = h5_image_read(path, "a model file", &image.bytes, err);
    if (data == NULL) {
        return NULL;
    }
    image.data = data;
    struct model *m = NULL;
    if (!hdf5_lock_within(MODEL_TURN_NS)) {
        (void)error_set(err, ERROR_SYSTEM,
                        "%s: the recorder has been waiting for its disk for %d s; try again", path,
                        (int)(MODEL_TURN_NS / NS_PER_S));
    } else {
        if (h5_image_rehearse(path, load_and_forget, &image, err)) {
            m = model_load_bytes(path, data, image.bytes, err);
        }
        hdf5_unlock();
    }
    free(data);
    return m;
}

void model_destroy(struct model **m)
{
    if (*m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*m)->n_layers; i++) {
        layer_free(&(*m)->layer[i]);
    }
    free((*m)->layer);
    free(*m);
    *m = NULL;
}

int model_find_label(const struct model *m, const char *label)
{
    for (uint32_t i = 0; i < m->n_labels; i++) {
        if (strcmp(m->label[i], label) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void model_scores(const struct model *m, const int64_t *raw, double *score)
{
    enum layer_class last = m->layer[m->n_layers - 1].class;
    double largest = -INFINITY;
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        score[i] = fixed_to_double(raw[i], &m->output_t);
        largest = score[i] > largest ? score[i] : largest;
    }
    double sum = 0;
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        if (last == LAYER_SIGMOID) {
            score[i] = 1 / (1 + exp(-score[i]));
        } else if (last == LAYER_SOFTMAX) {
            score[i] = exp(score[i] - largest); /* at most 1, so that nothing overflows */
            sum += score[i];
        }
    }
    for (uint32_t i = 0; last == LAYER_SOFTMAX && i < m->n_outputs; i++) {
        score[i] /= sum;
    }
}
