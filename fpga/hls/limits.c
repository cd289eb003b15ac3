#include "limits.h"

#include <inttypes.h>
#include <stdlib.h>

static uint32_t at_most(uint32_t factor, uint64_t most)
{
    return factor > most ? (uint32_t)most : factor;
}

/* Accumulators that a convolution or a pool holds in one step, for each pair of slots. */
static bool check_step(const struct project *p, const struct layer *l, struct error *err)
{
    uint32_t lanes = l->class == LAYER_SPARSE_CONV2D ? at_most(p->factors.filter, l->out.channels)
                                                     : at_most(p->factors.channel, l->in.channels);
    uint64_t pairs = at_most(p->factors.pixel, (uint64_t)l->in.slots * l->in.slots);
    return !l->in.sparse || !l->out.sparse || pairs * lanes <= LIMITS_KEPT_VALUES ||
           error_set(err, ERROR_CONFIG,
                     "--parallel: layer %s would handle %" PRIu64
                     " products in one step, at most %d are taken",
                     l->name, pairs * lanes, LIMITS_KEPT_VALUES);
}

bool limits_check_options(const struct project *p, struct error *err)
{
    const struct model *m = p->model;
    if (m->reduce == NULL && !p->image) {
        return error_set(err, ERROR_MODEL,
                         "%s: has no sparse_input_reduce, so its kernel takes images, not lists",
                         m->path);
    }
    if (p->tree && (m->reduce == NULL || m->height * m->width > LIMITS_KEPT_VALUES)) {
        return error_set(err, ERROR_MODEL,
                         "%s: a tree needs a sparse_input_reduce, and at most %d pixels", m->path,
                         LIMITS_KEPT_VALUES);
    }
    for (uint32_t i = 0; i < m->n_layers; i++) {
        if (!check_step(p, &m->layer[i], err)) {
            return false;
        }
    }
    return true;
}

static bool check_type(const struct layer *l, const char *name, const struct fixed_type *t,
                       struct error *err)
{
    if (t->width == 0) {
        return true; /* the class has no such type */
    }
    if (t->width == 64 && !t->is_signed) {
        return error_set(err, ERROR_MODEL,
                         "layer %s: attribute %s has 64 bits without a sign, a kernel takes 63",
                         l->name, name);
    }
    if (t->integer < -LIMITS_INTEGER_BITS || t->integer > LIMITS_INTEGER_BITS) {
        return error_set(err, ERROR_MODEL,
                         "layer %s: attribute %s has %d integer bits, a kernel takes -%d .. %d",
                         l->name, name, t->integer, LIMITS_INTEGER_BITS, LIMITS_INTEGER_BITS);
    }
    return true;
}

static bool any_bias(const struct layer *l)
{
    for (uint32_t f = 0; l->bias != NULL && f < l->out.channels; f++) {
        if (l->bias[f] != 0) {
            return true;
        }
    }
    return false;
}

static bool check_types(const struct layer *l, struct error *err)
{
    bool good =
        check_type(l, "out_t", &l->out_t, err) && check_type(l, "accum_t", &l->accum_t, err) &&
        check_type(l, "weight_t", &l->weight_t, err) &&
        check_type(l, "recip_t", &l->recip_t, err) && check_type(l, "table_t", &l->table_t, err) &&
        check_type(l, "inv_table_t", &l->inv_table_t, err) &&
        (!any_bias(l) || check_type(l, "bias_t", &l->bias_t, err));
    for (uint32_t i = 0; good && i < l->element_count; i++) {
        good = check_type(l, "integer", &l->element_t[i], err);
    }
    return good;
}

uint32_t limits_number_types(const struct layer *l, uint32_t *kind, uint32_t *first)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->element_count && n <= LIMITS_TYPES; i++) {
        kind[i] = 0;
        for (uint32_t k = 0; l->element_t[i].width != 0 && k < n && kind[i] == 0; k++) {
            kind[i] = fixed_equal(&l->element_t[i], &l->element_t[first[k]]) ? k + 1 : 0;
        }
        if (l->element_t[i].width != 0 && kind[i] == 0) {
            first[n++] = i;
            kind[i] = n;
        }
    }
    return n;
}

static bool check_quantizer(const struct layer *l, struct error *err)
{
    if (l->element_count == 0) {
        return true;
    }
    uint32_t *kind = calloc(2 * (size_t)l->element_count, sizeof *kind);
    if (kind == NULL) {
        return error_set(err, ERROR_SYSTEM, "no memory");
    }
    uint32_t n = limits_number_types(l, kind, kind + l->element_count);
    free(kind);
    return n <= LIMITS_TYPES ||
           error_set(err, ERROR_MODEL, "layer %s has more than %d distinct types", l->name,
                     LIMITS_TYPES);
}

/* Values a layer keeps: its tensor, or the lines of a standard convolution or pool. */
static uint64_t kept_by(const struct layer *l)
{
    if (l->out.sparse) {
        return (uint64_t)l->out.slots * l->out.channels;
    }
    if (l->out.flat) {
        return l->out.channels;
    }
    if (l->class == LAYER_CONV2D) {
        return (uint64_t)l->kernel_h * (l->in.width + l->kernel_w) * l->in.channels;
    }
    return l->class == LAYER_AVG_POOL2D ? (uint64_t)l->out.width * l->out.channels : 0;
}

static bool check_layer(const struct layer *l, uint64_t *together, struct error *err)
{
    uint64_t kept = kept_by(l);
    *together += kept;
    if (kept > LIMITS_KEPT_VALUES || *together > LIMITS_KEPT_TOGETHER) {
        return error_set(err, ERROR_MODEL,
                         "layer %s keeps %" PRIu64 " values, a kernel takes %d of one layer and %d "
                         "together",
                         l->name, kept, LIMITS_KEPT_VALUES, LIMITS_KEPT_TOGETHER);
    }
    return check_types(l, err) && check_quantizer(l, err);
}

bool limits_check_model(const struct project *p, struct error *err)
{
    const struct model *m = p->model;
    if (p->pixel_bytes > LIMITS_PIXEL_BYTES) {
        return error_set(err, ERROR_MODEL,
                         "%s: %u channels of a pixel take %u bytes, a kernel takes %d", m->path,
                         m->channels, p->pixel_bytes, LIMITS_PIXEL_BYTES);
    }
    if (m->n_parameters > LIMITS_PARAMETERS) {
        return error_set(err, ERROR_MODEL, "%s: %" PRIu64 " weights, a kernel takes %d", m->path,
                         m->n_parameters, LIMITS_PARAMETERS);
    }
    uint64_t together = 0;
    for (uint32_t i = 0; i < m->n_layers; i++) {
        if (!check_layer(&m->layer[i], &together, err)) {
            return error_prefix(err, "%s", m->path);
        }
    }
    return true;
}
