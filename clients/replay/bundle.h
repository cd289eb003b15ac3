/* bundle: one event as the fragments that will be sent, payloads made.
 *
 *     plane 2   0 ....... 1024 ............ 1536 ............ 3455
 *               [  empty  ][ 16 ][ 16 ] .. [ 16 ][   empty     ]
 *
 * Wires that the file has are cut at multiples of `wires_per_fragment`, converted
 * and encoded; wires that it lacks become one EMPTY fragment a gap, zeros, or
 * nothing. A payload is counted memory (common/payload.h), so a bundle can be sent
 * again.
 */
#ifndef REPLAY_BUNDLE_H
#define REPLAY_BUNDLE_H

#include "common/failure.h"
#include "common/payload.h"
#include "recorded/opensamples.h"

#include "proto/readout.pb-c.h"

#include <stddef.h>

enum missing { MISSING_EMPTY, MISSING_ZEROS, MISSING_OMIT };
enum samples { SAMPLES_AS_FILE, SAMPLES_INT16, SAMPLES_FLOAT32 };

enum { BUNDLE_MAX_PLANES = 16 };

/* How events are turned into fragments. */
struct recipe {
    struct {
        uint32_t id;
        uint32_t wires;
    } plane[BUNDLE_MAX_PLANES];
    uint32_t planes;
    enum samples samples;
    double scale;                /* units a count, between int16 and float32 */
    uint32_t wires_per_fragment; /* 0: about 512 KiB, a multiple of 8 wires */
    Sparsed__Encoding encoding;
    enum missing missing;
    bool checksum;
};

struct fragment {
    uint32_t plane, first_wire, wires;
    Sparsed__Encoding encoding;
    struct payload *payload; /* NULL: EMPTY */
    uint64_t checksum;
};

/* What happened to samples on the way; sums over all events. */
struct bundle_counts {
    uint64_t saturated;  /* samples outside int16 */
    uint64_t nonnumber;  /* NaN, sent as 0 counts */
    uint64_t duplicates; /* rows left out */
};

/* Zero it before the first use; bundle_fini frees it. */
struct bundle {
    uint32_t run, subrun;
    uint64_t event, time_ns;
    Sparsed__PayloadKind kind;
    Sparsed__SampleType type;
    uint32_t ticks, height, width, channels;
    uint32_t wires; /* with samples */
    struct fragment *fragment;
    size_t count, capacity;
    void *scratch;
    size_t scratch_bytes;
    struct bundle_counts counts; /* of this event */
};

/* Replace the bundle's fragments; identity and time are the caller's to set. */
bool bundle_from_wires(struct bundle *b, const struct recipe *r, const struct opensamples_wires *w,
                       bool int16, struct failure *f);
bool bundle_from_image(struct bundle *b, const struct recipe *r, const void *pixels, size_t bytes,
                       bool is_float, struct failure *f);
void bundle_fini(struct bundle *b);

#endif
