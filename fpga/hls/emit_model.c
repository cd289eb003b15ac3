/* How: one struct a layer, named after it, with all that the layer's template asks for: sizes,
 * types, parallel factors. `config_<class>` below prints what is the class's own; what all
 * have, shapes and types of input and output, is printed before it.
 */
#include "project.h"

#include "limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct emitter {
    const struct project *project;
    FILE *to;
};

static void print_int(const struct emitter *e, const char *name, int64_t value)
{
    (void)fprintf(e->to, "    static const int %s = %" PRId64 ";\n", name, value);
}

static void print_type(const struct emitter *e, const char *name, const struct fixed_type *t)
{
    char text[64];
    fixed_format(t, text, sizeof text);
    (void)fprintf(e->to, "    typedef %s %s;\n", text, name);
}

/* The element of a table of raws of this type. */
static void print_rom_type(const struct emitter *e, const char *name, const struct fixed_type *t)
{
    (void)fprintf(e->to, "    typedef ROM(ap_%sint<%d>) %s;\n", t->is_signed ? "" : "u", t->width,
                  name);
}

static uint32_t at_most(uint32_t factor, uint64_t most)
{
    return factor > most ? (uint32_t)most : factor;
}

/* An integer literal, right for the lowest one too. */
static void print_raw(FILE *to, int64_t raw)
{
    if (raw == INT64_MIN) {
        (void)fprintf(to, "(-%" PRId64 "LL - 1)", INT64_MAX);
    } else {
        (void)fprintf(to, "%" PRId64 "LL", raw);
    }
}

/* ---- the classes, in the order of the table in model.h ---- */

static void config_pixels(const struct emitter *e, const struct layer *l)
{
    const struct project *p = e->project;
    if (p->image) {
        uint32_t pixels_in_beat = 64 / p->pixel_bytes;
        uint32_t leaves = 1;
        while (leaves < l->in.height * l->in.width) {
            leaves *= 2;
        }
        print_int(e, "image_pixel_bits", 8 * (int64_t)p->pixel_bytes);
        print_int(e, "pixels_in_beat", pixels_in_beat);
        print_int(e, "lanes", at_most(p->factors.lane, pixels_in_beat));
        print_int(e, "leaves", leaves);
    } else {
        print_int(e, "place_bits", 8 * (int64_t)p->place_bytes);
        print_int(e, "pixel_words", p->pixel_bytes / 4);
    }
    print_int(e, "value_bits", 8 * (int64_t)p->value_bytes);
    print_int(e, "beats", p->beats);
}

static void config_input(const struct emitter *e, const struct layer *l)
{
    if (e->project->model->reduce == NULL) {
        config_pixels(e, l);
    }
}

static void config_sparse_input_reduce(const struct emitter *e, const struct layer *l)
{
    config_pixels(e, l);
    /* a threshold far below the type means the same as one just below it */
    int64_t least = fixed_min(&l->in_t) - 1;
    (void)fprintf(e->to, "    static const long long threshold_raw = %" PRId64 "LL;\n",
                  l->threshold_raw < least ? least : l->threshold_raw);
}

/* The number of each element's type; NULL: no memory. The caller frees it. */
static uint32_t *kinds_of(const struct layer *l, uint32_t **first, uint32_t *n)
{
    uint32_t *kind = calloc(2 * (size_t)l->element_count, sizeof *kind);
    if (kind != NULL) {
        *first = kind + l->element_count;
        *n = limits_number_types(l, kind, *first);
    }
    return kind;
}

static void config_quantize(const struct emitter *e, const struct layer *l)
{
    uint32_t *first;
    uint32_t n;
    uint32_t *kind = kinds_of(l, &first, &n);
    if (kind == NULL) {
        (void)fputs("#error no memory\n", e->to); /* emit_weights finds none either, and says so */
        return;
    }
    (void)fputs("    static out_t quantize(int kind, const in_t &x)\n    {\n#pragma HLS INLINE\n"
                "        switch (kind) {\n",
                e->to);
    for (uint32_t k = 0; k < n; k++) {
        char text[64];
        fixed_format(&l->element_t[first[k]], text, sizeof text);
        (void)fprintf(
            e->to,
            "        case %u:\n            return sparsed::cast<out_t>(sparsed::cast<%s>(x));\n",
            k + 1, text);
    }
    (void)fputs("        default:\n            return out_t(0);\n        }\n    }\n", e->to);
    free(kind);
}

/* A bias of nothing but zeros often has a type that makes no sense in hardware. */
static struct fixed_type bias_type(const struct layer *l)
{
    for (uint32_t f = 0; f < l->out.channels; f++) {
        if (l->bias[f] != 0) {
            return l->bias_t;
        }
    }
    struct fixed_type bit;
    (void)fixed_init(&bit, 1, 1, false, FIXED_TRN, FIXED_WRAP);
    return bit;
}

static void config_weights(const struct emitter *e, const struct layer *l)
{
    struct fixed_type bias_t = bias_type(l);
    print_type(e, "accum_t", &l->accum_t);
    print_type(e, "weight_t", &l->weight_t);
    print_rom_type(e, "weight_rom", &l->weight_t);
    print_type(e, "bias_t", &bias_t);
    print_rom_type(e, "bias_rom", &bias_t);
}

static void config_kernel(const struct emitter *e, const struct layer *l)
{
    print_int(e, "kernel_h", l->kernel_h);
    print_int(e, "kernel_w", l->kernel_w);
    print_int(e, "filters", l->out.channels);
    print_int(e, "filter_step", at_most(e->project->factors.filter, l->out.channels));
    config_weights(e, l);
}

static void config_pairs(const struct emitter *e, const struct layer *l)
{
    uint64_t pairs = (uint64_t)l->in.slots * l->in.slots;
    print_int(e, "pairs", at_most(e->project->factors.pixel, pairs));
    print_int(e, "channel_step", at_most(e->project->factors.channel, l->in.channels));
}

static void config_sparse_conv2d(const struct emitter *e, const struct layer *l)
{
    config_kernel(e, l);
    config_pairs(e, l);
    (void)fprintf(e->to, "    static const bool mask_slot = %s;\n",
                  l->mask_slot ? "true" : "false");
}

static void config_relu(const struct emitter *e, const struct layer *l)
{
    (void)e;
    (void)l;
}

static void config_sparse_max_pool2d(const struct emitter *e, const struct layer *l)
{
    print_int(e, "pool_h", l->pool_h);
    print_int(e, "pool_w", l->pool_w);
    config_pairs(e, l);
}

static void config_sparse_avg_pool2d(const struct emitter *e, const struct layer *l)
{
    config_sparse_max_pool2d(e, l);
    print_type(e, "accum_t", &l->accum_t);
    print_type(e, "recip_t", &l->recip_t);
    (void)fputs("    static out_t scale(const accum_t &sum)\n    {\n#pragma HLS INLINE\n"
                "        return sparsed::cast<out_t>(sum",
                e->to);
    const int64_t factor[] = {l->recip_h_raw, l->recip_w_raw};
    for (int i = 0; i < 2; i++) {
        if (factor[i] != 0) {
            (void)fputs(" * sparsed::from_raw<recip_t>(", e->to);
            print_raw(e->to, factor[i]);
            (void)fputs(")", e->to);
        }
    }
    (void)fputs(");\n    }\n", e->to);
}

static void config_sparse_flatten(const struct emitter *e, const struct layer *l)
{
    print_int(e, "cells",
              at_most(e->project->factors.flatten, (uint64_t)l->in.height * l->in.width));
}

static void config_dense(const struct emitter *e, const struct layer *l)
{
    uint32_t n_out = l->out.channels;
    uint32_t products = at_most(e->project->factors.dense, (uint64_t)l->in.channels * n_out);
    print_int(e, "n_in", l->in.channels);
    print_int(e, "n_out", n_out);
    print_int(e, "outputs", products < n_out ? products : n_out);
    print_int(e, "inputs", products > n_out ? products / n_out : 1);
    config_weights(e, l);
}

static void config_zero_pad2d(const struct emitter *e, const struct layer *l)
{
    print_int(e, "pad_top", l->pad_top);
    print_int(e, "pad_left", l->pad_left);
}

static void config_conv2d(const struct emitter *e, const struct layer *l)
{
    config_kernel(e, l);
    print_int(e, "stride", l->stride);
}

static void config_avg_pool2d(const struct emitter *e, const struct layer *l)
{
    print_int(e, "pool_h", l->pool_h);
    print_int(e, "pool_w", l->pool_w);
    print_type(e, "accum_t", &l->accum_t);
}

static void config_flatten(const struct emitter *e, const struct layer *l)
{
    config_relu(e, l);
}

static void config_sigmoid_table(const struct emitter *e, const struct layer *l)
{
    print_type(e, "table_t", &l->table_t);
    print_rom_type(e, "table_rom", &l->table_t);
}

static void config_softmax_table(const struct emitter *e, const struct layer *l)
{
    config_sigmoid_table(e, l);
    print_type(e, "inv_table_t", &l->inv_table_t);
    print_rom_type(e, "inv_table_rom", &l->inv_table_t);
}

static void config_sigmoid(const struct emitter *e, const struct layer *l)
{
    config_relu(e, l);
}

static void config_softmax(const struct emitter *e, const struct layer *l)
{
    config_relu(e, l);
}

/* What flows in or out: slots, a pixel of a stream, or one axis. */
static void config_flow(const struct emitter *e, const struct tensor_shape *s, const char *side)
{
    if (s->sparse) {
        (void)fprintf(e->to, "    typedef sparsed::slots<%s_t, %u, %u, place_t> %s_slots;\n", side,
                      s->slots, s->channels, side);
    } else if (!s->flat) {
        (void)fprintf(e->to, "    typedef sparsed::pixel<%s_t, %u> %s_pixel;\n", side, s->channels,
                      side);
    }
}

static void config_layer(const struct emitter *e, const struct layer *l)
{
    static void (*const config[])(const struct emitter *, const struct layer *) = {
#define X(NAME, name) [LAYER_##NAME] = config_##name,
        LAYER_CLASSES(X)
#undef X
    };
    char ident[PROJECT_IDENT_BYTES];
    project_ident(l, ident);
    (void)fprintf(e->to, "// %s\nstruct %s {\n", layer_class_name(l->class), ident);
    print_type(e, "in_t", &l->in_t);
    print_type(e, "out_t", &l->out_t);
    config_flow(e, &l->in, "in");
    config_flow(e, &l->out, "out");
    if (l->out.sparse) {
        print_int(e, "n_slots", l->out.slots);
    } else if (l->in.sparse) {
        print_int(e, "n_slots", l->in.slots);
    }
    if (!l->in.flat) {
        print_int(e, "height", l->in.height);
        print_int(e, "width", l->in.width);
        print_int(e, "out_height", l->out.height);
        print_int(e, "out_width", l->out.width);
    }
    print_int(e, "channels", l->in.channels);
    config[l->class](e, l);
    (void)fputs("};\n\n", e->to);
}

/* As a C string, whatever bytes it has. */
static void print_string(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        bool plain = *c >= ' ' && *c < 127 && *c != '"' && *c != '\\' && *c != '?';
        (void)fprintf(to, plain ? "%c" : "\\%03o", *c);
    }
    (void)fputs("\"\n", to);
}

static void print_sizes(const struct emitter *e)
{
    const struct project *p = e->project;
    const struct model *m = p->model;
    char sha[SHA256_HEX_BYTES];
    hash_hex(m->sha256, sha);
    (void)fprintf(e->to, "#define KERNEL %s\n#define KERNEL_NAME \"%s\"\n", p->kernel_name,
                  p->kernel_name);
    (void)fputs("#define MODEL_NAME ", e->to);
    print_string(e->to, m->name);
    (void)fprintf(e->to, "#define MODEL_SHA256 \"%s\"\n#define KERNEL_PARALLEL \"%s\"\n", sha,
                  p->factors_text);
    const struct {
        const char *name;
        uint32_t value;
    } sizes[] = {
        {"FORM", p->image ? 1 : 0},
        {"HEIGHT", m->height},
        {"WIDTH", m->width},
        {"CHANNELS", m->channels},
        {"SLOTS", m->reduce == NULL ? 0 : m->reduce->out.slots},
        {"PLACE_BYTES", p->place_bytes},
        {"VALUE_BYTES", p->value_bytes},
        {"PIXEL_BYTES", p->pixel_bytes},
        {"BEATS", p->beats},
        {"OUTPUTS", m->n_outputs},
        {"RAW_BYTES", p->raw_bytes},
        {"WORDS", p->words},
        {"LAYERS", m->n_layers},
        {"COSIM_WINDOWS", PROJECT_COSIM_WINDOWS},
        {"IN_DEPTH", PROJECT_COSIM_WINDOWS * p->beats},
        {"OUT_DEPTH", PROJECT_COSIM_WINDOWS * p->words},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        (void)fprintf(e->to, "#define KERNEL_%s %u\n", sizes[i].name, sizes[i].value);
    }
}

static bool emit_types(const struct project *p, struct error *err)
{
    struct emitter e = {p, project_open(p, "src/model.h", err)};
    if (e.to == NULL) {
        return false;
    }
    (void)fputs("// model.h: sizes, types and parallel factors of each layer. Written by "
                "sparse-hls.\n#ifndef MODEL_H\n#define MODEL_H\n\n#include \"axi.h\"\n"
                "#include \"slots.h\"\n\n",
                e.to);
    print_sizes(&e);
    (void)fprintf(e.to, "\ntypedef ap_uint<%u> place_t;\n\n", p->place_t_bits);
    for (uint32_t i = 0; i < p->model->n_layers; i++) {
        config_layer(&e, &p->model->layer[i]);
    }
    (void)fputs("#endif\n", e.to);
    return project_close(p, e.to, "src/model.h", err);
}

/* ---- weights.h ---- */

static void print_table(FILE *to, const char *layer, const char *type, const char *name,
                        const int64_t *raw, uint64_t n)
{
    (void)fprintf(to, "static const %s::%s %s_%s[%" PRIu64 "] = {", layer, type, layer, name, n);
    for (uint64_t i = 0; i < n; i++) {
        (void)fputs(i % 12 == 0 ? "\n    " : " ", to);
        print_raw(to, raw[i]);
        (void)fputc(',', to);
    }
    (void)fputs("\n};\n\n", to);
}

static bool print_kinds(FILE *to, const char *ident, const struct layer *l)
{
    uint32_t *first;
    uint32_t n;
    uint32_t *kind = kinds_of(l, &first, &n);
    if (kind == NULL) {
        return false;
    }
    (void)fprintf(to, "static const unsigned char %s_kind[%u] = {", ident, l->element_count);
    for (uint32_t i = 0; i < l->element_count; i++) {
        (void)fprintf(to, "%s%u,", i % 24 == 0 ? "\n    " : " ", kind[i]);
    }
    (void)fputs("\n};\n\n", to);
    free(kind);
    return true;
}

static bool print_tables(FILE *to, const struct layer *l)
{
    char ident[PROJECT_IDENT_BYTES];
    project_ident(l, ident);
    if (l->weight != NULL) {
        uint64_t field = l->kernel_h == 0 ? 1 : (uint64_t)l->kernel_h * l->kernel_w;
        print_table(to, ident, "weight_rom", "weight", l->weight,
                    field * l->in.channels * l->out.channels);
        print_table(to, ident, "bias_rom", "bias", l->bias, l->out.channels);
    }
    if (l->table != NULL) {
        print_table(to, ident, "table_rom", "table", l->table, MODEL_TABLE_ENTRIES);
    }
    if (l->inv_table != NULL) {
        print_table(to, ident, "inv_table_rom", "inv_table", l->inv_table, MODEL_TABLE_ENTRIES);
    }
    return l->element_t == NULL || print_kinds(to, ident, l);
}

static bool emit_weights(const struct project *p, struct error *err)
{
    FILE *to = project_open(p, "src/weights.h", err);
    if (to == NULL) {
        return false;
    }
    (void)fputs("// weights.h: the model's numbers, raws of their types. Written by sparse-hls.\n"
                "#ifndef WEIGHTS_H\n#define WEIGHTS_H\n\n#include \"model.h\"\n\n",
                to);
    bool good = true;
    for (uint32_t i = 0; good && i < p->model->n_layers; i++) {
        good = print_tables(to, &p->model->layer[i]);
    }
    (void)fputs("#endif\n", to);
    bool closed = project_close(p, to, "src/weights.h", err);
    return good ? closed : error_set(err, ERROR_SYSTEM, "%s: no memory", p->folder);
}

bool emit_model(const struct project *p, struct error *err)
{
    return emit_types(p, err) && emit_weights(p, err);
}
