/* gallery: pictures of the last accepted events, for those who look.
 *
 * The output thread hangs a picture, readers copy one out. Each place has a lock
 * that is only ever tried:
 *
 *     output thread                         reader
 *     oldest place --busy--> the next       place --busy--> the next
 *         | free                                | free
 *     fill it, number it                    copy it out
 *
 * so neither waits for the other, and a reader that is slow, or dies, costs one place.
 * A picture is whole or not there. At most one each GALLERY_INTERVAL_NS: at a high
 * accept rate the gallery is a sample. Memory is fixed, part of the monitor's.
 */
#ifndef SPARSED_DATA_GALLERY_H
#define SPARSED_DATA_GALLERY_H

#include "data/identity.h"
#include "data/settings.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    GALLERY_PLACES = 9, /* eight to see while one is painted */
    GALLERY_PIXELS = 512,
    GALLERY_RULES = 4,
    GALLERY_MAP_ROWS = 48,
    GALLERY_MAP_COLS = 128,
    GALLERY_MAP_WORDS = GALLERY_MAP_COLS / 64,
};
#define GALLERY_INTERVAL_NS UINT64_C(100000000)

struct picture_pixel {
    uint16_t row, col; /* of the window's image, 0-based */
    float value;       /* as the detector's units divided by pixel_scale; channel 0 */
    bool given;        /* to the network; else the cut to its maximum dropped it */
};

/* One accepted event: its best window, pixel by pixel, and its window's plane, coarse. */
struct picture {
    uint64_t number; /* 1 for the first of the run of the program; 0: none */
    struct identity id;
    uint64_t decided_time_ns; /* since the epoch */
    uint64_t latency_ns;      /* last fragment's arrival to decided */
    bool pass_through, incomplete;
    uint32_t n_rules; /* that fired and passed; the first GALLERY_RULES are named */
    char rule[GALLERY_RULES][SETTINGS_NAME_BYTES];

    /* The window with the highest score of the first rule's label. */
    char model[SETTINGS_NAME_BYTES], label[SETTINGS_NAME_BYTES];
    double score, threshold;
    uint32_t n_windows; /* of the event */
    uint32_t n_active;  /* active pixels of the window, before the cut */
    bool truncated;
    uint32_t missing_wires;
    uint32_t height, width; /* of the window's image, pixels */
    uint32_t n_pixels;      /* in pixel[]; more than GALLERY_PIXELS are left out */
    struct picture_pixel pixel[GALLERY_PIXELS];

    /* Where it lies. All in pixels of the plane; first_bin and first_wire as decisions
     * have them. A ready-made image is a plane of its own. */
    bool image;
    uint32_t plane, first_bin, first_wire;
    uint32_t plane_rows, plane_cols, first_row, first_col;
    /* Bit c % 64 of map[r][c / 64]: something is lit in that part of the plane. */
    uint32_t map_rows, map_cols;
    uint64_t map[GALLERY_MAP_ROWS][GALLERY_MAP_WORDS];
};

struct gallery {
    struct {
        atomic_flag busy;
        struct picture picture;
    } place[GALLERY_PLACES];
    _Atomic uint64_t newest; /* number of the last picture hung */
    uint64_t next_ns;        /* the writer's */
};

/* A place to paint on, all zero; or NULL: it is too soon for the next one, or every
 * place is being looked at. The output thread only. */
struct picture *gallery_begin(struct gallery *g, uint64_t now_ns);

/* Hangs what gallery_begin gave. */
void gallery_end(struct gallery *g, struct picture *p);

/* Number of the newest picture, 0 while there is none. Any thread. */
uint64_t gallery_newest(const struct gallery *g);

/* Copies pictures, newest first, at most `room` of them; how many. Any thread. */
uint32_t gallery_copy(struct gallery *g, struct picture *to, uint32_t room);

#endif
