/* A plane's mask is walked word by word, as windows are cut (engine/windows.c): scan order, and
 * an empty stretch costs one test. Numbers are written as they lie in memory, which is
 * little-endian here as everywhere in the readout. */
#include "output/windows_message.h"

#include "base/bits.h"
#include "data/recipe.h"
#include "data/whole.h"
#include "proto/windows.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(struct hit) == 8,
               "a hit in memory is a pixel of the message");

struct windows_message {
    const struct geometry *g;
    Sparsed__WindowsHeader message;
    Sparsed__PlanePixels plane[SETTINGS_MAX_PLANES], *planes[SETTINGS_MAX_PLANES];
    Sparsed__MissingWires range[EVENT_MISSING_RANGES], *ranges[EVENT_MISSING_RANGES];
    uint32_t range_source[EVENT_MISSING_RANGES];
    uint8_t recipe[SHA256_BYTES];
    uint64_t sequence;
    uint8_t *header, *payload;
    size_t header_room, payload_room;
};

/* ---- life ---- */

static size_t payload_most(const struct geometry *g)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        const struct plane_geometry *p = &g->plane[i];
        bytes += 2 * sizeof(uint64_t) * bits_words(whole_plane_wires(g, i)) +
                 sizeof(struct hit) * p->rows * p->cols * p->channels;
    }
    return bytes;
}

static void make_message(struct windows_message *m)
{
    const struct geometry *g = m->g;
    Sparsed__WindowsHeader *h = &m->message;
    sparsed__windows_header__init(h);
    h->schema_version = 1;
    h->recipe_sha256 = (ProtobufCBinaryData){SHA256_BYTES, m->recipe};
    if (g->calibrated)
        h->calibration_sha256 =
            (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)g->calibration_sha256};
    for (uint32_t i = 0; i < g->n_planes; i++) {
        sparsed__plane_pixels__init(&m->plane[i]);
        m->plane[i].plane = g->plane[i].id;
        m->planes[i] = &m->plane[i];
    }
    for (uint32_t i = 0; i < EVENT_MISSING_RANGES; i++) {
        sparsed__missing_wires__init(&m->range[i]);
        m->range[i].source_id = &m->range_source[i];
        m->ranges[i] = &m->range[i];
    }
    h->n_planes = g->n_planes;
    h->planes = m->planes;
    h->missing = m->ranges;
}

/* A protobuf number takes at most 10 bytes and a field's tag 3. */
static size_t header_most(const struct windows_message *m)
{
    enum { NUMBER = 13, FIELDS = 20, OF_PLANE = 8, OF_RANGE = 8 };
    return NUMBER * (FIELDS + OF_PLANE * (size_t)m->g->n_planes + OF_RANGE * EVENT_MISSING_RANGES) +
           3 * (SHA256_BYTES + NUMBER);
}

struct windows_message *windows_message_create(const struct geometry *g, uint32_t source_id,
                                               struct error *err)
{
    struct windows_message *m = calloc(1, sizeof *m);
    bool good = m != NULL && recipe_sha256(g, m->recipe, NULL);
    if (good) {
        m->g = g;
        make_message(m);
        m->message.source_id = source_id;
        m->header_room = header_most(m);
        m->payload_room = payload_most(g);
        m->header = malloc(m->header_room);
        m->payload = malloc(m->payload_room);
        good = m->header != NULL && m->payload != NULL;
    }
    if (!good) {
        error_set(err, ERROR_SYSTEM, "no memory for windows messages");
        windows_message_destroy(&m);
    }
    return m;
}

void windows_message_destroy(struct windows_message **message)
{
    if (*message == NULL)
        return;
    free((*message)->header);
    free((*message)->payload);
    free(*message);
    *message = NULL;
}

/* ---- an event ---- */

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return to + bytes;
}

/* A pixel's values that are not 0: of all but ready-made images there is one. */
static uint8_t *put_pixel(uint8_t *to, const struct plane_geometry *pg, bool raw, uint32_t row,
                          uint32_t col, const union pixel_value *value)
{
    for (uint32_t c = 0; c < pg->channels; c++) {
        struct hit hit = {(uint16_t)row, (uint16_t)(col * pg->channels + c), value[c]};
        if (raw ? value[c].i != 0 : value[c].f != 0.0f)
            to = put(to, &hit, sizeof hit);
    }
    return to;
}

static uint8_t *put_pixels(uint8_t *to, const struct plane_geometry *pg,
                           const struct plane_image *image)
{
    const uint64_t *mask = image->mask;
    for (uint32_t row = 0; row < pg->rows; row++) {
        const union pixel_value *values = image->value + (size_t)row * pg->cols * pg->channels;
        for (uint32_t w = 0; w < pg->words_per_row; w++) {
            for (uint64_t bits = *mask++; bits != 0; bits &= bits - 1) {
                uint32_t col = 64 * w + (uint32_t)__builtin_ctzll(bits);
                to = put_pixel(to, pg, image->raw, row, col, values + (size_t)col * pg->channels);
            }
        }
    }
    return to;
}

static uint8_t *put_plane(struct windows_message *m, uint8_t *to, uint32_t i,
                          const struct plane_image *image)
{
    const struct plane_geometry *pg = &m->g->plane[i];
    size_t words = bits_words(whole_plane_wires(m->g, i));
    Sparsed__PlanePixels *p = &m->plane[i];
    p->integers = image->raw;
    p->has_data = image->has_data;
    p->some_missing = image->wires_missing > 0;
    p->some_masked = image->masked != pg->masked && image->masked != NULL;
    if (p->some_missing)
        to = put(to, image->wire_present, words * sizeof(uint64_t));
    if (p->some_masked)
        to = put(to, image->masked, words * sizeof(uint64_t));
    uint8_t *first = to;
    to = put_pixels(to, pg, image);
    p->pixels = (uint32_t)((size_t)(to - first) / sizeof(struct hit));
    return to;
}

static void put_missing(struct windows_message *m, const struct event *ev)
{
    m->message.n_missing = ev->n_missing;
    for (uint32_t i = 0; i < ev->n_missing; i++) {
        const struct missing_wires *from = &ev->missing[i];
        Sparsed__MissingWires *to = &m->range[i];
        to->plane = m->g->plane[from->plane].id;
        to->first_wire = from->first_wire;
        to->wires = from->wires;
        to->n_source_id = from->source_known ? 1 : 0;
        m->range_source[i] = from->source_id;
        to->why = (char *)(uintptr_t)loss_name(from->why);
    }
}

static uint64_t since(uint64_t to, uint64_t from)
{
    return to > from ? to - from : 0;
}

struct windows_parts windows_message_fill(struct windows_message *m, const struct event *ev,
                                          uint64_t now_ns)
{
    Sparsed__WindowsHeader *h = &m->message;
    uint8_t *end = m->payload;
    for (uint32_t i = 0; i < m->g->n_planes; i++)
        end = put_plane(m, end, i, &ev->plane[i]);
    put_missing(m, ev);
    h->run = ev->id.run;
    h->subrun = ev->id.subrun;
    h->event = ev->id.event;
    h->sequence = m->sequence++;
    h->event_time_ns = ev->event_time_ns;
    h->nonfinite_bins = ev->nonfinite_bins;
    h->masked_wires = ev->masked.wires;
    h->hot_wires = ev->masked.hot_wires;
    h->masked_sha256 = (ProtobufCBinaryData){ev->masked.wires > 0 ? SHA256_BYTES : 0,
                                             (uint8_t *)(uintptr_t)ev->masked.sha256};
    h->assembly_ns = since(ev->last_fragment_ns, ev->first_fragment_ns);
    h->imaging_ns = since(now_ns, ev->last_fragment_ns);
    h->payload_bytes = (size_t)(end - m->payload);
    h->checksum = XXH3_64bits(m->payload, h->payload_bytes);
    assert(h->payload_bytes <= m->payload_room);
    struct windows_parts parts = {.header = m->header, .payload = m->payload};
    parts.header_bytes = sparsed__windows_header__pack(h, m->header);
    parts.payload_bytes = h->payload_bytes;
    assert(parts.header_bytes <= m->header_room);
    return parts;
}
