/* network: a model for a kernel that loads its network from memory (fpga/rtl): an image with
 * weights, types and tables, and how its windows and results lie. One xclbin serves every model
 * that fits, so another model needs another image and nothing else.
 *
 * The compiler is that of sparse-rtl (fpga/rtl/network.c).
 */
#ifndef SPARSED_ENGINE_XRT_NETWORK_H
#define SPARSED_ENGINE_XRT_NETWORK_H

#include "base/error.h"
#include "engine/xrt/xclbin.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

struct network {
    uint8_t *image;
    uint64_t bytes;
    uint32_t name; /* of these bytes: a kernel that has loaded an image of this name keeps it */
};

/* The image of `m` for the kernel of `x`, whose figures it completes: what stands for the kernel
 * there stands for this model then. The caller's to network_fini. Errors: (MODEL) the model does
 * not fit, with its layer and the limit; (CONFIG) there is no such kernel; (SYSTEM) no memory. */
bool network_init(struct network *n, struct xclbin *x, const struct model *m, struct error *err);
void network_fini(struct network *n);

#endif
