/* sparse-verify: an engine against recorded vectors, layer by layer.
 *
 *     sparse-verify [--engine NAME] [--json] MODEL [VECTORS] [MODEL [VECTORS]] ...
 *     sparse-verify --engine fpga --xclbin FILE [--device-command COMMAND] MODEL [VECTORS]
 *     sparse-verify --windows differing.jsonl [--engine ...] MODEL
 *
 * How: an argument with the attribute `format` is a model, one without is the
 * vectors of the model before it; without them NAME.vectors.h5 beside
 * NAME.model.h5 is taken. offline/verify_vectors reads them, offline/verify_run
 * compares; verify_card scores on a card, verify_windows reads what the daemon saved of one;
 * here is what is said about it. Exit status: 0 no mismatch, 1 a mismatch
 * or an error, 2 the command line.
 */
#include "base/error.h"
#include "base/log.h"
#include "engine/cpu/kernel.h"
#include "model/h5_read.h"
#include "model/model.h"
#include "offline/verify_run.h"
#include "offline/verify_vectors.h"
#include "offline/verify_windows.h"

#include <getopt.h>
#include <hdf5.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is to be compared. */
struct asked {
    const char *engine;
    struct verify_card card; /* engine fpga; else xclbin is NULL */
    const char *windows;     /* saved by the daemon; NULL: vectors */
};

struct verify {
    struct model *model;
    const struct kernel *kernel; /* NULL: a card */
    const char *instead_of;      /* the family asked for, where it has no kernel for this model */
    struct verify_vectors *vectors;
    struct verify_result result;
};

/* ---- showing ---- */

static void print_text(const struct verify *v)
{
    printf("%s  engine %s", v->model->name, v->kernel != NULL ? "cpu " : "");
    printf("%s", v->kernel != NULL ? v->kernel->name : "fpga (last integers only)");
    if (v->instead_of != NULL) {
        printf(" (no %s kernel for this model)", v->instead_of);
    }
    printf("  %" PRIu64 " windows  %" PRIu64 " values  %" PRIu64 " differ", v->vectors->events,
           v->result.compared, v->result.mismatches);
    if (v->result.has_last && v->result.last_difference > 0) {
        printf("  %" PRIu64 " decisions differ, largest difference of an output %.3g",
               v->result.decisions_differ, v->result.last_difference);
    }
    if (v->vectors->training != NULL) {
        printf("  training: largest difference %.3g", v->result.training_difference);
    }
    printf("\n");
    if (v->vectors->input_values > 0) {
        printf("  %-32s %10" PRIu64 " values %10" PRIu64 " differ\n", "input from float",
               v->vectors->input_values, v->vectors->input_mismatches);
    }
    for (uint32_t i = 0; i < v->vectors->n_tensors; i++) {
        const struct verify_tensor *t = &v->vectors->tensor[i];
        char name[MODEL_NAME_BYTES + 8];
        (void)snprintf(name, sizeof name, "%s %s", v->model->layer[t->layer].name, t->kind);
        printf("  %-32s %10" PRIu64 " values %10" PRIu64 " differ%s\n", name,
               v->vectors->events * t->per_event, t->mismatches,
               t->other_type ? ", and its type is not the model's" : "");
    }
}

static json_t *make_json(const struct verify *v)
{
    json_t *layers = json_array();
    for (uint32_t i = 0; i < v->vectors->n_tensors; i++) {
        const struct verify_tensor *t = &v->vectors->tensor[i];
        (void)json_array_append_new(
            layers,
            json_pack("{s:s, s:s, s:I, s:I, s:b}", "layer", v->model->layer[t->layer].name,
                      "tensor", t->kind, "values", (json_int_t)(v->vectors->events * t->per_event),
                      "mismatches", (json_int_t)t->mismatches, "type_differs", (int)t->other_type));
    }
    json_t *model = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "model", v->model->name, "engine",
        v->kernel != NULL ? v->kernel->name : "fpga", "windows", (json_int_t)v->vectors->events,
        "compared", (json_int_t)v->result.compared, "mismatches", (json_int_t)v->result.mismatches,
        "input_values", (json_int_t)v->vectors->input_values, "input_mismatches",
        (json_int_t)v->vectors->input_mismatches, "layers", layers);
    if (v->instead_of != NULL) {
        (void)json_object_set_new(model, "instead_of", json_string(v->instead_of));
    }
    if (v->result.has_last) {
        (void)json_object_set_new(model, "decisions_differ",
                                  json_integer((json_int_t)v->result.decisions_differ));
        (void)json_object_set_new(model, "last_largest_difference",
                                  json_real(v->result.last_difference));
    }
    if (v->vectors->training != NULL) {
        (void)json_object_set_new(model, "training_largest_difference",
                                  json_real(v->result.training_difference));
    }
    return model;
}

/* ---- the program ---- */

static void verify_free(struct verify *v)
{
    verify_vectors_destroy(&v->vectors);
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

static bool run(struct verify *v, const struct asked *a, struct error *err)
{
    return a->card.xclbin != NULL ? verify_run_card(v->model, &a->card, v->vectors, &v->result, err)
                                  : verify_run(v->model, v->kernel, v->vectors, &v->result, err);
}

static struct verify *verify_files(const char *model, const char *vectors, const struct asked *a,
                                   struct error *err)
{
    struct verify *v = calloc(1, sizeof *v);
    if (v == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory");
        return NULL;
    }
    v->model = model_load(model, err);
    bool good = v->model != NULL;
    if (good && a->card.xclbin == NULL) {
        v->kernel = kernel_choose(a->engine, v->model, err);
        v->instead_of = v->kernel == NULL ? NULL : missed_family(v->kernel, a->engine);
        good = v->kernel != NULL;
    }
    v->vectors = good ? verify_vectors_read(v->model, vectors, err) : NULL;
    if (v->vectors == NULL || !run(v, a, err)) {
        verify_free(v);
        return NULL;
    }
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
            "       sparse-verify --engine fpga --xclbin FILE [--device-command COMMAND] MODEL\n"
            "       sparse-verify --windows differing.jsonl [--engine NAME ...] MODEL\n"
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
        to, "                 fpga     a card, through XRT; shows its last integers only\n"
            "  --xclbin FILE  the kernel of the card, made from MODEL\n"
            "  --device-command COMMAND\n"
            "                 starts an emulated card: \"sparse-device libkernel_NAME.so\"\n"
            "  --windows FILE windows that a card and the CPU scored differently, as sparsed\n"
            "                 saves them (engine.fpga.save_directory), instead of vectors: the\n"
            "                 engine scores them again, and is compared with both\n"
            "  --json         the same for a program\n"
            "\n"
            "Exit status: 0 nothing differs, 1 a mismatch or an error, 2 the command line.\n");
    return status;
}

struct total {
    uint64_t models, compared, mismatches;
    json_t *list; /* NULL: text */
};

/* raw[n][n_outputs] of saved windows, by the engine that is asked for. */
static bool score_windows(const struct asked *a, const struct model *m,
                          const struct verify_windows *w, int64_t *raw, struct error *err)
{
    if (a->card.xclbin != NULL) {
        return verify_card_score(&a->card, m, w->window, w->n, raw, err);
    }
    const struct kernel *k = kernel_choose(a->engine, m, err);
    void *state = k == NULL ? NULL : k->create(m, err);
    for (uint64_t i = 0; state != NULL && i < w->n; i++) {
        k->run(state, &w->window[i], raw + i * m->n_outputs);
    }
    if (state != NULL) {
        k->destroy(state);
    }
    return state != NULL;
}

static void say_windows(const struct asked *a, const struct model *m,
                        const struct verify_windows *w, const int64_t *raw, struct total *total)
{
    const char *who = a->card.xclbin != NULL ? "card" : "CPU";
    uint64_t cpu = verify_windows_compare(w, m, raw, w->cpu);
    uint64_t card = verify_windows_compare(w, m, raw, w->card);
    total->models++;
    total->compared += 2 * w->n * m->n_outputs;
    total->mismatches += cpu + card;
    if (total->list != NULL) {
        (void)json_array_append_new(
            total->list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "model", m->name, "again", who,
                                   "windows", (json_int_t)w->n, "differ_from_cpu", (json_int_t)cpu,
                                   "differ_from_card", (json_int_t)card));
        return;
    }
    printf("%s  %" PRIu64 " windows  the %s again: %" PRIu64 " differ from what the CPU gave, "
           "%" PRIu64 " from what the card gave\n",
           m->name, w->n, who, cpu, card);
}

static bool verify_saved(const char *model, const struct asked *a, struct total *total,
                         struct error *err)
{
    struct model *m = model_load(model, err);
    struct verify_windows *w = m == NULL ? NULL : verify_windows_read(m, a->windows, err);
    int64_t *raw = w == NULL ? NULL : calloc(w->n * m->n_outputs, sizeof *raw);
    bool good = w != NULL && (raw != NULL || error_set(err, ERROR_SYSTEM, "no memory")) &&
                score_windows(a, m, w, raw, err);
    if (good) {
        say_windows(a, m, w, raw, total);
    }
    free(raw);
    verify_windows_destroy(&w);
    model_destroy(&m);
    return good;
}

static bool verify_one(const char *model, const char *vectors, const struct asked *a,
                       struct total *total, struct error *err)
{
    if (a->windows != NULL) {
        return verify_saved(model, a, total, err);
    }
    char beside[4096];
    if (vectors == NULL) {
        if (!vectors_beside(model, beside, sizeof beside, err)) {
            return false;
        }
        vectors = beside;
    }
    struct verify *v = verify_files(model, vectors, a, err);
    if (v == NULL) {
        return false;
    }
    if (total->list != NULL) {
        (void)json_array_append_new(total->list, make_json(v));
    } else {
        print_text(v);
    }
    total->models++;
    total->compared += v->result.compared;
    total->mismatches += v->result.mismatches;
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
    static const struct option options[] = {
        {"engine", required_argument, NULL, 'e'},  {"json", no_argument, NULL, 'j'},
        {"xclbin", required_argument, NULL, 'x'},  {"device-command", required_argument, NULL, 'd'},
        {"windows", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0}};
    struct asked asked = {.engine = "scalar"};
    struct total total = {0};
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "e:jhV", options, NULL)) != -1;) {
        switch (o) {
        case 'e':
            asked.engine = optarg;
            break;
        case 'x':
            asked.card.xclbin = optarg;
            break;
        case 'd':
            asked.card.device_command = optarg;
            break;
        case 'w':
            asked.windows = optarg;
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
    if ((strcmp(asked.engine, "fpga") == 0) != (asked.card.xclbin != NULL)) {
        (void)fprintf(stderr, "sparse-verify: --engine fpga and --xclbin FILE need each other\n");
        return 2;
    }
    log_set_level(LOG_LEVEL_WARN);
    total.list = json ? json_array() : NULL;
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    for (int i = optind; i < argc; i++) {
        const char *model = argv[i];
        const char *vectors = i + 1 < argc && !is_model(argv[i + 1]) ? argv[++i] : NULL;
        struct error err = {0};
        if (!verify_one(model, vectors, &asked, &total, &err)) {
            (void)fprintf(stderr, "%s\n", err.text);
            json_decref(total.list);
            return error_exit_status(&err);
        }
    }
    print_total(&total);
    return total.mismatches > 0;
}
