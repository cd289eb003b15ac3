/* windows: a windows message (proto/windows.proto) becomes what imaging would have left of its
 * event's fragments.
 *
 *     readout thread   windows_decode   who sends it, which event, and is it for us at all
 *     worker           windows_open     everything else; the pixels become hits
 *
 * Checks are made in this order, and the first that fails is the message's fate:
 *
 *     BAD_HEADER    not a WindowsHeader, or larger than DECODE_MAX_WINDOWS_HEADER_BYTES
 *     BAD_VERSION   schema_version is not 1
 *     BAD_RECIPE    pixels are not made as ours would be: other planes, preprocessing,
 *                   pedestals, or calibration
 *     BAD_SIZE      payload_bytes is not what came, or not what the planes' numbers imply
 *   then, of windows_open:
 *     BAD_CHECKSUM  the payload has not the header's checksum
 *     BAD_SHAPE     not our planes in our order
 *     BAD_PIXELS    bits beyond the last wire; pixels outside their plane, not in rising order
 *                   (so none is there twice), 0, or not a number
 *     BAD_SHAPE     ranges of missing wires or numbers of masked ones that the bits contradict
 *
 * Nothing of a message is used before all of it is checked.
 */
#ifndef SPARSED_READOUT_WINDOWS_H
#define SPARSED_READOUT_WINDOWS_H

#include "base/error.h"
#include "data/fate.h"
#include "data/fragment.h"
#include "data/geometry.h"
#include "data/whole.h"

#include <stddef.h>
#include <stdint.h>

enum { DECODE_MAX_WINDOWS_HEADER_BYTES = 16384 }; /* a header has about 200 */

struct windows_decoder;

/* `g` must outlive it. One for each thread that decodes. NULL: no memory (SYSTEM). */
struct windows_decoder *windows_create(const struct geometry *g, struct error *err);
void windows_destroy(struct windows_decoder **d);

/* Fills *out from a header; the payload is borrowed, not read. `out` is set in every case: with
 * BAD_HEADER all of it is 0, with any other fate source_id and sequence are what the header
 * says. arrived_ns and source are left 0, for the caller. */
enum fragment_fate windows_decode(struct windows_decoder *d, const void *header,
                                  size_t header_bytes, const void *payload, size_t payload_bytes,
                                  struct fragment *out);

/* Opens what windows_decode has accepted: *f to out->fragment, hits of all planes to out->hit,
 * the rest to *out->whole. `out` has room as windows_capacity says. */
enum fragment_fate windows_open(struct windows_decoder *d, const void *header, size_t header_bytes,
                                const struct fragment *f, struct reduced *out);

/* Hits of the event in which every pixel is lit. */
uint32_t windows_capacity(const struct geometry *g);

/* A struct whole_event for a geometry; NULL: no memory. */
struct whole_event *windows_whole_create(const struct geometry *g);
void windows_whole_destroy(struct whole_event **w);

#endif
