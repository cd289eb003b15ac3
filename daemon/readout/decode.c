#include "readout/decode.h"

#include "proto/readout.pb-c.h"
#include "readout/arena.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { LZ4_LIMIT_BYTES = 0x7E000000 }; /* LZ4_MAX_INPUT_SIZE: what one block may decode to */

struct decoder {
    struct arena arena;
};

struct decoder *decoder_create(struct error *err)
{
    struct decoder *d = arena_alloc_owner(sizeof *d);
    if (!d) {
        error_set(err, ERROR_SYSTEM, "no memory to decode fragment headers");
        return NULL;
    }
    arena_init(&d->arena);
    return d;
}

void decoder_destroy(struct decoder **d)
{
    free(*d);
    *d = NULL;
}

static enum fragment_fate check_wires(const Sparsed__FragmentHeader *h, const struct geometry *g,
                                      struct fragment *f)
{
    int index = geometry_find_plane(g, h->plane);
    if (index < 0)
        return FRAGMENT_BAD_PLANE;
    const struct plane_geometry *p = &g->plane[index];
    f->plane = (uint32_t)index;
    if (h->sample_type != SPARSED__SAMPLE_TYPE__INT16 &&
        h->sample_type != SPARSED__SAMPLE_TYPE__FLOAT32)
        return FRAGMENT_BAD_TYPE;
    f->sample_type = (enum sample_type)h->sample_type;
    if (h->first_tick != 0 || h->ticks != p->ticks)
        return FRAGMENT_BAD_SHAPE;
    if (h->wires == 0 || h->wires > p->wires || h->first_wire > p->wires - h->wires)
        return FRAGMENT_BAD_SHAPE;
    f->first_wire = h->first_wire;
    f->wires = h->wires;
    f->samples_bytes = (size_t)h->wires * h->ticks * sample_bytes(f->sample_type);
    return FRAGMENT_ASSEMBLED;
}

static enum fragment_fate check_image(const Sparsed__FragmentHeader *h, const struct geometry *g,
                                      struct fragment *f)
{
    const struct plane_geometry *p = &g->plane[0];
    if (h->sample_type != SPARSED__SAMPLE_TYPE__INT16 &&
        h->sample_type != SPARSED__SAMPLE_TYPE__FLOAT32 &&
        h->sample_type != SPARSED__SAMPLE_TYPE__INT32)
        return FRAGMENT_BAD_TYPE;
    f->sample_type = (enum sample_type)h->sample_type;
    if (h->height != p->rows || h->width != p->cols || h->channels != p->channels)
        return FRAGMENT_BAD_SHAPE;
    f->samples_bytes = (size_t)p->rows * p->cols * p->channels * sample_bytes(f->sample_type);
    return FRAGMENT_ASSEMBLED;
}

/* Encoding, checksum and sizes, once samples_bytes is known. */
static enum fragment_fate check_payload(const Sparsed__FragmentHeader *h, struct fragment *f)
{
    switch ((int)h->encoding) {
    case ENCODING_NONE:
    case ENCODING_LZ4:
    case ENCODING_ZSTD:
    case ENCODING_EMPTY:
        f->encoding = (enum encoding)h->encoding;
        break;
    default:
        return FRAGMENT_BAD_ENCODING;
    }
    switch ((int)h->checksum_type) {
    case SPARSED__CHECKSUM__CHECKSUM_NONE:
        break;
    case SPARSED__CHECKSUM__XXH3_64:
        f->has_checksum = true;
        f->checksum = h->checksum;
        break;
    default:
        return FRAGMENT_BAD_CHECKSUM;
    }
    if (h->payload_bytes != f->payload_bytes)
        return FRAGMENT_BAD_SIZE;
    bool fits = false;
    switch (f->encoding) {
    case ENCODING_NONE:
        fits = f->payload_bytes == f->samples_bytes;
        break;
    case ENCODING_LZ4:
        fits = f->payload_bytes > 0 && f->payload_bytes <= INT_MAX &&
               f->samples_bytes <= LZ4_LIMIT_BYTES;
        break;
    case ENCODING_ZSTD:
        fits = f->payload_bytes > 0;
        break;
    case ENCODING_EMPTY:
        fits = f->payload_bytes == 0;
        break;
    }
    return fits ? FRAGMENT_ASSEMBLED : FRAGMENT_BAD_SIZE;
}

static enum fragment_fate check_header(const Sparsed__FragmentHeader *h, const struct geometry *g,
                                       struct fragment *f)
{
    f->source_id = h->source_id;
    f->sequence = h->sequence;
    if (h->schema_version != DECODE_SCHEMA_VERSION)
        return FRAGMENT_BAD_VERSION;
    f->id = (struct identity){h->run, h->subrun, h->event};
    f->event_time_ns = h->event_time_ns;
    bool image = h->kind == SPARSED__PAYLOAD_KIND__IMAGE;
    if ((!image && h->kind != SPARSED__PAYLOAD_KIND__WIRES) || image != g->images)
        return FRAGMENT_BAD_KIND;
    f->kind = image ? PAYLOAD_IMAGE : PAYLOAD_WIRES;
    enum fragment_fate fate = image ? check_image(h, g, f) : check_wires(h, g, f);
    return fate == FRAGMENT_ASSEMBLED ? check_payload(h, f) : fate;
}

enum fragment_fate decode_fragment(struct decoder *d, const void *header, size_t header_bytes,
                                   const void *payload, size_t payload_bytes,
                                   const struct geometry *g, struct fragment *out)
{
    memset(out, 0, sizeof *out);
    if (header_bytes == 0 || header_bytes > DECODE_MAX_HEADER_BYTES)
        return FRAGMENT_BAD_HEADER;
    Sparsed__FragmentHeader *h =
        sparsed__fragment_header__unpack(arena_begin(&d->arena), header_bytes, header);
    if (!h)
        return FRAGMENT_BAD_HEADER;
    out->payload = payload;
    out->payload_bytes = payload_bytes;
    return check_header(h, g, out);
}

size_t decode_max_samples_bytes(const struct geometry *g)
{
    size_t largest = 0;
    for (uint32_t i = 0; i < g->n_planes; i++) {
        const struct plane_geometry *p = &g->plane[i];
        size_t values =
            g->images ? (size_t)p->rows * p->cols * p->channels : (size_t)p->wires * p->ticks;
        largest = values * 4 > largest ? values * 4 : largest;
    }
    return largest;
}
