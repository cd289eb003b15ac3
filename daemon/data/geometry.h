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
#include "data/preprocessing.h"
#include "data/settings.h"

#include <stdbool.h>
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
};

struct geometry {
    bool images; /* one plane that is a ready-made image */
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

void geometry_fini(struct geometry *g);

/* Index of the plane with this id, or -1. */
int geometry_find_plane(const struct geometry *g, uint32_t id);

#endif
