/* published: how the published neutrino networks reduce MicroBooNE's samples. */
#ifndef SPARSED_TESTS_PUBLISHED_H
#define SPARSED_TESTS_PUBLISHED_H

#include "data/preprocessing.h"

static const struct preprocessing published = {.time_rebin = 6,
                                               .bin_floor = 10,
                                               .bin_clip = 100,
                                               .window_time_bins = 256,
                                               .window_wires = 512,
                                               .pool_time = 4,
                                               .pool_wires = 8,
                                               .pixel_threshold = 700,
                                               .image_height = 63,
                                               .image_width = 63,
                                               .pixel_scale = 3200};

#endif
