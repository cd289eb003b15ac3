/* images: ready-made images out of an HDF5 file, for models without preprocessing.
 *
 *     images         [event][row][column][channel], or without the channel
 *                    float: sent as float32, the daemon casts to the model's input type
 *                    integer: sent as int32, raw already
 *     event_id       [event][3] run, subrun, event; optional
 *     event_time_ns  [event] or [event][1]; optional
 */
#ifndef RECORDED_IMAGES_H
#define RECORDED_IMAGES_H

#include "common/failure.h"

#include <stddef.h>
#include <stdint.h>

struct images;

struct images_event {
    uint32_t run; /* without event_id: run 1, subrun 0, event = index in the file */
    uint32_t subrun;
    uint64_t event;
    uint64_t time_ns; /* 0 where the file has no times */
};

/* `dataset`: "images" or another name. NULL: failure. */
struct images *images_open(const char *path, const char *dataset, struct failure *f);
void images_close(struct images **m);

size_t images_count(const struct images *m);
const struct images_event *images_event(const struct images *m, size_t index);
bool images_float(const struct images *m); /* samples are float, not int32_t */
bool images_has_ids(const struct images *m);
bool images_has_times(const struct images *m);
void images_shape(const struct images *m, uint32_t *height, uint32_t *width, uint32_t *channels);
size_t images_bytes(const struct images *m); /* of one image */

/* Image `index` into images_bytes of the caller's memory. */
bool images_read(struct images *m, size_t index, void *out, struct failure *f);

#endif
