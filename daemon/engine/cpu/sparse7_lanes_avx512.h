/* sparse7_lanes_avx512: what the AVX-512 kernels of sparse7_avx512.c share: the
 * list in lanes, the steps, and everything behind the second convolution.
 *
 * Sixteen slots are a block, one a lane of 32 bits. Only for files compiled with
 * the flags of avx512.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE7_LANES_AVX512_H
#define SPARSED_ENGINE_CPU_SPARSE7_LANES_AVX512_H

#include "engine/cpu/sparse7.h"
#include "engine/cpu/sparse7_cell.h"

#include <immintrin.h>
#include <string.h>

enum { SPARSE7_BLOCKS = SPARSE7_SLOTS / 16 };

/* A window's slots. Arrays have 16 entries more than slots, so that loops may run
 * in groups; unused entries hold 0. */
struct sparse7_list {
    uint32_t n, blocks;
    __mmask16 used[SPARSE7_BLOCKS];
    __mmask16 computed[SPARSE7_BLOCKS]; /* of the convolution under way: not masked */
    _Alignas(64) int32_t code[SPARSE7_SLOTS + 16];
    _Alignas(64) int32_t cell[SPARSE7_SLOTS];
    _Alignas(64) int32_t x[SPARSE7_SLOTS + 16];           /* inputs of the convolution */
    _Alignas(64) int32_t feature[SPARSE7_SLOTS / 16][64]; /* see sparse7_pool_block */
};

struct sparse7_state {
    struct sparse7_plan *plan;
    int64_t empty; /* the answer to a window without pixels */
    /* sums of pooled places, even and odd slots apart, 0 between windows */
    _Alignas(64) int32_t sum[2][SPARSE7_CELLS + 1][4];
    /* indices into the weight tables, made by the first convolution for both */
    _Alignas(64) __m512i tap[SPARSE7_BLOCKS * SPARSE7_SLOTS];
};

/* Both convolutions with product tables: from the list to l->feature. */
void sparse7_bytes_run(struct sparse7_state *s, struct sparse7_list *l);

/* ---- steps ---- */

/* A lane's number each, or one lane's for all sixteen. */
static inline __m512i sparse7_number(const int32_t *numbers, size_t at, bool one)
{
    return one ? _mm512_set1_epi32(numbers[at]) : _mm512_loadu_si512(numbers + at);
}

static inline __m512i sparse7_step_lanes(const struct sparse7_step *p, __m512i x, size_t at,
                                         bool one)
{
    if (p->rectify) {
        x = _mm512_max_epi32(x, _mm512_setzero_si512());
    }
    __m512i t = _mm512_add_epi32(x, sparse7_number(p->add, at, one));
    if (p->to_even) {
        __m512i odd = _mm512_and_si512(_mm512_srl_epi32(x, _mm_cvtsi32_si128(p->shift)),
                                       _mm512_set1_epi32(1));
        t = _mm512_add_epi32(t, odd);
    }
    if (p->masks) {
        __m512i sign = sparse7_number(p->sign, at, one);
        t = _mm512_and_si512(t, sparse7_number(p->mask, at, one));
        t = _mm512_sub_epi32(_mm512_xor_si512(t, sign), sign);
    }
    if (p->clamps) {
        t = _mm512_max_epi32(t, sparse7_number(p->lo, at, one));
        t = _mm512_min_epi32(t, sparse7_number(p->hi, at, one));
    }
    return p->shift >= 0 ? _mm512_sra_epi32(t, _mm_cvtsi32_si128(p->shift))
                         : _mm512_sll_epi32(t, _mm_cvtsi32_si128(-p->shift));
}

/* Lanes at .. at + 15 of the steps' numbers, or lane `at` for all. */
static inline __m512i sparse7_lanes(const struct sparse7_steps *s, __m512i x, size_t at, bool one)
{
    for (int i = 0; i < s->n; i++) {
        x = sparse7_step_lanes(&s->step[i], x, at, one);
    }
    return x;
}

/* ---- the list ---- */

static inline void sparse7_list_block(const struct sparse7_plan *p, const struct window *w,
                                      struct sparse7_list *l, uint32_t b)
{
    uint32_t left = l->n - 16 * b;
    __mmask16 used = left >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1U << left) - 1);
    __m512i place = _mm512_maskz_loadu_epi32(used, w->place + 16 * (size_t)b);
    __m512i row = _mm512_and_si512(place, _mm512_set1_epi32(0xFFFF));
    __m512i col = _mm512_srli_epi32(place, 16);
    __m512i r =
        _mm512_srli_epi32(_mm512_mullo_epi32(row, _mm512_set1_epi32((int32_t)p->cell_mul_h)), 16);
    __m512i c =
        _mm512_srli_epi32(_mm512_mullo_epi32(col, _mm512_set1_epi32((int32_t)p->cell_mul_w)), 16);
    __mmask16 inside =
        _mm512_mask_cmplt_epu32_mask(used, r, _mm512_set1_epi32((int32_t)p->pooled_height));
    inside = _mm512_mask_cmplt_epu32_mask(inside, c, _mm512_set1_epi32((int32_t)p->pooled_width));
    __m512i cell =
        _mm512_add_epi32(_mm512_mullo_epi32(r, _mm512_set1_epi32((int32_t)p->pooled_width)), c);
    __m512i x = _mm512_maskz_loadu_epi32(used, w->value + 16 * (size_t)b);
    x = sparse7_lanes(&p->listed, x, 0, true);
    l->used[b] = used;
    l->computed[b] = p->conv[0].mask_slot ? used : _mm512_test_epi32_mask(x, x);
    _mm512_store_si512(l->code + 16 * (size_t)b, _mm512_add_epi32(_mm512_slli_epi32(row, 7), col));
    _mm512_store_si512(l->x + 16 * (size_t)b, x);
    _mm512_store_si512(l->cell + 16 * (size_t)b,
                       _mm512_mask_mov_epi32(_mm512_set1_epi32((int32_t)p->cells), inside, cell));
}

static inline void sparse7_list_make(const struct sparse7_plan *p, const struct window *w,
                                     struct sparse7_list *l)
{
    l->n = w->n_listed;
    l->blocks = (l->n + 15) / 16;
    for (uint32_t b = 0; b < l->blocks; b++) {
        sparse7_list_block(p, w, l, b);
    }
    _mm512_store_si512(l->code + 16 * (size_t)l->blocks, _mm512_setzero_si512());
    _mm512_store_si512(l->x + 16 * (size_t)l->blocks, _mm512_setzero_si512());
}

/* ---- between the convolutions ---- */

/* A sum becomes a feature: the bias, unless the sum is 0, then what follows. */
static inline __m512i sparse7_biased(const struct sparse7_plan *p, const struct sparse7_conv *c,
                                     __m512i sum, uint32_t f)
{
    bool rounded = p->sum == SPARSE7_ROUNDED;
    __m512i limit = _mm512_set1_epi32(c->limit);
    if (rounded) {
        sum = _mm512_min_epi32(sum, limit);
    }
    __mmask16 any = _mm512_test_epi32_mask(sum, sum);
    sum = _mm512_mask_add_epi32(sum, any, sum, _mm512_set1_epi32(c->bias[f]));
    if (rounded) {
        sum = _mm512_max_epi32(_mm512_min_epi32(sum, limit), _mm512_setzero_si512());
    }
    return sum;
}

/* The first convolution's sums of a block become the second one's inputs. */
static inline __m512i sparse7_between(const struct sparse7_plan *p, struct sparse7_list *l,
                                      uint32_t b, __m512i sum)
{
    __m512i x = sparse7_lanes(&p->between, sparse7_biased(p, &p->conv[0], sum, 0), 0, true);
    x = _mm512_maskz_mov_epi32(l->computed[b], x);
    l->computed[b] = p->conv[1].mask_slot ? l->used[b] : _mm512_test_epi32_mask(x, x);
    return x;
}

/* ---- pooling ---- */

static inline __m512i sparse7_feature(const struct sparse7_plan *p, const struct sparse7_list *l,
                                      uint32_t b, __m512i sum, uint32_t f)
{
    __m512i x = sparse7_lanes(&p->features, sparse7_biased(p, &p->conv[1], sum, f), f, true);
    return _mm512_maskz_mov_epi32(l->computed[b], x);
}

/* The features of a block, from its sums, slot by slot: slot i of the block is at
 * feature[16 * (i % 4) + 4 * (i / 4)], three filters and a 0. */
static inline void sparse7_features(const struct sparse7_plan *p, struct sparse7_list *l,
                                    uint32_t b, const __m512i sum[SPARSE7_FILTERS])
{
    __m512i f[4];
    f[0] = sparse7_feature(p, l, b, sum[0], 0);
    f[1] = sparse7_feature(p, l, b, sum[1], 1);
    f[2] = sparse7_feature(p, l, b, sum[2], 2);
    f[3] = _mm512_setzero_si512();
    __m512i low01 = _mm512_unpacklo_epi32(f[0], f[1]), low23 = _mm512_unpacklo_epi32(f[2], f[3]);
    __m512i high01 = _mm512_unpackhi_epi32(f[0], f[1]), high23 = _mm512_unpackhi_epi32(f[2], f[3]);
    int32_t *out = l->feature[b];
    _mm512_store_si512(out, _mm512_unpacklo_epi64(low01, low23));
    _mm512_store_si512(out + 16, _mm512_unpackhi_epi64(low01, low23));
    _mm512_store_si512(out + 32, _mm512_unpacklo_epi64(high01, high23));
    _mm512_store_si512(out + 48, _mm512_unpackhi_epi64(high01, high23));
}

/* Adds a slot's features to its place. Even and odd slots have sums of their own:
 * a load that waits for the store just before it is what this costs. */
static inline void sparse7_add_slot(struct sparse7_state *s, const int32_t *feature,
                                    const int32_t *cell, uint32_t i)
{
    __m128i *sum = (__m128i *)s->sum[i % 2][cell[i]];
    *sum = _mm_add_epi32(*sum, *(const __m128i *)(feature + 16 * (i % 4) + 4 * (i / 4)));
}

/* Four slots of a block from `i` on, or all sixteen, used or not: what is not used
 * is 0 and lies outside. */
static inline void sparse7_add_four(struct sparse7_state *s, const struct sparse7_list *l,
                                    uint32_t b, uint32_t i)
{
    const int32_t *feature = l->feature[b], *cell = l->cell + 16 * (size_t)b;
    sparse7_add_slot(s, feature, cell, i);
    sparse7_add_slot(s, feature, cell, i + 1);
    sparse7_add_slot(s, feature, cell, i + 2);
    sparse7_add_slot(s, feature, cell, i + 3);
}

static inline void sparse7_add_block(struct sparse7_state *s, const struct sparse7_list *l,
                                     uint32_t b)
{
    sparse7_add_four(s, l, b, 0);
    if (l->n - 16 * b > 4) {
        sparse7_add_four(s, l, b, 4);
        sparse7_add_four(s, l, b, 8);
        sparse7_add_four(s, l, b, 12);
    }
}

/* Takes a place's sum, leaving 0, and adds its share of the dense layer. A place
 * taken twice is 0 the second time and changes nothing. */
static inline void sparse7_take_cell(struct sparse7_state *s, const struct sparse7_plan *p,
                                     const struct sparse7_pool *pool, uint32_t cell, __m512i acc[2])
{
    __m128i *even = (__m128i *)s->sum[0][cell], *odd = (__m128i *)s->sum[1][cell];
    __m128i sum = _mm_add_epi32(*even, *odd);
    *even = *odd = _mm_setzero_si128();
    __m128i x = sparse7_four(&p->pooled, sparse7_average(pool, sum), 4 * (size_t)cell);
    x = _mm_packs_epi32(x, x); /* the plan proved 16 bits */
    acc[0] = _mm512_dpwssd_epi32(acc[0], _mm512_broadcastd_epi32(x),
                                 _mm512_load_si512(p->dense1[cell][0]));
    acc[1] = _mm512_dpwssd_epi32(acc[1], _mm512_broadcastd_epi32(_mm_srli_epi64(x, 32)),
                                 _mm512_load_si512(p->dense1[cell][1]));
}

/* ---- the tail: pool, dense, dense ---- */

static inline int64_t sparse7_tail(struct sparse7_state *s, const struct sparse7_list *l)
{
    const struct sparse7_plan *p = s->plan;
    __m512i acc[2] = {_mm512_load_si512(p->dense1_bias), _mm512_setzero_si512()};
    const struct sparse7_pool pool = p->pool; /* a copy stays in registers */
    for (uint32_t b = 0; b < l->blocks; b++) {
        sparse7_add_block(s, l, b);
    }
    for (uint32_t b = 0; b < l->blocks; b++) {
        __m512i cells = _mm512_load_si512(l->cell + 16 * (size_t)b);
        uint32_t first = _mm512_mask_testn_epi32_mask(l->used[b], _mm512_conflict_epi32(cells),
                                                      _mm512_set1_epi32(-1));
        for (; first != 0; first &= first - 1) {
            uint32_t i = 16 * b + (uint32_t)__builtin_ctz(first);
            sparse7_take_cell(s, p, &pool, (uint32_t)l->cell[i], acc);
        }
    }
    __m512i x = sparse7_lanes(&p->hidden, _mm512_add_epi32(acc[0], acc[1]), 0, false);
    x = _mm512_mullo_epi32(x, _mm512_load_si512(p->dense2));
    x = _mm512_sra_epi32(x, _mm_cvtsi32_si128(p->dense2_shift));
    /* the sum may wrap, as the reference's does: unsigned */
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4E));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0xB1));
    q = _mm_add_epi32(q, _mm_cvtsi32_si128(p->dense2_bias));
    return sparse7_finish(p, sparse7_steps_apply(&p->last, _mm_cvtsi128_si32(q), 0));
}

#endif
