/* Any bytes as a model file. What is refused must say why in one sentence; what
 * loads must compute any window without a step outside its arrays or its types,
 * because engines trust a loaded model. */
#include "engine/cpu/reference.h"
#include "model/dense_window.h"
#include "model/layer_load.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* HDF5 1.10 itself loses a few bytes on some damaged files; ours are still seen. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

/* ... and reads past its own memory on some others: why model_load rehearses. */
const char *__asan_default_suppressions(void);
const char *__asan_default_suppressions(void)
{
    return "interceptor_via_lib:libhdf5";
}

/* ... and asks for exabytes on others, which malloc is to refuse as it does elsewhere. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Large networks would only make the fuzzer slow. */
static bool is_small(const struct model *m)
{
    uint64_t elements = 0;
    for (uint32_t i = 0; i < m->n_layers; i++) {
        elements += layer_elements(&m->layer[i].out);
    }
    return elements < 1 << 14 && m->n_parameters < 1 << 14 && m->n_layers < 32;
}

static void compute(const struct model *m, const uint8_t *seed, size_t bytes)
{
    size_t values = (size_t)m->height * m->width * m->channels;
    int32_t *image = calloc(values, sizeof *image);
    struct pixel *place = calloc(m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)m->max_listed * m->channels, sizeof *value);
    struct reference *r = reference_create(m, NULL);
    int64_t raw[MODEL_MAX_OUTPUTS];
    struct window w;
    if (image == NULL || place == NULL || value == NULL || r == NULL) {
        abort();
    }
    for (size_t i = 0; i < values; i++) {
        int64_t wide = (int64_t)((uint64_t)seed[i % bytes] * UINT64_C(0x9e3779b97f4a7c15));
        image[i] = (int32_t)fixed_cast(wide, m->input_t->fraction, m->input_t);
    }
    dense_window_make(m, image, place, value, &w);
    reference_run(r, &w, raw);
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        if (raw[i] < fixed_min(&m->output_t) || raw[i] > fixed_max(&m->output_t)) {
            abort();
        }
    }
    reference_destroy(&r);
    free(image);
    free(place);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct error err = {.code = ERROR_NONE};
    struct model *m = model_load_bytes("fuzz.model.h5", data, bytes, &err);
    if (m == NULL) {
        if (err.code == ERROR_NONE || strncmp(err.text, "fuzz.model.h5: ", 15) != 0) {
            abort();
        }
        return 0;
    }
    if (is_small(m)) {
        compute(m, data, bytes);
    }
    model_destroy(&m);
    return 0;
}
