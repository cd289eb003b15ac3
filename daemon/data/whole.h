/* whole: what a windows message says of its event, besides its pixels (proto/windows.proto).
 *
 *     struct event --output/windows_message--> message --readout/windows--> struct whole_event,
 *                                                                           struct reduced's hits
 *         struct event <--assembly/whole-- (in another daemon)  <--------------------+
 */
#ifndef SPARSED_DATA_WHOLE_H
#define SPARSED_DATA_WHOLE_H

#include "data/event.h"

#include <stdbool.h>
#include <stdint.h>

/* Bits of a plane's wires are in words of 64; beyond the last wire they are 0. */
struct whole_plane {
    uint32_t first_hit, n_hits; /* of the event's hits */
    bool raw, has_data;         /* as in struct plane_image */
    bool some_missing;          /* else all wires came, and `present` says nothing */
    bool some_masked;           /* else `masked` says nothing: the geometry does */
    uint64_t *present, *masked;
};

struct whole_event {
    uint64_t assembly_ns; /* first fragment's arrival to the last one's */
    uint64_t imaging_ns;  /* from there to the message, in the daemon that sent it */
    struct masked_set masked;
    uint32_t n_missing;
    struct missing_wires missing[EVENT_MISSING_RANGES];
    struct whole_plane plane[SETTINGS_MAX_PLANES];
};

/* Wires of a plane as events count them: a ready-made image is one. */
static inline uint32_t whole_plane_wires(const struct geometry *g, uint32_t plane)
{
    return g->images ? 1 : g->plane[plane].wires;
}

#endif
