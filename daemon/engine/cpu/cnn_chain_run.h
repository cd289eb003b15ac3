/* cnn_chain_run: the work of cnn_chain, for the instruction set of the file that
 * includes it.
 *
 * What is left out: for each buffer a bit per pixel tells whether it may differ
 * from the empty image's. Only blocks with such a bit are computed; blocks that
 * had one in the window before and have none now are copied from `rest`, the
 * buffer of the empty image.
 */
#ifndef SPARSED_ENGINE_CPU_CNN_CHAIN_RUN_H
#define SPARSED_ENGINE_CPU_CNN_CHAIN_RUN_H

#include "engine/cpu/cnn_steps.h"
#include "engine/cpu/kernel.h"

#include <stdlib.h>

/* ---- what may differ from an empty image ---- */

/* Bits of a row's columns that a field of `width` columns brings to the output. */
static inline uint64_t spread(uint64_t bits, uint32_t left, uint32_t width)
{
    uint64_t out = 0;
    for (uint32_t k = 0; k < width; k++) {
        uint32_t by = k < left ? left - k : k - left;
        if (by < 64) {
            out |= k < left ? bits << by : bits >> by;
        }
    }
    return out;
}

static inline void spread_dirt(struct cnn_state *t, uint32_t i)
{
    const struct cnn_stage *s = &t->chain.stage[i];
    const struct cnn_buffer *in = &t->chain.buffer[i];
    const struct cnn_buffer *out = &t->chain.buffer[i + 1];
    uint64_t *dirty = t->memory[i + 1].dirty;
    uint32_t height = s->pools ? s->pool_h : s->kernel_h;
    uint32_t step = s->pools ? s->pool_h : 1;
    for (uint32_t row = 0; row < out->height; row++) {
        uint64_t bits = rows_above(in, t->memory[i].dirty, row * step, height);
        if (!s->pools) {
            dirty[row] = spread(bits, in->left, s->kernel_w) & first_bits(out->width);
            continue;
        }
        dirty[row] = bits == 0 ? 0 : first_bits(out->width);
    }
}

/* Puts back what differed in the window before and does not now. */
static inline void restore(struct cnn_state *t, uint32_t i)
{
    const struct cnn_buffer *b = &t->chain.buffer[i];
    struct cnn_memory *memory = &t->memory[i];
    for (uint32_t row = 0; row < b->height; row++) {
        uint64_t back = memory->stale[row] & ~memory->dirty[row];
        for (uint32_t c = 0; back != 0 && c < b->channels; c++) {
            memcpy(image_row(memory->value, b, c, row), image_row(memory->rest, b, c, row),
                   b->width * sizeof(int32_t));
        }
    }
}

/* ---- the chain ---- */

static inline void lay_window(struct cnn_state *t, const struct window *w)
{
    const struct cnn_buffer *b = &t->chain.buffer[0];
    for (uint32_t p = 0; p < w->n_listed; p++) {
        uint32_t row = w->place[p].row;
        uint32_t col = w->place[p].col;
        t->memory[0].dirty[row] |= UINT64_C(1) << (col & 63);
        for (uint32_t c = 0; c < b->channels; c++) {
            int64_t x = finish_one(b, c, w->value[(size_t)p * b->channels + c]);
            image_row(t->memory[0].value, b, c, row)[col] = (int32_t)x;
        }
    }
}

static inline void wipe_window(struct cnn_state *t, const struct window *w)
{
    const struct cnn_buffer *b = &t->chain.buffer[0];
    for (uint32_t p = 0; p < w->n_listed; p++) {
        for (uint32_t c = 0; c < b->channels; c++) {
            image_row(t->memory[0].value, b, c, w->place[p].row)[w->place[p].col] = 0;
        }
    }
}

static inline void give_list(struct cnn_state *t)
{
    const struct cnn_buffer *b = &t->chain.buffer[t->chain.n_stages];
    uint32_t n = 0;
    for (uint32_t c = 0; c < b->channels; c++) {
        for (uint32_t row = 0; row < b->height; row++) {
            const int32_t *from = image_row(t->memory[t->chain.n_stages].value, b, c, row);
            uint32_t at = row * b->width * b->channels + c;
            for (uint32_t col = 0; col < b->width; col++, at += b->channels) {
                t->list.at[n] = at;
                t->list.value[n] = from[col];
                n += from[col] != 0;
            }
        }
    }
    t->list.n = n;
}

static inline void run_stages(struct cnn_state *t)
{
    for (uint32_t i = 0; i < t->chain.n_stages; i++) {
        spread_dirt(t, i);
        if (!t->everything) {
            restore(t, i + 1);
        }
        if (t->chain.stage[i].pools) {
            run_pool(t, i);
        } else {
            run_conv(t, i);
        }
    }
}

/* What differs now is what differed before, the next time. */
static inline void age(struct cnn_state *t)
{
    for (uint32_t i = 0; i <= t->chain.n_stages; i++) {
        struct cnn_memory *memory = &t->memory[i];
        uint64_t *spare = memory->stale;
        memory->stale = memory->dirty;
        memory->dirty = spare;
    }
    memset(t->memory[0].dirty, 0, t->chain.buffer[0].height * sizeof(uint64_t));
}

static void cnn_chain_run(void *state, const struct window *w, int64_t *raw)
{
    struct cnn_state *t = state;
    lay_window(t, w);
    run_stages(t);
    give_list(t);
    wipe_window(t, w);
    age(t);
    tail_run(&t->chain.tail, &t->list, raw);
}

/* ---- as a kernel ---- */

static bool cnn_chain_matches(const struct model *m)
{
    struct cnn_chain *chain = malloc(sizeof *chain);
    bool good = chain != NULL && cnn_chain_plan(chain, m, LANES_32);
    if (good) {
        cnn_chain_fini(chain);
    }
    free(chain);
    return good;
}

static void cnn_chain_destroy(void *state)
{
    struct cnn_state *t = state;
    if (t == NULL) {
        return;
    }
    for (uint32_t i = 0; i <= CNN_MAX_STAGES; i++) {
        free(t->memory[i].value);
        free(t->memory[i].rest);
        free(t->memory[i].pair);
        free(t->memory[i].dirty);
        free(t->memory[i].stale);
    }
    cnn_chain_fini(&t->chain);
    free(t->column);
    free(t->list.at);
    free(t->list.value);
    free(t);
}

static bool take_memory(struct cnn_state *t)
{
    uint32_t stride = 1;
    bool good = true;
    for (uint32_t i = 0; good && i <= t->chain.n_stages; i++) {
        const struct cnn_buffer *b = &t->chain.buffer[i];
        struct cnn_memory *memory = &t->memory[i];
        size_t numbers = (size_t)b->plane * b->channels;
        memory->value = calloc(numbers, sizeof *memory->value);
        memory->rest = calloc(numbers, sizeof *memory->rest);
        memory->pair = calloc(numbers, sizeof *memory->pair);
        memory->dirty = calloc(b->height, sizeof *memory->dirty);
        memory->stale = calloc(b->height, sizeof *memory->stale);
        good = memory->value != NULL && memory->rest != NULL && memory->pair != NULL &&
               memory->dirty != NULL && memory->stale != NULL;
        stride = b->stride > stride ? b->stride : stride;
    }
    t->column = calloc(stride, sizeof *t->column);
    t->list.at = calloc(t->chain.tail.n_in + 1, sizeof *t->list.at);
    t->list.value = calloc(t->chain.tail.n_in + 1, sizeof *t->list.value);
    return good && t->column != NULL && t->list.at != NULL && t->list.value != NULL;
}

/* Computes the empty image once, all of it, and keeps it. */
static void set_rest(struct cnn_state *t)
{
    t->everything = true;
    run_stages(t);
    for (uint32_t i = 0; i <= t->chain.n_stages; i++) {
        size_t numbers = (size_t)t->chain.buffer[i].plane * t->chain.buffer[i].channels;
        memcpy(t->memory[i].rest, t->memory[i].value, numbers * sizeof(int32_t));
    }
    t->everything = !t->chain.skips;
}

static void *cnn_chain_create(const struct model *m, struct error *err)
{
    struct cnn_state *t = calloc(1, sizeof *t);
    if (t != NULL && cnn_chain_plan(&t->chain, m, LANES_32) && take_memory(t)) {
        set_rest(t);
        return t;
    }
    (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
    cnn_chain_destroy(t);
    return NULL;
}

#endif
