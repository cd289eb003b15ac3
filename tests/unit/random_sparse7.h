/* random_sparse7: a neutrino-shaped network in memory, with random shapes, types,
 * weights and biases, and random windows for it, from one seed. Types are kept so
 * narrow that every exact value fits 63 bits, as the loader demands. */
#ifndef SPARSED_TESTS_RANDOM_SPARSE7_H
#define SPARSED_TESTS_RANDOM_SPARSE7_H

#include "data/window.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETWORK_LAYERS = 20 };

struct random_sparse7 {
    uint64_t random;
    struct model model;
    struct layer layer[NETWORK_LAYERS];
};

/* xorshift64*, 0 .. n - 1. */
static inline uint32_t network_draw(struct random_sparse7 *r, uint32_t n)
{
    r->random ^= r->random >> 12;
    r->random ^= r->random << 25;
    r->random ^= r->random >> 27;
    return (uint32_t)((r->random * UINT64_C(2685821657736338717)) >> 32) % n;
}

static inline struct fixed_type network_type(int width, int fraction, bool is_signed,
                                             enum fixed_quantization q, enum fixed_overflow o)
{
    return (struct fixed_type){.width = width,
                               .integer = width - fraction,
                               .fraction = fraction,
                               .is_signed = is_signed,
                               .quantization = q,
                               .overflow = o};
}

/* Uniform, or the ends of the type, or mostly 0: what sums meet in the worst case. */
static inline int64_t *network_numbers(struct random_sparse7 *r, size_t n,
                                       const struct fixed_type *t)
{
    int64_t *v = calloc(n, sizeof *v);
    uint32_t kind = network_draw(r, 6);
    int64_t least = fixed_min(t), most = fixed_max(t);
    uint64_t span = (uint64_t)(most - least) + 1;
    for (size_t i = 0; i < n; i++) {
        int64_t uniform = least + (int64_t)(network_draw(r, UINT32_MAX) % span);
        int64_t end = network_draw(r, 2) != 0 ? least : most;
        int64_t small = uniform / 64;
        v[i] = kind == 0   ? most
               : kind == 1 ? end
               : kind == 2 ? (network_draw(r, 4) == 0 ? uniform : 0)
               : kind <= 4 ? small
                           : uniform;
    }
    return v;
}

static inline struct layer *network_add(struct random_sparse7 *r, enum layer_class class,
                                        const struct fixed_type *out_t)
{
    struct model *m = &r->model;
    struct layer *l = &r->layer[m->n_layers];
    *l = (struct layer){.class = class, .out_t = *out_t};
    (void)snprintf(l->name, sizeof l->name, "%03u_%s", m->n_layers, layer_class_name(class));
    if (m->n_layers > 0) {
        l->in = l->out = l[-1].out;
        l->in_t = l[-1].out_t;
    }
    m->n_layers++;
    return l;
}

static inline enum fixed_quantization network_rounding(struct random_sparse7 *r)
{
    static const enum fixed_quantization q[] = {FIXED_TRN, FIXED_RND, FIXED_RND_CONV};
    return q[network_draw(r, 3)];
}

static inline enum fixed_overflow network_overflow(struct random_sparse7 *r)
{
    static const enum fixed_overflow o[] = {FIXED_WRAP, FIXED_SAT, FIXED_SAT_SYM};
    return o[network_draw(r, 3)];
}

/* A quantizer: types of their own for channels or elements, or one for all. */
static inline void network_quantize(struct random_sparse7 *r, int width)
{
    struct layer *l = &r->layer[r->model.n_layers - 1];
    uint32_t n = l->out.channels;
    struct fixed_type *t = calloc(n, sizeof *t);
    int fraction = l->out_t.fraction - (int)network_draw(r, 6) + (network_draw(r, 8) == 0);
    enum fixed_quantization q = network_rounding(r);
    enum fixed_overflow o = network_overflow(r);
    bool alike = network_draw(r, 2) != 0, is_signed = network_draw(r, 3) == 0;
    for (uint32_t i = 0; i < n; i++) {
        int less = alike ? 0 : (int)network_draw(r, 4);
        t[i] = network_type(width - less - (alike ? 0 : (int)network_draw(r, 3)), fraction - less,
                            is_signed, q, o);
        if (!alike && network_draw(r, 12) == 0) {
            t[i].width = 0;
        }
    }
    struct fixed_type out = network_type(width + 1, fraction, is_signed, FIXED_TRN, FIXED_WRAP);
    struct layer *added = network_add(r, LAYER_QUANTIZE, &out);
    added->element_t = t;
    added->element_count = n;
}

/* 0: first firmware; 1: wide sums; 2: wide sums with quantizers, as exports are. */
struct network_style {
    uint32_t generation;
    int bits;
};

static inline void network_conv(struct random_sparse7 *r, const struct network_style *s,
                                uint32_t filters)
{
    const struct layer *before = &r->layer[r->model.n_layers - 1];
    int f = before->out_t.fraction;
    int w = (s->generation == 2 && s->bits > 9 ? 9 : s->bits) - (int)network_draw(r, 3);
    struct fixed_type weight = network_type(w, w - 2, true, FIXED_TRN, FIXED_WRAP);
    struct fixed_type act = network_type(s->bits, s->bits - 4 - (int)network_draw(r, 4), false,
                                         FIXED_RND_CONV, FIXED_SAT);
    /* wide enough for 49 products and the bias; sometimes not quite */
    int wide = before->out_t.width + w + 7 - (network_draw(r, 4) == 0 ? 4 : 0);
    struct fixed_type accum = network_type(wide, f + w - 2, true, FIXED_TRN, FIXED_WRAP);
    bool first = s->generation == 0;
    struct fixed_type bias_t =
        network_type(s->bits, (first ? act.fraction : accum.fraction) - (int)network_draw(r, 3),
                     true, FIXED_TRN, FIXED_WRAP);
    struct layer *l = network_add(r, LAYER_SPARSE_CONV2D, s->generation == 2 ? &accum : &act);
    l->accum_t = first ? act : accum;
    l->weight_t = weight;
    l->bias_t = bias_t;
    l->kernel_h = 7 - 2 * (network_draw(r, 4) == 0 ? network_draw(r, 4) : 0);
    l->kernel_w = 7 - 2 * (network_draw(r, 4) == 0 ? network_draw(r, 4) : 0);
    l->mask_slot = network_draw(r, 2) != 0;
    l->out.channels = filters;
    l->weight =
        network_numbers(r, (size_t)l->kernel_h * l->kernel_w * l->in.channels * filters, &weight);
    l->bias = network_numbers(r, filters, &bias_t);
    struct fixed_type relu = l->out_t;
    if (network_draw(r, 3) == 0) {
        relu.quantization = network_rounding(r);
        relu.overflow = FIXED_SAT;
        relu.width -= 1;
        relu.fraction -= 1;
    }
    (void)network_add(r, LAYER_RELU, &relu);
    if (s->generation == 2) {
        network_quantize(r, s->bits - 1);
    }
}

static inline void network_pool(struct random_sparse7 *r, const struct network_style *s)
{
    const struct layer *before = &r->layer[r->model.n_layers - 1];
    struct fixed_type act = before->out_t, accum = act;
    int more = 0;
    if (s->generation != 0) {
        accum = network_type(act.width + 7, act.fraction, act.is_signed, FIXED_TRN, FIXED_WRAP);
        more = (int)network_draw(r, 8);
    }
    struct fixed_type out =
        network_type(act.width + more, act.fraction + more, act.is_signed, network_rounding(r),
                     s->generation == 0 || network_draw(r, 2) ? FIXED_SAT : FIXED_WRAP);
    uint32_t h = before->out.height, w = before->out.width;
    struct layer *l = network_add(r, LAYER_SPARSE_AVG_POOL2D, &out);
    /* at most 11 x 11 places, the last ones often cut by the edge */
    l->pool_h = h < 4 ? 1 : h / 11 + 1 + network_draw(r, 4) % h;
    l->pool_w = w < 4 ? 1 : w / 11 + 1 + network_draw(r, 4) % w;
    l->pool_h = l->pool_h > h ? h : l->pool_h;
    l->pool_w = l->pool_w > w ? w : l->pool_w;
    l->accum_t = accum;
    if (s->generation == 2) {
        l->recip_t = network_type(26, 24, false, FIXED_TRN, FIXED_WRAP);
        l->recip_h_raw = (1 << 24) / (int64_t)(l->pool_h * l->pool_w) + 1;
    } else {
        l->recip_t = network_type(10, 10, true, FIXED_TRN, FIXED_WRAP);
        l->recip_h_raw = 1023 / (int64_t)(l->pool_h + 1);
        l->recip_w_raw = 1023 / (int64_t)(l->pool_w + 1);
    }
    l->out.height = h / l->pool_h;
    l->out.width = w / l->pool_w;
    l = network_add(r, LAYER_SPARSE_FLATTEN, &out);
    l->out = (struct tensor_shape){.flat = true,
                                   .height = 1,
                                   .width = 1,
                                   .channels = l->in.height * l->in.width * l->in.channels};
    if (s->generation == 2) {
        network_quantize(r, s->bits < 10 ? s->bits : 10);
    }
}

static inline void network_dense(struct random_sparse7 *r, const struct network_style *s,
                                 uint32_t outputs)
{
    const struct layer *before = &r->layer[r->model.n_layers - 1];
    int w = s->generation == 2 && s->bits > 9 ? 9 : s->bits;
    struct fixed_type weight = network_type(w, w - 2, true, FIXED_TRN, FIXED_WRAP);
    int product = before->out_t.fraction + w - 2;
    int floors = outputs == 1 ? (int)network_draw(r, 3) : 0;
    struct fixed_type accum =
        network_type(18 + (int)network_draw(r, 24), product - floors, true, FIXED_TRN, FIXED_WRAP);
    struct fixed_type bias_t =
        network_type(w, product - floors - (int)network_draw(r, 3), true, FIXED_TRN, FIXED_WRAP);
    struct layer *l = network_add(r, LAYER_DENSE, &accum);
    l->accum_t = accum;
    l->weight_t = weight;
    l->bias_t = bias_t;
    l->out.channels = outputs;
    l->weight = network_numbers(r, (size_t)l->in.channels * outputs, &weight);
    l->bias = network_numbers(r, outputs, &bias_t);
}

static inline void network_table(struct random_sparse7 *r)
{
    struct fixed_type table = network_type(18, 10, true, FIXED_TRN, FIXED_WRAP);
    struct fixed_type out = network_type(16, 10, true, FIXED_TRN, FIXED_WRAP);
    struct layer *l = network_add(r, LAYER_SIGMOID_TABLE, &out);
    l->table_t = table;
    l->table = network_numbers(r, MODEL_TABLE_ENTRIES, &table);
}

/* A network of style `generation` with `bits`; random_sparse7_fini frees it. */
static inline void random_sparse7_init(struct random_sparse7 *r, uint64_t seed, uint32_t generation,
                                       int bits)
{
    static const uint32_t slots[] = {1, 4, 5, 8, 12, 16, 17, 20, 21, 24, 33, 48, 64};
    memset(r, 0, sizeof *r);
    r->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    struct network_style s = {generation, bits};
    struct model *m = &r->model;
    m->layer = r->layer;
    m->channels = 1;
    bool usual = network_draw(r, 2) != 0;
    m->height = usual ? 63 : 1 + network_draw(r, 200);
    m->width = usual ? 63 : 1 + network_draw(r, 124);
    (void)snprintf(m->name, sizeof m->name, "seed %u", (unsigned)seed);
    bool is_signed = network_draw(r, 2) != 0;
    struct fixed_type in =
        network_type(generation == 2 ? 20 : bits, generation == 2 ? 18 : bits - 2, is_signed,
                     FIXED_TRN, FIXED_WRAP);
    struct layer *l = network_add(r, LAYER_INPUT, &in);
    l->out = (struct tensor_shape){.height = m->height, .width = m->width, .channels = 1};
    l = network_add(r, LAYER_SPARSE_INPUT_REDUCE, &in);
    l->in_t = in;
    l->n_max_pixels = slots[network_draw(r, sizeof slots / sizeof *slots)];
    l->threshold_raw = network_draw(r, 8) == 0 && is_signed ? -5 : (int64_t)network_draw(r, 9);
    l->out.sparse = true;
    l->out.slots = l->n_max_pixels;
    m->reduce = l;
    m->input_t = &r->layer[0].out_t;
    m->max_listed = l->n_max_pixels;
    if (generation == 2) {
        network_quantize(r, bits - 1);
    }
    network_conv(r, &s, 1);
    network_conv(r, &s, 3);
    network_pool(r, &s);
    network_dense(r, &s, network_draw(r, 4) == 0 ? 1 + network_draw(r, 16) : 16);
    struct fixed_type hidden = network_type(bits, bits - 5, false, network_rounding(r), FIXED_SAT);
    (void)network_add(r, LAYER_RELU, &hidden);
    if (generation == 2) {
        network_quantize(r, bits - 2);
    }
    network_dense(r, &s, 1);
    if (network_draw(r, 2) != 0) {
        network_table(r);
    }
    m->n_outputs = 1;
    m->output_t = r->layer[m->n_layers - 1].out_t;
}

static inline void random_sparse7_fini(struct random_sparse7 *r)
{
    for (uint32_t i = 0; i < r->model.n_layers; i++) {
        free(r->layer[i].weight);
        free(r->layer[i].bias);
        free(r->layer[i].element_t);
        free(r->layer[i].table);
    }
}

static inline int compare_places(const void *a, const void *b)
{
    const struct pixel *x = a, *y = b;
    return x->row != y->row ? (x->row > y->row) - (x->row < y->row)
                            : (x->col > y->col) - (x->col < y->col);
}

/* A window of up to N distinct pixels in scan order: scattered, a dense block, the
 * corners, or along an edge; values anywhere or at the ends. Arrays are as long as
 * the list, so that a sanitizer sees a read behind it. */
static inline void random_window_init(struct random_sparse7 *r, struct window *w)
{
    const struct model *m = &r->model;
    uint32_t kind = network_draw(r, 4), side = 3 + network_draw(r, 6);
    uint32_t h = kind == 1 && side < m->height ? side : m->height;
    uint32_t v = kind == 1 && side < m->width ? side : m->width;
    uint32_t top = network_draw(r, m->height - h + 1), left = network_draw(r, m->width - v + 1);
    uint32_t want = network_draw(r, 3) == 0 ? m->max_listed : network_draw(r, m->max_listed + 1);
    struct pixel place[64];
    uint32_t n = 0;
    for (uint32_t tries = 0; n < want && tries < 4 * want; tries++) {
        uint32_t row = network_draw(r, h), col = network_draw(r, v);
        row = kind == 2 ? (row % 2) * (h - 1) : row;
        col = kind >= 2 ? (network_draw(r, 2) * (v - 1)) : col;
        struct pixel p = {(uint16_t)(top + row), (uint16_t)(left + col)};
        bool known = false;
        for (uint32_t i = 0; i < n; i++) {
            known = known || compare_places(&place[i], &p) == 0;
        }
        if (!known) {
            place[n++] = p;
        }
    }
    qsort(place, n, sizeof *place, compare_places);
    struct pixel *places = malloc(n * sizeof *places + 1);
    int32_t *values = malloc(n * sizeof *values + 1);
    int64_t most = fixed_max(m->input_t), least = m->reduce->threshold_raw + 1;
    uint32_t same = network_draw(r, 4);
    for (uint32_t i = 0; i < n; i++) {
        places[i] = place[i];
        int64_t any = least + (int64_t)(network_draw(r, UINT32_MAX) % (uint64_t)(most - least + 1));
        values[i] = (int32_t)(same == 0 ? most : same == 1 ? least : any);
    }
    *w = (struct window){.n_active = n, .n_listed = n, .place = places, .value = values};
}

static inline void random_window_fini(struct window *w)
{
    free((void *)(uintptr_t)w->place);
    free((void *)(uintptr_t)w->value);
}

#endif
