/* made_network: a model file of n layers, right but for what the stream changes (made_h5.h). */
#ifndef SPARSED_FUZZ_MADE_NETWORK_H
#define SPARSED_FUZZ_MADE_NETWORK_H

#include "stream.h"

/* Its bytes, the caller's to free. Takes a byte or two for each layer's class, then for each
 * attribute and data set. */
void *made_network(struct stream *s, uint32_t n, size_t *bytes);

#endif
