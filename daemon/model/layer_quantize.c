#include "model/layer_quantize.h"

#include "model/bound.h"

#include <inttypes.h>
#include <stdlib.h>

/* out_t must hold every value of an element's type, exactly. */
static bool holds(const struct fixed_type *out, const struct fixed_type *element)
{
    int shift = out->fraction - element->fraction;
    uint64_t high = bound_finer((uint64_t)fixed_max(element), shift);
    uint64_t low = bound_finer(bound_of_raw(fixed_lowest(element)), shift);
    return shift >= 0 && high <= (uint64_t)fixed_max(out) && low <= bound_of_raw(fixed_min(out));
}

static bool make_elements(const struct layer_source *s, struct layer *l, const int64_t *width,
                          const int64_t *integer, const int64_t *is_signed,
                          enum fixed_quantization q, enum fixed_overflow o)
{
    l->element_t = calloc(l->element_count, sizeof *l->element_t);
    if (l->element_t == NULL) {
        return error_set(s->err, ERROR_SYSTEM, "no memory");
    }
    for (uint32_t i = 0; i < l->element_count; i++) {
        struct fixed_type *t = &l->element_t[i];
        if (is_signed[i] < 0 || is_signed[i] > 1) {
            return error_set(s->err, ERROR_MODEL, "signed holds %" PRId64 " at %u: must be 0 or 1",
                             is_signed[i], i);
        }
        if (width[i] == 0) {
            continue; /* always 0 */
        }
        if (width[i] < 0 || width[i] > 64) {
            return error_set(s->err, ERROR_MODEL, "width holds %" PRId64 " at %u: must be 0 .. 64",
                             width[i], i);
        }
        if (integer[i] < -1024 || integer[i] > 1024 ||
            !fixed_init(t, (int)width[i], (int)integer[i], is_signed[i] == 1, q, o)) {
            return error_set(s->err, ERROR_MODEL,
                             "integer holds %" PRId64 " at %u: must be -1024 .. 1024", integer[i],
                             i);
        }
        if (!holds(&l->out_t, t)) {
            char text[64];
            fixed_format(t, text, sizeof text);
            return error_set(s->err, ERROR_MODEL,
                             "attribute out_t does not hold element %u, which is %s", i, text);
        }
    }
    return true;
}

static bool read_modes(const struct layer_source *s, enum fixed_quantization *q,
                       enum fixed_overflow *o)
{
    char text[64];
    if (!h5_read_string(s->group, "quantization", text, sizeof text, s->err)) {
        return false;
    }
    if (!fixed_parse_quantization(text, q)) {
        return error_set(s->err, ERROR_MODEL, "attribute quantization = \"%s\": no such mode",
                         text);
    }
    if (!h5_read_string(s->group, "overflow", text, sizeof text, s->err)) {
        return false;
    }
    return fixed_parse_overflow(text, o) ||
           error_set(s->err, ERROR_MODEL, "attribute overflow = \"%s\": no such mode", text);
}

/* (channels) for all slots alike, or the full shape. */
static bool quantize_shape(const struct layer_source *s, struct layer *l, struct h5_shape *shape)
{
    if (!h5_read_shape(s->group, "width", shape, s->err)) {
        return false;
    }
    l->element_per_pixel = !l->in.flat && !(l->in.sparse && shape->rank == 1);
    if (l->element_per_pixel) {
        *shape = (struct h5_shape){3, {l->in.height, l->in.width, l->in.channels}};
        l->element_h = l->in.height;
        l->element_w = l->in.width;
    } else {
        *shape = (struct h5_shape){1, {l->in.channels}};
    }
    l->element_count = (uint32_t)h5_read_elements(shape);
    return true;
}

bool layer_quantize_load(const struct layer_source *s, struct layer *l)
{
    enum fixed_quantization q;
    enum fixed_overflow o;
    struct h5_shape shape;
    if (!read_modes(s, &q, &o) || !layer_read_out(s, l) || !quantize_shape(s, l, &shape)) {
        return false;
    }
    l->out = l->in;
    int64_t *width = NULL;
    int64_t *integer = NULL;
    int64_t *is_signed = NULL;
    bool good = layer_read_array(s, "width", &shape, NULL, &width) &&
                layer_read_array(s, "integer", &shape, NULL, &integer) &&
                layer_read_array(s, "signed", &shape, NULL, &is_signed) &&
                make_elements(s, l, width, integer, is_signed, q, o);
    free(width);
    free(integer);
    free(is_signed);
    return good;
}
