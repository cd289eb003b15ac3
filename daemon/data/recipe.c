/* Every number is written into one text, which is hashed: a text is the same on every machine,
 * and has no padding. What follows from these numbers (sizes of pixels, thresholds in counts)
 * is left out. */
#include "data/recipe.h"

#include "base/bits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void write_preprocessing(FILE *out, const struct preprocessing *p)
{
    (void)fprintf(out,
                  " rebin %" PRIu32 " floor %a clip %a window %" PRIu32 " %" PRIu32 " pool %" PRIu32
                  " %" PRIu32 " threshold %a image %" PRIu32 " %" PRIu32 " scale %a",
                  p->time_rebin, p->bin_floor, p->bin_clip, p->window_time_bins, p->window_wires,
                  p->pool_time, p->pool_wires, p->pixel_threshold, p->image_height, p->image_width,
                  p->pixel_scale);
}

static void write_plane(FILE *out, const struct plane_geometry *p)
{
    (void)fprintf(out,
                  "plane %" PRIu32 " %" PRIu32 " %" PRIu32 " scale %a pixels %" PRIu32 " %" PRIu32
                  " %" PRIu32,
                  p->id, p->wires, p->ticks, p->scale, p->rows, p->cols, p->channels);
    write_preprocessing(out, &p->pre);
    for (uint32_t w = 0; w < p->wires; w++) {
        (void)fprintf(out, " %" PRId32, p->pedestal_counts != NULL ? p->pedestal_counts[w] : 0);
        if (p->pedestal_units != NULL)
            (void)fprintf(out, " %a", (double)p->pedestal_units[w]);
    }
    for (uint32_t i = 0; p->masked != NULL && i < bits_words(p->wires); i++)
        (void)fprintf(out, " mask %" PRIx64, p->masked[i]);
    (void)fputc('\n', out);
}

bool recipe_sha256(const struct geometry *g, uint8_t sha256[SHA256_BYTES], struct error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    for (uint32_t i = 0; out != NULL && i < g->n_planes; i++)
        write_plane(out, &g->plane[i]);
    bool good = out != NULL && fclose(out) == 0;
    if (good)
        hash_sha256(text, bytes, sha256);
    free(text);
    return good || error_set(err, ERROR_SYSTEM, "no memory for the planes' description");
}
