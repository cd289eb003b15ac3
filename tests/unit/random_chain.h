/* random_chain: models and windows drawn at random, in memory, as the loader
 * would give them, to hold every kernel to the reference.
 *
 * A fault that only some shape, type or weight shows (a kernel wider than a vector,
 * a tie at the edge of a range, a bias finer than its accumulator) is not in any
 * file that somebody trained. Half of the numbers are therefore the largest and
 * smallest of their types. A seed draws the same network again, from the same compiler.
 */
#ifndef SPARSED_TESTS_RANDOM_CHAIN_H
#define SPARSED_TESTS_RANDOM_CHAIN_H

#include "engine/cpu/kernel.h"
#include "engine/cpu/reference.h"
#include "model/dense_window.h"
#include "model/layer_load.h"
#include "model/model.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM_MAX_LAYERS = 40 };

struct random_chain {
    uint64_t state;
    struct model model;
    struct layer layer[RANDOM_MAX_LAYERS];
};

/* ---- numbers ---- */

/* xorshift64*; 0 .. n - 1 */
static inline uint32_t draw(struct random_chain *r, uint32_t n)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (uint32_t)((r->state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static inline int draw_between(struct random_chain *r, int low, int high)
{
    return low + (int)draw(r, (uint32_t)(high - low + 1));
}

static inline bool draw_chance(struct random_chain *r, uint32_t percent)
{
    return draw(r, 100) < percent;
}

static inline struct fixed_type draw_type(struct random_chain *r, int width, int fraction,
                                          bool is_signed)
{
    struct fixed_type t;
    assert_true(fixed_init(&t, width, width - fraction, is_signed,
                           (enum fixed_quantization)draw(r, 7), (enum fixed_overflow)draw(r, 3)));
    return t;
}

/* Any raw of the type: one in three its largest or smallest, one in six 0 or 1. */
static inline int64_t draw_raw(struct random_chain *r, const struct fixed_type *t)
{
    int64_t low = fixed_min(t);
    int64_t high = fixed_max(t);
    switch (draw(r, 6)) {
    case 0:
        return high;
    case 1:
        return low;
    case 2:
        return draw(r, 2) < (uint32_t)(high > 0) ? 1 : 0;
    default:
        return low + (int64_t)(((uint64_t)draw(r, 1U << 30) << 20 | draw(r, 1U << 20)) %
                               (uint64_t)(high - low + 1));
    }
}

/* ---- layers ---- */

static inline struct layer *add_layer(struct random_chain *r, enum layer_class class)
{
    assert_true(r->model.n_layers < RANDOM_MAX_LAYERS);
    struct layer *l = &r->layer[r->model.n_layers++];
    *l = (struct layer){.class = class};
    (void)snprintf(l->name, sizeof l->name, "%03u_%s", r->model.n_layers, layer_class_name(class));
    if (l > r->layer) {
        l->in = l[-1].out;
        l->in_t = l[-1].out_t;
        l->out = l->in;
        l->out_t = l->in_t;
    }
    return l;
}

static inline int64_t *draw_array(struct random_chain *r, size_t n, const struct fixed_type *t)
{
    int64_t *a = calloc(n, sizeof *a);
    assert_non_null(a);
    bool small = draw_chance(r, 50); /* so that sums do not always overflow */
    for (size_t i = 0; i < n; i++) {
        a[i] = draw_raw(r, t);
        if (small) {
            a[i] /= 1 + (int64_t)draw(r, 64);
        }
    }
    return a;
}

/* Accumulators: generation 1 rounds and clips each product in the output type,
 * generation 2 holds every product, and some do neither. */
static inline void draw_sums(struct random_chain *r, struct layer *l, size_t weights,
                             uint32_t outputs, bool first_generation)
{
    l->weight_t = draw_type(r, draw_between(r, 2, 12), draw_between(r, 0, 8), draw_chance(r, 85));
    int product = l->in_t.fraction + l->weight_t.fraction;
    if (first_generation) {
        int width = draw_between(r, 4, 16);
        assert_true(fixed_init(&l->accum_t, width, width - product + draw_between(r, -1, 10), false,
                               draw_chance(r, 90) ? FIXED_RND_CONV : FIXED_TRN, FIXED_SAT));
        l->out_t = l->accum_t;
    } else {
        bool narrow = draw_chance(r, 15);
        int finer = draw_chance(r, 70) ? 0 : draw_between(r, -4, 3);
        l->accum_t = draw_type(r, narrow ? draw_between(r, 6, 20) : draw_between(r, 30, 44),
                               product + finer, draw_chance(r, 90));
        if (draw_chance(r, 80)) {
            l->accum_t.overflow = FIXED_WRAP;
        }
        l->out_t = draw_chance(r, 30)
                       ? l->accum_t
                       : draw_type(r, draw_between(r, 3, 18), product - draw_between(r, -2, 9),
                                   draw_chance(r, 60));
    }
    l->bias_t = draw_type(r, draw_between(r, 2, 12), l->accum_t.fraction - draw_between(r, -2, 8),
                          draw_chance(r, 80));
    l->weight = draw_array(r, weights, &l->weight_t);
    l->bias = draw_array(r, outputs, &l->bias_t);
    for (uint32_t i = 0; i < outputs && draw_chance(r, 30); i++) {
        l->bias[i] = 0;
    }
}

static inline void add_relu(struct random_chain *r)
{
    struct layer *l = add_layer(r, LAYER_RELU);
    int width = draw_chance(r, 85) ? draw_between(r, 3, 16) : draw_between(r, 17, 20);
    l->out_t = draw_type(r, width, l->in_t.fraction - draw_between(r, -1, 9), draw_chance(r, 10));
}

/* Element types of one channel, or of one pixel; out_t holds them all. */
static inline void add_quantize(struct random_chain *r, bool each_pixel)
{
    struct layer *l = add_layer(r, LAYER_QUANTIZE);
    int fraction = l->in_t.fraction - draw_between(r, -1, 6);
    assert_true(fixed_init(&l->out_t, 18, 18 - fraction - 3, true, FIXED_TRN, FIXED_WRAP));
    size_t pixels = l->in.flat ? 1 : (size_t)l->in.height * l->in.width;
    bool all_pixels = each_pixel || !l->in.sparse;
    l->element_per_pixel = all_pixels && !l->in.flat;
    l->element_h = l->element_per_pixel ? l->in.height : 0;
    l->element_w = l->element_per_pixel ? l->in.width : 0;
    l->element_count = (uint32_t)((all_pixels ? pixels : 1) * l->in.channels);
    l->element_t = calloc(l->element_count, sizeof *l->element_t);
    assert_non_null(l->element_t);
    struct fixed_type shared = draw_type(r, 8, fraction, true);
    for (uint32_t i = 0; i < l->element_count; i++) {
        bool own = each_pixel || l->in.flat || i < l->in.channels;
        struct fixed_type t = draw_type(r, draw_between(r, 1, 12), fraction + draw_between(r, 0, 3),
                                        draw_chance(r, 60));
        t.quantization = shared.quantization;
        t.overflow = shared.overflow;
        l->element_t[i] = own ? t : l->element_t[i - l->in.channels];
        if (own && draw_chance(r, 10)) {
            l->element_t[i] = (struct fixed_type){0};
        }
    }
}

static inline void add_sparse_conv(struct random_chain *r)
{
    struct layer *l = add_layer(r, LAYER_SPARSE_CONV2D);
    uint32_t side = 2 * draw(r, draw_chance(r, 10) ? 10 : 5) + 1;
    l->kernel_h = side;
    l->kernel_w = draw_chance(r, 80) ? side : 2 * draw(r, 5) + 1;
    l->out.channels = 1 + draw(r, draw_chance(r, 20) ? 9 : 4);
    l->mask_slot = draw_chance(r, 50);
    draw_sums(r, l, (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels,
              l->out.channels, draw_chance(r, 45));
}

static inline void draw_pool_shape(struct random_chain *r, struct layer *l)
{
    uint32_t most_h = l->in.height < 5 ? l->in.height : 5;
    uint32_t most_w = l->in.width < 5 ? l->in.width : 5;
    l->pool_h = 1 + draw(r, most_h);
    l->pool_w = 1 + draw(r, most_w);
    l->out.height = l->in.height / l->pool_h;
    l->out.width = l->in.width / l->pool_w;
}

static inline void add_sparse_pool(struct random_chain *r)
{
    bool largest = draw_chance(r, 35);
    struct layer *l = add_layer(r, largest ? LAYER_SPARSE_MAX_POOL2D : LAYER_SPARSE_AVG_POOL2D);
    draw_pool_shape(r, l);
    l->out_t = draw_type(r, draw_between(r, 3, 16), l->in_t.fraction + draw_between(r, -4, 4),
                         draw_chance(r, 40));
    l->accum_t = draw_chance(r, 30)
                     ? l->in_t
                     : draw_type(r, draw_between(r, 6, 30),
                                 l->in_t.fraction + draw_between(r, -2, 2), draw_chance(r, 60));
    l->recip_t = draw_type(r, 10, 10, true);
    l->recip_h_raw = draw_chance(r, 20) ? 0 : draw_between(r, -512, 511);
    l->recip_w_raw = draw_chance(r, 20) ? 0 : draw_between(r, -512, 511);
}

static inline void add_flatten(struct random_chain *r, enum layer_class class)
{
    struct layer *l = add_layer(r, class);
    l->out = (struct tensor_shape){.flat = true,
                                   .height = 1,
                                   .width = 1,
                                   .channels = l->in.height * l->in.width * l->in.channels};
}

static inline void add_dense(struct random_chain *r, uint32_t outputs)
{
    struct layer *l = add_layer(r, LAYER_DENSE);
    l->out.channels = outputs;
    draw_sums(r, l, (size_t)l->in.channels * outputs, outputs, false);
}

/* Narrow before a table: its index is x times 64. */
static inline void add_end(struct random_chain *r)
{
    if (draw_chance(r, 30)) {
        add_quantize(r, true);
    }
    add_dense(r, 1 + draw(r, 40));
    add_relu(r);
    if (draw_chance(r, 30)) {
        add_quantize(r, true);
    }
    add_dense(r, 1 + draw(r, 10));
    if (draw_chance(r, 30)) {
        struct layer *l = add_layer(r, LAYER_SIGMOID_TABLE);
        l->table_t = draw_type(r, 12, 8, true);
        l->table = draw_array(r, MODEL_TABLE_ENTRIES, &l->table_t);
        l->out_t = draw_type(r, 16, 10, true);
    }
    struct model *m = &r->model;
    m->layer = r->layer;
    m->n_outputs = r->layer[m->n_layers - 1].out.channels;
}

static inline void begin_network(struct random_chain *r, uint64_t seed, uint32_t most_side)
{
    *r = (struct random_chain){.state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
    for (int i = 0; i < 8; i++) {
        (void)draw(r, 2);
    }
    struct model *m = &r->model;
    struct layer *l = add_layer(r, LAYER_INPUT);
    m->height = 1 + draw(r, most_side);
    m->width = 1 + draw(r, most_side);
    m->channels = draw_chance(r, 70) ? 1 : 1 + draw(r, 3);
    l->out_t = draw_type(r, draw_between(r, 2, 16), draw_between(r, 0, 10), draw_chance(r, 50));
    l->out = (struct tensor_shape){.height = m->height, .width = m->width, .channels = m->channels};
    l->in = l->out;
    l->in_t = l->out_t;
    m->input_t = &l->out_t;
    m->max_listed = m->height * m->width;
    (void)snprintf(m->name, sizeof m->name, "random-%llu", (unsigned long long)seed);
    (void)snprintf(m->path, sizeof m->path, "%s", m->name);
}

/* input, reduce, one to three blocks of the sparse part, a dense end */
static inline void random_chain_sparse(struct random_chain *r, uint64_t seed)
{
    begin_network(r, seed, 40);
    struct layer *l = add_layer(r, LAYER_SPARSE_INPUT_REDUCE);
    l->n_max_pixels = 1 + draw(r, draw_chance(r, 15) ? 128 : 40);
    l->threshold_raw = draw_chance(r, 10) ? -1 : (int64_t)draw(r, 2);
    l->out.sparse = true;
    l->out.slots = l->n_max_pixels;
    r->model.reduce = l;
    r->model.max_listed = l->n_max_pixels;
    for (int blocks = draw_between(r, 1, 3); blocks > 0; blocks--) {
        if (draw_chance(r, 35)) {
            add_quantize(r, draw_chance(r, 50));
        }
        add_sparse_conv(r);
        if (draw_chance(r, 85)) {
            add_relu(r);
        }
        if (draw_chance(r, 60)) {
            add_sparse_pool(r);
        }
    }
    if (r->layer[r->model.n_layers - 1].out_t.width > 20) {
        add_relu(r);
    }
    add_flatten(r, LAYER_SPARSE_FLATTEN);
    add_end(r);
}

static inline void add_conv(struct random_chain *r)
{
    struct layer *pad = add_layer(r, LAYER_ZERO_PAD2D);
    pad->pad_top = draw(r, 4);
    pad->pad_bottom = draw(r, 4);
    pad->pad_left = draw(r, 4);
    pad->pad_right = draw(r, 4);
    pad->out.height += pad->pad_top + pad->pad_bottom;
    pad->out.width += pad->pad_left + pad->pad_right;
    struct layer *l = add_layer(r, LAYER_CONV2D);
    l->kernel_h = 1 + draw(r, l->in.height < 7 ? l->in.height : 7);
    l->kernel_w = 1 + draw(r, l->in.width < 7 ? l->in.width : 7);
    l->stride = draw_chance(r, 97) ? 1 : 2;
    l->out.height = (l->in.height - l->kernel_h) / l->stride + 1;
    l->out.width = (l->in.width - l->kernel_w) / l->stride + 1;
    l->out.channels = 1 + draw(r, 4);
    draw_sums(r, l, (size_t)l->kernel_h * l->kernel_w * l->in.channels * l->out.channels,
              l->out.channels, false);
}

static inline void add_avg_pool(struct random_chain *r)
{
    struct layer *l = add_layer(r, LAYER_AVG_POOL2D);
    draw_pool_shape(r, l);
    l->accum_t = draw_type(r, draw_between(r, 8, 30), l->in_t.fraction + draw_between(r, -1, 2),
                           draw_chance(r, 60));
    if (draw_chance(r, 60)) {
        l->accum_t.overflow = FIXED_WRAP;
    }
    l->out_t = draw_type(r, draw_between(r, 3, 16), l->in_t.fraction + draw_between(r, -3, 3),
                         draw_chance(r, 40));
}

/* input, one to three blocks of the standard CNN, a dense end */
static inline void random_chain_cnn(struct random_chain *r, uint64_t seed)
{
    begin_network(r, seed, seed % 12 == 0 ? 80 : 24);
    for (int blocks = draw_between(r, 1, 3); blocks > 0; blocks--) {
        if (draw_chance(r, 30)) {
            add_quantize(r, draw_chance(r, 15));
        }
        add_conv(r);
        if (draw_chance(r, 80)) {
            add_relu(r);
        }
        if (draw_chance(r, 50)) {
            add_avg_pool(r);
        }
    }
    if (r->layer[r->model.n_layers - 1].out_t.width > 20) {
        add_relu(r);
    }
    add_flatten(r, LAYER_FLATTEN);
    add_end(r);
}

static inline void random_chain_fini(struct random_chain *r)
{
    for (uint32_t i = 0; i < r->model.n_layers; i++) {
        layer_free(&r->layer[i]);
    }
}

/* ---- windows ---- */

/* An image of the model: empty, nearly empty, or full; a track or scattered. */
static inline void draw_image(struct random_chain *r, int32_t *image)
{
    const struct model *m = &r->model;
    static const uint32_t percent[] = {0, 1, 3, 10, 40, 100};
    uint32_t lit = percent[draw(r, 6)];
    for (uint32_t i = 0; i < m->height * m->width; i++) {
        bool on = draw_chance(r, lit);
        for (uint32_t c = 0; c < m->channels; c++) {
            image[i * m->channels + c] = on ? (int32_t)draw_raw(r, m->input_t) : 0;
        }
    }
    for (uint32_t i = 0; draw_chance(r, 40) && i < m->height && i < m->width; i++) {
        image[(i * m->width + i) * m->channels] = (int32_t)draw_raw(r, m->input_t);
    }
}

/* Runs every kernel that is usable, `windows` windows one after the other on one
 * state (what one leaves behind the next must not see), and compares all last
 * integers. Adds to matched[] for each row of kernel_table. */
static inline void random_chain_judge(struct random_chain *r, uint32_t windows, uint32_t *matched)
{
    struct model *m = &r->model;
    struct error err = {0};
    struct reference *judge = reference_create(m, &err);
    assert_non_null(judge);
    int32_t *image = calloc((size_t)m->height * m->width * m->channels, sizeof *image);
    struct pixel *place = calloc(m->max_listed, sizeof *place);
    int32_t *value = calloc((size_t)m->max_listed * m->channels, sizeof *value);
    assert_true(image != NULL && place != NULL && value != NULL);
    void *state[16] = {NULL};
    for (size_t k = 0; kernel_table[k]->name != NULL; k++) {
        assert_true(k < 16);
        if (kernel_usable(kernel_table[k], m)) {
            state[k] = kernel_table[k]->create(m, &err);
            assert_non_null(state[k]);
            matched[k]++;
        }
    }
    for (uint32_t i = 0; i < windows; i++) {
        int64_t expected[MODEL_MAX_OUTPUTS];
        struct window w;
        draw_image(r, image);
        dense_window_make(m, image, place, value, &w);
        reference_run(judge, &w, expected);
        for (size_t k = 0; kernel_table[k]->name != NULL; k++) {
            int64_t raw[MODEL_MAX_OUTPUTS] = {0};
            if (state[k] == NULL) {
                continue;
            }
            kernel_table[k]->run(state[k], &w, raw);
            if (memcmp(raw, expected, m->n_outputs * sizeof *raw) != 0) {
                fail_msg("%s differs from the reference: %s, window %u", kernel_table[k]->name,
                         m->name, i);
            }
        }
    }
    for (size_t k = 0; kernel_table[k]->name != NULL; k++) {
        if (state[k] != NULL) {
            kernel_table[k]->destroy(state[k]);
        }
    }
    free(image);
    free(place);
    free(value);
    reference_destroy(&judge);
}

/* Every kernel that this processor can run and whose name ends so must have
 * matched at least `least` networks: else the test has judged nothing. */
static inline void random_chain_enough(const uint32_t *matched, const char *ending, uint32_t least)
{
    for (size_t k = 0; kernel_table[k]->name != NULL; k++) {
        const char *end = strrchr(kernel_table[k]->name, '-');
        for (const struct kernel_family *f = kernel_family_table; f->name != NULL; f++) {
            if (end != NULL && strcmp(end, ending) == 0 &&
                strcmp(f->name, kernel_table[k]->family) == 0 && f->supported()) {
                print_message("%s: %u networks\n", kernel_table[k]->name, matched[k]);
                assert_true(matched[k] >= least);
            }
        }
    }
}

#endif
