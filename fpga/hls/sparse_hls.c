/* sparse-hls: from a model file to an HLS project: kernel, test bench, scripts.
 *
 * How: the model is loaded and checked by the daemon's own loader; project.c holds what is the
 * same for every model, emit_*.c write what is not.
 */
#include "project.h"

#include <errno.h>
#include <getopt.h>
#include <hdf5.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_WINDOWS = 100, MAX_WINDOWS = 1000000 };

struct options {
    const char *model, *folder, *vectors, *kernel_name;
    const char *form; /* "list", "image", "tree", or NULL: list if the model has a reduction */
    struct project_factors factors;
    bool random;
    uint32_t windows;
    uint64_t seed;
};

static void print_help(FILE *to)
{
    (void)fputs(
        "Usage: sparse-hls MODEL -o DIR [OPTION]...\n"
        "Write a complete HLS project for a model file: kernel, test bench with vectors, scripts.\n"
        "\n"
        "  -o, --output DIR         folder of the project; files in it are written anew\n"
        "  -f, --form FORM          what the kernel takes:\n"
        "                             list   active pixels, chosen by the host (default)\n"
        "                             image  whole images, reduced as they stream in (default\n"
        "                                    for a model without sparse_input_reduce)\n"
        "                             tree   whole images, all pixels reduced at once\n"
        "  -p, --parallel FACTORS   serial, full, or NAME=N[,NAME=N]... with all for as many as\n"
        "                           there are; how much is done in one step, never a bit of the\n"
        "                           result:\n",
        to);
#define X(name, help) (void)fprintf(to, "                             %-8s " help "\n", #name);
    PROJECT_FACTORS(X)
#undef X
    (void)fputs(
        "                           default: an output slot, a place of the grid, 64 products\n"
        "                           and a beat of an image in one step\n"
        "  -k, --kernel NAME        name of the top function (default: sparsed_ and the first 16\n"
        "                           digits of the model file's SHA-256)\n"
        "  -v, --vectors FILE       recorded windows and tensors for the test bench (default:\n"
        "                           NAME.vectors.h5 beside NAME.model.h5, else random windows)\n"
        "  -r, --random             random windows, tensors from the CPU engine\n"
        "  -n, --windows N          at most so many windows (default 100)\n"
        "  -s, --seed N             of random windows (default 1)\n"
        "  -h, --help               this text\n"
        "      --version            the version\n"
        "\n"
        "Then, in DIR/scripts: `make csim AP_TYPES=FOLDER` compares the kernel with the vectors\n"
        "using g++ and the open ap_types headers; `make xo` and `make xclbin PLATFORM=u250` need\n"
        "Vitis, and have not been tried.\n"
        "Exit status: 0 done, 1 the model, the vectors or the folder is no good, 2 the command\n"
        "line.\n",
        to);
}

/* ---- command line ---- */

static bool parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                         uint64_t *to, struct error *err)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || v < min || v > max) {
        return error_set(err, ERROR_CONFIG, "%s = %s: must be %" PRIu64 " .. %" PRIu64, name, text,
                         min, max);
    }
    *to = v;
    return true;
}

static uint32_t *find_factor(struct project_factors *f, const char *name)
{
#define X(factor, help)                                                                            \
    if (strcmp(name, #factor) == 0) {                                                              \
        return &f->factor;                                                                         \
    }
    PROJECT_FACTORS(X)
#undef X
    return NULL;
}

/* "serial", "full", "pixel=20,filter=all" */
static bool parse_factors(const char *text, struct project_factors *f, struct error *err)
{
    bool serial = strcmp(text, "serial") == 0;
    if (serial || strcmp(text, "full") == 0) {
#define X(name, help) f->name = serial ? 1 : PROJECT_ALL;
        PROJECT_FACTORS(X)
#undef X
        return true;
    }
    char copy[256];
    if (strlen(text) >= sizeof copy) {
        return error_set(err, ERROR_CONFIG, "--parallel: longer than %zu letters", sizeof copy - 1);
    }
    memcpy(copy, text, strlen(text) + 1);
    char *rest = NULL;
    for (char *part = strtok_r(copy, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        char *value = strchr(part, '=');
        if (value != NULL) {
            *value++ = '\0';
        }
        uint32_t *factor = find_factor(f, part);
        if (factor == NULL || value == NULL) {
            return error_set(err, ERROR_CONFIG,
                             "--parallel %s: needs serial, full, or pixel=, filter=, channel=, "
                             "flatten=, dense=, lane= with a number or all",
                             text);
        }
        uint64_t n = PROJECT_ALL;
        if (strcmp(value, "all") != 0 && !parse_number(part, value, 1, PROJECT_ALL, &n, err)) {
            return error_prefix(err, "--parallel");
        }
        *factor = (uint32_t)n;
    }
    return true;
}

static bool is_identifier(const char *text)
{
    size_t letters =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return text[0] != '\0' && text[letters] == '\0' && (text[0] < '0' || text[0] > '9') &&
           letters < 48;
}

static bool take_option(int c, struct options *o, struct error *err)
{
    uint64_t n = 0;
    switch (c) {
    case 'o':
        o->folder = optarg;
        return true;
    case 'f':
        o->form = optarg;
        return strcmp(optarg, "list") == 0 || strcmp(optarg, "image") == 0 ||
               strcmp(optarg, "tree") == 0 ||
               error_set(err, ERROR_CONFIG, "--form %s: must be list, image or tree", optarg);
    case 'p':
        return parse_factors(optarg, &o->factors, err);
    case 'k':
        o->kernel_name = optarg;
        return is_identifier(optarg) ||
               error_set(err, ERROR_CONFIG,
                         "--kernel %s: must be a name in C++ of at most 47 letters", optarg);
    case 'v':
        o->vectors = optarg;
        return true;
    case 'r':
        o->random = true;
        return true;
    case 'n':
        if (!parse_number("--windows", optarg, 1, MAX_WINDOWS, &n, err)) {
            return false;
        }
        o->windows = (uint32_t)n;
        return true;
    case 's':
        return parse_number("--seed", optarg, 0, UINT64_MAX, &o->seed, err);
    default:
        return error_set(err, ERROR_CONFIG, "unknown option; see sparse-hls --help");
    }
}

static bool parse_options(int argc, char **argv, struct options *o, struct error *err)
{
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'},
        {"form", required_argument, NULL, 'f'},
        {"parallel", required_argument, NULL, 'p'},
        {"kernel", required_argument, NULL, 'k'},
        {"vectors", required_argument, NULL, 'v'},
        {"random", no_argument, NULL, 'r'},
        {"windows", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "o:f:p:k:v:rn:s:h", longs, NULL)) != -1) {
        if (c == 'h') {
            print_help(stdout);
            exit(EXIT_SUCCESS);
        }
        if (c == 'V') {
            (void)puts("sparse-hls " SPARSED_VERSION);
            exit(EXIT_SUCCESS);
        }
        if (!take_option(c, o, err)) {
            return false;
        }
    }
    if (optind + 1 != argc || o->folder == NULL) {
        return error_set(err, ERROR_CONFIG, "needs a model file and -o DIR; see sparse-hls --help");
    }
    o->model = argv[optind];
    return !(o->random && o->vectors != NULL) ||
           error_set(err, ERROR_CONFIG, "--random and --vectors exclude each other");
}

/* ---- the project ---- */

static void format_factors(struct project *p)
{
    size_t n = 0;
#define X(name, help)                                                                              \
    n += (size_t)snprintf(p->factors_text + n, sizeof p->factors_text - n,                         \
                          p->factors.name == PROJECT_ALL ? "%s" #name "=all" : "%s" #name "=%u",   \
                          n == 0 ? "" : " ", p->factors.name);
    PROJECT_FACTORS(X)
#undef X
}

static void set_up(struct project *p, const struct options *o, const struct model *m)
{
    char sha[SHA256_HEX_BYTES];
    hash_hex(m->sha256, sha);
    p->model = m;
    p->folder = o->folder;
    p->factors = o->factors;
    if (p->factors.pixel == 0) {
        p->factors.pixel = m->reduce == NULL ? 1 : m->reduce->out.slots;
    }
    if (o->kernel_name != NULL) {
        (void)snprintf(p->kernel_name, sizeof p->kernel_name, "%s", o->kernel_name);
    } else {
        (void)snprintf(p->kernel_name, sizeof p->kernel_name, "sparsed_%.16s", sha);
    }
    p->tree = o->form != NULL && strcmp(o->form, "tree") == 0;
    p->image = p->tree || (o->form == NULL ? m->reduce == NULL : strcmp(o->form, "image") == 0);
    format_factors(p);
}

/* NAME.vectors.h5 beside NAME.model.h5, if it is there. */
static const char *vectors_beside(const char *model, char *path, size_t bytes)
{
    static const char ending[] = ".model.h5";
    size_t n = strlen(model);
    if (n < sizeof ending - 1 || strcmp(model + n - (sizeof ending - 1), ending) != 0) {
        return NULL;
    }
    int wrote = snprintf(path, bytes, "%.*s.vectors.h5", (int)(n - (sizeof ending - 1)), model);
    return wrote > 0 && (size_t)wrote < bytes && access(path, R_OK) == 0 ? path : NULL;
}

static bool write_project(const struct options *o, const struct model *m, struct error *err)
{
    struct project p = {0};
    char path[4096];
    const char *vectors = o->vectors;
    if (vectors == NULL && !o->random) {
        vectors = vectors_beside(o->model, path, sizeof path);
    }
    set_up(&p, o, m);
    if (!project_init(&p, err) || !project_copy(&p, err) || !emit_model(&p, err) ||
        !emit_top(&p, err) || !emit_vectors(&p, vectors, o->windows, o->seed, err)) {
        return false;
    }
    (void)printf("%s: kernel %s of %s, %s form, %u bytes a window, %u bytes a result; %s\n",
                 o->folder, p.kernel_name, m->name,
                 p.tree    ? "tree"
                 : p.image ? "image"
                           : "list",
                 p.beats * 64, p.words * 4, p.factors_text);
    return true;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct options o = {.windows = DEFAULT_WINDOWS, .seed = 1};
    o.factors = (struct project_factors){.filter = PROJECT_ALL,
                                         .channel = PROJECT_ALL,
                                         .flatten = 1,
                                         .dense = 64,
                                         .lane = PROJECT_ALL};
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    opterr = 0;
    struct model *m = NULL;
    bool good = parse_options(argc, argv, &o, &err);
    if (good) {
        m = model_load(o.model, &err);
        good = m != NULL && write_project(&o, m, &err);
    }
    model_destroy(&m);
    if (!good) {
        (void)fprintf(stderr, "sparse-hls: %s\n", err.text);
        return error_exit_status(&err);
    }
    return EXIT_SUCCESS;
}
