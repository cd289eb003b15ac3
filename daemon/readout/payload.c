/* Both libraries are told the exact room there is and never write past it. zstd is
 * looked at before it is decoded: the frame has to be a current one (older formats
 * make the library allocate), alone, and of the right size if it says its size. */
#include "readout/payload.h"

#include "readout/decode.h"

#include <assert.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>
#include <zstd.h>

struct payload_decoder {
    ZSTD_DCtx *zstd;
    void *buffer;
    size_t buffer_bytes;
};

struct payload_decoder *payload_create(const struct geometry *g, struct error *err)
{
    size_t bytes = decode_max_samples_bytes(g);
    struct payload_decoder *d = calloc(1, sizeof *d);
    if (!d) {
        error_set(err, ERROR_SYSTEM, "no memory to decode payloads");
        return NULL;
    }
    d->zstd = ZSTD_createDCtx();
    d->buffer_bytes = bytes;
    d->buffer = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (d->buffer == MAP_FAILED)
        d->buffer = NULL;
    if (!d->zstd || !d->buffer) {
        error_set(err, ERROR_SYSTEM, "no memory to decode payloads of up to %zu bytes", bytes);
        payload_destroy(&d);
    }
    return d;
}

void payload_destroy(struct payload_decoder **d)
{
    if (!*d)
        return;
    if ((*d)->buffer)
        (void)munmap((*d)->buffer, (*d)->buffer_bytes ? (*d)->buffer_bytes : 1);
    ZSTD_freeDCtx((*d)->zstd);
    free(*d);
    *d = NULL;
}

static bool open_lz4(struct payload_decoder *d, const struct fragment *f)
{
    int n =
        LZ4_decompress_safe(f->payload, d->buffer, (int)f->payload_bytes, (int)f->samples_bytes);
    return n >= 0 && (size_t)n == f->samples_bytes;
}

static bool open_zstd(struct payload_decoder *d, const struct fragment *f)
{
    static const unsigned char magic[4] = {0x28, 0xB5, 0x2F, 0xFD}; /* ZSTD_MAGICNUMBER */
    if (f->payload_bytes < sizeof magic || memcmp(f->payload, magic, sizeof magic) != 0)
        return false;
    unsigned long long says = ZSTD_getFrameContentSize(f->payload, f->payload_bytes);
    if (says == ZSTD_CONTENTSIZE_ERROR ||
        (says != ZSTD_CONTENTSIZE_UNKNOWN && says != f->samples_bytes))
        return false;
    size_t frame = ZSTD_findFrameCompressedSize(f->payload, f->payload_bytes);
    if (ZSTD_isError(frame) || frame != f->payload_bytes)
        return false;
    size_t n =
        ZSTD_decompressDCtx(d->zstd, d->buffer, f->samples_bytes, f->payload, f->payload_bytes);
    return !ZSTD_isError(n) && n == f->samples_bytes;
}

enum fragment_fate payload_open(struct payload_decoder *d, struct fragment *f)
{
    f->samples = NULL;
    assert(f->samples_bytes <= d->buffer_bytes);
    if (f->has_checksum) {
        const void *bytes = f->payload_bytes ? f->payload : "";
        if (XXH3_64bits(bytes, f->payload_bytes) != f->checksum)
            return FRAGMENT_BAD_CHECKSUM;
    }
    switch (f->encoding) {
    case ENCODING_NONE:
        f->samples = f->payload;
        break;
    case ENCODING_LZ4:
        if (!open_lz4(d, f))
            return FRAGMENT_BAD_ENCODING;
        f->samples = d->buffer;
        break;
    case ENCODING_ZSTD:
        if (!open_zstd(d, f))
            return FRAGMENT_BAD_ENCODING;
        f->samples = d->buffer;
        break;
    case ENCODING_EMPTY:
        break;
    }
    return FRAGMENT_ASSEMBLED;
}
