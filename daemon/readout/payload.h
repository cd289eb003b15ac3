/* payload: the bytes of a fragment's third part become its samples.
 *
 *     NONE    the samples are the payload, where the message has it
 *     LZ4     one block    \  decoded into this decoder's own buffer, which is as
 *     ZSTD    one frame    /  large as the largest fragment of the run
 *     EMPTY   no samples: these wires are there and carry nothing
 *
 * The buffer is mapped, not allocated: pages that no fragment has reached cost
 * nothing. A payload that would decode to more than its header implies (a bomb)
 * stops at that size and is refused.
 */
#ifndef SPARSED_READOUT_PAYLOAD_H
#define SPARSED_READOUT_PAYLOAD_H

#include "base/error.h"
#include "data/fate.h"
#include "data/fragment.h"
#include "data/geometry.h"

struct payload_decoder;

/* One for each thread that opens payloads. NULL: no memory (SYSTEM). */
struct payload_decoder *payload_create(const struct geometry *g, struct error *err);
void payload_destroy(struct payload_decoder **d);

/* Checks the checksum, if the header has one, then decodes; sets f->samples (NULL
 * for an empty fragment). Compressed samples live in the decoder until its next
 * payload_open; others in the message. Takes only what decode_fragment accepted
 * for the same geometry. FRAGMENT_ASSEMBLED, BAD_CHECKSUM or BAD_ENCODING. */
enum fragment_fate payload_open(struct payload_decoder *d, struct fragment *f);

#endif
