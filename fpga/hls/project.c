/* How: the files that are the same for every model lie in this program, put there by the
 * assembler (.incbin), so that it needs nothing but itself; @KEY@ in them is replaced.
 */
#include "project.h"

#include "limits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* X(name, file under fpga/hls, file of the project) */
#define FILES(X)                                                                                   \
    X(fixed, "kernel/fixed.h", "src/fixed.h")                                                      \
    X(slots, "kernel/slots.h", "src/slots.h")                                                      \
    X(axi, "kernel/axi.h", "src/axi.h")                                                            \
    X(reduce, "kernel/reduce.h", "src/reduce.h")                                                   \
    X(conv, "kernel/conv.h", "src/conv.h")                                                         \
    X(activation, "kernel/activation.h", "src/activation.h")                                       \
    X(pool, "kernel/pool.h", "src/pool.h")                                                         \
    X(flatten, "kernel/flatten.h", "src/flatten.h")                                                \
    X(dense, "kernel/dense.h", "src/dense.h")                                                      \
    X(table, "kernel/table.h", "src/table.h")                                                      \
    X(stream, "kernel/stream.h", "src/stream.h")                                                   \
    X(trace, "kernel/trace.h", "src/trace.h")                                                      \
    X(abi, "kernel_abi.h", "src/kernel_abi.h")                                                     \
    X(abi_cpp, "project/kernel_abi.cpp", "tb/kernel_abi.cpp")                                      \
    X(testbench, "project/testbench.cpp", "tb/testbench.cpp")                                      \
    X(makefile, "project/Makefile", "scripts/Makefile")                                            \
    X(tcl, "project/hls.tcl", "scripts/hls.tcl")                                                   \
    X(u250, "project/link_u250.cfg", "scripts/link_u250.cfg")                                      \
    X(u55c, "project/link_u55c.cfg", "scripts/link_u55c.cfg")                                      \
    X(readme, "project/README.md", "README.md")

/* Each ends with a 0 byte: a string. */
#define X(name, from, to)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            "sparse_hls_file_" #name ":\n"                                                         \
            ".incbin \"" SPARSED_HLS_DIR "/" from "\"\n"                                           \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const char sparse_hls_file_##name[];
FILES(X)
#undef X

static uint32_t bits_for(uint32_t most)
{
    uint32_t bits = 1;
    while (bits < 32 && most >> bits != 0) {
        bits++;
    }
    return bits;
}

uint32_t project_last_layer(const struct model *m)
{
    uint32_t last = m->n_layers - 1;
    bool host = m->layer[last].class == LAYER_SIGMOID || m->layer[last].class == LAYER_SOFTMAX;
    return host ? last - 1 : last;
}

static uint32_t power_of_two(uint32_t least)
{
    uint32_t n = 1;
    while (n < least) {
        n *= 2;
    }
    return n;
}

static void lay_out(struct project *p)
{
    const struct model *m = p->model;
    uint32_t side = m->height > m->width ? m->height : m->width;
    uint32_t bytes; /* of a window */
    p->place_bytes = side <= 256 ? 1 : 2;
    p->place_t_bits = bits_for(side);
    p->value_bytes = m->input_t->width <= 16 ? 2 : 4;
    if (p->image) {
        p->pixel_bytes = power_of_two(m->channels * p->value_bytes);
        bytes = m->height * m->width * p->pixel_bytes;
    } else {
        p->pixel_bytes = (2 * p->place_bytes + m->channels * p->value_bytes + 3) / 4 * 4;
        bytes = 4 + m->reduce->out.slots * p->pixel_bytes;
    }
    p->beats = (bytes + 63) / 64;
    p->raw_bytes = m->output_t.width + !m->output_t.is_signed <= 32 ? 4 : 8;
    p->words = 2 + m->n_outputs * p->raw_bytes / 4;
}

bool project_init(struct project *p, struct error *err)
{
    if (!limits_check_options(p, err)) {
        return false;
    }
    lay_out(p);
    return limits_check_model(p, err);
}

void project_ident(const struct layer *l, char ident[PROJECT_IDENT_BYTES])
{
    size_t n = 1;
    ident[0] = 'l';
    for (const char *c = l->name; *c != '\0'; c++) {
        bool plain =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        ident[n++] = plain ? *c : '_';
    }
    ident[n] = '\0';
}

/* ---- files ---- */

static bool make_folder(const char *path, struct error *err)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST ||
           error_set(err, ERROR_STORAGE, "%s: cannot be made: %s", path, strerror(errno));
}

FILE *project_open(const struct project *p, const char *name, struct error *err)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", p->folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        (void)error_set(err, ERROR_STORAGE, "%s: cannot be written: %s", path, strerror(errno));
    }
    return file;
}

bool project_close(const struct project *p, FILE *file, const char *name, struct error *err)
{
    bool good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    return good || error_set(err, ERROR_STORAGE, "%s/%s: cannot be written whole", p->folder, name);
}

/* Letters, digits and a few signs of the model's name, for text that people read. */
static void plain_name(const struct model *m, char text[MODEL_NAME_BYTES])
{
    size_t n = 0;
    for (const char *c = m->name; *c != '\0'; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr("-_.+", *c) != NULL;
        text[n++] = plain ? *c : '_';
    }
    text[n] = '\0';
}

/* Writes `text` with every @KEY@ replaced. */
static void write_filled(const struct project *p, const char *text, FILE *to)
{
    char name[MODEL_NAME_BYTES];
    char sha[SHA256_HEX_BYTES];
    plain_name(p->model, name);
    hash_hex(p->model->sha256, sha);
    const struct {
        const char *key, *value;
    } keys[] = {
        {"@KERNEL@", p->kernel_name},
        {"@MODEL@", name},
        {"@SHA256@", sha},
        {"@PARALLEL@", p->factors_text},
        {"@FORM@", p->image ? (p->tree ? "image, reduced by a tree" : "image") : "list"},
    };
    while (*text != '\0') {
        size_t k = 0;
        while (k < sizeof keys / sizeof *keys &&
               strncmp(text, keys[k].key, strlen(keys[k].key)) != 0) {
            k++;
        }
        if (k < sizeof keys / sizeof *keys) {
            (void)fputs(keys[k].value, to);
            text += strlen(keys[k].key);
        } else {
            (void)fputc(*text++, to);
        }
    }
}

static bool copy_file(const struct project *p, const char *text, const char *name,
                      struct error *err)
{
    FILE *file = project_open(p, name, err);
    if (file == NULL) {
        return false;
    }
    write_filled(p, text, file);
    return project_close(p, file, name, err);
}

bool project_copy(const struct project *p, struct error *err)
{
    static const char *const folders[] = {"", "/src", "/tb", "/scripts"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s%s", p->folder, folders[i]);
        if (n < 0 || (size_t)n + 32 >= sizeof path) {
            return error_set(err, ERROR_STORAGE, "%.64s...: the path is too long", p->folder);
        }
        if (!make_folder(path, err)) {
            return false;
        }
    }
#define X(name, from, to)                                                                          \
    if (!copy_file(p, sparse_hls_file_##name, to, err)) {                                          \
        return false;                                                                              \
    }
    FILES(X)
#undef X
    return true;
}
