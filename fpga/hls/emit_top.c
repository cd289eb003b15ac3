/* How: a declaration and a call a layer. Slots and arrays are plain variables, images are
 * streams; each has the number of the layer that gives it.
 */
#include "project.h"

#include <string.h>

struct call {
    const struct project *project;
    FILE *to;
    const struct layer *layer;
    uint32_t before, index; /* numbers of the input's and the output's variable */
    char ident[PROJECT_IDENT_BYTES];
};

/* The variable that the layer gives. */
static void declare(const struct call *c)
{
    const struct tensor_shape *out = &c->layer->out;
    if (out->sparse) {
        (void)fprintf(c->to, "    %s::out_slots x%u;\n", c->ident, c->index);
    } else if (out->flat) {
        (void)fprintf(c->to, "    %s::out_t x%u[%u];\n", c->ident, c->index, out->channels);
    } else {
        (void)fprintf(c->to,
                      "    hls::stream<%s::out_pixel> x%u(\"x%u\");\n"
                      "#pragma HLS STREAM variable = x%u depth = 16\n",
                      c->ident, c->index, c->index, c->index);
    }
}

/* "conv2d<l002_conv1>(x1, l002_conv1_weight, l002_conv1_bias, x2);" */
static void call(const struct call *c, const char *function, const char *table,
                 const char *second_table)
{
    declare(c);
    (void)fprintf(c->to, "    sparsed::%s<%s>(x%u, ", function, c->ident, c->before);
    if (table != NULL) {
        (void)fprintf(c->to, "%s_%s, ", c->ident, table);
    }
    if (second_table != NULL) {
        (void)fprintf(c->to, "%s_%s, ", c->ident, second_table);
    }
    (void)fprintf(c->to, "x%u);\n", c->index);
}

static const char *by_shape(const struct tensor_shape *s, const char *slots, const char *array,
                            const char *stream)
{
    return s->sparse ? slots : s->flat ? array : stream;
}

/* ---- the classes, in the order of the table in model.h ---- */

static void call_from_beats(const struct call *c, const char *function)
{
    declare(c);
    (void)fprintf(c->to, "    sparsed::%s<%s>(beats, x%u, n_active);\n", function, c->ident,
                  c->index);
}

static void call_input(const struct call *c)
{
    if (c->project->model->reduce == NULL) {
        call_from_beats(c, "read_image");
    }
}

static void call_sparse_input_reduce(const struct call *c)
{
    const struct project *p = c->project;
    call_from_beats(c, !p->image ? "reduce_list"
                       : p->tree ? "reduce_image_tree"
                                 : "reduce_image_stream");
}

static void call_quantize(const struct call *c)
{
    const char *slots = c->layer->element_per_pixel ? "quantize_slots_by_place" : "quantize_slots";
    call(c, by_shape(&c->layer->in, slots, "quantize_array", "quantize_stream"), "kind", NULL);
}

static void call_sparse_conv2d(const struct call *c)
{
    call(c, "sparse_conv2d", "weight", "bias");
}

static void call_relu(const struct call *c)
{
    call(c, by_shape(&c->layer->in, "relu_slots", "relu_array", "relu_stream"), NULL, NULL);
}

static void call_pool(const struct call *c, const char *kind)
{
    declare(c);
    (void)fprintf(c->to, "    sparsed::sparse_pool2d<%s, sparsed::%s<%s>>(x%u, x%u);\n", c->ident,
                  kind, c->ident, c->before, c->index);
}

static void call_sparse_avg_pool2d(const struct call *c)
{
    call_pool(c, "average");
}

static void call_sparse_max_pool2d(const struct call *c)
{
    call_pool(c, "largest");
}

static void call_sparse_flatten(const struct call *c)
{
    call(c, "sparse_flatten", NULL, NULL);
}

static void call_dense(const struct call *c)
{
    call(c, "dense", "weight", "bias");
}

static void call_zero_pad2d(const struct call *c)
{
    call(c, "zero_pad2d", NULL, NULL);
}

static void call_conv2d(const struct call *c)
{
    call(c, "conv2d", "weight", "bias");
}

static void call_avg_pool2d(const struct call *c)
{
    call(c, "avg_pool2d", NULL, NULL);
}

static void call_flatten(const struct call *c)
{
    call(c, "flatten", NULL, NULL);
}

static void call_sigmoid_table(const struct call *c)
{
    call(c, "sigmoid_table", "table", NULL);
}

static void call_softmax_table(const struct call *c)
{
    call(c, "softmax_table", "table", "inv_table");
}

/* The host's: project_last_layer ends before them. */
static void call_sigmoid(const struct call *c)
{
    (void)c;
}

static void call_softmax(const struct call *c)
{
    (void)c;
}

static void print_network(const struct project *p, FILE *to)
{
    static void (*const calls[])(const struct call *) = {
#define X(NAME, name) [LAYER_##NAME] = call_##name,
        LAYER_CLASSES(X)
#undef X
    };
    const struct model *m = p->model;
    uint32_t last = project_last_layer(m);
    (void)fputs("static void score_window(hls::stream<beat_t> &beats, word_t tag,\n"
                "                         hls::stream<word_t> &words)\n{\n"
                "#pragma HLS DATAFLOW\n    word_t n_active;\n",
                to);
    for (uint32_t i = m->reduce == NULL ? 0 : 1; i <= last; i++) {
        struct call c = {.project = p, .to = to, .layer = &m->layer[i], .index = i};
        c.before = i == 0 ? 0 : i - 1;
        project_ident(c.layer, c.ident);
        calls[c.layer->class](&c);
        (void)fprintf(to, "    SEE(%u, x%u);\n", i, i);
    }
    char ident[PROJECT_IDENT_BYTES];
    project_ident(&m->layer[last], ident);
    (void)fprintf(to,
                  "    sparsed::write_result<%s::out_t, KERNEL_OUTPUTS, KERNEL_RAW_BYTES / 4>(\n"
                  "        x%u, tag, n_active, words);\n}\n\n",
                  ident, last);
}

static const char top_head[] =
    "// top.cpp: the network and its interface. Written by sparse-hls.\n"
    "#include \"top.h\"\n\n"
    "#include \"activation.h\"\n#include \"axi.h\"\n#include \"conv.h\"\n#include \"dense.h\"\n"
    "#include \"flatten.h\"\n#include \"pool.h\"\n#include \"reduce.h\"\n#include \"stream.h\"\n"
    "#include \"table.h\"\n#include \"trace.h\"\n#include \"weights.h\"\n\n"
    "using sparsed::beat_t;\nusing sparsed::word_t;\n\n";

static const char top_kernel[] =
    "static void score_windows(hls::stream<beat_t> &beats, unsigned n_windows, unsigned tag,\n"
    "                          hls::stream<word_t> &words)\n{\n"
    "windows:\n"
    "    for (unsigned w = 0; w < n_windows; w++) {\n"
    "        score_window(beats, tag + w, words);\n"
    "    }\n}\n\n"
    "void KERNEL(const beat_t *windows, word_t *results, unsigned n_windows, unsigned tag)\n{\n"
    "#pragma HLS INTERFACE m_axi port = windows bundle = gmem0 offset = slave depth = "
    "KERNEL_IN_DEPTH\n"
    "#pragma HLS INTERFACE m_axi port = results bundle = gmem1 offset = slave depth = "
    "KERNEL_OUT_DEPTH\n"
    "#pragma HLS INTERFACE s_axilite port = windows\n"
    "#pragma HLS INTERFACE s_axilite port = results\n"
    "#pragma HLS INTERFACE s_axilite port = n_windows\n"
    "#pragma HLS INTERFACE s_axilite port = tag\n"
    "#pragma HLS INTERFACE s_axilite port = return\n"
    "#pragma HLS INTERFACE ap_ctrl_chain port = return\n"
    "#pragma HLS DATAFLOW\n"
    "    hls::stream<beat_t> beats(\"beats\");\n"
    "    hls::stream<word_t> words(\"words\");\n"
    "#pragma HLS STREAM variable = beats depth = 64\n"
    "#pragma HLS STREAM variable = words depth = 64\n"
    "    sparsed::load_windows<KERNEL_BEATS>(windows, n_windows, beats);\n"
    "    score_windows(beats, n_windows, tag, words);\n"
    "    sparsed::store_results<KERNEL_WORDS>(words, n_windows, results);\n}\n";

static const char top_header[] =
    "// top.h: the function that becomes the kernel. Written by sparse-hls.\n"
    "//\n"
    "// windows and results are AXI4 masters, the rest registers of an AXI4-Lite port with\n"
    "// ap_ctrl_chain; kernel_abi.h has the records and the registers.\n"
    "#ifndef TOP_H\n#define TOP_H\n\n#include \"model.h\"\n\n"
    "extern \"C\" void KERNEL(const sparsed::beat_t *windows, sparsed::word_t *results,\n"
    "                       unsigned n_windows, unsigned tag);\n\n#endif\n";

bool emit_top(const struct project *p, struct error *err)
{
    FILE *to = project_open(p, "src/top.h", err);
    if (to == NULL) {
        return false;
    }
    (void)fputs(top_header, to);
    if (!project_close(p, to, "src/top.h", err)) {
        return false;
    }
    to = project_open(p, "src/top.cpp", err);
    if (to == NULL) {
        return false;
    }
    (void)fputs(top_head, to);
    print_network(p, to);
    (void)fputs(top_kernel, to);
    return project_close(p, to, "src/top.cpp", err);
}
