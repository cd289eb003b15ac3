/* model: one network, ready to run, as its file holds it (docs/model.md: the
 * format sparsed-model, version 1).
 *
 * A model is read-only after model_load. Every shape, type and number in it has
 * been checked, so that an engine may trust it: shapes follow from layer to
 * layer, every weight lies inside its type, no exact intermediate needs more
 * than 63 bits.
 */
#ifndef SPARSED_MODEL_MODEL_H
#define SPARSED_MODEL_MODEL_H

#include "base/error.h"
#include "base/hash.h"
#include "data/preprocessing.h"
#include "model/fixed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_NAME_BYTES = 64, MODEL_MAX_OUTPUTS = 64, MODEL_TABLE_ENTRIES = 1024 };
enum { MODEL_MAX_CHANNELS = 4096 };

/* The layer classes: X(NAME, name). A class is this row, one loader function
 * `load_<name>` in model/layer_load.c and one reference function `run_<name>` in
 * engine/cpu/layer_run.c. */
#define LAYER_CLASSES(X)                                                                           \
    X(INPUT, input)                                                                                \
    X(QUANTIZE, quantize)                                                                          \
    X(SPARSE_INPUT_REDUCE, sparse_input_reduce)                                                    \
    X(SPARSE_CONV2D, sparse_conv2d)                                                                \
    X(RELU, relu)                                                                                  \
    X(SPARSE_AVG_POOL2D, sparse_avg_pool2d)                                                        \
    X(SPARSE_MAX_POOL2D, sparse_max_pool2d)                                                        \
    X(SPARSE_FLATTEN, sparse_flatten)                                                              \
    X(DENSE, dense)                                                                                \
    X(ZERO_PAD2D, zero_pad2d)                                                                      \
    X(CONV2D, conv2d)                                                                              \
    X(AVG_POOL2D, avg_pool2d)                                                                      \
    X(FLATTEN, flatten)                                                                            \
    X(SIGMOID_TABLE, sigmoid_table)                                                                \
    X(SOFTMAX_TABLE, softmax_table)                                                                \
    X(SIGMOID, sigmoid)                                                                            \
    X(SOFTMAX, softmax)

enum layer_class {
#define X(NAME, name) LAYER_##NAME,
    LAYER_CLASSES(X)
#undef X
        LAYER_CLASS_COUNT
};

/* What flows between two layers. */
struct tensor_shape {
    bool sparse;    /* slots with places on the grid height x width */
    bool flat;      /* one axis of `channels` values; height and width are 1 */
    uint32_t slots; /* sparse only: n_max_pixels */
    uint32_t height, width, channels;
};

struct layer {
    enum layer_class class;
    char name[MODEL_NAME_BYTES]; /* group name in the file, "004_conv2" */
    struct tensor_shape in, out;
    struct fixed_type in_t; /* out_t of the layer before */
    struct fixed_type out_t;
    /* Attributes and data sets of the classes; see docs/model.md. What a class
     * does not have is 0. Arrays belong to the model. */
    struct fixed_type accum_t, weight_t, bias_t, recip_t;
    uint32_t kernel_h, kernel_w, stride;
    uint32_t pool_h, pool_w;
    uint32_t pad_top, pad_bottom, pad_left, pad_right;
    int64_t recip_h_raw, recip_w_raw; /* 0: no factor for this axis */
    bool mask_slot;                   /* sparse_conv2d: mask is "slot", not "feature" */
    uint32_t n_max_pixels;
    int64_t threshold_raw;
    int64_t *weight; /* [kernel_h][kernel_w][in channels][filters] or [n_in][n_out] */
    int64_t *bias;
    /* quantize: a type for each element of [channels], [height][width][channels]
     * or the flat tensor; width 0: the element is always 0 */
    struct fixed_type *element_t;
    uint32_t element_count;
    bool element_per_pixel; /* element_t is [element_h][element_w][channels] */
    uint32_t element_h, element_w;
    /* tables */
    struct fixed_type table_t, inv_table_t; /* table_t is exp_table_t for softmax */
    int64_t *table;                         /* [MODEL_TABLE_ENTRIES]; exp_table for softmax */
    int64_t *inv_table;                     /* [MODEL_TABLE_ENTRIES] */
};

struct model {
    char path[512];
    char name[MODEL_NAME_BYTES];
    char created_by[128];
    uint8_t sha256[SHA256_BYTES]; /* of the file */
    uint32_t n_labels;
    char label[MODEL_MAX_OUTPUTS][MODEL_NAME_BYTES];
    bool has_preprocessing;
    struct preprocessing pre;
    uint32_t n_layers;
    struct layer *layer;
    /* derived */
    uint32_t height, width, channels; /* of the input image */
    const struct fixed_type *input_t; /* at most 31 value bits: raws fit int32 */
    const struct layer *reduce;       /* the input reduction, if the first layer; else NULL */
    uint32_t max_listed;              /* pixels a window may list: n_max_pixels or height*width */
    uint32_t n_outputs;               /* scores a window */
    struct fixed_type output_t;       /* of the engine's last integers */
    uint64_t n_parameters;            /* weights and biases */
};

/* Loads and checks a file. NULL: `err` names the file, the layer and the attribute. */
struct model *model_load(const char *path, struct error *err);

/* The same from the file's bytes, which stay the caller's; `path` is its name. */
struct model *model_load_bytes(const char *path, const void *data, size_t bytes, struct error *err);
void model_destroy(struct model **m);

/* Index of a label, or -1. */
int model_find_label(const struct model *m, const char *label);

/* Scores from an engine's last integers: through sigmoid or softmax in double
 * where that is the model's last layer, else raw / 2^F. Both [n_outputs]. */
void model_scores(const struct model *m, const int64_t *raw, double *score);

const char *layer_class_name(enum layer_class class);

#endif
