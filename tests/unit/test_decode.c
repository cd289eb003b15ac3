/* Headers, good and bad: each bad one gets its own fate. */
#include "unit/cmocka_all.h"

#include "proto/readout.pb-c.h"
#include "readout/decode.h"

#include <string.h>

static struct geometry wires, images;
static struct decoder *decoder;

static int set_up(void **state)
{
    (void)state;
    struct preprocessing pre = {.time_rebin = 6,
                                .bin_clip = 100,
                                .window_time_bins = 8,
                                .window_wires = 16,
                                .pool_time = 4,
                                .pool_wires = 8,
                                .image_height = 2,
                                .image_width = 2,
                                .pixel_scale = 3200};
    struct preprocessing both[2] = {pre, pre};
    struct detector_settings d = {.ticks = 60, .n_planes = 2};
    d.plane[0] = (struct plane_settings){0, 24, 0, 1};
    d.plane[1] = (struct plane_settings){7, 40, 0, 1};
    geometry_init_image(&images, 5, 4, 3);
    decoder = decoder_create(NULL);
    return geometry_init_wires(&wires, &d, both, NULL) && decoder ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    geometry_fini(&wires);
    geometry_fini(&images);
    decoder_destroy(&decoder);
    return 0;
}

static Sparsed__FragmentHeader good_wires(void)
{
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.run = 1207;
    h.subrun = 3;
    h.event = UINT64_C(1) << 40;
    h.source_id = 12;
    h.sequence = 99;
    h.plane = 7;
    h.first_wire = 30;
    h.wires = 10;
    h.ticks = 60;
    h.sample_type = SPARSED__SAMPLE_TYPE__INT16;
    h.payload_bytes = 10 * 60 * 2;
    h.event_time_ns = UINT64_C(1700000000000000001);
    return h;
}

static Sparsed__FragmentHeader good_image(void)
{
    Sparsed__FragmentHeader h = SPARSED__FRAGMENT_HEADER__INIT;
    h.schema_version = 1;
    h.source_id = 12;
    h.kind = SPARSED__PAYLOAD_KIND__IMAGE;
    h.height = 5;
    h.width = 4;
    h.channels = 3;
    h.sample_type = SPARSED__SAMPLE_TYPE__FLOAT32;
    h.payload_bytes = 5 * 4 * 3 * 4;
    return h;
}

static unsigned char payload[1 << 16];

/* Packs and decodes, with as many payload bytes as the header says. */
static enum fragment_fate decode(const Sparsed__FragmentHeader *h, const struct geometry *g,
                                 struct fragment *f)
{
    unsigned char bytes[512];
    size_t n = sparsed__fragment_header__pack(h, bytes);
    return decode_fragment(decoder, bytes, n, payload, (size_t)h->payload_bytes, g, f);
}

/* The values in data/fragment.h are cast from the message's: they must not part. */
static void enumerations_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_int_equal(PAYLOAD_WIRES, SPARSED__PAYLOAD_KIND__WIRES);
    assert_int_equal(PAYLOAD_IMAGE, SPARSED__PAYLOAD_KIND__IMAGE);
    assert_int_equal(SAMPLE_INT16, SPARSED__SAMPLE_TYPE__INT16);
    assert_int_equal(SAMPLE_FLOAT32, SPARSED__SAMPLE_TYPE__FLOAT32);
    assert_int_equal(SAMPLE_INT32, SPARSED__SAMPLE_TYPE__INT32);
    assert_int_equal(ENCODING_NONE, SPARSED__ENCODING__NONE);
    assert_int_equal(ENCODING_LZ4, SPARSED__ENCODING__LZ4);
    assert_int_equal(ENCODING_ZSTD, SPARSED__ENCODING__ZSTD);
    assert_int_equal(ENCODING_EMPTY, SPARSED__ENCODING__EMPTY);
}

static void every_field_arrives(void **state)
{
    (void)state;
    Sparsed__FragmentHeader h = good_wires();
    h.checksum_type = SPARSED__CHECKSUM__XXH3_64;
    h.checksum = UINT64_C(0xFEDCBA9876543210);
    struct fragment f;
    assert_int_equal(decode(&h, &wires, &f), FRAGMENT_ASSEMBLED);
    assert_int_equal(f.id.run, 1207);
    assert_int_equal(f.id.subrun, 3);
    assert_true(f.id.event == UINT64_C(1) << 40);
    assert_true(f.event_time_ns == h.event_time_ns);
    assert_int_equal(f.source_id, 12);
    assert_int_equal(f.sequence, 99);
    assert_int_equal(f.kind, PAYLOAD_WIRES);
    assert_int_equal(f.sample_type, SAMPLE_INT16);
    assert_int_equal(f.encoding, ENCODING_NONE);
    assert_true(f.has_checksum && f.checksum == h.checksum);
    assert_int_equal(f.plane, 1); /* the index of id 7 */
    assert_int_equal(f.first_wire, 30);
    assert_int_equal(f.wires, 10);
    assert_ptr_equal(f.payload, payload);
    assert_int_equal(f.payload_bytes, 1200);
    assert_int_equal(f.samples_bytes, 1200);
    assert_null(f.samples);

    h = good_image();
    assert_int_equal(decode(&h, &images, &f), FRAGMENT_ASSEMBLED);
    assert_int_equal(f.kind, PAYLOAD_IMAGE);
    assert_int_equal(f.samples_bytes, 240);
    assert_int_equal(decode_max_samples_bytes(&images), 240);
    assert_int_equal(decode_max_samples_bytes(&wires), 40 * 60 * 4);
}

/* Every prefix of a header is either refused as garbage or lacks a field that a
 * check needs: a cut header is never taken for a good one, nor read past its end
 * (the copy ends where its memory ends). */
static void a_truncated_header_is_refused(void **state)
{
    (void)state;
    Sparsed__FragmentHeader h = good_wires();
    unsigned char bytes[512];
    size_t n = sparsed__fragment_header__pack(&h, bytes);
    unsigned refused = 0;
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *part = malloc(cut + !cut);
        memcpy(part, bytes, cut);
        struct fragment f;
        enum fragment_fate fate = decode_fragment(decoder, part, cut, payload, 1200, &wires, &f);
        refused += fate == FRAGMENT_BAD_HEADER;
        /* without its last field, event_time_ns, it is whole but for the time */
        if (fate == FRAGMENT_ASSEMBLED)
            assert_int_equal(f.event_time_ns, 0);
        free(part);
    }
    assert_true(refused > n / 2);
}

static void garbage_is_refused_and_has_no_source(void **state)
{
    (void)state;
    unsigned char bytes[64];
    memset(bytes, 0xFF, sizeof bytes);
    struct fragment f;
    f.source_id = 5;
    assert_int_equal(decode_fragment(decoder, bytes, sizeof bytes, NULL, 0, &wires, &f),
                     FRAGMENT_BAD_HEADER);
    assert_int_equal(f.source_id, 0);
    assert_int_equal(decode_fragment(decoder, "", 0, NULL, 0, &wires, &f), FRAGMENT_BAD_HEADER);
}

/* Unknown fields cost protobuf-c memory for each of them: thousands of tiny ones
 * must end in a refusal, not on the heap. A few are skipped, as the contract says. */
static void unknown_fields_are_skipped_but_cannot_eat_memory(void **state)
{
    (void)state;
    Sparsed__FragmentHeader h = good_wires();
    static unsigned char bytes[2 * DECODE_MAX_HEADER_BYTES];
    size_t n = sparsed__fragment_header__pack(&h, bytes);
    for (unsigned i = 0; i < 5; i++) { /* field 100, varint 1 */
        bytes[n++] = 0xA0;
        bytes[n++] = 0x06;
        bytes[n++] = 1;
    }
    struct fragment f;
    assert_int_equal(decode_fragment(decoder, bytes, n, payload, 1200, &wires, &f),
                     FRAGMENT_ASSEMBLED);
    while (n + 3 <= DECODE_MAX_HEADER_BYTES) {
        bytes[n++] = 0xA0;
        bytes[n++] = 0x06;
        bytes[n++] = 1;
    }
    assert_int_equal(decode_fragment(decoder, bytes, n, payload, 1200, &wires, &f),
                     FRAGMENT_BAD_HEADER);
    n = sparsed__fragment_header__pack(&h, bytes);
    assert_int_equal(decode_fragment(decoder, bytes, n, payload, 1200, &wires, &f),
                     FRAGMENT_ASSEMBLED); /* and the next one is decoded as ever */
    assert_int_equal(decode_fragment(decoder, bytes, sizeof bytes, payload, 1200, &wires, &f),
                     FRAGMENT_BAD_HEADER);
}

/* X(statement, fate): what is done to a good header, and what that gets. All of
 * them still say who sent it. */
static void each_bad_field_has_its_fate(void **state)
{
    (void)state;
#define BAD_WIRES(X)                                                                               \
    X(h.schema_version = 2, BAD_VERSION)                                                           \
    X(h.schema_version = 0, BAD_VERSION)                                                           \
    X(h.kind = SPARSED__PAYLOAD_KIND__IMAGE, BAD_KIND)                                             \
    X(h.kind = (Sparsed__PayloadKind)9, BAD_KIND)                                                  \
    X(h.plane = 1, BAD_PLANE)                                                                      \
    X(h.plane = UINT32_MAX, BAD_PLANE)                                                             \
    X(h.sample_type = SPARSED__SAMPLE_TYPE__SAMPLE_UNSET, BAD_TYPE)                                \
    X(h.sample_type = SPARSED__SAMPLE_TYPE__INT32, BAD_TYPE)                                       \
    X(h.sample_type = (Sparsed__SampleType)77, BAD_TYPE)                                           \
    X(h.wires = 0, BAD_SHAPE)                                                                      \
    X(h.wires = 11, BAD_SHAPE)                                                                     \
    X(h.wires = UINT32_MAX, BAD_SHAPE)                                                             \
    X(h.first_wire = 31, BAD_SHAPE)                                                                \
    X(h.first_wire = UINT32_MAX - 9, BAD_SHAPE)                                                    \
    X(h.first_tick = 1, BAD_SHAPE)                                                                 \
    X(h.ticks = 59, BAD_SHAPE)                                                                     \
    X(h.ticks = 0, BAD_SHAPE)                                                                      \
    X(h.ticks = UINT32_MAX, BAD_SHAPE)                                                             \
    X(h.encoding = (Sparsed__Encoding)4, BAD_ENCODING)                                             \
    X(h.checksum_type = (Sparsed__Checksum)2, BAD_CHECKSUM)                                        \
    X(h.payload_bytes = 1199, BAD_SIZE)                                                            \
    X(h.payload_bytes = 0, BAD_SIZE)                                                               \
    X(h.payload_bytes = UINT64_MAX, BAD_SIZE)                                                      \
    X(h.encoding = SPARSED__ENCODING__EMPTY, BAD_SIZE)                                             \
    X((h.encoding = SPARSED__ENCODING__LZ4, h.payload_bytes = 0), BAD_SIZE)                        \
    X((h.encoding = SPARSED__ENCODING__ZSTD, h.payload_bytes = 0), BAD_SIZE)
#define BAD_IMAGES(X)                                                                              \
    X(h.kind = SPARSED__PAYLOAD_KIND__WIRES, BAD_KIND)                                             \
    X(h.sample_type = SPARSED__SAMPLE_TYPE__SAMPLE_UNSET, BAD_TYPE)                                \
    X(h.height = 4, BAD_SHAPE)                                                                     \
    X(h.width = 0, BAD_SHAPE)                                                                      \
    X(h.channels = 1, BAD_SHAPE)                                                                   \
    X(h.height = UINT32_MAX, BAD_SHAPE)                                                            \
    X(h.sample_type = SPARSED__SAMPLE_TYPE__INT16, BAD_SIZE)
    struct fragment f;
#define X(change, want)                                                                            \
    {                                                                                              \
        Sparsed__FragmentHeader h = good();                                                        \
        change;                                                                                    \
        enum fragment_fate fate = decode(&h, geometry, &f);                                        \
        if (fate != FRAGMENT_##want)                                                               \
            fail_msg("%s: %s", #change, fragment_fate_name(fate));                                 \
        assert_int_equal(f.source_id, 12);                                                         \
    }
    const struct geometry *geometry = &wires;
#define good good_wires
    BAD_WIRES(X)
#undef good
    geometry = &images;
#define good good_image
    BAD_IMAGES(X)
#undef good
#undef X
}

/* What came is not what the header says: the header alone cannot be trusted. */
static void a_payload_of_another_size_than_the_header_says(void **state)
{
    (void)state;
    Sparsed__FragmentHeader h = good_wires();
    unsigned char bytes[512];
    size_t n = sparsed__fragment_header__pack(&h, bytes);
    struct fragment f;
    assert_int_equal(decode_fragment(decoder, bytes, n, payload, 1198, &wires, &f),
                     FRAGMENT_BAD_SIZE);
    assert_int_equal(decode_fragment(decoder, bytes, n, NULL, 0, &wires, &f), FRAGMENT_BAD_SIZE);
}

static void empty_fragments_and_all_image_types_are_good(void **state)
{
    (void)state;
    struct fragment f;
    Sparsed__FragmentHeader h = good_wires();
    h.encoding = SPARSED__ENCODING__EMPTY;
    h.payload_bytes = 0;
    assert_int_equal(decode(&h, &wires, &f), FRAGMENT_ASSEMBLED);
    h = good_image();
    h.sample_type = SPARSED__SAMPLE_TYPE__INT32;
    assert_int_equal(decode(&h, &images, &f), FRAGMENT_ASSEMBLED);
    h.sample_type = SPARSED__SAMPLE_TYPE__INT16;
    h.payload_bytes = 120;
    assert_int_equal(decode(&h, &images, &f), FRAGMENT_ASSEMBLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enumerations_are_those_of_the_contract),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(a_truncated_header_is_refused),
        cmocka_unit_test(garbage_is_refused_and_has_no_source),
        cmocka_unit_test(unknown_fields_are_skipped_but_cannot_eat_memory),
        cmocka_unit_test(each_bad_field_has_its_fate),
        cmocka_unit_test(a_payload_of_another_size_than_the_header_says),
        cmocka_unit_test(empty_fragments_and_all_image_types_are_good),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
