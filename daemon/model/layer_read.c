#include "model/layer_read.h"

#include "model/bound.h"
#include "model/layer_load.h"
#include "model/layer_needs.h"

#include <inttypes.h>

bool layer_read_out(const struct layer_source *s, struct layer *l)
{
    return h5_read_type(s->group, "out_t", &l->out_t, s->err);
}

bool layer_read_array(const struct layer_source *s, const char *name, const struct h5_shape *needed,
                      const struct fixed_type *type, int64_t **to)
{
    struct h5_shape shape;
    if (!h5_read_shape(s->group, name, &shape, s->err)) {
        return false;
    }
    bool same = shape.rank == needed->rank;
    for (int i = 0; same && i < shape.rank; i++) {
        same = shape.axis[i] == needed->axis[i];
    }
    if (!same) {
        char is[96];
        char needs[96];
        h5_read_format_shape(&shape, is, sizeof is);
        h5_read_format_shape(needed, needs, sizeof needs);
        return error_set(s->err, ERROR_MODEL, "%s is %s, needs %s after %s", name, is, needs,
                         s->before->name);
    }
    uint64_t n = h5_read_elements(&shape);
    *s->parameters = bound_plus(*s->parameters, n);
    if (n == 0 || *s->parameters > LAYER_MAX_PARAMETERS) {
        return error_set(s->err, ERROR_MODEL, "%s: a model may hold 1 .. %d numbers", name,
                         LAYER_MAX_PARAMETERS);
    }
    *to = h5_read_integers(s->group, name, &shape, s->err);
    if (*to == NULL) {
        return false;
    }
    for (uint64_t i = 0; type != NULL && i < n; i++) {
        if ((*to)[i] < fixed_min(type) || (*to)[i] > fixed_max(type)) {
            return error_set(s->err, ERROR_MODEL,
                             "%s holds %" PRId64 " at %" PRIu64 ": outside its type, %" PRId64
                             " .. %" PRId64,
                             name, (*to)[i], i, fixed_min(type), fixed_max(type));
        }
    }
    return true;
}

bool layer_read_sum(const struct layer_source *s, struct layer *l)
{
    return h5_read_type(s->group, "accum_t", &l->accum_t, s->err) &&
           h5_read_type(s->group, "weight_t", &l->weight_t, s->err) &&
           h5_read_type(s->group, "bias_t", &l->bias_t, s->err) && layer_read_out(s, l);
}

bool layer_read_weights(const struct layer_source *s, struct layer *l, const struct h5_shape *shape)
{
    struct h5_shape bias = {1, {shape->axis[shape->rank - 1]}};
    return layer_read_array(s, "weight", shape, &l->weight_t, &l->weight) &&
           layer_read_array(s, "bias", &bias, &l->bias_t, &l->bias);
}

bool layer_read_kernel(const struct layer_source *s, struct layer *l, uint32_t *filters)
{
    uint32_t channels;
    return h5_read_uint(s->group, "kernel_h", 1, LAYER_MAX_KERNEL, &l->kernel_h, s->err) &&
           h5_read_uint(s->group, "kernel_w", 1, LAYER_MAX_KERNEL, &l->kernel_w, s->err) &&
           h5_read_uint(s->group, "in_channels", 1, MODEL_MAX_CHANNELS, &channels, s->err) &&
           h5_read_uint(s->group, "filters", 1, MODEL_MAX_CHANNELS, filters, s->err) &&
           layer_needs_equal(s, "in_channels", channels, l->in.channels) && layer_read_sum(s, l) &&
           layer_read_weights(
               s, l, &(struct h5_shape){4, {l->kernel_h, l->kernel_w, channels, *filters}});
}

bool layer_read_pool(const struct layer_source *s, struct layer *l)
{
    if (!h5_read_uint(s->group, "pool_h", 1, LAYER_MAX_SIDE, &l->pool_h, s->err) ||
        !h5_read_uint(s->group, "pool_w", 1, LAYER_MAX_SIDE, &l->pool_w, s->err)) {
        return false;
    }
    l->out = l->in;
    l->out.height = l->in.height / l->pool_h;
    l->out.width = l->in.width / l->pool_w;
    if (l->out.height == 0 || l->out.width == 0) {
        bool high = l->out.height == 0;
        return error_set(s->err, ERROR_MODEL, "attribute %s = %u: %s gives only %u",
                         high ? "pool_h" : "pool_w", high ? l->pool_h : l->pool_w, s->before->name,
                         high ? l->in.height : l->in.width);
    }
    return layer_read_out(s, l);
}
