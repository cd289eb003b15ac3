/* decode: a header's bytes become a checked struct fragment.
 *
 * Checks are made in this order, and the first that fails is the fragment's fate:
 *
 *     BAD_HEADER    not a FragmentHeader, or larger than DECODE_MAX_HEADER_BYTES
 *     BAD_VERSION   schema_version is not 1
 *     BAD_KIND      not the kind the run is configured for (wires or image)
 *     BAD_PLANE     wires: no plane of this id
 *     BAD_TYPE      wires: int16 or float32; images: int16, float32 or int32
 *     BAD_SHAPE     wires: none, or past the plane's last one; first_tick not 0,
 *                   ticks not the configured ones; images: size not the model's
 *     BAD_ENCODING  unknown encoding
 *     BAD_CHECKSUM  unknown kind of checksum
 *     BAD_SIZE      payload_bytes is not what came; samples or an empty payload of
 *                   another size than the header implies; more than can be decoded
 *
 * An image's plane, wires and ticks are not looked at, nor a wire fragment's
 * height, width and channels. Fields this version does not know are skipped. The
 * payload itself is not touched here: that is payload_open.
 */
#ifndef SPARSED_READOUT_DECODE_H
#define SPARSED_READOUT_DECODE_H

#include "base/error.h"
#include "data/fate.h"
#include "data/fragment.h"
#include "data/geometry.h"

#include <stddef.h>

enum {
    DECODE_SCHEMA_VERSION = 1,
    DECODE_MAX_HEADER_BYTES = 4096, /* a header has about 100 */
};

/* Memory that protobuf-c takes for one header instead of the heap's. */
struct decoder;

/* NULL: no memory (SYSTEM). One thread at a time per decoder. */
struct decoder *decoder_create(struct error *err);
void decoder_destroy(struct decoder **d);

/* Fills *out from a header; payload is borrowed, not read, and may be NULL if
 * payload_bytes is 0. FRAGMENT_ASSEMBLED: good so far. `out` is set in every case:
 * with BAD_HEADER all of it is 0, with any other fate source_id and sequence are
 * what the header says, so that a refusal can be counted by its source.
 * arrived_ns, source and samples are left 0, for the caller and payload_open. */
enum fragment_fate decode_fragment(struct decoder *d, const void *header, size_t header_bytes,
                                   const void *payload, size_t payload_bytes,
                                   const struct geometry *g, struct fragment *out);

/* The largest decoded payload that fits a geometry: no fragment that
 * decode_fragment accepts has more samples_bytes. */
size_t decode_max_samples_bytes(const struct geometry *g);

#endif
