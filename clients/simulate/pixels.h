/* pixels: what is left of an event when only active pixels and truth are wanted.
 *
 * The reduction is the daemon's own (daemon/imaging/reduce.h), fed with the same
 * int16 samples that the detector would send: a network that is trained on these
 * pixels sees what the trigger will see, bit for bit.
 */
#ifndef SIMULATE_PIXELS_H
#define SIMULATE_PIXELS_H

#include "data/geometry.h"
#include "simulate/event.h"
#include "simulate/wires.h"

/* A row of the pixel table. */
struct pixel_row {
    int32_t event_id[3];
    float value; /* units, before the division by pixel_scale */
    uint16_t row, col;
    uint8_t plane;
    uint8_t neutrino; /* labelled bins */
};

/* One event, reduced. */
struct pixels {
    uint32_t n, capacity;
    struct pixel_row *row; /* by plane, then scan order; event_id is not filled */
    int32_t label_bins[CHARGE_PLANES];
};

struct pixel_maker; /* scratch of one worker */

/* The geometry that pixel_maker_create wants: the detector of `c`, preprocessing
 * `pre`, samples of 1 / 16 unit. CONFIG: as geometry_init_wires; a time_rebin that
 * is not roi_bin; more than 255 bins a pixel. */
bool pixels_geometry(struct geometry *g, const struct constants *c, const struct preprocessing *pre,
                     struct error *err);

/* `g` and `p` must outlive it. NULL: `err`. */
struct pixel_maker *pixel_maker_create(const struct geometry *g, const struct physics *p,
                                       double pixel_threshold, struct error *err);
void pixel_maker_destroy(struct pixel_maker **m);

/* Pixels that are not below the threshold, and those below with labelled bins.
 * False: no memory. */
bool pixel_maker_run(struct pixel_maker *m, const struct charge *q, uint64_t seed, uint64_t event,
                     struct pixels *out);

void pixels_fini(struct pixels *p);

#endif
