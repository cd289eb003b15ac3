/* How: each data set is read whole and held to the shape that the model's layer
 * gives, so that the comparison needs no check of its own.
 */
#include "offline/verify_vectors.h"

#include "model/h5_read.h"

#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 1 << 28 };

static bool open_vectors(const char *path, hid_t *file, struct error *err)
{
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return *file >= 0 || error_set(err, ERROR_DATA, "%s: cannot be read as an HDF5 file", path);
}

/* A data set of integers [event]...; per_event follows from its shape. */
static int64_t *read_events(hid_t group, const char *name, uint64_t events, uint64_t *per_event,
                            struct error *err)
{
    struct h5_shape shape;
    if (!h5_read_shape(group, name, &shape, err)) {
        return NULL;
    }
    uint64_t n = h5_read_elements(&shape);
    if (n == 0 || n > MAX_VALUES || (events != 0 && shape.axis[0] != events)) {
        (void)error_set(err, ERROR_DATA, "%s: has %" PRIu64 " events, needs %" PRIu64, name,
                        shape.axis[0], events);
        return NULL;
    }
    *per_event = n / shape.axis[0];
    return h5_read_integers(group, name, &shape, err);
}

/* A data set of floats with exactly `n` numbers; NULL where there is none. */
static float *read_floats(hid_t file, const char *name, uint64_t n)
{
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = set < 0 ? -1 : H5Dget_space(set);
    float *value = NULL;
    if (space >= 0 && H5Sget_simple_extent_npoints(space) == (hssize_t)n) {
        value = calloc(n, sizeof *value);
        if (value != NULL &&
            H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0) {
            free(value);
            value = NULL;
        }
    }
    if (space >= 0) {
        (void)H5Sclose(space);
    }
    if (set >= 0) {
        (void)H5Dclose(set);
    }
    return value;
}

static bool exists(hid_t file, const char *group, const char *name)
{
    if (group != NULL && H5Lexists(file, group, H5P_DEFAULT) <= 0) {
        return false;
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s%s", group == NULL ? "" : group,
                   group == NULL ? "" : "/", name);
    return H5Lexists(file, path, H5P_DEFAULT) > 0;
}

static bool read_input(struct verify_vectors *v, const struct model *m, hid_t file,
                       struct error *err)
{
    struct h5_shape shape;
    if (!h5_read_shape(file, "input", &shape, err)) {
        return false;
    }
    uint64_t n = h5_read_elements(&shape);
    if (shape.rank != 4 || shape.axis[1] != m->height || shape.axis[2] != m->width ||
        shape.axis[3] != m->channels || n == 0 || n > MAX_VALUES) {
        char is[96];
        h5_read_format_shape(&shape, is, sizeof is);
        return error_set(err, ERROR_DATA, "input is %s, needs (events, %u, %u, %u)", is, m->height,
                         m->width, m->channels);
    }
    v->events = shape.axis[0];
    int64_t *wide = h5_read_integers(file, "input", &shape, err);
    v->input = calloc(n, sizeof *v->input);
    bool good = wide != NULL;
    if (good && v->input == NULL) {
        good = error_set(err, ERROR_SYSTEM, "input: no memory");
    }
    for (uint64_t i = 0; good && i < n; i++) {
        good = wide[i] >= fixed_min(m->input_t) && wide[i] <= fixed_max(m->input_t);
        v->input[i] = good ? (int32_t)wide[i] : 0;
        if (!good) {
            (void)error_set(err, ERROR_DATA, "input holds %" PRId64 ": outside the model's type",
                            wide[i]);
        }
    }
    free(wide);
    return good;
}

static void check_input_float(struct verify_vectors *v, const struct model *m, hid_t file)
{
    uint64_t n = v->events * m->height * m->width * m->channels;
    float *value = read_floats(file, "input_float", n);
    for (uint64_t i = 0; value != NULL && i < n; i++) {
        v->input_values++;
        v->input_mismatches += fixed_from_double((double)value[i], m->input_t) != v->input[i];
    }
    free(value);
}

/* Values a tensor of this kind has for one event; 0: the layer has no such tensor. */
static uint64_t values_of(const struct layer *l, const char *kind)
{
    if (strcmp(kind, "hash") == 0) {
        return l->out.sparse ? 2 * (uint64_t)l->out.slots : 0;
    }
    bool feat = strcmp(kind, "feat") == 0;
    if (feat != l->out.sparse) {
        return 0;
    }
    uint64_t places = feat ? l->out.slots : (uint64_t)l->out.height * l->out.width;
    return places * l->out.channels;
}

static bool same_type(hid_t group, const char *name, const struct fixed_type *type)
{
    hid_t set = H5Dopen2(group, name, H5P_DEFAULT);
    struct fixed_type is;
    struct error ignored;
    bool same = !h5_read_has_attribute(set, "type") ||
                (h5_read_type(set, "type", &is, &ignored) && fixed_equal(&is, type));
    (void)H5Dclose(set);
    return same;
}

static bool read_tensors(struct verify_vectors *v, const struct model *m, hid_t group,
                         uint32_t index, struct error *err)
{
    static const char *const kinds[] = {"feat", "hash", "out"};
    const struct layer *l = &m->layer[index];
    for (size_t k = 0; k < 3; k++) {
        if (H5Lexists(group, kinds[k], H5P_DEFAULT) <= 0) {
            continue;
        }
        struct verify_tensor *t = &v->tensor[v->n_tensors];
        *t = (struct verify_tensor){.layer = index, .kind = kinds[k]};
        t->value = read_events(group, kinds[k], v->events, &t->per_event, err);
        if (t->value == NULL) {
            return false;
        }
        v->n_tensors++;
        if (t->per_event != values_of(l, kinds[k])) {
            return error_set(err, ERROR_DATA, "%s: %" PRIu64 " values an event, needs %" PRIu64,
                             kinds[k], t->per_event, values_of(l, kinds[k]));
        }
        t->other_type = strcmp(kinds[k], "hash") != 0 && !same_type(group, kinds[k], &l->out_t);
    }
    return true;
}

static bool read_expected(struct verify_vectors *v, const struct model *m, hid_t file,
                          struct error *err)
{
    hid_t expected = h5_read_group(file, "expected", err);
    if (expected < 0) {
        return false;
    }
    bool good = true;
    hsize_t known = 0;
    for (uint32_t i = 0; good && i < m->n_layers; i++) {
        const char *name = m->layer[i].name;
        if (H5Lexists(expected, name, H5P_DEFAULT) <= 0) {
            continue;
        }
        known++;
        hid_t group = h5_read_group(expected, name, err);
        good = group >= 0 &&
               (read_tensors(v, m, group, i, err) || error_prefix(err, "expected/%s", name));
        if (group >= 0) {
            (void)H5Gclose(group);
        }
    }
    H5G_info_t info;
    if (good && (H5Gget_info(expected, &info) < 0 || info.nlinks != known || v->n_tensors == 0)) {
        good = error_set(err, ERROR_DATA, "expected: names layers that the model has not, or none");
    }
    (void)H5Gclose(expected);
    return good;
}

static bool read_file(struct verify_vectors *v, const struct model *m, hid_t file,
                      struct error *err)
{
    if (!read_input(v, m, file, err) || !read_expected(v, m, file, err)) {
        return false;
    }
    if (exists(file, NULL, "input_float")) {
        check_input_float(v, m, file);
    }
    if (exists(file, "training", "predictions")) {
        v->training = read_floats(file, "training/predictions", v->events * m->n_outputs);
    }
    return true;
}

struct verify_vectors *verify_vectors_read(const struct model *m, const char *path,
                                           struct error *err)
{
    hid_t file;
    if (!open_vectors(path, &file, err)) {
        return NULL;
    }
    struct verify_vectors *v = calloc(1, sizeof *v);
    if (v == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory", path);
    } else if (!read_file(v, m, file, err)) {
        (void)error_prefix(err, "%s", path);
        verify_vectors_destroy(&v);
    }
    (void)H5Fclose(file);
    return v;
}

void verify_vectors_destroy(struct verify_vectors **v)
{
    if (*v == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*v)->n_tensors; i++) {
        free((*v)->tensor[i].value);
    }
    free((*v)->input);
    free((*v)->training);
    free(*v);
    *v = NULL;
}

/* Index of the layer that gives the last integers: sigmoid and softmax give none. */
static uint32_t last_layer(const struct model *m)
{
    enum layer_class class = m->layer[m->n_layers - 1].class;
    return m->n_layers - 1 - (class == LAYER_SIGMOID || class == LAYER_SOFTMAX);
}

struct verify_tensor *verify_vectors_last(struct verify_vectors *v, const struct model *m)
{
    struct verify_tensor *t = &v->tensor[v->n_tensors - 1];
    return t->layer == last_layer(m) ? t : NULL;
}

bool verify_vectors_keep_last(struct verify_vectors *v, const struct model *m, struct error *err)
{
    struct verify_tensor *last = verify_vectors_last(v, m);
    if (last == NULL) {
        return error_set(err, ERROR_DATA, "the vectors hold nothing of the last layer %s",
                         m->layer[last_layer(m)].name);
    }
    for (uint32_t i = 0; i + 1 < v->n_tensors; i++) {
        free(v->tensor[i].value);
    }
    v->tensor[0] = *last;
    v->n_tensors = 1;
    return true;
}
