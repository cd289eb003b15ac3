/* The header is unpacked twice, by the readout thread and by a worker: a microsecond, less than
 * to carry its lists from one to the other. protobuf-c gets its memory from an arena, as with
 * fragments' headers (decode.c): a header cannot make us allocate.
 *
 * The pixels of a plane are copied at once and then checked where they lie: one pass without a
 * branch. */
#include "readout/windows.h"

#include "base/bits.h"
#include "base/log.h"
#include "data/recipe.h"
#include "proto/windows.pb-c.h"
#include "readout/arena.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(struct hit) == 8,
               "a pixel of the message is a hit in memory");

enum { SCHEMA_VERSION = 1 };
static const uint32_t INFINITY_MAGNITUDE =
    0xff000000u; /* of a float's bits, the sign shifted out */

struct windows_decoder {
    const struct geometry *g;
    uint8_t recipe[SHA256_BYTES];
    struct arena arena;
};

/* ---- life ---- */

struct windows_decoder *windows_create(const struct geometry *g, struct error *err)
{
    struct windows_decoder *d = arena_alloc_owner(sizeof *d);
    if (d == NULL || !recipe_sha256(g, d->recipe, NULL)) {
        error_set(err, ERROR_SYSTEM, "no memory to decode windows messages");
        windows_destroy(&d);
        return NULL;
    }
    d->g = g;
    arena_init(&d->arena);
    return d;
}

void windows_destroy(struct windows_decoder **d)
{
    free(*d);
    *d = NULL;
}

uint32_t windows_capacity(const struct geometry *g)
{
    uint64_t hits = 0;
    for (uint32_t i = 0; i < g->n_planes; i++)
        hits += (uint64_t)g->plane[i].rows * g->plane[i].cols * g->plane[i].channels;
    return hits < UINT32_MAX ? (uint32_t)hits : UINT32_MAX;
}

struct whole_event *windows_whole_create(const struct geometry *g)
{
    struct whole_event *w = calloc(1, sizeof *w);
    bool good = w != NULL;
    for (uint32_t i = 0; good && i < g->n_planes; i++) {
        size_t words = bits_words(whole_plane_wires(g, i));
        w->plane[i].present = calloc(words, sizeof(uint64_t));
        w->plane[i].masked = calloc(words, sizeof(uint64_t));
        good = w->plane[i].present != NULL && w->plane[i].masked != NULL;
    }
    if (!good)
        windows_whole_destroy(&w);
    return w;
}

void windows_whole_destroy(struct whole_event **w)
{
    for (uint32_t i = 0; *w != NULL && i < SETTINGS_MAX_PLANES; i++) {
        free((*w)->plane[i].present);
        free((*w)->plane[i].masked);
    }
    free(*w);
    *w = NULL;
}

/* ---- the header ---- */

static Sparsed__WindowsHeader *unpack(struct windows_decoder *d, const void *header, size_t bytes)
{
    if (bytes == 0 || bytes > DECODE_MAX_WINDOWS_HEADER_BYTES)
        return NULL;
    return sparsed__windows_header__unpack(arena_begin(&d->arena), bytes, header);
}

static bool is_digest(const ProtobufCBinaryData *data, const uint8_t sha256[SHA256_BYTES])
{
    return data->len == SHA256_BYTES && memcmp(data->data, sha256, SHA256_BYTES) == 0;
}

static const char *digest_text(const ProtobufCBinaryData *data, char text[SHA256_HEX_BYTES])
{
    if (data->len != SHA256_BYTES)
        return "none";
    hash_hex(data->data, text);
    text[8] = '\0';
    return text;
}

static bool same_calibration(const struct geometry *g, const ProtobufCBinaryData *theirs)
{
    return g->calibrated ? is_digest(theirs, g->calibration_sha256) : theirs->len == 0;
}

/* Says what differs: nobody finds it by looking at two hashes of everything. */
static bool check_recipe(const struct windows_decoder *d, const Sparsed__WindowsHeader *h)
{
    char theirs[SHA256_HEX_BYTES], ours[SHA256_HEX_BYTES] = "none";
    if (!same_calibration(d->g, &h->calibration_sha256)) {
        if (d->g->calibrated)
            hash_hex(d->g->calibration_sha256, ours);
        log_limited(LOG_LEVEL_ERROR,
                    "windows of source %u are refused: they were made with the calibration %s, "
                    "this daemon has %.8s (detector.calibration)",
                    h->source_id, digest_text(&h->calibration_sha256, theirs), ours);
        return false;
    }
    if (is_digest(&h->recipe_sha256, d->recipe))
        return true;
    hash_hex(d->recipe, ours);
    log_limited(LOG_LEVEL_ERROR,
                "windows of source %u are refused: recipe %s, but ours is %.8s: detector, planes, "
                "pedestals or the models' preprocessing are not the same in both tiers",
                h->source_id, digest_text(&h->recipe_sha256, theirs), ours);
    return false;
}

/* Bytes of a plane's part of the payload. */
static uint64_t plane_bytes(const struct geometry *g, uint32_t i, const Sparsed__PlanePixels *p)
{
    uint64_t sets = (p->some_missing ? UINT64_C(1) : 0) + (p->some_masked ? UINT64_C(1) : 0);
    return sets * sizeof(uint64_t) * bits_words(whole_plane_wires(g, i)) +
           (uint64_t)p->pixels * sizeof(struct hit);
}

static bool check_size(const struct geometry *g, const Sparsed__WindowsHeader *h,
                       size_t payload_bytes)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < h->n_planes && i < g->n_planes; i++)
        bytes += plane_bytes(g, (uint32_t)i, h->planes[i]);
    return h->payload_bytes == payload_bytes && bytes == payload_bytes;
}

static enum fragment_fate check_header(const struct windows_decoder *d,
                                       const Sparsed__WindowsHeader *h, struct fragment *f)
{
    f->source_id = h->source_id;
    f->sequence = h->sequence;
    if (h->schema_version != SCHEMA_VERSION)
        return FRAGMENT_BAD_VERSION;
    f->kind = PAYLOAD_WINDOWS;
    f->id = (struct identity){h->run, h->subrun, h->event};
    f->event_time_ns = h->event_time_ns;
    f->has_checksum = true;
    f->checksum = h->checksum;
    if (!check_recipe(d, h))
        return FRAGMENT_BAD_RECIPE;
    return check_size(d->g, h, f->payload_bytes) ? FRAGMENT_ASSEMBLED : FRAGMENT_BAD_SIZE;
}

enum fragment_fate windows_decode(struct windows_decoder *d, const void *header,
                                  size_t header_bytes, const void *payload, size_t payload_bytes,
                                  struct fragment *out)
{
    memset(out, 0, sizeof *out);
    const Sparsed__WindowsHeader *h = unpack(d, header, header_bytes);
    if (h == NULL)
        return FRAGMENT_BAD_HEADER;
    out->payload = payload;
    out->payload_bytes = payload_bytes;
    return check_header(d, h, out);
}

/* ---- the payload ---- */

/* The next bits of wires; false: some are beyond the last wire. */
static bool take_bits(const uint8_t **from, uint64_t *to, uint32_t wires)
{
    uint32_t words = bits_words(wires);
    memcpy(to, *from, words * sizeof *to);
    *from += words * sizeof *to;
    return (to[words - 1] & ~bits_range_word(words - 1, 0, wires)) == 0;
}

static bool check_hits(const struct hit *hit, uint32_t n, const struct plane_geometry *pg,
                       bool integers)
{
    uint32_t width = pg->cols * pg->channels, bad = 0;
    int64_t last = -1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits, magnitude;
        memcpy(&bits, &hit[i].value, sizeof bits);
        magnitude = bits << 1; /* of a float: all but its sign */
        int64_t at = (int64_t)hit[i].row << 16 | hit[i].col;
        bad |= (hit[i].row >= pg->rows) | (hit[i].col >= width) | (at <= last);
        bad |= integers ? bits == 0 : (magnitude == 0) | (magnitude > INFINITY_MAGNITUDE);
        last = at;
    }
    return bad == 0;
}

static enum fragment_fate take_plane(const struct windows_decoder *d, uint32_t i,
                                     const Sparsed__PlanePixels *p, const uint8_t **from,
                                     uint32_t first, struct reduced *out)
{
    const struct plane_geometry *pg = &d->g->plane[i];
    struct whole_plane *plane = &out->whole->plane[i];
    uint32_t wires = whole_plane_wires(d->g, i);
    if (p->plane != pg->id || (p->integers && !d->g->images))
        return FRAGMENT_BAD_SHAPE;
    if (p->pixels > (uint64_t)pg->rows * pg->cols * pg->channels)
        return FRAGMENT_BAD_PIXELS;
    plane->first_hit = first;
    plane->n_hits = p->pixels;
    plane->raw = p->integers;
    plane->has_data = p->has_data;
    plane->some_missing = p->some_missing;
    plane->some_masked = p->some_masked;
    if ((p->some_missing && !take_bits(from, plane->present, wires)) ||
        (p->some_masked && !take_bits(from, plane->masked, wires)))
        return FRAGMENT_BAD_PIXELS;
    struct hit *hit = out->hit + first;
    memcpy(hit, *from, p->pixels * sizeof *hit);
    *from += p->pixels * sizeof *hit;
    return check_hits(hit, p->pixels, pg, p->integers) ? FRAGMENT_ASSEMBLED : FRAGMENT_BAD_PIXELS;
}

static enum fragment_fate take_planes(struct windows_decoder *d, const Sparsed__WindowsHeader *h,
                                      struct reduced *out)
{
    const struct fragment *f = &out->fragment;
    const uint8_t *from = f->payload_bytes > 0 ? f->payload : (const uint8_t *)"";
    if (h->n_planes != d->g->n_planes)
        return FRAGMENT_BAD_SHAPE;
    for (uint32_t i = 0; i < d->g->n_planes; i++) {
        enum fragment_fate fate = take_plane(d, i, h->planes[i], &from, out->n_hits, out);
        if (fate != FRAGMENT_ASSEMBLED)
            return fate;
        out->n_hits += h->planes[i]->pixels;
    }
    return FRAGMENT_ASSEMBLED;
}

/* ---- the rest ---- */

static enum loss loss_of(const char *name)
{
    for (uint32_t i = 0; i < LOSS_COUNT; i++) {
        if (strcmp(name, loss_name((enum loss)i)) == 0)
            return (enum loss)i;
    }
    return LOSS_deadline; /* of a later version: nothing is known of it here */
}

/* Ranges of wires that are missing, as the bits say too. */
static bool take_missing(const struct geometry *g, const Sparsed__WindowsHeader *h,
                         struct whole_event *w)
{
    if (h->n_missing > EVENT_MISSING_RANGES)
        return false;
    w->n_missing = (uint32_t)h->n_missing;
    for (uint32_t i = 0; i < w->n_missing; i++) {
        const Sparsed__MissingWires *from = h->missing[i];
        int plane = geometry_find_plane(g, from->plane);
        if (plane < 0 || from->wires == 0 || from->wires > g->plane[plane].wires ||
            from->first_wire > g->plane[plane].wires - from->wires ||
            !w->plane[plane].some_missing ||
            bits_count(w->plane[plane].present, from->first_wire, from->wires) > 0)
            return false;
        w->missing[i] = (struct missing_wires){.plane = (uint32_t)plane,
                                               .first_wire = from->first_wire,
                                               .wires = from->wires,
                                               .source_known = from->n_source_id > 0,
                                               .why = loss_of(from->why)};
        w->missing[i].source_id = from->n_source_id > 0 ? from->source_id[0] : 0;
    }
    return true;
}

/* As many masked wires as the bits say. */
static bool take_masked(const struct geometry *g, const Sparsed__WindowsHeader *h,
                        struct whole_event *w)
{
    uint32_t masked = 0;
    for (uint32_t i = 0; i < g->n_planes; i++)
        masked += w->plane[i].some_masked
                      ? bits_count(w->plane[i].masked, 0, whole_plane_wires(g, i))
                      : g->plane[i].dead_wires + g->plane[i].hot_wires;
    if (h->masked_wires != masked || h->hot_wires > masked ||
        h->masked_sha256.len != (masked > 0 ? SHA256_BYTES : 0))
        return false;
    w->masked = (struct masked_set){.wires = masked, .hot_wires = h->hot_wires};
    if (masked > 0)
        memcpy(w->masked.sha256, h->masked_sha256.data, SHA256_BYTES);
    return true;
}

enum fragment_fate windows_open(struct windows_decoder *d, const void *header, size_t header_bytes,
                                const struct fragment *f, struct reduced *out)
{
    const Sparsed__WindowsHeader *h = unpack(d, header, header_bytes);
    out->fragment = *f;
    out->n_hits = out->n_edges = 0;
    if (h == NULL)
        return FRAGMENT_BAD_HEADER;
    if (XXH3_64bits(f->payload_bytes > 0 ? f->payload : "", f->payload_bytes) != f->checksum)
        return FRAGMENT_BAD_CHECKSUM;
    enum fragment_fate fate = take_planes(d, h, out);
    if (fate != FRAGMENT_ASSEMBLED)
        return fate;
    if (!take_missing(d->g, h, out->whole) || !take_masked(d->g, h, out->whole))
        return FRAGMENT_BAD_SHAPE;
    out->nonfinite_bins = h->nonfinite_bins;
    out->whole->assembly_ns = h->assembly_ns;
    out->whole->imaging_ns = h->imaging_ns;
    return FRAGMENT_ASSEMBLED;
}
