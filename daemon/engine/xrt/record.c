#include "engine/xrt/record.h"

#include <string.h>

/* Little-endian, as every machine is that a card is plugged into. */
static void put(uint8_t *to, uint32_t value, uint32_t bytes)
{
    memcpy(to, &value, bytes);
}

static void put_values(const struct xclbin *x, const int32_t *value, uint8_t *to)
{
    for (uint32_t c = 0; c < x->channels; c++)
        put(to + (size_t)c * x->value_bytes, (uint32_t)value[c], x->value_bytes);
}

static void write_list(const struct xclbin *x, const struct window *w, uint8_t *to)
{
    put(to, w->n_listed, 4);
    to += 4;
    for (uint32_t i = 0; i < w->n_listed; i++, to += x->pixel_bytes) {
        put(to, w->place[i].row, x->place_bytes);
        put(to + x->place_bytes, w->place[i].col, x->place_bytes);
        put_values(x, w->value + (size_t)i * x->channels, to + (size_t)2 * x->place_bytes);
    }
}

static void write_image(const struct xclbin *x, const struct window *w, uint8_t *to)
{
    memset(to, 0, (size_t)x->height * x->width * x->pixel_bytes);
    for (uint32_t i = 0; i < w->n_listed; i++) {
        size_t place = (size_t)w->place[i].row * x->width + w->place[i].col;
        put_values(x, w->value + (size_t)i * x->channels, to + place * x->pixel_bytes);
    }
}

void record_window(const struct xclbin *x, const struct window *w, uint8_t *to)
{
    (x->form == KERNEL_LIST ? write_list : write_image)(x, w, to);
}

bool record_result(const struct xclbin *x, const uint8_t *from, uint32_t tag, int64_t *raw)
{
    uint32_t found;
    memcpy(&found, from, sizeof found);
    const uint8_t *score = from + 8;
    for (uint32_t i = 0; i < x->n_outputs; i++, score += x->raw_bytes) {
        int32_t narrow;
        memcpy(&narrow, score, sizeof narrow);
        raw[i] = narrow;
        if (x->raw_bytes == 8)
            memcpy(&raw[i], score, sizeof raw[i]);
    }
    return found == tag;
}
