/* How: the sorted wires of a plane are walked with one cursor; `present` runs are
 * gathered into a dense block [wire][tick], straight into the payload where there
 * is no compression, by way of the scratch block where there is. */
#include "replay/bundle.h"

#include <lz4.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

enum { ABOUT_BYTES = 512 << 10, ZSTD_LEVEL = 1 };

static void clear(struct bundle *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->fragment[i].payload)
            payload_release(NULL, b->fragment[i].payload);
    b->count = 0;
    b->wires = 0;
    b->counts = (struct bundle_counts){0};
}

void bundle_fini(struct bundle *b)
{
    clear(b);
    free(b->fragment);
    free(b->scratch);
    *b = (struct bundle){0};
}

static bool push(struct bundle *b, struct fragment fragment, struct failure *f)
{
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 64;
        void *larger = realloc(b->fragment, capacity * sizeof *b->fragment);
        if (!larger) {
            if (fragment.payload)
                payload_release(NULL, fragment.payload);
            return failure_set(f, "no memory for %zu fragments", capacity);
        }
        b->fragment = larger;
        b->capacity = capacity;
    }
    b->fragment[b->count++] = fragment;
    return true;
}

static void to_counts(const float *in, int16_t *out, uint32_t n, double scale,
                      struct bundle_counts *counts)
{
    for (uint32_t i = 0; i < n; i++) {
        double v = rint((double)in[i] / scale);
        if (v >= INT16_MIN && v <= INT16_MAX) {
            out[i] = (int16_t)v;
        } else if (v > INT16_MAX || v < INT16_MIN) {
            out[i] = v > 0 ? INT16_MAX : INT16_MIN;
            counts->saturated++;
        } else {
            out[i] = 0;
            counts->nonnumber++;
        }
    }
}

static void convert(const void *in, bool in_int16, void *out, bool out_int16, uint32_t n,
                    double scale, struct bundle_counts *counts)
{
    if (in_int16 == out_int16) {
        memcpy(out, in, (size_t)n * (in_int16 ? sizeof(int16_t) : sizeof(float)));
    } else if (out_int16) {
        to_counts(in, out, n, scale, counts);
    } else {
        const int16_t *count = in;
        float *units = out;
        for (uint32_t i = 0; i < n; i++)
            units[i] = (float)(count[i] * scale);
    }
}

static bool need_scratch(struct bundle *b, size_t bytes, struct failure *f)
{
    if (bytes <= b->scratch_bytes)
        return true;
    void *larger = realloc(b->scratch, bytes);
    if (!larger)
        return failure_set(f, "no memory for a fragment of %zu bytes", bytes);
    b->scratch = larger;
    b->scratch_bytes = bytes;
    return true;
}

/* The scratch block, compressed. NULL: failure. */
static struct payload *compress_scratch(const struct bundle *b, size_t bytes,
                                        Sparsed__Encoding encoding, struct failure *f)
{
    bool lz4 = encoding == SPARSED__ENCODING__LZ4;
    size_t bound = lz4 ? (size_t)LZ4_compressBound((int)bytes) : ZSTD_compressBound(bytes);
    struct payload *p = payload_new(bound);
    if (!p) {
        failure_set(f, "no memory for a fragment of %zu bytes", bytes);
        return NULL;
    }
    if (lz4) {
        p->bytes =
            (size_t)LZ4_compress_default(b->scratch, (char *)p->data, (int)bytes, (int)bound);
    } else {
        size_t packed = ZSTD_compress(p->data, bound, b->scratch, bytes, ZSTD_LEVEL);
        p->bytes = ZSTD_isError(packed) ? 0 : packed;
    }
    if (p->bytes == 0) {
        free(p);
        failure_set(f, "a fragment of %zu bytes cannot be compressed", bytes);
        return NULL;
    }
    struct payload *fitted = realloc(p, sizeof *p + p->bytes);
    return fitted ? fitted : p;
}

/* Where `bytes` of raw samples shall be written: the payload itself or the scratch. */
static void *raw_block(struct bundle *b, const struct recipe *r, size_t bytes, struct payload **p,
                       struct failure *f)
{
    *p = NULL;
    if (r->encoding != SPARSED__ENCODING__NONE)
        return need_scratch(b, bytes, f) ? b->scratch : NULL;
    *p = payload_new(bytes);
    if (!*p) {
        failure_set(f, "no memory for a fragment of %zu bytes", bytes);
        return NULL;
    }
    return (*p)->data;
}

/* The raw block is written: encode it, sum it, keep it. */
static bool finish(struct bundle *b, const struct recipe *r, struct fragment fragment, size_t bytes,
                   struct failure *f)
{
    if (!fragment.payload) {
        fragment.payload = compress_scratch(b, bytes, r->encoding, f);
        if (!fragment.payload)
            return false;
    }
    fragment.encoding = r->encoding;
    if (r->checksum)
        fragment.checksum = XXH3_64bits(fragment.payload->data, fragment.payload->bytes);
    return push(b, fragment, f);
}

static bool push_empty(struct bundle *b, const struct recipe *r, uint32_t plane, uint32_t first,
                       uint32_t end, struct failure *f)
{
    struct fragment fragment = {.plane = plane,
                                .first_wire = first,
                                .wires = end - first,
                                .encoding = SPARSED__ENCODING__EMPTY,
                                .checksum = r->checksum ? XXH3_64bits(NULL, 0) : 0};
    return push(b, fragment, f);
}

/* Wires first .. end - 1 of one plane, of which `have[0 .. n - 1]` are in the file. */
static bool push_wires(struct bundle *b, const struct recipe *r, const struct opensamples_wires *w,
                       const struct opensamples_wire *have, size_t n, uint32_t plane,
                       uint32_t first, uint32_t end, bool int16, struct failure *f)
{
    bool to_int16 = b->type == SPARSED__SAMPLE_TYPE__INT16;
    size_t in_row = w->ticks * (int16 ? sizeof(int16_t) : sizeof(float));
    size_t out_row = w->ticks * (to_int16 ? sizeof(int16_t) : sizeof(float));
    size_t bytes = (end - first) * out_row, next = 0;
    struct fragment fragment = {.plane = plane, .first_wire = first, .wires = end - first};
    unsigned char *raw = raw_block(b, r, bytes, &fragment.payload, f);
    if (!raw)
        return false;
    for (uint32_t wire = first; wire < end; wire++, raw += out_row) {
        if (next == n || have[next].wire != wire) {
            memset(raw, 0, out_row);
            continue;
        }
        const unsigned char *row = (const unsigned char *)w->samples + have[next++].row * in_row;
        convert(row, int16, raw, to_int16, w->ticks, r->scale, &b->counts);
    }
    return finish(b, r, fragment, bytes, f);
}

static bool push_plane(struct bundle *b, const struct recipe *r, const struct opensamples_wires *w,
                       const struct opensamples_wire *have, size_t n, uint32_t plane,
                       uint32_t wires, uint32_t step, bool int16, struct failure *f)
{
    bool zeros = r->missing == MISSING_ZEROS;
    size_t i = 0;
    for (uint32_t wire = 0; wire < wires;) {
        uint32_t next = i < n ? have[i].wire : wires;
        if (!zeros && next > wire) {
            if (r->missing == MISSING_EMPTY && !push_empty(b, r, plane, wire, next, f))
                return false;
            wire = next;
            continue;
        }
        uint32_t end = (wire / step + 1) * step;
        end = end < wires ? end : wires;
        size_t from = i;
        if (zeros) {
            while (i < n && have[i].wire < end)
                i++;
        } else {
            while (i < n && have[i].wire < end && have[i].wire == wire + (uint32_t)(i - from))
                i++;
            end = wire + (uint32_t)(i - from);
        }
        if (!push_wires(b, r, w, n ? have + from : NULL, i - from, plane, wire, end, int16, f))
            return false;
        wire = end;
    }
    return true;
}

static uint32_t choose_step(const struct recipe *r, size_t row_bytes)
{
    size_t fit = ABOUT_BYTES / row_bytes / 8 * 8;
    size_t most = ((size_t)1 << 30) / row_bytes; /* LZ4 takes less than 2 GiB */
    size_t step = r->wires_per_fragment ? r->wires_per_fragment : (fit ? fit : 8);
    return (uint32_t)(step < most ? step : most);
}

bool bundle_from_wires(struct bundle *b, const struct recipe *r, const struct opensamples_wires *w,
                       bool int16, struct failure *f)
{
    bool to_int16 = r->samples == SAMPLES_AS_FILE ? int16 : r->samples == SAMPLES_INT16;
    clear(b);
    b->kind = SPARSED__PAYLOAD_KIND__WIRES;
    b->type = to_int16 ? SPARSED__SAMPLE_TYPE__INT16 : SPARSED__SAMPLE_TYPE__FLOAT32;
    b->ticks = w->ticks;
    b->counts.duplicates = w->duplicates;
    uint32_t step = choose_step(r, w->ticks * (to_int16 ? sizeof(int16_t) : sizeof(float)));
    for (uint32_t p = 0; p < r->planes; p++) {
        uint32_t id = r->plane[p].id, wires = r->plane[p].wires;
        size_t from = 0, n = 0;
        while (from < w->count && w->wire[from].plane < id)
            from++;
        while (from + n < w->count && w->wire[from + n].plane == id)
            n++;
        if (n && w->wire[from + n - 1].wire >= wires)
            return failure_set(f,
                               "wire %u in plane %u, which has wires 0 to %u: --plane %u:WIRES "
                               "says otherwise",
                               w->wire[from + n - 1].wire, id, wires - 1, id);
        b->wires += (uint32_t)n;
        if (!push_plane(b, r, w, n ? w->wire + from : NULL, n, id, wires, step, int16, f))
            return false;
    }
    return true;
}

bool bundle_from_image(struct bundle *b, const struct recipe *r, const void *pixels, size_t bytes,
                       bool is_float, struct failure *f)
{
    struct fragment fragment = {0};
    clear(b);
    b->kind = SPARSED__PAYLOAD_KIND__IMAGE;
    b->type = is_float ? SPARSED__SAMPLE_TYPE__FLOAT32 : SPARSED__SAMPLE_TYPE__INT32;
    void *raw = raw_block(b, r, bytes, &fragment.payload, f);
    if (!raw)
        return false;
    memcpy(raw, pixels, bytes);
    return finish(b, r, fragment, bytes, f);
}
