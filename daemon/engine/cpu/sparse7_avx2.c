/* How: the pixels are put on a grid of zeros with a border, and a convolution of
 * one slot is seven rows of eight taps around its place, times the weights (the
 * eighth column has none). What was put there is taken away behind each window, so
 * the grid is all 0 again without being cleared.
 *
 * Exact sums: 16-bit pixels and weights (vpmaddwd), two rows to a register; pixels
 * of 16 bits without a sign go in two parts, the low 15 bits and, where any is set,
 * the top bit. Rounded sums: a product is rounded by the one rounding of fma(w, x,
 * 2^23), and the floats are then added as integers; the thread's rounding mode is
 * looked at before.
 */
#include "engine/cpu/sparse7.h"
#include "engine/cpu/sparse7_cell.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 7, TAPS = 8, MAGIC = 0x4B000000 /* 2^23 as a float */ };

struct state {
    struct sparse7_plan *plan;
    int64_t empty;  /* the answer to a window without pixels */
    uint32_t width; /* of a row of the grid */
    int16_t *pixel; /* grids of (height + 6) x width, a border of 3 around the image; */
    float *real;    /* `pixel` for exact sums, `real` for rounded ones */
    /* [convolution][filter][row], and a row of zeros */
    _Alignas(32) int16_t weight[2][SPARSE7_FILTERS][ROWS + 1][TAPS];
    _Alignas(32) float scaled[2][SPARSE7_FILTERS][ROWS][TAPS];
    _Alignas(32) int32_t sum[SPARSE7_CELLS + 1][4]; /* of pooled places, 0 between windows */
};

/* A window's slots; arrays have a whole number of registers. */
struct list {
    uint32_t n;
    uint32_t at[SPARSE7_SLOTS];   /* the corner of a slot's field on the grid */
    uint32_t cell[SPARSE7_SLOTS]; /* its pooled place */
    _Alignas(32) int32_t x[SPARSE7_SLOTS];
    _Alignas(32) int32_t computed[SPARSE7_SLOTS]; /* -1, or 0 where masked */
    _Alignas(32) int32_t sum[SPARSE7_SLOTS][4];   /* [slot][filter] of the convolution */
};

/* ---- the list ---- */

static __m256i eight(const struct sparse7_steps *s, __m256i x, size_t at)
{
    for (int i = 0; i < s->n; i++) {
        const struct sparse7_step *p = &s->step[i];
        __m128i shift = _mm_cvtsi32_si128(p->shift >= 0 ? p->shift : -p->shift);
        x = p->rectify ? _mm256_max_epi32(x, _mm256_setzero_si256()) : x;
        __m256i t = _mm256_add_epi32(x, *(const __m256i *)(p->add + at));
        if (p->to_even) {
            __m256i odd = _mm256_and_si256(_mm256_srl_epi32(x, shift), _mm256_set1_epi32(1));
            t = _mm256_add_epi32(t, odd);
        }
        if (p->masks) {
            __m256i sign = *(const __m256i *)(p->sign + at);
            t = _mm256_and_si256(t, *(const __m256i *)(p->mask + at));
            t = _mm256_sub_epi32(_mm256_xor_si256(t, sign), sign);
        }
        if (p->clamps) {
            t = _mm256_max_epi32(t, *(const __m256i *)(p->lo + at));
            t = _mm256_min_epi32(t, *(const __m256i *)(p->hi + at));
        }
        x = p->shift >= 0 ? _mm256_sra_epi32(t, shift) : _mm256_sll_epi32(t, shift);
    }
    return x;
}

/* -1 in the first n - at of eight lanes. */
static __m256i used_lanes(uint32_t n, uint32_t at)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)(n - at)), lane);
}

static __m256i not_zero(__m256i x)
{
    __m256i zero = _mm256_cmpeq_epi32(x, _mm256_setzero_si256());
    return _mm256_xor_si256(zero, _mm256_set1_epi32(-1));
}

static void list_make(const struct state *s, const struct window *w, struct list *l)
{
    const struct sparse7_plan *p = s->plan;
    l->n = w->n_listed;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t row = w->place[i].row, col = w->place[i].col;
        uint32_t r = row * p->cell_mul_h >> 16, c = col * p->cell_mul_w >> 16;
        bool inside = r < p->pooled_height && c < p->pooled_width;
        l->at[i] = row * s->width + col;
        l->cell[i] = inside ? r * p->pooled_width + c : p->cells;
    }
    for (uint32_t i = 0; i < l->n; i += 8) {
        __m256i used = used_lanes(l->n, i);
        __m256i x = eight(&p->listed, _mm256_maskload_epi32(w->value + i, used), 0);
        __m256i computed = p->conv[0].mask_slot ? used : not_zero(x);
        _mm256_store_si256((__m256i *)(l->x + i), x);
        _mm256_store_si256((__m256i *)(l->computed + i), computed);
    }
}

/* ---- sums ---- */

/* Eight lanes of each filter, added up: one lane a filter. */
static inline __m128i add_up(const __m256i acc[SPARSE7_FILTERS], uint32_t filters)
{
    __m256i b = filters > 1 ? acc[1] : _mm256_setzero_si256();
    __m256i c = filters > 1 ? acc[2] : _mm256_setzero_si256();
    __m256i ab = _mm256_hadd_epi32(acc[0], b);
    __m256i cc = _mm256_hadd_epi32(c, _mm256_setzero_si256());
    __m256i all = _mm256_hadd_epi32(ab, cc);
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

static inline __m256i two_rows(const int16_t *at, uint32_t width)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)at)),
                                   _mm_loadu_si128((const __m128i *)(at + width)), 1);
}

static inline void exact_sums(const struct state *s, struct list *l, uint32_t filters)
{
    const int16_t(*weight)[ROWS + 1][TAPS] = s->weight[filters > 1];
    for (uint32_t i = 0; i < l->n; i++) {
        const int16_t *at = s->pixel + l->at[i];
        __m256i rows[4];
        for (uint32_t r = 0; r < 3; r++) {
            rows[r] = two_rows(at + 2 * r * s->width, s->width);
        }
        rows[3] = _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(at + 6 * s->width)));
        __m256i acc[SPARSE7_FILTERS];
        for (uint32_t f = 0; f < filters; f++) {
            const __m256i *w = (const __m256i *)weight[f];
            acc[f] = _mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(rows[0], w[0]),
                                                       _mm256_madd_epi16(rows[1], w[1])),
                                      _mm256_add_epi32(_mm256_madd_epi16(rows[2], w[2]),
                                                       _mm256_madd_epi16(rows[3], w[3])));
        }
        _mm_store_si128((__m128i *)l->sum[i], add_up(acc, filters));
    }
}

static inline void rounded_sums(const struct state *s, struct list *l, uint32_t filters)
{
    const float(*weight)[ROWS][TAPS] = s->scaled[filters > 1];
    const __m256 magic = _mm256_castsi256_ps(_mm256_set1_epi32(MAGIC));
    const uint32_t magics = (uint32_t)(ROWS * TAPS) * (uint32_t)MAGIC;
    for (uint32_t i = 0; i < l->n; i++) {
        const float *at = s->real + l->at[i];
        __m256i acc[SPARSE7_FILTERS];
        for (uint32_t f = 0; f < filters; f++) {
            acc[f] = _mm256_setzero_si256();
        }
        for (uint32_t r = 0; r < ROWS; r++) {
            __m256 x = _mm256_loadu_ps(at + r * s->width);
            for (uint32_t f = 0; f < filters; f++) {
                __m256 y = _mm256_fmadd_ps(x, _mm256_load_ps(weight[f][r]), magic);
                acc[f] = _mm256_add_epi32(acc[f], _mm256_castps_si256(y));
            }
        }
        __m128i sum = add_up(acc, filters);
        sum = _mm_sub_epi32(sum, _mm_set1_epi32((int32_t)magics));
        _mm_store_si128((__m128i *)l->sum[i], sum);
    }
}

/* Puts part of each input on the grid: its bits under `mask`, moved down. */
static bool put_part(struct state *s, const struct list *l, int32_t mask, int shift)
{
    int32_t any = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        int32_t part = (l->x[i] & mask) >> shift;
        s->pixel[l->at[i] + 3 * s->width + 3] = (int16_t)part;
        any |= part;
    }
    return any != 0;
}

/* The sums of inputs that may need all 16 bits without a sign. */
static void exact_sums_in_parts(struct state *s, struct list *l, uint32_t filters)
{
    int32_t low[SPARSE7_SLOTS][4];
    if (!put_part(s, l, 0x8000, 15)) {
        (void)put_part(s, l, -1, 0);
        exact_sums(s, l, filters);
        return;
    }
    (void)put_part(s, l, 0x7FFF, 0);
    exact_sums(s, l, filters);
    memcpy(low, l->sum, sizeof low);
    (void)put_part(s, l, 0x8000, 15);
    exact_sums(s, l, filters);
    for (uint32_t i = 0; i < l->n; i++) {
        for (uint32_t f = 0; f < filters; f++) {
            l->sum[i][f] = (int32_t)((uint32_t)low[i][f] + ((uint32_t)l->sum[i][f] << 15));
        }
    }
}

static inline void sums(struct state *s, struct list *l, uint32_t filters)
{
    if (s->plan->sum == SPARSE7_ROUNDED) {
        for (uint32_t i = 0; i < l->n; i++) {
            s->real[l->at[i] + 3 * s->width + 3] = (float)l->x[i];
        }
        rounded_sums(s, l, filters);
    } else if (s->plan->halves) {
        exact_sums_in_parts(s, l, filters);
    } else {
        (void)put_part(s, l, -1, 0);
        exact_sums(s, l, filters);
    }
}

static void grid_clear(struct state *s, const struct list *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        size_t at = l->at[i] + 3 * s->width + 3;
        if (s->plan->sum == SPARSE7_ROUNDED) {
            s->real[at] = 0;
        } else {
            s->pixel[at] = 0;
        }
    }
}

/* ---- between sums ---- */

/* The first convolution's sums become the second one's inputs. */
static void between(const struct sparse7_plan *p, struct list *l)
{
    const struct sparse7_conv *c = &p->conv[0];
    const __m256i bias = _mm256_set1_epi32(c->bias[0]), limit = _mm256_set1_epi32(c->limit);
    const __m256i stride = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    for (uint32_t i = 0; i < l->n; i += 8) {
        __m256i used = used_lanes(l->n, i);
        __m256i x = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), l->sum[i], stride, used, 4);
        if (p->sum == SPARSE7_ROUNDED) {
            x = _mm256_min_epi32(x, limit);
        }
        x = _mm256_add_epi32(x, _mm256_and_si256(bias, not_zero(x)));
        if (p->sum == SPARSE7_ROUNDED) {
            x = _mm256_max_epi32(_mm256_min_epi32(x, limit), _mm256_setzero_si256());
        }
        x = eight(&p->between, x, 0);
        x = _mm256_and_si256(x, *(const __m256i *)(l->computed + i));
        _mm256_store_si256((__m256i *)(l->x + i), x);
        _mm256_store_si256((__m256i *)(l->computed + i), p->conv[1].mask_slot ? used : not_zero(x));
    }
}

/* A slot's features: the second convolution's sums, one lane a filter. */
static inline __m128i features(const struct sparse7_plan *p, const struct list *l, uint32_t i)
{
    const struct sparse7_conv *c = &p->conv[1];
    const __m128i bias = _mm_setr_epi32(c->bias[0], c->bias[1], c->bias[2], 0);
    const __m128i limit = _mm_set1_epi32(c->limit), zero = _mm_setzero_si128();
    __m128i x = *(const __m128i *)l->sum[i];
    if (p->sum == SPARSE7_ROUNDED) {
        x = _mm_min_epi32(x, limit);
    }
    x = _mm_add_epi32(x, _mm_andnot_si128(_mm_cmpeq_epi32(x, zero), bias));
    if (p->sum == SPARSE7_ROUNDED) {
        x = _mm_max_epi32(_mm_min_epi32(x, limit), zero);
    }
    x = sparse7_four(&p->features, x, 0);
    return _mm_and_si128(x, _mm_set1_epi32(l->computed[i]));
}

/* ---- the tail: pool, dense, dense ---- */

/* Takes a place's sum, leaving 0, and adds its share of the dense layer. */
static inline void take_cell(struct state *s, uint32_t cell, __m256i acc[2])
{
    const struct sparse7_plan *p = s->plan;
    __m128i *sum = (__m128i *)s->sum[cell];
    __m128i x = sparse7_four(&p->pooled, sparse7_average(&p->pool, *sum), 4 * (size_t)cell);
    *sum = _mm_setzero_si128();
    x = _mm_packs_epi32(x, x); /* the plan proved 16 bits */
    const __m256i *w = (const __m256i *)p->dense1[cell];
    __m256i a = _mm256_broadcastd_epi32(x), b = _mm256_broadcastd_epi32(_mm_srli_epi64(x, 32));
    for (int h = 0; h < 2; h++) {
        acc[h] = _mm256_add_epi32(
            acc[h], _mm256_add_epi32(_mm256_madd_epi16(a, w[h]), _mm256_madd_epi16(b, w[2 + h])));
    }
}

static int64_t tail(struct state *s, const struct list *l)
{
    const struct sparse7_plan *p = s->plan;
    uint64_t touched[SPARSE7_CELLS / 64 + 1] = {0};
    for (uint32_t i = 0; i < l->n; i++) {
        __m128i *sum = (__m128i *)s->sum[l->cell[i]];
        *sum = _mm_add_epi32(*sum, features(p, l, i));
        touched[l->cell[i] / 64] |= UINT64_C(1) << (l->cell[i] % 64);
    }
    __m256i acc[2] = {_mm256_load_si256((const __m256i *)p->dense1_bias),
                      _mm256_load_si256((const __m256i *)(p->dense1_bias + 8))};
    for (uint32_t k = 0; k <= SPARSE7_CELLS / 64; k++) {
        for (uint64_t bits = touched[k]; bits != 0; bits &= bits - 1) {
            take_cell(s, 64 * k + (uint32_t)__builtin_ctzll(bits), acc);
        }
    }
    __m256i total = _mm256_setzero_si256();
    for (size_t h = 0; h < 2; h++) {
        __m256i x = eight(&p->hidden, acc[h], 8 * h);
        x = _mm256_mullo_epi32(x, *(const __m256i *)(p->dense2 + 8 * h));
        total = _mm256_add_epi32(total, _mm256_sra_epi32(x, _mm_cvtsi32_si128(p->dense2_shift)));
    }
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4E));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0xB1));
    q = _mm_add_epi32(q, _mm_cvtsi32_si128(p->dense2_bias));
    return sparse7_finish(p, sparse7_steps_apply(&p->last, _mm_cvtsi128_si32(q), 0));
}

/* ---- the kernel ---- */

static void run(void *state, const struct window *w, int64_t *raw)
{
    struct state *s = state;
    struct list l;
    if (w->n_listed == 0) {
        raw[0] = s->empty;
        return;
    }
    unsigned mode = _mm_getcsr();
    bool other_rounding = (mode & _MM_ROUND_MASK) != _MM_ROUND_NEAREST;
    if (other_rounding) {
        _mm_setcsr(mode & ~(unsigned)_MM_ROUND_MASK);
    }
    list_make(s, w, &l);
    sums(s, &l, 1);
    between(s->plan, &l);
    sums(s, &l, SPARSE7_FILTERS);
    grid_clear(s, &l);
    raw[0] = tail(s, &l);
    if (other_rounding) {
        _mm_setcsr(mode);
    }
}

static void destroy(void *state)
{
    struct state *s = state;
    sparse7_plan_destroy(&s->plan);
    free(s->pixel);
    free(s->real);
    free(s);
}

/* The weights as the grid meets them: the tap of row r, column k of a field is the
 * entry (6 - r, 6 - k) of the plan's table. */
static void weights_make(struct state *s)
{
    for (uint32_t i = 0; i < 2 * SPARSE7_FILTERS * ROWS * (TAPS - 1); i++) {
        uint32_t k = i % (TAPS - 1), r = i / (TAPS - 1) % ROWS;
        uint32_t f = i / (TAPS - 1) / ROWS % SPARSE7_FILTERS;
        uint32_t which = i / (TAPS - 1) / ROWS / SPARSE7_FILTERS;
        const struct sparse7_conv *c = &s->plan->conv[which];
        int16_t w = c->weight[f][(6 - r) * 8 + 6 - k];
        s->weight[which][f][r][k] = w;
        s->scaled[which][f][r][k] = (float)w / (float)(UINT32_C(1) << c->shift);
    }
}

static void *create(const struct model *m, struct error *err)
{
    struct state *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (s != NULL) {
        memset(s, 0, sizeof *s);
        s->plan = sparse7_plan_create(m);
        s->width = m->width + TAPS;
        s->pixel = calloc((size_t)(m->height + 6) * s->width, sizeof *s->pixel);
        s->real = calloc((size_t)(m->height + 6) * s->width, sizeof *s->real);
    }
    if (s == NULL || s->plan == NULL || s->pixel == NULL || s->real == NULL) {
        if (s != NULL) {
            destroy(s);
        }
        (void)error_set(err, ERROR_SYSTEM, "%s: no memory for an engine", m->path);
        return NULL;
    }
    weights_make(s);
    struct list none = {0};
    s->empty = tail(s, &none);
    return s;
}

const struct kernel sparse7_avx2_kernel = {
    .family = "avx2",
    .name = "avx2-sparse7",
    .help = "neutrino-shaped networks: two sparse convolutions up to 7 x 7, 64 slots",
    .matches = sparse7_matches,
    .create = create,
    .run = run,
    .destroy = destroy,
};
