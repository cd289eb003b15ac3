/* How: see cnn_chain_run.h, the same text for each instruction set. */
#include "engine/cpu/cnn_chain_run.h"

const struct kernel cnn_chain_avx2_kernel = {
    .family = "avx2",
    .name = "avx2-cnn",
    .help = "the standard CNN: zero_pad2d, conv2d, relu, avg_pool2d, flatten, dense",
    .matches = cnn_chain_matches,
    .create = cnn_chain_create,
    .run = cnn_chain_run,
    .destroy = cnn_chain_destroy,
};
