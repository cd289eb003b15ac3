#include "assembly/whole.h"

#include "assembly/plane_image.h"
#include "base/bits.h"

#include <string.h>

static void fill_plane(struct event *e, const struct geometry *g, uint32_t i,
                       const struct reduced *r)
{
    const struct whole_plane *from = &r->whole->plane[i];
    struct plane_image *image = &e->plane[i];
    uint32_t wires = whole_plane_wires(g, i);
    image->raw = from->raw;
    image->has_data = from->has_data;
    image->sample_type = from->raw ? SAMPLE_INT32 : SAMPLE_FLOAT32;
    if (from->some_missing)
        memcpy(image->wire_present, from->present, bits_words(wires) * sizeof(uint64_t));
    else
        bits_fill(image->wire_present, 0, wires);
    image->wires_missing = wires - bits_count(image->wire_present, 0, wires);
    if (from->some_masked) {
        memcpy(image->own_masked, from->masked, bits_words(wires) * sizeof(uint64_t));
        image->masked = image->own_masked;
    }
    plane_image_add(&g->plane[i], image, r->hit + from->first_hit, from->n_hits);
    e->wires_missing += image->wires_missing;
}

static uint64_t before(uint64_t at_ns, uint64_t by_ns)
{
    return at_ns > by_ns ? at_ns - by_ns : 0;
}

void whole_fill(struct event *e, const struct geometry *g, const struct reduced *r)
{
    const struct whole_event *w = r->whole;
    e->brought = true;
    e->receipt = receipt_join(e->receipt, r->fragment.receipt);
    e->last_fragment_ns = before(r->fragment.arrived_ns, w->imaging_ns);
    e->first_fragment_ns = before(e->last_fragment_ns, w->assembly_ns);
    e->nonfinite_bins = r->nonfinite_bins;
    e->masked = w->masked;
    e->n_missing = w->n_missing;
    memcpy(e->missing, w->missing, w->n_missing * sizeof *w->missing);
    e->wires_missing = 0;
    for (uint32_t i = 0; i < g->n_planes; i++)
        fill_plane(e, g, i, r);
}
