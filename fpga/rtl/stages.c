/* How: one walk over the layers finds the sums (convolutions, pools, dense layers); all that lies
 * between two of them are casts, which stages_casts follows when the stage before is written. */
#include "stages.h"

#include <stdarg.h>
#include <stdio.h>

bool stages_refuse(const struct stages *s, const struct layer *l, struct error *err,
                   const char *format, ...)
{
    char text[ERROR_TEXT_BYTES / 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, ERROR_MODEL, "%s: layer %s: %s", s->model->path, l->name, text);
}

static bool take_conv(struct stages *s, const struct layer *l, struct error *err)
{
    for (int i = 0; i < STAGE_CONVS; i++) {
        if (s->conv[i] == NULL && s->flatten == NULL) {
            s->conv[i] = l;
            return true;
        }
    }
    return stages_refuse(s, l, err, "the kernel has two convolutions, this is a third");
}

static bool take_pool(struct stages *s, const struct layer *l, struct error *err)
{
    int i = s->conv[STAGE_B] != NULL ? STAGE_B : STAGE_A;
    if (s->conv[i] == NULL || s->pool[i] != NULL)
        return stages_refuse(s, l, err, "the kernel has one pool, behind a convolution");
    s->pool[i] = l;
    return true;
}

static bool take_dense(struct stages *s, const struct layer *l, struct error *err)
{
    for (int i = 0; i < 2; i++) {
        if (s->dense[i] == NULL && s->flatten != NULL) {
            s->dense[i] = l;
            return true;
        }
    }
    return stages_refuse(s, l, err, "the kernel has two dense layers, behind the flattening");
}

static bool take(struct stages *s, const struct layer *l, struct error *err)
{
    switch (l->class) {
    case LAYER_INPUT:
    case LAYER_SPARSE_INPUT_REDUCE:
    case LAYER_QUANTIZE:
    case LAYER_RELU:
        return true;
    case LAYER_SPARSE_CONV2D:
        return take_conv(s, l, err);
    case LAYER_SPARSE_AVG_POOL2D:
        return take_pool(s, l, err);
    case LAYER_SPARSE_FLATTEN:
        s->flatten = l;
        return true;
    case LAYER_DENSE:
        return take_dense(s, l, err);
    case LAYER_SIGMOID_TABLE:
    case LAYER_SOFTMAX_TABLE:
    case LAYER_SIGMOID:
    case LAYER_SOFTMAX:
        s->output = l;
        return true;
    default:
        return stages_refuse(s, l, err, "the kernel has no %s", layer_class_name(l->class));
    }
}

bool stages_find(struct stages *s, const struct model *m, const struct rtl_build *build,
                 struct error *err)
{
    s->model = m;
    s->build = *build;
    for (uint32_t i = 0; i < m->n_layers; i++) {
        if (!take(s, &m->layer[i], err))
            return false;
    }
    if (m->reduce == NULL)
        return error_set(err, ERROR_MODEL, "%s: has no sparse_input_reduce", m->path);
    if (s->conv[STAGE_B] == NULL || s->flatten == NULL || s->dense[1] == NULL)
        return error_set(err, ERROR_MODEL,
                         "%s: the kernel runs two sparse convolutions, a flattening and two dense "
                         "layers, not fewer",
                         m->path);
    return true;
}

static bool quantize(const struct stages *s, struct cast_chain *c, const struct layer *l,
                     uint32_t place, uint32_t channel, struct error *err)
{
    uint32_t at = channel;
    if (!l->in.sparse) {
        at += l < s->dense[0] ? place * s->flatten->in.channels : 0;
    } else if (l->element_per_pixel) {
        for (uint32_t i = channel; i < l->element_count; i += l->in.channels) {
            const struct fixed_type *t = &l->element_t[i];
            if (t->width != l->element_t[channel].width ||
                (t->width != 0 && !fixed_equal(t, &l->element_t[channel])))
                return stages_refuse(s, l, err,
                                     "has a type for each pixel; the kernel takes one a channel");
        }
    }
    return cast_chain_cast(c, &l->element_t[at]) && cast_chain_cast(c, &l->out_t);
}

bool stages_casts(const struct stages *s, struct cast_chain *c, const struct layer *from,
                  const struct layer *until, uint32_t place, uint32_t channel, struct error *err)
{
    struct error inner = {0};
    if (!cast_chain_cast(c, &from->out_t))
        return stages_refuse(s, from, err, "rounds a second time; the kernel rounds once a stage");
    for (const struct layer *l = from + 1; l < until; l++) {
        bool good = true;
        if (l->class == LAYER_QUANTIZE)
            good = quantize(s, c, l, place, channel, &inner);
        else if (l->class == LAYER_RELU)
            good = cast_chain_relu(c) && cast_chain_cast(c, &l->out_t);
        else if (l->class == LAYER_SPARSE_FLATTEN)
            good = cast_chain_cast(c, &l->out_t);
        if (!good && inner.code != ERROR_NONE) {
            *err = inner;
            return false;
        }
        if (!good)
            return stages_refuse(s, l, err,
                                 "rounds or clips again after %s; the kernel does so once between "
                                 "two sums",
                                 from->name);
    }
    return true;
}

bool stages_weight(int64_t weight, int bits, int point, int drop, uint64_t *field)
{
    int shift = point - drop;
    int64_t most = INT64_C(1) << (bits - 1);
    if (weight == 0) {
        *field = 0;
        return true;
    }
    if (shift < 0 || shift >= bits || weight >= most || weight < -most)
        return false;
    int64_t shifted = weight * (INT64_C(1) << shift);
    *field = (uint64_t)shifted & ((UINT64_C(1) << bits) - 1);
    return shifted < most && shifted >= -most;
}

/* ---- the window ---- */

static bool check_window(const struct stages *s, bool image_form, struct error *err)
{
    const struct model *m = s->model;
    const struct layer *l = m->reduce;
    int bits = m->input_t->width;
    if (m->channels != 1)
        return stages_refuse(s, l, err, "the image has %u channels, the kernel takes 1",
                             m->channels);
    if (m->height > RTL_SIDE || m->width > RTL_SIDE)
        return stages_refuse(s, l, err, "the image is %u x %u, the kernel takes up to %d x %d",
                             m->height, m->width, RTL_SIDE, RTL_SIDE);
    if (image_form && m->width < RTL_MIN_WIDTH)
        return stages_refuse(s, l, err, "the image is %u wide, as an image it must be at least %d",
                             m->width, RTL_MIN_WIDTH);
    if (bits > 16)
        return stages_refuse(s, l, err, "a pixel has %d bits, the kernel takes 16", bits);
    if (l->n_max_pixels > s->build.slots)
        return stages_refuse(s, l, err, "n_max_pixels = %u, this kernel has %u slots",
                             l->n_max_pixels, s->build.slots);
    return true;
}

bool stages_input(struct stages *s, bool image_form, struct image *im, struct error *err)
{
    const struct model *m = s->model;
    const struct layer *l = m->reduce;
    const struct fixed_type *t = m->input_t;
    if (!check_window(s, image_form, err))
        return false;
    struct cast_chain *c = &s->into[STAGE_A][0];
    *c = cast_chain_begin(t->fraction, fixed_min(t), fixed_max(t));
    uint64_t word;
    if (!stages_casts(s, c, l, s->conv[STAGE_A], 0, 0, err))
        return false;
    int shift = c->fraction < c->from ? c->from - c->fraction : 0;
    if (shift > RTL_INPUT_SHIFT || c->fraction > c->from ||
        !cast_chain_word(c, RTL_X_BITS, shift, &word))
        return stages_refuse(s, l, err,
                             "the quantizer behind it drops %d bits of a pixel, the kernel 0 to %d",
                             c->from - c->fraction, RTL_INPUT_SHIFT);
    /* what lies outside of the type changes nothing, and may not fit the kernel's bits */
    int64_t threshold = l->threshold_raw > fixed_max(t) ? fixed_max(t) : l->threshold_raw;
    threshold = threshold < fixed_min(t) - 1 ? fixed_min(t) - 1 : threshold;
    uint32_t bytes = t->width <= 8 ? 1 : 2;
    uint32_t lanes = 64 / bytes;
    uint32_t pixels = m->height * m->width;
    uint32_t beats = image_form ? (pixels + lanes - 1) / lanes : (l->n_max_pixels + 1 + 15) / 16;
    const uint64_t global[][2] = {
        {GLOBAL_FORM, !image_form  ? 0U
                      : bytes == 1 ? 2U
                                   : 1U},
        {GLOBAL_SLOTS, l->n_max_pixels},
        {GLOBAL_BEATS, beats},
        {GLOBAL_LAST_LANES, image_form ? pixels - (beats - 1) * lanes : lanes},
        {GLOBAL_WIDTH, image_form ? m->width : RTL_SIDE},
        {GLOBAL_THRESHOLD, (uint64_t)threshold & 0x1ffff},
        {GLOBAL_SIGNED, t->is_signed},
        {GLOBAL_INPUT_TYPE, word},
    };
    for (size_t i = 0; i < sizeof global / sizeof global[0]; i++)
        image_put(im, UNIT_GLOBAL, (uint32_t)global[i][0], global[i][1]);
    return true;
}
