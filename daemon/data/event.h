/* event: one event's slot, from its first fragment to its published decision.
 * All memory is taken when a run is configured.
 *
 * What a stage writes:
 *     assembly   identity, times, planes, missing wires
 *     pipeline   run_info
 *     engine     windows, scores
 *     trigger    decision
 */
#ifndef SPARSED_DATA_EVENT_H
#define SPARSED_DATA_EVENT_H

#include "data/decision.h"
#include "data/geometry.h"
#include "data/identity.h"
#include "data/reduced.h"
#include "data/window.h"

#include <stdbool.h>
#include <stdint.h>

/* The pixels of one plane. Only pixels whose bit is set in `mask` have a value;
 * the rest of `value` is stale memory. Bit c % 64 of word row * words_per_row +
 * c / 64 is pixel (row, c): walking the bits is scan order. */
struct plane_image {
    uint64_t *mask;               /* [rows][words_per_row] */
    union pixel_value *value;     /* [rows][cols][channels] */
    bool raw;                     /* values are integers on the model's input grid */
    bool has_data;                /* at least one fragment came */
    enum sample_type sample_type; /* of its fragments, if has_data */
    uint64_t *wire_present;       /* bit w: wire w came */
    uint32_t wires_missing;
    uint16_t *wire_hits;    /* [wires] see data/reduced.h; NULL: not counted */
    const uint64_t *masked; /* bit w: wire w is masked; NULL: none is. The geometry's or
                             * the hot wires', good until the event's windows are cut */
    uint64_t *own_masked;   /* [wires] room for masks that last as long as the event; NULL: none */
};

/* A fragment whose samples stay readable until the event's slot is released. */
struct kept_fragment {
    struct fragment fragment; /* samples is valid */
    void *message;            /* whose memory it is; the pipeline's */
};

/* Wires that were not there when the event's time was up: side by side, of one source. */
struct missing_wires {
    uint32_t plane; /* index, not the id */
    uint32_t first_wire, wires;
    uint32_t source_id; /* that sends these wires; unless nobody has so far */
    bool source_known;
    enum loss why;
};
enum { EVENT_MISSING_RANGES = 32 };

struct run_info; /* output/run_info.h */

struct event {
    struct identity id;
    uint32_t index;             /* of the slot: 0 .. slots - 1 */
    uint64_t event_time_ns;     /* since the epoch */
    uint64_t first_fragment_ns; /* monotonic: arrival of the first fragment */
    uint64_t last_fragment_ns;  /* arrival of the last one */
    uint64_t complete_ns;       /* whole, or timed out */
    uint64_t scored_ns;
    uint64_t decided_ns;
    uint64_t nonfinite_bins;
    uint32_t wires_missing;   /* over all planes */
    struct masked_set masked; /* what was left out of it */
    bool incomplete;          /* timed out with wires missing */
    bool brought;             /* a windows message brought it: its time was up elsewhere */
    uint32_t n_missing;       /* ranges of them, the first EVENT_MISSING_RANGES in order */
    struct missing_wires missing[EVENT_MISSING_RANGES];
    struct plane_image plane[SETTINGS_MAX_PLANES];

    /* Only when samples are recorded; else none. */
    uint32_t n_kept, kept_capacity;
    struct kept_fragment *kept;

    /* What it is judged by, from its submission to its release: an event that is on its
     * way when models or settings change keeps what it was submitted with. */
    const struct run_info *info;

    struct receipt *receipt; /* of its fragments' messages; NULL: their senders forget */

    uint32_t n_windows; /* the same for every event of a run_info */
    struct window *window;
    int64_t *score_raw;                 /* [n_windows][score_stride] */
    double *score;                      /* [n_windows][score_stride] */
    uint32_t score_stride;              /* the largest number of outputs of a model */
    bool scored_by_cpu, scored_by_card; /* windows without pixels count for neither */

    struct decision decision;
    uint32_t holders; /* after output: recorder and shadow that are not done with it */
    void *slot;       /* the assembler's */
    void *memory;     /* the engine's */
};

#endif
