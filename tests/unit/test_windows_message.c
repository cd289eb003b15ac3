/* An event goes into a windows message and comes out of it: everything that engine, trigger and
 * decision look at is as it was. And messages that are wrong in one thing. */
#include "unit/cmocka_all.h"

#include "assembly/assembler.h"
#include "base/bits.h"
#include "data/recipe.h"
#include "output/windows_message.h"
#include "proto/windows.pb-c.h"
#include "readout/windows.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

enum { WIRES_0 = 24, WIRES_1 = 140, SLOTS = 3 };

/* Two daemons with the same planes: what one assembles the other gets. */
struct pair {
    struct geometry g;
    struct assembler *first, *second;
    struct windows_message *message;
    struct windows_decoder *decoder;
    struct reduced reduced;
    struct fragment fragment;
};

static const struct preprocessing recipe = {.time_rebin = 6,
                                            .bin_floor = 1,
                                            .bin_clip = 100,
                                            .window_time_bins = 8,
                                            .window_wires = 16,
                                            .pool_time = 4,
                                            .pool_wires = 2,
                                            .image_height = 2,
                                            .image_width = 8,
                                            .pixel_scale = 3200};

static void make_geometry(struct geometry *g, bool images)
{
    struct preprocessing both[2] = {recipe, recipe};
    struct detector_settings d = {.ticks = 60, .n_planes = 2};
    d.plane[0] = (struct plane_settings){.id = 4, .wires = WIRES_0, .scale = 1};
    d.plane[1] = (struct plane_settings){.id = 9, .wires = WIRES_1, .scale = 0.5};
    if (images)
        geometry_init_image(g, 5, 70, 3);
    else
        assert_true(geometry_init_wires(g, &d, both, NULL));
}

static struct pair *make(bool images)
{
    struct pair *p = calloc(1, sizeof *p);
    make_geometry(&p->g, images);
    struct assembler_settings s = {.slots = SLOTS, .timeout_ns = 1000, .own_masks = true};
    p->first = assembler_create(&s, &p->g, NULL);
    p->second = assembler_create(&s, &p->g, NULL);
    p->message = windows_message_create(&p->g, 77, NULL);
    p->decoder = windows_create(&p->g, NULL);
    p->reduced.hit = calloc(windows_capacity(&p->g), sizeof *p->reduced.hit);
    p->reduced.whole = windows_whole_create(&p->g);
    assert_true(p->first && p->second && p->message && p->decoder && p->reduced.whole);
    return p;
}

static void end(struct pair *p)
{
    free(p->reduced.hit);
    windows_whole_destroy(&p->reduced.whole);
    windows_destroy(&p->decoder);
    windows_message_destroy(&p->message);
    assembler_destroy(&p->first);
    assembler_destroy(&p->second);
    geometry_fini(&p->g);
    free(p);
}

static const struct identity id = {1207, 3, UINT64_C(1) << 40};

/* What imaging left of some wires of a plane, or of an image; into the first daemon. */
static void push(struct pair *p, uint32_t plane, uint32_t first, uint32_t wires,
                 const struct hit *hit, uint32_t n, enum sample_type type)
{
    struct reduced r = {.n_hits = n, .hit = (struct hit *)(uintptr_t)hit};
    r.nonfinite_bins = 2;
    r.fragment = (struct fragment){.id = id,
                                   .event_time_ns = 99,
                                   .arrived_ns = 100 + first,
                                   .sample_type = type,
                                   .plane = plane,
                                   .first_wire = first,
                                   .wires = wires};
    assert_int_equal(assembler_push(p->first, &r, 100), FRAGMENT_ASSEMBLED);
}

/* The first daemon's event, timed out if it must be. */
static struct event *take_first(struct pair *p)
{
    struct event *ev = assembler_take(p->first, 1000000);
    assert_non_null(ev);
    return ev;
}

static enum fragment_fate decode(struct pair *p, const struct windows_parts *m)
{
    enum fragment_fate fate = windows_decode(p->decoder, m->header, m->header_bytes, m->payload,
                                             m->payload_bytes, &p->fragment);
    p->fragment.arrived_ns = 5000;
    return fate != FRAGMENT_ASSEMBLED
               ? fate
               : windows_open(p->decoder, m->header, m->header_bytes, &p->fragment, &p->reduced);
}

/* Over to the second daemon. */
static struct event *bring(struct pair *p, const struct event *ev)
{
    struct windows_parts m = windows_message_fill(p->message, ev, ev->last_fragment_ns + 700);
    assert_int_equal(decode(p, &m), FRAGMENT_ASSEMBLED);
    assert_int_equal(assembler_push(p->second, &p->reduced, 5000), FRAGMENT_ASSEMBLED);
    struct event *out = assembler_take(p->second, 5000);
    assert_non_null(out);
    return out;
}

/* All that stages behind the assembler read of an event. */
static void same(const struct geometry *g, const struct event *a, const struct event *b)
{
    assert_true(identity_equal(&a->id, &b->id));
    assert_true(a->event_time_ns == b->event_time_ns && a->nonfinite_bins == b->nonfinite_bins);
    assert_true(a->incomplete == b->incomplete && a->wires_missing == b->wires_missing);
    assert_memory_equal(&a->masked, &b->masked, sizeof a->masked);
    assert_int_equal(a->n_missing, b->n_missing);
    for (uint32_t i = 0; i < a->n_missing; i++)
        assert_memory_equal(&a->missing[i], &b->missing[i], sizeof a->missing[i]);
    for (uint32_t i = 0; i < g->n_planes; i++) {
        const struct plane_geometry *pg = &g->plane[i];
        const struct plane_image *x = &a->plane[i], *y = &b->plane[i];
        size_t words = bits_words(g->images ? 1 : pg->wires) * sizeof(uint64_t);
        assert_true(x->raw == y->raw && x->has_data == y->has_data);
        assert_int_equal(x->wires_missing, y->wires_missing);
        assert_memory_equal(x->wire_present, y->wire_present, words);
        assert_true((x->masked == NULL) == (y->masked == NULL));
        if (x->masked != NULL)
            assert_memory_equal(x->masked, y->masked, words);
        assert_memory_equal(x->mask, y->mask, (size_t)pg->rows * pg->words_per_row * 8);
        for (uint32_t k = 0; k < pg->rows * pg->cols; k++) {
            uint64_t word = x->mask[k / pg->cols * pg->words_per_row + k % pg->cols / 64];
            if ((word >> (k % pg->cols % 64) & 1) != 0)
                assert_memory_equal(x->value + (size_t)k * pg->channels,
                                    y->value + (size_t)k * pg->channels, pg->channels * 4);
        }
    }
}

static const struct hit some[] = {{0, 0, {.f = 0.1f}}, {1, 11, {.f = -7e-30f}}, {0, 3, {.f = 3}}};
static const struct hit far[] = {
    {1, 69, {.f = 1e30f}}, {0, 64, {.f = INFINITY}}, {0, 63, {.f = 1}}};

static void an_event_goes_over(void **state)
{
    (void)state;
    struct pair *p = make(false);
    push(p, 0, 0, WIRES_0, some, 3, SAMPLE_INT16);
    push(p, 1, 0, WIRES_1, far, 3, SAMPLE_FLOAT32);
    struct event *ev = take_first(p), *got = bring(p, ev);
    same(&p->g, ev, got);
    assert_true(got->brought && !ev->brought && !got->incomplete);
    assert_int_equal(p->fragment.source_id, 77);
    assert_int_equal(p->fragment.sequence, 0);
    /* 700 ns in the first daemon, 0 from one fragment to the other; arrived at 5000 */
    assert_int_equal(got->last_fragment_ns, 5000 - 700);
    assert_int_equal(got->first_fragment_ns, got->last_fragment_ns);
    end(p);
}

static void wires_that_did_not_come(void **state)
{
    (void)state;
    struct pair *p = make(false);
    push(p, 1, 10, 100, far, 2, SAMPLE_FLOAT32);
    struct event *ev = take_first(p);
    ev->n_missing = 2;
    memset(ev->missing, 0, sizeof ev->missing);
    ev->missing[0] = (struct missing_wires){0, 0, WIRES_0, 0, false, LOSS_network};
    ev->missing[1] = (struct missing_wires){1, 0, 10, 8, true, LOSS_overload};
    struct event *got = bring(p, ev);
    assert_true(got->incomplete && got->wires_missing == WIRES_0 + WIRES_1 - 100);
    same(&p->g, ev, got);
    end(p);
}

static void masks_of_its_own(void **state)
{
    (void)state;
    struct pair *p = make(false);
    uint64_t masked[3] = {0};
    push(p, 0, 0, WIRES_0, some, 1, SAMPLE_INT16);
    push(p, 1, 0, WIRES_1, far, 1, SAMPLE_INT16);
    struct event *ev = take_first(p);
    bits_fill(masked, 130, 4);
    ev->plane[1].masked = masked;
    ev->masked = (struct masked_set){.wires = 4, .hot_wires = 4};
    memset(ev->masked.sha256, 0xcd, SHA256_BYTES);
    struct event *got = bring(p, ev);
    same(&p->g, ev, got);
    assert_null(got->plane[0].masked);
    /* the next event in this slot has the geometry's again */
    assembler_release(p->second, got, 5000);
    end(p);
}

static void an_image_of_channels(void **state)
{
    (void)state;
    const struct hit values[] = {{0, 0, {.i = -3}}, {0, 2, {.i = 9}}, {4, 209, {.i = INT32_MIN}}};
    const struct hit floats[] = {{0, 1, {.f = 1e-40f}}, {2, 208, {.f = -2}}};
    struct pair *p = make(true);
    push(p, 0, 0, 0, values, 3, SAMPLE_INT32);
    struct event *ev = take_first(p), *got = bring(p, ev);
    assert_true(got->plane[0].raw);
    same(&p->g, ev, got);
    end(p);
    p = make(true);
    push(p, 0, 0, 0, floats, 2, SAMPLE_FLOAT32);
    ev = take_first(p);
    got = bring(p, ev);
    assert_false(got->plane[0].raw);
    same(&p->g, ev, got);
    end(p);
}

static void every_pixel_and_none(void **state)
{
    (void)state;
    struct pair *p = make(false);
    struct hit *all = calloc(windows_capacity(&p->g), sizeof *all);
    for (uint32_t plane = 0; plane < 2; plane++) {
        const struct plane_geometry *pg = &p->g.plane[plane];
        uint32_t n = pg->rows * pg->cols;
        for (uint32_t i = 0; i < n; i++)
            all[i] = (struct hit){(uint16_t)(i / pg->cols), (uint16_t)(i % pg->cols), {.i = 1}};
        push(p, plane, 0, pg->wires, all, n, SAMPLE_INT16);
    }
    free(all);
    struct event *ev = take_first(p), *got = bring(p, ev);
    same(&p->g, ev, got);
    assert_int_equal(p->reduced.n_hits, windows_capacity(&p->g));
    end(p);
    p = make(false);
    push(p, 1, 0, 1, NULL, 0, SAMPLE_INT16);
    ev = take_first(p);
    got = bring(p, ev);
    same(&p->g, ev, got);
    assert_int_equal(p->reduced.n_hits, 0);
    end(p);
}

/* An event is decided once, whatever comes twice; and one that finds no slot is told apart. */
static void twice_and_no_slot(void **state)
{
    (void)state;
    struct pair *p = make(false);
    push(p, 0, 0, WIRES_0, some, 1, SAMPLE_INT16);
    struct event *ev = take_first(p), *got = bring(p, ev);
    assert_int_equal(assembler_push(p->second, &p->reduced, 5000), FRAGMENT_DUPLICATE);
    assembler_release(p->second, got, 5000);
    assert_int_equal(assembler_push(p->second, &p->reduced, 5001), FRAGMENT_DUPLICATE);
    for (uint32_t i = 0; i < SLOTS; i++) {
        p->reduced.fragment.id.event++;
        assert_int_equal(assembler_push(p->second, &p->reduced, 5002), FRAGMENT_ASSEMBLED);
    }
    p->reduced.fragment.id.event++;
    assert_int_equal(assembler_push(p->second, &p->reduced, 5003), FRAGMENT_NO_SLOT);
    end(p);
}

/* Numbers of the sender's that no clock could have: times never run backwards past 0. */
static void impossible_times(void **state)
{
    (void)state;
    struct pair *p = make(false);
    push(p, 0, 0, WIRES_0, some, 1, SAMPLE_INT16);
    struct event *ev = take_first(p);
    struct windows_parts m = windows_message_fill(p->message, ev, UINT64_MAX);
    assert_int_equal(decode(p, &m), FRAGMENT_ASSEMBLED);
    assert_int_equal(assembler_push(p->second, &p->reduced, 5000), FRAGMENT_ASSEMBLED);
    struct event *got = assembler_take(p->second, 5000);
    assert_int_equal(got->last_fragment_ns, 0);
    assert_int_equal(got->first_fragment_ns, 0);
    end(p);
}

/* ---- the recipe ---- */

static void digest(const struct geometry *g, uint8_t sha256[SHA256_BYTES])
{
    assert_true(recipe_sha256(g, sha256, NULL));
}

/* Each number that changes a pixel changes the name; nothing else does. */
static void the_recipe_names_what_makes_pixels(void **state)
{
    (void)state;
    struct geometry g;
    uint8_t plain[SHA256_BYTES], other[SHA256_BYTES];
    make_geometry(&g, false);
    digest(&g, plain);
    double *reals[] = {&g.plane[1].scale, &g.plane[1].pre.bin_floor, &g.plane[1].pre.bin_clip,
                       &g.plane[1].pre.pixel_threshold, &g.plane[1].pre.pixel_scale};
    uint32_t *counts[] = {&g.plane[0].id,
                          &g.plane[0].ticks,
                          &g.plane[0].pre.time_rebin,
                          &g.plane[0].pre.pool_time,
                          &g.plane[0].pre.pool_wires,
                          &g.plane[0].pre.window_time_bins,
                          &g.plane[0].pre.window_wires,
                          &g.plane[0].pre.image_height,
                          &g.plane[0].pre.image_width};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        double was = *reals[i];
        *reals[i] = nextafter(was, 1e9);
        digest(&g, other);
        *reals[i] = was;
        assert_memory_not_equal(plain, other, SHA256_BYTES);
    }
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ++*counts[i];
        digest(&g, other);
        --*counts[i];
        assert_memory_not_equal(plain, other, SHA256_BYTES);
    }
    g.plane[1].pedestal_counts[7]++;
    digest(&g, other);
    assert_memory_not_equal(plain, other, SHA256_BYTES);
    g.plane[1].pedestal_counts[7]--;
    g.plane[1].pedestal_units[0] = 0.5f;
    digest(&g, other);
    assert_memory_not_equal(plain, other, SHA256_BYTES);
    g.plane[1].pedestal_units[0] = 0;
    g.plane[1].masked = calloc(bits_words(WIRES_1), sizeof(uint64_t));
    bits_fill(g.plane[1].masked, 3, 1);
    digest(&g, other);
    assert_memory_not_equal(plain, other, SHA256_BYTES);
    free(g.plane[1].masked);
    g.plane[1].masked = NULL;
    digest(&g, other);
    assert_memory_equal(plain, other, SHA256_BYTES);
    geometry_fini(&g);
}

/* ---- messages that are wrong ---- */

/* A good message to spoil: header unpacked, payload in memory of its own. */
struct spoiled {
    Sparsed__WindowsHeader *h;
    uint8_t payload[4096], header[4096];
};

static void fill_spoiled(struct pair *p, struct spoiled *s)
{
    push(p, 1, 0, WIRES_1 - 4, far, 3, SAMPLE_FLOAT32);
    struct event *ev = take_first(p);
    struct windows_parts m = windows_message_fill(p->message, ev, 300);
    s->h = sparsed__windows_header__unpack(NULL, m.header_bytes, m.header);
    assert_true(s->h != NULL && m.payload_bytes <= sizeof s->payload);
    memcpy(s->payload, m.payload, m.payload_bytes);
}

static enum fragment_fate spoiled_fate(struct pair *p, struct spoiled *s)
{
    s->h->checksum = XXH3_64bits(s->payload, s->h->payload_bytes);
    struct windows_parts m = {.header = s->header, .payload = s->payload};
    m.header_bytes = sparsed__windows_header__pack(s->h, s->header);
    m.payload_bytes = s->h->payload_bytes;
    return decode(p, &m);
}

#define SPOILED(fate, spoil, mend)                                                                 \
    do {                                                                                           \
        spoil;                                                                                     \
        assert_string_equal(fragment_fate_name(spoiled_fate(p, &s)), #fate);                       \
        mend;                                                                                      \
        assert_int_equal(spoiled_fate(p, &s), FRAGMENT_ASSEMBLED);                                 \
    } while (0)

static void each_fault_has_its_fate(void **state)
{
    (void)state;
    struct pair *p = make(false);
    static struct spoiled s;
    fill_spoiled(p, &s);
    Sparsed__WindowsHeader *h = s.h;
    Sparsed__PlanePixels *second = h->planes[1];
    assert_int_equal(second->pixels, 3);
    struct hit *hit = (struct hit *)(s.payload + h->payload_bytes - 3 * sizeof *hit);
    struct hit was = hit[2];
    uint8_t *bits = s.payload + 8; /* of the second plane, behind one word of the first */
    SPOILED(bad_version, h->schema_version = 2, h->schema_version = 1);
    SPOILED(bad_recipe, h->recipe_sha256.data[31] ^= 1, h->recipe_sha256.data[31] ^= 1);
    SPOILED(bad_recipe, h->recipe_sha256.len--, h->recipe_sha256.len++);
    SPOILED(bad_size, second->pixels++, second->pixels--);
    SPOILED(bad_size, h->payload_bytes--, h->payload_bytes++);
    SPOILED(bad_size, second->some_missing = 0, second->some_missing = 1);
    SPOILED(bad_shape, second->plane = 4, second->plane = 9);
    SPOILED(bad_shape, second->integers = 1, second->integers = 0);
    SPOILED(bad_shape, h->hot_wires = 1, h->hot_wires = 0);
    SPOILED(bad_shape, h->masked_wires = 1, h->masked_wires = 0);
    SPOILED(bad_pixels, bits[17] |= 0x80, bits[17] = 0); /* wire 143 of 140 */
    SPOILED(bad_pixels, hit[2].row = 2, hit[2] = was);
    SPOILED(bad_pixels, hit[2].col = 70, hit[2] = was);
    SPOILED(bad_pixels, hit[2].value.f = NAN, hit[2] = was);
    SPOILED(bad_pixels, hit[2].value.f = -0.0f, hit[2] = was);
    SPOILED(bad_pixels, hit[2] = hit[1], hit[2] = was);
    SPOILED(bad_pixels, (hit[2].row = 0, hit[2].col = 0), hit[2] = was);
    h->n_planes = 1;
    assert_int_equal(spoiled_fate(p, &s), FRAGMENT_BAD_SIZE);
    h->n_planes = 2;
    Sparsed__MissingWires range = SPARSED__MISSING_WIRES__INIT, *ranges[33];
    for (size_t i = 0; i < 33; i++)
        ranges[i] = &range;
    range = (Sparsed__MissingWires){.base = range.base,
                                    .plane = 9,
                                    .first_wire = WIRES_1 - 4,
                                    .wires = 4,
                                    .why = (char *)(uintptr_t) "of a later version"};
    h->missing = ranges;
    h->n_missing = 1;
    SPOILED(bad_shape, range.wires = 5, range.wires = 4);
    SPOILED(bad_shape, range.first_wire--, range.first_wire++); /* one of them came */
    SPOILED(bad_shape, range.wires = 0, range.wires = 4);
    SPOILED(bad_shape, range.plane = 5, range.plane = 9);
    SPOILED(bad_shape, h->n_missing = 33, h->n_missing = 1);
    assert_int_equal(p->reduced.whole->missing[0].why, LOSS_deadline);
    h->n_missing = 0;
    h->missing = NULL;
    sparsed__windows_header__free_unpacked(h, NULL);
    end(p);
}

static void what_is_no_header(void **state)
{
    (void)state;
    struct pair *p = make(false);
    static uint8_t bytes[DECODE_MAX_WINDOWS_HEADER_BYTES + 1];
    struct windows_parts m = {.header = bytes, .payload = bytes};
    assert_int_equal(decode(p, &m), FRAGMENT_BAD_HEADER);
    m.header_bytes = sizeof bytes; /* all 0: a tag of 0 */
    assert_int_equal(decode(p, &m), FRAGMENT_BAD_HEADER);
    for (size_t i = 0; i + 1 < sizeof bytes; i += 2)
        bytes[i] = 10 << 3 | 2; /* thousands of empty planes: more than the arena has */
    m.header_bytes = DECODE_MAX_WINDOWS_HEADER_BYTES;
    assert_int_equal(decode(p, &m), FRAGMENT_BAD_HEADER);
    end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_goes_over),
        cmocka_unit_test(wires_that_did_not_come),
        cmocka_unit_test(masks_of_its_own),
        cmocka_unit_test(an_image_of_channels),
        cmocka_unit_test(every_pixel_and_none),
        cmocka_unit_test(twice_and_no_slot),
        cmocka_unit_test(impossible_times),
        cmocka_unit_test(the_recipe_names_what_makes_pixels),
        cmocka_unit_test(each_fault_has_its_fate),
        cmocka_unit_test(what_is_no_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
