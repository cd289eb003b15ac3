/* A fragment as anybody may send it: header, payload, reduction.
 *
 * Input: byte 0 chooses wires or image, bytes 1 and 2 are the header's size (little
 * endian), then header and payload. */
#include "data/pixel.h"
#include "imaging/reduce.h"
#include "readout/decode.h"
#include "readout/payload.h"
#include "small_detector.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One configured run; made once. */
struct run {
    struct geometry geometry;
    struct payload_decoder *payload;
    struct reducer *reducer;
    struct reduced out;
    struct hit *edge_hit;
};

static struct run runs[2];
static struct decoder *decoder;

static void prepare(struct run *r)
{
    r->payload = payload_create(&r->geometry, NULL);
    r->reducer = reducer_create(&r->geometry, NULL);
    reduce_capacity(&r->geometry, &r->out.hit_capacity, &r->out.edge_capacity);
    r->out.hit = malloc((r->out.hit_capacity + 1) * sizeof *r->out.hit);
    r->out.edge = malloc((r->out.edge_capacity + 1) * sizeof *r->out.edge);
    r->edge_hit = malloc((r->out.edge_capacity + 1) * sizeof *r->edge_hit);
    if (!r->payload || !r->reducer || !r->out.hit || !r->out.edge || !r->edge_hit)
        abort();
}

static void prepare_all(void)
{
    struct detector_settings d = {.ticks = SMALL_DETECTOR_TICKS, .n_planes = 1};
    d.plane[0] = (struct plane_settings){.id = 2, .wires = 10, .scale = 0.0625};
    decoder = decoder_create(NULL);
    if (!decoder ||
        !geometry_init_wires(&runs[0].geometry, &d, &small_detector_preprocessing, NULL))
        abort();
    geometry_init_image(&runs[1].geometry, 3, 4, 2);
    prepare(&runs[0]);
    prepare(&runs[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!decoder)
        prepare_all();
    if (size < 3)
        return 0;
    struct run *r = &runs[data[0] & 1];
    size_t header = data[1] | (size_t)data[2] << 8;
    data += 3;
    size -= 3;
    if (header > size)
        header = size;
    struct fragment f;
    if (decode_fragment(decoder, data, header, data + header, size - header, &r->geometry, &f) !=
            FRAGMENT_ASSEMBLED ||
        payload_open(r->payload, &f) != FRAGMENT_ASSEMBLED)
        return 0;
    if (reduce_fragment(r->reducer, &f, &r->out) != FRAGMENT_ASSEMBLED)
        abort(); /* there is room for every fragment that was accepted */
    const struct plane_geometry *p = &r->geometry.plane[f.plane];
    uint32_t n = 0;
    if (f.kind == PAYLOAD_WIRES)
        n = pixel_from_edges(p, f.sample_type, r->out.edge, r->out.n_edges, r->edge_hit,
                             r->out.edge_capacity);
    for (uint32_t i = 0; i < r->out.n_hits + n; i++) {
        const struct hit *h = i < r->out.n_hits ? &r->out.hit[i] : &r->edge_hit[i - r->out.n_hits];
        if (h->row >= p->rows || h->col >= p->cols * p->channels)
            abort();
    }
    return 0;
}
