/* preprocessing: how a plane's samples become a window's pixels. Comes with the
 * model (group `preprocessing` of its file), so that training and trigger cannot
 * drift apart. docs/model.md has the recipe step by step.
 */
#ifndef SPARSED_DATA_PREPROCESSING_H
#define SPARSED_DATA_PREPROCESSING_H

#include <stdint.h>

struct preprocessing {
    uint32_t time_rebin;       /* ticks summed to one time bin */
    double bin_floor;          /* units; a bin below becomes 0 */
    double bin_clip;           /* units; a bin above becomes this */
    uint32_t window_time_bins; /* time bins a window spans */
    uint32_t window_wires;     /* wires a window spans */
    uint32_t pool_time;        /* time bins summed to one pixel */
    uint32_t pool_wires;       /* wires summed to one pixel */
    double pixel_threshold;    /* units; a pixel below becomes 0 */
    uint32_t image_height;     /* rows (time) of the window that are the image */
    uint32_t image_width;      /* columns (wires) of the window that are the image */
    double pixel_scale;        /* a pixel is divided by this before it is quantised */
};

#endif
