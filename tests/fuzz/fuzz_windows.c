/* A windows message as anybody may send it, to a second tier: header, payload, the event's slot,
 * the cut of its windows.
 *
 * Input: byte 0 chooses wires or image, bytes 1 and 2 are the header's size (little endian), then
 * header and payload. What only a sender who knows us can say is put in: recipe, size and
 * checksum, else nothing would come past them. */
#include "assembly/assembler.h"
#include "data/recipe.h"
#include "output/windows_message.h"
#include "proto/windows.pb-c.h"
#include "readout/windows.h"
#include "small_detector.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One configured run; made once. */
struct run {
    struct geometry geometry;
    uint8_t recipe[SHA256_BYTES];
    struct windows_decoder *decoder;
    struct windows_message *message;
    struct assembler *assembler;
    struct reduced reduced;
};

static struct run runs[2];
static bool ready;

static void prepare(struct run *r)
{
    struct assembler_settings s = {.slots = 1, .timeout_ns = 1000, .own_masks = true};
    r->decoder = windows_create(&r->geometry, NULL);
    r->message = windows_message_create(&r->geometry, 1, NULL);
    r->assembler = assembler_create(&s, &r->geometry, NULL);
    r->reduced.hit = malloc(windows_capacity(&r->geometry) * sizeof *r->reduced.hit);
    r->reduced.whole = windows_whole_create(&r->geometry);
    if (!r->decoder || !r->message || !r->assembler || !r->reduced.hit || !r->reduced.whole ||
        !recipe_sha256(&r->geometry, r->recipe, NULL))
        abort();
}

static void prepare_all(void)
{
    const struct preprocessing pre = small_detector_preprocessing;
    struct preprocessing both[2] = {pre, pre};
    struct detector_settings d = {.ticks = SMALL_DETECTOR_TICKS, .n_planes = 2};
    d.plane[0] = (struct plane_settings){.id = 2, .wires = 10, .scale = 0.0625};
    d.plane[1] = (struct plane_settings){.id = 0, .wires = 70, .scale = 0.0625};
    if (!geometry_init_wires(&runs[0].geometry, &d, both, NULL))
        abort();
    geometry_init_image(&runs[1].geometry, 3, 70, 2);
    prepare(&runs[0]);
    prepare(&runs[1]);
    ready = true;
}

/* The header with what only who knows us can say; 0: it is none. The caller frees *out. */
static size_t complete(const struct run *r, const uint8_t *header, size_t bytes,
                       const uint8_t *payload, size_t payload_bytes, uint8_t **out)
{
    Sparsed__WindowsHeader *h = sparsed__windows_header__unpack(NULL, bytes, header);
    if (h == NULL)
        return 0;
    ProtobufCBinaryData recipe = h->recipe_sha256, calibration = h->calibration_sha256;
    h->schema_version = 1;
    h->recipe_sha256 = (ProtobufCBinaryData){SHA256_BYTES, (uint8_t *)(uintptr_t)r->recipe};
    h->calibration_sha256 = (ProtobufCBinaryData){0, NULL};
    h->payload_bytes = payload_bytes;
    h->checksum = XXH3_64bits(payload, payload_bytes);
    *out = malloc(sparsed__windows_header__get_packed_size(h));
    size_t packed = *out == NULL ? 0 : sparsed__windows_header__pack(h, *out);
    h->recipe_sha256 = recipe;
    h->calibration_sha256 = calibration;
    sparsed__windows_header__free_unpacked(h, NULL);
    return packed;
}

/* What was accepted is an event that goes over once more and stays the same. */
static void take(struct run *r)
{
    assembler_forget(r->assembler);
    if (assembler_push(r->assembler, &r->reduced, 1) != FRAGMENT_ASSEMBLED)
        abort();
    struct event *ev = assembler_take(r->assembler, 1);
    if (ev == NULL)
        abort();
    uint32_t hits = r->reduced.n_hits, missing = ev->wires_missing;
    struct windows_parts m = windows_message_fill(r->message, ev, 1);
    struct fragment f;
    if (windows_decode(r->decoder, m.header, m.header_bytes, m.payload, m.payload_bytes, &f) !=
            FRAGMENT_ASSEMBLED ||
        windows_open(r->decoder, m.header, m.header_bytes, &f, &r->reduced) != FRAGMENT_ASSEMBLED ||
        r->reduced.n_hits != hits)
        abort();
    assembler_release(r->assembler, ev, 1);
    assembler_forget(r->assembler);
    if (assembler_push(r->assembler, &r->reduced, 2) != FRAGMENT_ASSEMBLED)
        abort();
    ev = assembler_take(r->assembler, 2);
    if (ev == NULL || ev->wires_missing != missing)
        abort();
    assembler_release(r->assembler, ev, 2);
}

static enum fragment_fate offer(struct run *r, const uint8_t *header, size_t header_bytes,
                                const uint8_t *payload, size_t payload_bytes)
{
    struct fragment f;
    enum fragment_fate fate =
        windows_decode(r->decoder, header, header_bytes, payload, payload_bytes, &f);
    if (fate == FRAGMENT_ASSEMBLED)
        fate = windows_open(r->decoder, header, header_bytes, &f, &r->reduced);
    return fate;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!ready)
        prepare_all();
    if (size < 3)
        return 0;
    struct run *r = &runs[data[0] & 1];
    size_t header = data[1] | (size_t)data[2] << 8;
    data += 3;
    size -= 3;
    if (header > size)
        header = size;
    uint8_t *known = NULL;
    if (offer(r, data, header, data + header, size - header) == FRAGMENT_ASSEMBLED)
        take(r);
    size_t bytes = complete(r, data, header, data + header, size - header, &known);
    if (bytes > 0 && offer(r, known, bytes, data + header, size - header) == FRAGMENT_ASSEMBLED)
        take(r);
    free(known);
    return 0;
}
