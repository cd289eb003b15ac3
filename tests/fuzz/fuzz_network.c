/* Networks that are right but for what the input changes: every layer class, its attributes and
 * data sets, made as a model file in memory (made_h5.h) and loaded. What is refused says why in
 * one sentence; what loads must compute any window without a step outside its arrays or types,
 * every kernel that says it can must give the reference's very bits, and a kernel of an FPGA
 * that loads its network gets an image or a reason.
 *
 * Input: number of layers, a seed for windows; then for each layer its class, and bytes for all
 * that is written. */
#include "engine/cpu/reference.h"
#include "engine/xrt/network.h"
#include "made_h5.h"
#include "made_network.h"
#include "model/dense_window.h"
#include "model/layer_load.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { MAX_LAYERS = 12, WINDOWS = 4 };

static void check(bool good)
{
    if (!good)
        abort();
}

static bool is_small(const struct model *m)
{
    uint64_t elements = 0;
    for (uint32_t i = 0; i < m->n_layers; i++)
        elements += layer_elements(&m->layer[i].out);
    return elements < 1 << 14 && m->n_parameters < 1 << 14 && m->max_listed < 1 << 12;
}

/* Any image; most of its pixels empty where `seed` says so. */
static void draw(const struct model *m, uint64_t seed, int32_t *image)
{
    size_t values = (size_t)m->height * m->width * m->channels;
    for (size_t i = 0; i < values; i++) {
        uint64_t x = (i + 1) * (2 * seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
        bool empty = (seed & 1) != 0 && (x >> 60) != 0;
        image[i] =
            empty ? 0 : (int32_t)fixed_cast((int64_t)(x >> 8), m->input_t->fraction, m->input_t);
    }
}

static void compute(const struct model *m, uint64_t seed)
{
    struct error err;
    int32_t *image = calloc((size_t)m->height * m->width * m->channels, sizeof *image);
    struct pixel *place = calloc(m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)m->max_listed * m->channels, sizeof *value);
    struct reference *r = reference_create(m, &err);
    check(image != NULL && place != NULL && value != NULL && r != NULL);
    for (uint32_t n = 0; n < WINDOWS; n++) {
        int64_t raw[MODEL_MAX_OUTPUTS], other[MODEL_MAX_OUTPUTS];
        double score[MODEL_MAX_OUTPUTS];
        struct window w;
        draw(m, seed + n, image);
        dense_window_make(m, image, place, value, &w);
        reference_run(r, &w, raw);
        for (uint32_t i = 0; i < m->n_outputs; i++)
            check(raw[i] >= fixed_min(&m->output_t) && raw[i] <= fixed_max(&m->output_t));
        model_scores(m, raw, score);
        for (const struct kernel *const *k = kernel_table; (*k)->name != NULL; k++) {
            if (*k == &reference_kernel || !kernel_usable(*k, m))
                continue;
            void *state = (*k)->create(m, &err);
            check(state != NULL);
            (*k)->run(state, &w, other);
            check(memcmp(raw, other, m->n_outputs * sizeof *raw) == 0);
            (*k)->destroy(state);
        }
    }
    reference_destroy(&r);
    free(image);
    free(place);
    free(value);
}

/* For a kernel that loads its network: what fits it has sizes of its own. */
static void compile(const struct model *m, uint32_t seed)
{
    struct error err = {.code = ERROR_NONE};
    struct network n;
    struct xclbin x = {.kernel = "made",
                       .loads = true,
                       .form = (seed & 1) != 0 ? KERNEL_IMAGE : KERNEL_LIST,
                       .n_slots = 8 + 2 * (seed >> 1 & 15),
                       .at_once = 1 + (seed >> 5 & 1),
                       .filters = 1 + (seed >> 6 & 3) % 3,
                       .reuse = 1U << seed % 3};
    /* as image_build_exists says */
    if (x.at_once > 1 || x.n_slots % x.reuse != 0)
        x.reuse = 1;
    if (network_init(&n, &x, m, &err)) {
        check(x.height == m->height && x.width == m->width && x.n_outputs == m->n_outputs);
        check(x.window_bytes > 0 && x.result_bytes >= 8 + x.n_outputs * x.raw_bytes);
        check(n.image != NULL && n.bytes > 0);
    } else {
        check(err.code == ERROR_MODEL && err.text[0] != '\0');
    }
    network_fini(&n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct stream s = {data, bytes};
    uint32_t n = 4 + (uint32_t)stream_take(&s, 1) % (MAX_LAYERS - 3);
    uint64_t seed = stream_take(&s, 1);
    size_t file_bytes;
    void *file = made_network(&s, n, &file_bytes);
    struct error err = {.code = ERROR_NONE};
    struct model *m = model_load_bytes("made.model.h5", file, file_bytes, &err);
    if (m == NULL) {
        check(err.code != ERROR_NONE && strncmp(err.text, "made.model.h5: ", 15) == 0);
    } else if (is_small(m)) {
        compute(m, seed);
        compile(m, (uint32_t)seed);
    }
    model_destroy(&m);
    check(made_h5_all_closed());
    free(file);
    return 0;
}
