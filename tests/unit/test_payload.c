/* Payloads: what decodes to the wrong thing is refused, and nothing is written
 * outside the room that the header implies. */
#include "unit/cmocka_all.h"

#include "readout/payload.h"

#include <lz4.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

enum { BYTES = 4096, BOMB_BYTES = 64 << 20 };

static struct geometry g;
static struct payload_decoder *decoder;
static unsigned char samples[BYTES];

static int set_up(void **state)
{
    (void)state;
    geometry_init_image(&g, 64, 64, 1); /* up to 16384 bytes */
    decoder = payload_create(&g, NULL);
    for (size_t i = 0; i < BYTES; i++)
        samples[i] = (unsigned char)(i * i >> 3);
    return decoder ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    payload_destroy(&decoder);
    return 0;
}

static enum fragment_fate open_payload(enum encoding encoding, const void *bytes, size_t n,
                                       struct fragment *f)
{
    *f = (struct fragment){
        .encoding = encoding, .payload = bytes, .payload_bytes = n, .samples_bytes = BYTES};
    return payload_open(decoder, f);
}

/* Compresses `n` bytes; the caller frees. */
static void *compress(enum encoding encoding, const void *bytes, size_t n, size_t *packed)
{
    size_t room =
        encoding == ENCODING_LZ4 ? (size_t)LZ4_compressBound((int)n) : ZSTD_compressBound(n);
    char *to = malloc(room);
    *packed = encoding == ENCODING_LZ4 ? (size_t)LZ4_compress_default(bytes, to, (int)n, (int)room)
                                       : ZSTD_compress(to, room, bytes, n, 3);
    return realloc(to, *packed); /* so that a sanitizer sees a read past its end */
}

static const enum encoding packed_encodings[] = {ENCODING_LZ4, ENCODING_ZSTD};

static void plain_samples_are_not_copied(void **state)
{
    (void)state;
    struct fragment f;
    assert_int_equal(open_payload(ENCODING_NONE, samples, BYTES, &f), FRAGMENT_ASSEMBLED);
    assert_ptr_equal(f.samples, samples);
    assert_int_equal(open_payload(ENCODING_EMPTY, NULL, 0, &f), FRAGMENT_ASSEMBLED);
    assert_null(f.samples);
}

static void compressed_samples_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        void *packed = compress(packed_encodings[i], samples, BYTES, &n);
        struct fragment f;
        assert_int_equal(open_payload(packed_encodings[i], packed, n, &f), FRAGMENT_ASSEMBLED);
        assert_memory_equal(f.samples, samples, BYTES);
        free(packed);
    }
}

/* 64 MiB of zeros in a few KB: stopped at the 4096 bytes that the header implies. */
static void a_bomb_is_stopped(void **state)
{
    (void)state;
    void *zeros = calloc(1, BOMB_BYTES);
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        void *packed = compress(packed_encodings[i], zeros, BOMB_BYTES, &n);
        assert_true(n < BOMB_BYTES / 100);
        struct fragment f;
        assert_int_equal(open_payload(packed_encodings[i], packed, n, &f), FRAGMENT_BAD_ENCODING);
        assert_null(f.samples);
        free(packed);
    }
    free(zeros);
}

/* A zstd frame need not say its size: then only decoding can tell. */
static void a_bomb_that_hides_its_size_is_stopped(void **state)
{
    (void)state;
    void *zeros = calloc(1, BOMB_BYTES), *packed = malloc(ZSTD_compressBound(BOMB_BYTES));
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    size_t n = ZSTD_compress2(c, packed, ZSTD_compressBound(BOMB_BYTES), zeros, BOMB_BYTES);
    struct fragment f;
    assert_int_equal(open_payload(ENCODING_ZSTD, packed, n, &f), FRAGMENT_BAD_ENCODING);
    n = ZSTD_compress2(c, packed, ZSTD_compressBound(BOMB_BYTES), samples, BYTES);
    assert_int_equal(open_payload(ENCODING_ZSTD, packed, n, &f), FRAGMENT_ASSEMBLED);
    ZSTD_freeCCtx(c);
    free(zeros);
    free(packed);
}

/* One byte less or more than the header implies is not what it says. */
static void another_size_than_the_header_implies_is_refused(void **state)
{
    (void)state;
    unsigned char longer[BYTES + 1] = {0};
    for (size_t i = 0; i < 2; i++) {
        for (size_t bytes = BYTES - 1; bytes <= BYTES + 1; bytes += 2) {
            size_t n;
            void *packed = compress(packed_encodings[i], longer, bytes, &n);
            struct fragment f;
            assert_int_equal(open_payload(packed_encodings[i], packed, n, &f),
                             FRAGMENT_BAD_ENCODING);
            free(packed);
        }
    }
}

static void truncated_streams_and_garbage_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        unsigned char *packed = compress(packed_encodings[i], samples, BYTES, &n);
        struct fragment f;
        for (size_t cut = 1; cut < n; cut += 1 + cut / 8) {
            unsigned char *part = malloc(cut);
            memcpy(part, packed, cut);
            assert_int_equal(open_payload(packed_encodings[i], part, cut, &f),
                             FRAGMENT_BAD_ENCODING);
            free(part);
        }
        memset(packed, 0xA5, n);
        assert_int_equal(open_payload(packed_encodings[i], packed, n, &f), FRAGMENT_BAD_ENCODING);
        free(packed);
    }
}

/* Two frames, or a frame and rubbish, are not one frame. */
static void what_follows_a_frame_is_refused(void **state)
{
    (void)state;
    size_t n;
    unsigned char *packed = compress(ENCODING_ZSTD, samples, BYTES, &n);
    unsigned char *longer = malloc(n + 1);
    memcpy(longer, packed, n);
    longer[n] = 0;
    struct fragment f;
    assert_int_equal(open_payload(ENCODING_ZSTD, longer, n + 1, &f), FRAGMENT_BAD_ENCODING);
    free(packed);
    free(longer);
}

/* The checksum is of the payload as sent: it also guards what cannot be decoded. */
static void a_wrong_checksum_is_refused(void **state)
{
    (void)state;
    struct fragment f = {.payload = samples,
                         .payload_bytes = BYTES,
                         .samples_bytes = BYTES,
                         .has_checksum = true,
                         .checksum = XXH3_64bits(samples, BYTES)};
    assert_int_equal(payload_open(decoder, &f), FRAGMENT_ASSEMBLED);
    f.checksum ^= UINT64_C(1) << 63;
    assert_int_equal(payload_open(decoder, &f), FRAGMENT_BAD_CHECKSUM);
    f.encoding = ENCODING_ZSTD; /* garbage too, but the checksum is looked at first */
    assert_int_equal(payload_open(decoder, &f), FRAGMENT_BAD_CHECKSUM);
    f.encoding = ENCODING_EMPTY;
    f.payload = NULL;
    f.payload_bytes = 0;
    f.checksum = XXH3_64bits("", 0);
    assert_int_equal(payload_open(decoder, &f), FRAGMENT_ASSEMBLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_samples_are_not_copied),
        cmocka_unit_test(compressed_samples_come_back),
        cmocka_unit_test(a_bomb_is_stopped),
        cmocka_unit_test(a_bomb_that_hides_its_size_is_stopped),
        cmocka_unit_test(another_size_than_the_header_implies_is_refused),
        cmocka_unit_test(truncated_streams_and_garbage_are_refused),
        cmocka_unit_test(what_follows_a_frame_is_refused),
        cmocka_unit_test(a_wrong_checksum_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
