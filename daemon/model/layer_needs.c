#include "model/layer_needs.h"

#include "model/layer_load.h"

#include <inttypes.h>

bool layer_needs_sparse(const struct layer_source *s, const struct layer *l)
{
    return l->in.sparse || error_set(s->err, ERROR_MODEL, "class %s needs slots, but %s gives none",
                                     layer_class_name(l->class), s->before->name);
}

bool layer_needs_flat(const struct layer_source *s, const struct layer *l)
{
    return l->in.flat ||
           error_set(s->err, ERROR_MODEL, "class %s needs one axis, but %s gives more",
                     layer_class_name(l->class), s->before->name);
}

bool layer_needs_image(const struct layer_source *s, const struct layer *l)
{
    return (!l->in.flat && !l->in.sparse) ||
           error_set(s->err, ERROR_MODEL, "class %s needs an image, but %s gives none",
                     layer_class_name(l->class), s->before->name);
}

bool layer_needs_equal(const struct layer_source *s, const char *attribute, uint32_t value,
                       uint32_t needed)
{
    return value == needed || error_set(s->err, ERROR_MODEL, "attribute %s = %u: needs %u after %s",
                                        attribute, value, needed, s->before->name);
}

bool layer_needs_small(const struct layer_source *s, const struct tensor_shape *shape)
{
    return layer_elements(shape) <= LAYER_MAX_ELEMENTS ||
           error_set(s->err, ERROR_MODEL, "the output has %" PRIu64 " values, at most %d are taken",
                     layer_elements(shape), LAYER_MAX_ELEMENTS);
}
