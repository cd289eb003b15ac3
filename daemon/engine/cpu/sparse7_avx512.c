/* How: output slots in lanes, input slots one after the other (or two, where a
 * multiply-add takes two). One pair of slots costs an index (sparse7.h), once for
 * both convolutions, and for each filter a look-up in a table of 64 weights that
 * stays in two registers, a multiply and an add.
 *
 *     block    16 output slots in 16 lanes, every input slot broadcast to all
 *     rest     at most 4 output slots, four times: lane i is output i % 4 and
 *              every fourth input, so that 20 slots are not twice as dear as 16
 *
 * Exact sums: 16-bit weights and inputs, two inputs a lane (vpdpwssd). Inputs of 16
 * bits without a sign go in two parts, the low 15 bits and, where any is set, the
 * top bit. Rounded sums: a product is rounded by the one rounding of fma(w, x,
 * 2^23), whose mode is in the instruction; the floats are then added as integers.
 * Rounded sums of 8 bits are in sparse7_bytes_avx512.c.
 */
#include "engine/cpu/sparse7_lanes_avx512.h"

#include <stdlib.h>

/* ---- indices ---- */

/* The tap of each pair of codes, 16 bits each; SPARSE7_NO_TAP for slots too far
 * apart, whose six low bits name an entry that is 0. */
static inline __m512i taps_of(__m512i code_p, __m512i code_q)
{
    __m512i d = _mm512_sub_epi16(code_p, code_q);
    __mmask32 near = _mm512_testn_epi16_mask(d, _mm512_set1_epi16((int16_t)SPARSE7_OUTSIDE));
    __m512i tap = _mm512_or_si512(d, _mm512_srli_epi16(d, 4));
    return _mm512_mask_mov_epi16(_mm512_set1_epi16(SPARSE7_NO_TAP), near, tap);
}

/* The same with 32 bits a pair; the upper half always names an entry that is 0. */
static inline __m512i wide_taps_of(__m512i code_p, __m512i code_q)
{
    const __m512i none = _mm512_set1_epi32(SPARSE7_NO_TAP << 16 | SPARSE7_NO_TAP);
    __m512i d = _mm512_sub_epi32(code_p, code_q);
    __mmask16 near = _mm512_testn_epi32_mask(d, _mm512_set1_epi32((int16_t)SPARSE7_OUTSIDE));
    __m512i tap = _mm512_ternarylogic_epi32(d, _mm512_srli_epi32(d, 4),
                                            _mm512_set1_epi32(SPARSE7_NO_TAP << 16), 0xFE);
    return _mm512_mask_mov_epi32(none, near, tap);
}

/* A filter's table: 64 weights of 16 bits. */
struct weights {
    __m512i low, high;
};

static inline struct weights weights_of(const struct sparse7_conv *c, uint32_t f)
{
    return (struct weights){_mm512_load_si512(c->weight[f]), _mm512_load_si512(c->weight[f] + 32)};
}

static inline __m512i look_up(const struct weights *w, __m512i tap)
{
    return _mm512_permutex2var_epi16(w->low, tap, w->high);
}

/* ---- which inputs a lane takes ---- */

/* Whether a group of output slots is a block or the rest of at most 4. */
enum shape { BLOCK, REST };

/* Inputs `at` for all lanes (BLOCK), or at .. at + 3 for every fourth lane each. */
static inline __m512i inputs_of(const int32_t *list, uint32_t at, enum shape shape)
{
    if (shape == BLOCK) {
        return _mm512_set1_epi32(list[at]);
    }
    const __m512i every_fourth = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m128i four = _mm_load_si128((const __m128i *)(list + at));
    return _mm512_permutexvar_epi32(every_fourth, _mm512_castsi128_si512(four));
}

static inline __m512i outputs_of(const int32_t *list, enum shape shape)
{
    return shape == BLOCK ? _mm512_load_si512(list)
                          : _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)list));
}

/* The sums of the rest: what its four parts hold, together, in the first lanes. */
static inline __m512i together(__m512i acc, enum shape shape)
{
    if (shape == BLOCK) {
        return acc;
    }
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(acc), _mm512_extracti64x4_epi64(acc, 1));
    return _mm512_zextsi128_si512(
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

/* ---- exact sums ---- */

/* A list of 32-bit lanes as pairs of 16 bits: entry j is slots 2j and 2j + 1. */
static inline void to_pairs(const int32_t *from, uint32_t blocks, int32_t *to)
{
    for (uint32_t b = 0; b <= blocks; b++) {
        __m256i pairs = _mm512_cvtepi32_epi16(_mm512_load_si512(from + 16 * (size_t)b));
        _mm256_store_si256((__m256i *)(to + 8 * (size_t)b), pairs);
    }
}

enum { PAIRS = (SPARSE7_SLOTS + 16) / 2 };

/* The second convolution's sums, or (filters == 1) the first's, which leaves the
 * taps for the second. */
static inline void exact_sums(struct sparse7_state *s, const struct sparse7_list *l, uint32_t b,
                              const int32_t *code, const int32_t *x, uint32_t filters, bool fresh,
                              enum shape shape, __m512i sum[SPARSE7_FILTERS])
{
    const struct sparse7_conv *c = &s->plan->conv[filters == 1 ? 0 : 1];
    struct weights w[SPARSE7_FILTERS];
    for (uint32_t f = 0; f < filters; f++) {
        w[f] = weights_of(c, f);
        sum[f] = _mm512_setzero_si512();
    }
    __m512i both = outputs_of(l->code + 16 * (size_t)b, shape);
    both = _mm512_or_si512(both, _mm512_slli_epi32(both, 16));
    both = _mm512_add_epi16(both, _mm512_set1_epi16(SPARSE7_CENTRE));
    __m512i *tap = s->tap + (size_t)b * SPARSE7_SLOTS;
    uint32_t step = shape == BLOCK ? 1 : 4;
    for (uint32_t j = 0; 2 * j < l->n; j += step, tap++) {
        if (fresh) {
            *tap = taps_of(both, inputs_of(code, j, shape));
        }
        __m512i t = *tap, in = inputs_of(x, j, shape);
        for (uint32_t f = 0; f < filters; f++) {
            sum[f] = _mm512_dpwssd_epi32(sum[f], look_up(&w[f], t), in);
        }
    }
    for (uint32_t f = 0; f < filters; f++) {
        sum[f] = together(sum[f], shape);
    }
}

/* Inputs of a convolution, as pairs: the low 15 bits (with the sign) and the top
 * bit, if any has one. */
struct inputs {
    _Alignas(64) int32_t low[PAIRS], top[PAIRS];
    bool any_top;
};

static inline void inputs_make(const struct sparse7_plan *p, const struct sparse7_list *l,
                               struct inputs *in)
{
    in->any_top = false;
    if (p->halves) {
        _Alignas(64) int32_t low[SPARSE7_SLOTS + 16], top[SPARSE7_SLOTS + 16];
        __m512i any = _mm512_setzero_si512();
        for (uint32_t b = 0; b <= l->blocks; b++) {
            __m512i x = _mm512_load_si512(l->x + 16 * (size_t)b);
            /* a value below 0 has no top bit: the plan allows only one of the two */
            __m512i t = _mm512_max_epi32(_mm512_srai_epi32(x, 15), _mm512_setzero_si512());
            any = _mm512_or_si512(any, t);
            _mm512_store_si512(top + 16 * (size_t)b, t);
            _mm512_store_si512(low + 16 * (size_t)b, _mm512_sub_epi32(x, _mm512_slli_epi32(t, 15)));
        }
        in->any_top = _mm512_test_epi32_mask(any, any) != 0;
        to_pairs(low, l->blocks, in->low);
        to_pairs(top, l->blocks, in->top);
    } else {
        to_pairs(l->x, l->blocks, in->low);
    }
}

static inline void exact_conv(struct sparse7_state *s, const struct sparse7_list *l, uint32_t b,
                              const int32_t *code, const struct inputs *in, uint32_t filters,
                              enum shape shape, __m512i sum[SPARSE7_FILTERS])
{
    exact_sums(s, l, b, code, in->low, filters, filters == 1, shape, sum);
    if (__builtin_expect(in->any_top, 0)) {
        __m512i top[SPARSE7_FILTERS];
        exact_sums(s, l, b, code, in->top, filters, false, shape, top);
        for (uint32_t f = 0; f < filters; f++) {
            sum[f] = _mm512_add_epi32(sum[f], _mm512_slli_epi32(top[f], 15));
        }
    }
}

/* Whether block b is only a rest. */
static inline enum shape shape_of(const struct sparse7_list *l, uint32_t b)
{
    return l->n - 16 * b <= 4 ? REST : BLOCK;
}

static inline void run_exact(struct sparse7_state *s, struct sparse7_list *l)
{
    const struct sparse7_plan *p = s->plan;
    _Alignas(64) int32_t code[PAIRS];
    __m512i sum[SPARSE7_FILTERS];
    struct inputs in;
    to_pairs(l->code, l->blocks, code);
    inputs_make(p, l, &in);
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (shape_of(l, b) == BLOCK) {
            exact_conv(s, l, b, code, &in, 1, BLOCK, sum);
        } else {
            exact_conv(s, l, b, code, &in, 1, REST, sum);
        }
        _mm512_store_si512(l->x + 16 * (size_t)b, sparse7_between(p, l, b, sum[0]));
    }
    inputs_make(p, l, &in);
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (shape_of(l, b) == BLOCK) {
            exact_conv(s, l, b, code, &in, SPARSE7_FILTERS, BLOCK, sum);
        } else {
            exact_conv(s, l, b, code, &in, SPARSE7_FILTERS, REST, sum);
        }
        sparse7_features(p, l, b, sum);
    }
}

/* ---- rounded sums, 16 bits ---- */

enum { MAGIC = 0x4B000000 }; /* 2^23 as a float */

static inline void rounded_sums(struct sparse7_state *s, const struct sparse7_list *l, uint32_t b,
                                const int32_t *x, uint32_t filters, enum shape shape,
                                __m512i sum[SPARSE7_FILTERS])
{
    const struct sparse7_conv *c = &s->plan->conv[filters == 1 ? 0 : 1];
    struct weights w[SPARSE7_FILTERS];
    for (uint32_t f = 0; f < filters; f++) {
        w[f] = weights_of(c, f);
        sum[f] = _mm512_setzero_si512();
    }
    const __m512 magic = _mm512_castsi512_ps(_mm512_set1_epi32(MAGIC));
    __m512i out = outputs_of(l->code + 16 * (size_t)b, shape);
    out = _mm512_add_epi32(out, _mm512_set1_epi32(SPARSE7_CENTRE));
    __m512i *tap = s->tap + (size_t)b * SPARSE7_SLOTS;
    uint32_t step = shape == BLOCK ? 1 : 4, terms = 0;
    for (uint32_t j = 0; j < l->n; j += step, tap++, terms++) {
        if (filters == 1) {
            *tap = wide_taps_of(out, inputs_of(l->code, j, shape));
        }
        __m512i t = *tap;
        __m512 in = _mm512_castsi512_ps(inputs_of(x, j, shape));
        for (uint32_t f = 0; f < filters; f++) {
            __m512 y = _mm512_fmadd_round_ps(_mm512_cvtepi32_ps(look_up(&w[f], t)), in, magic,
                                             _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
            sum[f] = _mm512_add_epi32(sum[f], _mm512_castps_si512(y));
        }
    }
    __m512i magics = _mm512_set1_epi32((int32_t)(terms * (uint32_t)MAGIC));
    for (uint32_t f = 0; f < filters; f++) {
        sum[f] = together(_mm512_sub_epi32(sum[f], magics), shape);
    }
}

/* The inputs as floats, in units of the sum: exact, 16 bits and a power of two. */
static inline void to_floats(const struct sparse7_conv *c, const struct sparse7_list *l,
                             int32_t *to)
{
    __m512 unit = _mm512_castsi512_ps(_mm512_set1_epi32((127 - c->shift) << 23));
    for (uint32_t b = 0; b <= l->blocks; b++) {
        __m512 x = _mm512_cvtepi32_ps(_mm512_load_si512(l->x + 16 * (size_t)b));
        _mm512_store_si512(to + 16 * (size_t)b, _mm512_castps_si512(_mm512_mul_ps(x, unit)));
    }
}

static inline void run_rounded(struct sparse7_state *s, struct sparse7_list *l)
{
    const struct sparse7_plan *p = s->plan;
    _Alignas(64) int32_t x[SPARSE7_SLOTS + 16];
    __m512i sum[SPARSE7_FILTERS];
    to_floats(&p->conv[0], l, x);
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (shape_of(l, b) == BLOCK) {
            rounded_sums(s, l, b, x, 1, BLOCK, sum);
        } else {
            rounded_sums(s, l, b, x, 1, REST, sum);
        }
        _mm512_store_si512(l->x + 16 * (size_t)b, sparse7_between(p, l, b, sum[0]));
    }
    to_floats(&p->conv[1], l, x);
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (shape_of(l, b) == BLOCK) {
            rounded_sums(s, l, b, x, SPARSE7_FILTERS, BLOCK, sum);
        } else {
            rounded_sums(s, l, b, x, SPARSE7_FILTERS, REST, sum);
        }
        sparse7_features(p, l, b, sum);
    }
}

/* ---- the kernel ---- */

static void run(void *state, const struct window *w, int64_t *raw)
{
    struct sparse7_state *s = state;
    struct sparse7_list l;
    if (w->n_listed == 0) {
        raw[0] = s->empty;
        return;
    }
    sparse7_list_make(s->plan, w, &l);
    if (s->plan->sum == SPARSE7_EXACT) {
        run_exact(s, &l);
    } else if (s->plan->bytes) {
        sparse7_bytes_run(s, &l);
    } else {
        run_rounded(s, &l);
    }
    raw[0] = sparse7_tail(s, &l);
}

static void destroy(void *state)
{
    struct sparse7_state *s = state;
    sparse7_plan_destroy(&s->plan);
    free(s);
}

static void *create(const struct model *m, struct error *err)
{
    struct sparse7_state *s = aligned_alloc(64, sizeof *s);
    if (s != NULL) {
        memset(s, 0, sizeof *s);
        s->plan = sparse7_plan_create(m);
    }
    if (s == NULL || s->plan == NULL) {
        free(s);
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
        return NULL;
    }
    struct sparse7_list none = {0};
    s->empty = sparse7_tail(s, &none);
    return s;
}

const struct kernel sparse7_avx512_kernel = {
    .family = "avx512",
    .name = "avx512-sparse7",
    .help = "neutrino-shaped networks: two sparse convolutions up to 7 x 7, 64 slots",
    .matches = sparse7_matches,
    .create = create,
    .run = run,
    .destroy = destroy,
};
