#include "assembly/plane_image.h"

#include <string.h>

void plane_image_add(const struct plane_geometry *pg, struct plane_image *image,
                     const struct hit *hit, uint32_t n)
{
    uint32_t channels = pg->channels;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = hit[i].row, col = hit[i].col / channels;
        uint64_t *word = &image->mask[row * pg->words_per_row + col / 64];
        uint64_t bit = UINT64_C(1) << (col % 64);
        union pixel_value *value = &image->value[(size_t)(row * pg->cols + col) * channels];
        if (channels > 1 && (*word & bit) == 0)
            memset(value, 0, channels * sizeof *value);
        *word |= bit;
        value[hit[i].col % channels] = hit[i].value;
    }
}
