/* sparse-verify: an engine against recorded vectors, layer by layer.
 *
 *     sparse-verify [--engine NAME] [--json] MODEL [VECTORS] [MODEL [VECTORS]] ...
 *
 * How: an argument with the attribute `format` is a model, one without is the
 * vectors of the model before it; without them NAME.vectors.h5 beside
 * NAME.model.h5 is taken. Every data set expected/LAYER/{feat,hash,out} is read
 * whole; each event is computed once and compared tensor by tensor. Another
 * engine than scalar shows no inner tensors: its last integers are compared with
 * the recorded ones, and with the scalar engine's. Exit status: 0 no mismatch, 1 a
 * mismatch or an error, 2 the command line.
 */
#include "base/error.h"
#include "engine/cpu/kernel.h"
#include "engine/cpu/reference.h"
#include "model/dense_window.h"
#include "model/h5_read.h"
#include "model/model.h"

#include <getopt.h>
#include <hdf5.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TENSORS = 3000, MAX_VALUES = 1 << 28 };

/* One recorded tensor: its numbers and what came of the comparison. */
struct tensor {
    uint32_t layer;
    const char *kind; /* "feat", "hash" or "out" */
    int64_t *value;   /* [event][per_event] */
    uint64_t per_event;
    uint64_t mismatches;
    bool other_type; /* its attribute `type` is not the layer's */
};

struct verify {
    struct model *model;
    const struct kernel *kernel;
    const char *instead_of; /* the family asked for, where it has no kernel for this model */
    bool inner;             /* the engine shows every layer */
    void *state;
    uint64_t events, event;
    int32_t *input; /* [event][h][w][c] */
    uint32_t n_tensors;
    struct tensor tensor[MAX_TENSORS];
    uint64_t input_values, input_mismatches; /* of input_float, cast */
    uint64_t compared, mismatches;
    bool has_training;
    float *training; /* [event][n_outputs] */
    double training_difference;
};

/* ---- reading ---- */

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

static bool read_input(struct verify *v, hid_t file, struct error *err)
{
    struct h5_shape shape;
    const struct model *m = v->model;
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

static void check_input_float(struct verify *v, hid_t file)
{
    uint64_t n = v->events * v->model->height * v->model->width * v->model->channels;
    float *value = read_floats(file, "input_float", n);
    for (uint64_t i = 0; value != NULL && i < n; i++) {
        v->input_values++;
        v->input_mismatches +=
            fixed_from_double((double)value[i], v->model->input_t) != v->input[i];
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

static bool read_tensors(struct verify *v, hid_t group, uint32_t index, struct error *err)
{
    static const char *const kinds[] = {"feat", "hash", "out"};
    const struct layer *l = &v->model->layer[index];
    for (size_t k = 0; k < 3; k++) {
        if (H5Lexists(group, kinds[k], H5P_DEFAULT) <= 0) {
            continue;
        }
        struct tensor *t = &v->tensor[v->n_tensors];
        *t = (struct tensor){.layer = index, .kind = kinds[k]};
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

static bool read_expected(struct verify *v, hid_t file, struct error *err)
{
    hid_t expected = h5_read_group(file, "expected", err);
    if (expected < 0) {
        return false;
    }
    bool good = true;
    hsize_t known = 0;
    for (uint32_t i = 0; good && i < v->model->n_layers; i++) {
        const char *name = v->model->layer[i].name;
        if (H5Lexists(expected, name, H5P_DEFAULT) <= 0) {
            continue;
        }
        known++;
        hid_t group = h5_read_group(expected, name, err);
        good = group >= 0 &&
               (read_tensors(v, group, i, err) || error_prefix(err, "expected/%s", name));
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

static bool read_vectors(struct verify *v, const char *path, struct error *err)
{
    hid_t file;
    if (!open_vectors(path, &file, err)) {
        return false;
    }
    bool good = read_input(v, file, err) && read_expected(v, file, err);
    if (good && exists(file, NULL, "input_float")) {
        check_input_float(v, file);
    }
    if (good && exists(file, "training", "predictions")) {
        v->training = read_floats(file, "training/predictions", v->events * v->model->n_outputs);
        v->has_training = v->training != NULL;
    }
    (void)H5Fclose(file);
    return good || error_prefix(err, "%s", path);
}

/* ---- comparing ---- */

static int64_t seen_value(const struct tensor *t, const struct reference_tensor *seen, uint64_t i)
{
    if (strcmp(t->kind, "hash") != 0) {
        return seen->value[i];
    }
    return i % 2 == 0 ? seen->place[i / 2].row : seen->place[i / 2].col;
}

static void compare_layer(void *user, uint32_t index, const struct layer *l,
                          const struct reference_tensor *seen)
{
    (void)l;
    struct verify *v = user;
    for (uint32_t k = 0; k < v->n_tensors; k++) {
        struct tensor *t = &v->tensor[k];
        const int64_t *expected = t->value + v->event * t->per_event;
        for (uint64_t i = 0; t->layer == index && i < t->per_event; i++) {
            t->mismatches += seen_value(t, seen, i) != expected[i];
        }
    }
}

/* The last recorded tensor has the engine's last integers, if it is of the last
 * layer that has integers of its own. */
static void compare_last(struct verify *v, const int64_t *raw)
{
    struct tensor *t = &v->tensor[v->n_tensors - 1];
    const int64_t *expected = t->value + v->event * t->per_event;
    for (uint64_t i = 0; i < t->per_event; i++) {
        t->mismatches += raw[i] != expected[i];
    }
}

static void compare_training(struct verify *v, const int64_t *raw)
{
    double score[MODEL_MAX_OUTPUTS];
    model_scores(v->model, raw, score);
    for (uint32_t i = 0; i < v->model->n_outputs; i++) {
        double d = fabs(score[i] - (double)v->training[v->event * v->model->n_outputs + i]);
        v->training_difference = d > v->training_difference ? d : v->training_difference;
    }
}

static bool run_events(struct verify *v, struct error *err)
{
    const struct model *m = v->model;
    struct pixel *place = calloc(m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)m->max_listed * m->channels, sizeof *value);
    v->state = v->kernel->create(m, err);
    bool good = v->state != NULL && place != NULL && value != NULL;
    for (v->event = 0; good && v->event < v->events; v->event++) {
        struct window w;
        int64_t raw[MODEL_MAX_OUTPUTS];
        uint64_t pixels = (uint64_t)m->height * m->width * m->channels;
        dense_window_make(m, v->input + v->event * pixels, place, value, &w);
        if (v->inner) {
            reference_trace(v->state, &w, raw, compare_layer, v);
        } else {
            v->kernel->run(v->state, &w, raw);
            compare_last(v, raw);
        }
        if (v->has_training) {
            compare_training(v, raw);
        }
    }
    if (v->state != NULL) {
        v->kernel->destroy(v->state);
    }
    free(place);
    free(value);
    return good;
}

/* An engine that shows no inner tensors is compared on its last integers alone. */
static bool keep_last(struct verify *v, struct error *err)
{
    uint32_t last = v->model->n_layers - 1;
    enum layer_class class = v->model->layer[last].class;
    last -= class == LAYER_SIGMOID || class == LAYER_SOFTMAX;
    struct tensor t = v->tensor[v->n_tensors - 1];
    if (t.layer != last) {
        return error_set(err, ERROR_DATA, "the vectors hold nothing of the last layer %s",
                         v->model->layer[last].name);
    }
    for (uint32_t i = 0; i + 1 < v->n_tensors; i++) {
        free(v->tensor[i].value);
    }
    v->tensor[0] = t;
    v->n_tensors = 1;
    return true;
}

/* ---- showing ---- */

static void count(struct verify *v)
{
    v->compared = v->input_values;
    v->mismatches = v->input_mismatches;
    for (uint32_t i = 0; i < v->n_tensors; i++) {
        v->compared += v->events * v->tensor[i].per_event;
        v->mismatches += v->tensor[i].mismatches + v->tensor[i].other_type;
    }
}

static void print_text(const struct verify *v)
{
    printf("%s  engine cpu %s", v->model->name, v->kernel->name);
    if (v->instead_of != NULL) {
        printf(" (no %s kernel for this model)", v->instead_of);
    }
    printf("  %" PRIu64 " windows  %" PRIu64 " values  %" PRIu64 " differ", v->events, v->compared,
           v->mismatches);
    if (v->has_training) {
        printf("  training: largest difference %.3g", v->training_difference);
    }
    printf("\n");
    if (v->input_values > 0) {
        printf("  %-32s %10" PRIu64 " values %10" PRIu64 " differ\n", "input from float",
               v->input_values, v->input_mismatches);
    }
    for (uint32_t i = 0; i < v->n_tensors; i++) {
        const struct tensor *t = &v->tensor[i];
        char name[MODEL_NAME_BYTES + 8];
        (void)snprintf(name, sizeof name, "%s %s", v->model->layer[t->layer].name, t->kind);
        printf("  %-32s %10" PRIu64 " values %10" PRIu64 " differ%s\n", name,
               v->events * t->per_event, t->mismatches,
               t->other_type ? ", and its type is not the model's" : "");
    }
}

static json_t *make_json(const struct verify *v)
{
    json_t *layers = json_array();
    for (uint32_t i = 0; i < v->n_tensors; i++) {
        const struct tensor *t = &v->tensor[i];
        (void)json_array_append_new(
            layers,
            json_pack("{s:s, s:s, s:I, s:I, s:b}", "layer", v->model->layer[t->layer].name,
                      "tensor", t->kind, "values", (json_int_t)(v->events * t->per_event),
                      "mismatches", (json_int_t)t->mismatches, "type_differs", (int)t->other_type));
    }
    json_t *model = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "model", v->model->name, "engine",
        v->kernel->name, "windows", (json_int_t)v->events, "compared", (json_int_t)v->compared,
        "mismatches", (json_int_t)v->mismatches, "input_values", (json_int_t)v->input_values,
        "input_mismatches", (json_int_t)v->input_mismatches, "layers", layers);
    if (v->instead_of != NULL) {
        (void)json_object_set_new(model, "instead_of", json_string(v->instead_of));
    }
    if (v->has_training) {
        (void)json_object_set_new(model, "training_largest_difference",
                                  json_real(v->training_difference));
    }
    return model;
}

/* ---- the program ---- */

static void verify_free(struct verify *v)
{
    for (uint32_t i = 0; i < v->n_tensors; i++) {
        free(v->tensor[i].value);
    }
    free(v->input);
    free(v->training);
    model_destroy(&v->model);
    free(v);
}

/* The family that was asked for and does not compute this model, or NULL. */
static const char *missed_family(const struct kernel *k, const char *asked)
{
    for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
        if (strcmp(f->name, asked) == 0 && strcmp(k->family, asked) != 0) {
            return f->name;
        }
    }
    return NULL;
}

static struct verify *verify_files(const char *model, const char *vectors, const char *engine,
                                   struct error *err)
{
    struct verify *v = calloc(1, sizeof *v);
    if (v == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    v->model = model_load(model, err);
    v->kernel = v->model == NULL ? NULL : kernel_choose(engine, v->model, err);
    v->inner = v->kernel == &reference_kernel;
    v->instead_of = v->kernel == NULL ? NULL : missed_family(v->kernel, engine);
    if (v->kernel == NULL || !read_vectors(v, vectors, err) || (!v->inner && !keep_last(v, err)) ||
        !run_events(v, err)) {
        verify_free(v);
        return NULL;
    }
    count(v);
    return v;
}

static bool is_model(const char *path)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        return true; /* loading it says what is wrong */
    }
    bool model = h5_read_has_attribute(file, "format");
    (void)H5Fclose(file);
    return model;
}

/* NAME.vectors.h5 beside NAME.model.h5. */
static bool vectors_beside(const char *model, char *path, size_t bytes, struct error *err)
{
    static const char ending[] = ".model.h5";
    size_t n = strlen(model);
    size_t e = sizeof ending - 1;
    if (n < e || n >= bytes - 4 || strcmp(model + n - e, ending) != 0) {
        return error_set(err, ERROR_CONFIG,
                         "%s: not called NAME.model.h5: name its vectors after it", model);
    }
    (void)snprintf(path, bytes, "%.*s.vectors.h5", (int)(n - e), model);
    return true;
}

static int usage(FILE *to, int status)
{
    (void)fprintf(
        to, "usage: sparse-verify [--engine NAME] [--json] MODEL [VECTORS] ...\n"
            "\n"
            "Compares an engine with recorded vectors, every tensor, bit by bit.\n"
            "Without VECTORS, NAME.vectors.h5 beside NAME.model.h5 is taken.\n"
            "\n"
            "  --engine NAME  auto, a family or a kernel of it; default scalar, which shows\n"
            "                 every layer. A family without a kernel for a model computes it\n"
            "                 with scalar and says so.\n");
    for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
        (void)fprintf(to, "                 %-8s %s%s\n", f->name, f->help,
                      f->supported() ? "" : " (not on this processor)");
        for (size_t i = 0; kernel_table[i]->name != NULL; i++) {
            const struct kernel *k = kernel_table[i];
            if (strcmp(k->family, f->name) == 0 && strcmp(k->name, f->name) != 0) {
                (void)fprintf(to, "                   %-16s %s\n", k->name, k->help);
            }
        }
    }
    (void)fprintf(
        to, "  --json         the same for a program\n"
            "\n"
            "Exit status: 0 nothing differs, 1 a mismatch or an error, 2 the command line.\n");
    return status;
}

struct total {
    uint64_t models, compared, mismatches;
    json_t *list; /* NULL: text */
};

static bool verify_one(const char *model, const char *vectors, const char *engine,
                       struct total *total, struct error *err)
{
    char beside[4096];
    if (vectors == NULL) {
        if (!vectors_beside(model, beside, sizeof beside, err)) {
            return false;
        }
        vectors = beside;
    }
    struct verify *v = verify_files(model, vectors, engine, err);
    if (v == NULL) {
        return false;
    }
    if (total->list != NULL) {
        (void)json_array_append_new(total->list, make_json(v));
    } else {
        print_text(v);
    }
    total->models++;
    total->compared += v->compared;
    total->mismatches += v->mismatches;
    verify_free(v);
    return true;
}

static void print_total(struct total *total)
{
    if (total->list == NULL) {
        printf("total  %" PRIu64 " models  %" PRIu64 " values  %" PRIu64 " differ\n", total->models,
               total->compared, total->mismatches);
        return;
    }
    json_t *all =
        json_pack("{s:o, s:I, s:I}", "models", total->list, "compared", (json_int_t)total->compared,
                  "mismatches", (json_int_t)total->mismatches);
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(all);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"engine", required_argument, NULL, 'e'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    const char *engine = "scalar";
    struct total total = {0};
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "e:jhV", options, NULL)) != -1;) {
        switch (o) {
        case 'e':
            engine = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            return usage(stdout, 0);
        case 'V':
            puts("sparse-verify " SPARSED_VERSION);
            return 0;
        default:
            return usage(stderr, 2);
        }
    }
    if (optind == argc) {
        return usage(stderr, 2);
    }
    total.list = json ? json_array() : NULL;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    for (int i = optind; i < argc; i++) {
        const char *model = argv[i];
        const char *vectors = i + 1 < argc && !is_model(argv[i + 1]) ? argv[++i] : NULL;
        struct error err = {0};
        if (!verify_one(model, vectors, engine, &total, &err)) {
            (void)fprintf(stderr, "%s\n", err.text);
            json_decref(total.list);
            return error_exit_status(&err);
        }
    }
    print_total(&total);
    return total.mismatches > 0;
}
