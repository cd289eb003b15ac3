#include "image.h"

#include <stdlib.h>
#include <string.h>

bool image_build_exists(const struct rtl_build *b)
{
    return b->slots >= RTL_SLOTS_MIN && b->slots <= RTL_SLOTS_MAX && b->at_once >= 1 &&
           b->at_once <= RTL_MOST_AT_ONCE && b->slots % b->at_once == 0 && b->filters >= 1 &&
           b->filters <= RTL_CHANNELS && (b->reuse == 1 || b->reuse == 2 || b->reuse == 4) &&
           b->slots % b->reuse == 0 && (b->reuse == 1 || b->at_once == 1);
}

void image_init(struct image *im)
{
    *im = (struct image){0};
}

void image_fini(struct image *im)
{
    free(im->record);
    *im = (struct image){0};
}

static bool grow(struct image *im)
{
    if (im->n < im->room)
        return true;
    uint32_t room = im->room == 0 ? 1024 : 2 * im->room;
    uint8_t *more =
        room > IMAGE_MAX_RECORDS ? NULL : realloc(im->record, (size_t)room * IMAGE_RECORD_BYTES);
    if (more == NULL) {
        im->no_memory = true;
        return false;
    }
    im->record = more;
    im->room = room;
    return true;
}

void image_put(struct image *im, enum rtl_unit unit, uint32_t address, uint64_t data)
{
    if (!grow(im))
        return;
    uint32_t word[2] = {address, (uint32_t)unit << 24};
    uint8_t *to = im->record + (size_t)im->n * IMAGE_RECORD_BYTES;
    memcpy(to, &data, sizeof data);
    memcpy(to + sizeof data, word, sizeof word);
    im->n++;
}

static uint32_t check_of(const struct image *im)
{
    uint32_t check = 0;
    for (size_t i = 0; i < (size_t)im->n * IMAGE_RECORD_BYTES; i += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, im->record + i, sizeof word);
        check ^= word;
    }
    return check;
}

uint8_t *image_finish(const struct image *im, const struct rtl_build *build,
                      const struct image_facts *facts, size_t *bytes)
{
    size_t records = ((size_t)im->n * IMAGE_RECORD_BYTES + 63) / 64 * 64;
    *bytes = IMAGE_HEADER_BYTES + records + sizeof *facts;
    uint8_t *block = im->no_memory || im->n == 0 ? NULL : calloc(1, *bytes);
    if (block == NULL)
        return NULL;
    const uint32_t header[] = {IMAGE_MAGIC,
                               IMAGE_VERSION,
                               im->n,
                               check_of(im),
                               build->slots | (build->reuse - 1) << 8,
                               (uint32_t)(IMAGE_HEADER_BYTES + records),
                               im->filters};
    memcpy(block, header, sizeof header);
    memcpy(block + IMAGE_HEADER_BYTES, im->record, (size_t)im->n * IMAGE_RECORD_BYTES);
    memcpy(block + IMAGE_HEADER_BYTES + records, facts, sizeof *facts);
    return block;
}
