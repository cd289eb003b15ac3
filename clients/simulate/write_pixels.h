/* write_pixels: the file of --windows: active pixels and truth, what training and
 * sparse-score read. docs/simulation.md has its tables.
 */
#ifndef SIMULATE_WRITE_PIXELS_H
#define SIMULATE_WRITE_PIXELS_H

#include "simulate/pixels.h"
#include "simulate/truth.h"

struct pixel_file {
    hid_t file; /* < 0: none */
    const char *path;
    struct record_table events, pixels;
};

/* STORAGE: the file is there already, or cannot be made. `path` stays the caller's. */
bool write_pixels_open(struct pixel_file *f, const char *path, const struct constants *c,
                       const struct preprocessing *pre, uint64_t seed, const char *command,
                       struct error *err);

/* Event `number` of the file, 0 the first. Fills the rows' event_id. */
bool write_pixels_event(struct pixel_file *f, uint64_t number, const struct truth_event *event,
                        struct pixels *pixels, struct error *err);

/* What is not closed without an error is no good file. */
bool write_pixels_close(struct pixel_file *f, struct error *err);

#endif
