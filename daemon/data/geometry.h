/* geometry: what the detector's planes look like, in samples and in pixels, as
 * the configuration and the models' preprocessing together imply. Made once,
 * read by every stage, never changed.
 *
 * A ready-made image is a plane of its own: id 0, rows x cols pixels with
 * `channels` values each, no wires and no ticks.
 */
#ifndef SPARSED_DATA_GEOMETRY_H
#define SPARSED_DATA_GEOMETRY_H

#include "base/error.h"
#include "base/hash.h"
#include "data/fragment.h"
#include "data/preprocessing.h"
#include "data/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plane_geometry {
    uint32_t id;
    uint32_t wires, ticks; /* 0 for an image */
    double scale;          /* units a count */
    struct preprocessing pre;
    /* bins and pixels; what does not fill one is dropped */
    uint32_t bins;          /* time bins a wire: ticks / time_rebin */
    uint32_t rows, cols;    /* pixels: bins / pool_time, wires / pool_wires */
    uint32_t channels;      /* values a pixel: 1 but for images */
    uint32_t words_per_row; /* 64-bit words of a row's mask, see data/event.h */
    /* int16 samples are reduced in counts */
    int32_t *pedestal_counts; /* [wires], lrint(time_rebin * pedestal) */
    int32_t floor_counts;     /* ceil(bin_floor / scale) */
    int32_t clip_counts;      /* floor(bin_clip / scale) */
    int64_t threshold_counts; /* ceil(pixel_threshold / scale) */
    /* float32 samples have a pedestal only where a calibration says so */
    float *pedestal_units; /* [wires], time_rebin * pedestal */
    /* Bit w: wire w is left out, whatever it sends. NULL: none of the plane is. */
    uint64_t *masked;
    uint32_t dead_wires, hot_wires; /* of them */
};

/* What a calibration says of a wire; X(NAME, name, help). All but GOOD are masked. */
#define WIRE_STATUSES(X)                                                                           \
    X(GOOD, good, "used")                                                                          \
    X(DEAD, dead, "masked: it has no noise, so it cannot have a signal")                           \
    X(HOT, hot, "masked: it has more noise than its neighbours")

enum wire_status {
#define X(NAME, name, help) WIRE_##NAME,
    WIRE_STATUSES(X)
#undef X
        WIRE_STATUS_COUNT
};

/* Wires that are left out, of all planes. */
struct masked_set {
    uint8_t sha256[SHA256_BYTES]; /* of geometry_list_masked; if there are any */
    uint32_t wires;
    uint32_t hot_wires; /* of them: since this run began, see imaging/hot_wires.h */
};

struct geometry {
    bool images; /* one plane that is a ready-made image */
    bool calibrated;
    uint8_t calibration_sha256[SHA256_BYTES]; /* of the calibration's file, if calibrated */
    struct masked_set masked;                 /* by the calibration */
    uint32_t n_planes;
    struct plane_geometry plane[SETTINGS_MAX_PLANES];
};

/* The geometry of a wire detector: pre[i] belongs to detector->plane[i]. Errors
 * (CONFIG) name the key and the value: a plane smaller than a window, factors
 * whose sums of int16 samples would not fit 31 bits, a scale that is not above 0. */
bool geometry_init_wires(struct geometry *g, const struct detector_settings *detector,
                         const struct preprocessing *pre, struct error *err);

/* The geometry of ready-made images. */
void geometry_init_image(struct geometry *g, uint32_t height, uint32_t width, uint32_t channels);

/* Takes a calibration's pedestals and masks for plane `plane` (an index): pedestal[w]
 * in counts (SAMPLE_INT16) or units (SAMPLE_FLOAT32) replaces the plane's for samples
 * of that type, those of the other type keep theirs; status[w] is an enum wire_status.
 * Nothing is kept of the arrays. Before the geometry is read by anyone. Errors
 * (CONFIG) name plane, wire and value. */
bool geometry_calibrate(struct geometry *g, uint32_t plane, enum sample_type type,
                        const double *pedestal, const uint8_t *status, struct error *err);

/* Lists masked wires as (plane id, wire), each a little-endian uint32, in order of plane,
 * then wire: the bytes of which masked_set.sha256 is. masked[i] is plane i's bits or NULL;
 * list[] has room for 8 bytes a wire of all planes. Returns how many bytes. */
size_t geometry_list_masked(const struct geometry *g, const uint64_t *const *masked, uint8_t *list);

/* Calibrated all planes: sets g->masked. False: no memory (SYSTEM). */
bool geometry_close_calibration(struct geometry *g, struct error *err);

void geometry_fini(struct geometry *g);

/* Index of the plane with this id, or -1. */
int geometry_find_plane(const struct geometry *g, uint32_t id);

/* Wires of the plane that has most of them. */
uint32_t geometry_most_wires(const struct geometry *g);

/* "good", "dead", "hot". */
const char *wire_status_name(enum wire_status status);

static inline bool geometry_is_masked(const struct plane_geometry *p, uint32_t wire)
{
    return p->masked != NULL && (p->masked[wire / 64] >> (wire % 64) & 1) != 0;
}

#endif
