#include "model/dense_window.h"

#include <string.h>

static bool is_active(const struct model *m, const int32_t *pixel)
{
    if (m->reduce != NULL) {
        return pixel[0] > m->reduce->threshold_raw;
    }
    for (uint32_t c = 0; c < m->channels; c++) {
        if (pixel[c] != 0) {
            return true;
        }
    }
    return false;
}

void dense_window_make(const struct model *m, const int32_t *image, struct pixel *place,
                       int32_t *value, struct window *w)
{
    *w = (struct window){.place = place, .value = value};
    for (uint32_t j = 0; j < m->height * m->width; j++) {
        const int32_t *pixel = image + (size_t)j * m->channels;
        if (!is_active(m, pixel)) {
            continue;
        }
        w->n_active++;
        if (w->n_listed < m->max_listed) {
            place[w->n_listed] = (struct pixel){(uint16_t)(j / m->width), (uint16_t)(j % m->width)};
            memcpy(value + (size_t)w->n_listed * m->channels, pixel, m->channels * sizeof *value);
            w->n_listed++;
        }
    }
    w->truncated = w->n_active > w->n_listed;
}
