/* project: what sparse-hls was asked for, what follows from the model, and the files of the
 * generated project.
 *
 *     DIR/src/      model.h weights.h top.h top.cpp, and the layers of fpga/hls/kernel
 *     DIR/tb/       testbench.cpp kernel_abi.cpp vectors.bin
 *     DIR/scripts/  Makefile hls.tcl link_u250.cfg link_u55c.cfg
 *     DIR/README.md
 */
#ifndef SPARSED_FPGA_HLS_PROJECT_H
#define SPARSED_FPGA_HLS_PROJECT_H

#include "base/error.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { PROJECT_ALL = 1 << 30, PROJECT_IDENT_BYTES = MODEL_NAME_BYTES + 8 };
enum { PROJECT_COSIM_WINDOWS = 16 };

/* The parallel factors: how much of a layer is handled in one step. X(name, help). Each is
 * cut to what a layer has; none changes a bit. */
#define PROJECT_FACTORS(X)                                                                         \
    X(pixel, "pairs of slots of a convolution or a pool: 1, up to N (one output slot), to N * N")  \
    X(filter, "filters of a convolution")                                                          \
    X(channel, "input channels of a convolution, channels of a pool")                              \
    X(flatten, "places of the grid that the flattening writes")                                    \
    X(dense, "products of a dense layer")                                                          \
    X(lane, "pixels of an image that the input reduction looks at")

struct project_factors {
#define X(name, help) uint32_t name;
    PROJECT_FACTORS(X)
#undef X
};

struct project {
    const struct model *model;
    const char *folder;
    char kernel_name[48]; /* of the top function */
    bool image;           /* the kernel takes whole images; else lists of active pixels */
    bool tree;            /* images are reduced by the tree, else as a stream */
    struct project_factors factors;
    char factors_text[128]; /* "pixel=20 filter=all ..." */
    /* derived: the records of kernel_abi.h */
    uint32_t place_bytes, value_bytes, pixel_bytes, beats;
    uint32_t raw_bytes, words; /* of a result */
    uint32_t place_t_bits;     /* of place_t: holds 1 .. the longer side */
};

/* Fills the derived part from the rest. Errors (MODEL): what no kernel can be made of. */
bool project_init(struct project *p, struct error *err);

/* Index of the layer that the kernel ends with: sigmoid and softmax in double are the host's. */
uint32_t project_last_layer(const struct model *m);

/* A layer's name in C++, "l003_conv1": letters, digits and _ only, whatever the file says. */
void project_ident(const struct layer *l, char ident[PROJECT_IDENT_BYTES]);

/* Opens DIR/name for writing, closes it. Errors (STORAGE). */
FILE *project_open(const struct project *p, const char *name, struct error *err);
bool project_close(const struct project *p, FILE *file, const char *name, struct error *err);

/* Makes the folders and writes what is the same for every model, or nearly: the layers, the
 * test bench, scripts, README. */
bool project_copy(const struct project *p, struct error *err);

/* src/model.h and src/weights.h: types, sizes, numbers (emit_model.c). */
bool emit_model(const struct project *p, struct error *err);

/* src/top.h and src/top.cpp: the network, layer by layer, and the top function (emit_top.c). */
bool emit_top(const struct project *p, struct error *err);

/* tb/vectors.bin (emit_vectors.c). Windows are those of the vectors file `path`, at most
 * `most`; with path NULL, `most` random ones. Expected are the file's tensors, or else the
 * CPU engine's. */
bool emit_vectors(const struct project *p, const char *path, uint32_t most, uint64_t seed,
                  struct error *err);

#endif
