/* small_detector: planes so small that a fuzzer reaches their ends: windows of 8 bins x 4 wires,
 * one pixel of 6 ticks x 4 bins x 4 wires each, in a readout of 50 ticks. */
#ifndef SPARSED_FUZZ_SMALL_DETECTOR_H
#define SPARSED_FUZZ_SMALL_DETECTOR_H

#include "data/preprocessing.h"

enum { SMALL_DETECTOR_TICKS = 50 };

static const struct preprocessing small_detector_preprocessing = {.time_rebin = 6,
                                                                  .bin_floor = 1,
                                                                  .bin_clip = 100,
                                                                  .window_time_bins = 8,
                                                                  .window_wires = 4,
                                                                  .pool_time = 4,
                                                                  .pool_wires = 4,
                                                                  .image_height = 2,
                                                                  .image_width = 1,
                                                                  .pixel_scale = 3200};

#endif
