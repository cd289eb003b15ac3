/* How: see sparse_chain_run.h, the same text for each instruction set. */
#include "engine/cpu/sparse_chain_run.h"

const struct kernel sparse_chain_avx2_kernel = {
    .family = "avx2",
    .name = "avx2-chain",
    .help = "any chain of sparse layers in the common forms",
    .matches = sparse_chain_matches,
    .create = sparse_chain_create,
    .run = sparse_chain_run,
    .destroy = sparse_chain_destroy,
};
