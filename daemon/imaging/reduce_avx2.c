/* Eight rows of pixels at a time, for 6 ticks a bin and 4 bins a row; the steps of
 * reduce_avx512.c in registers of half the width:
 *
 *     ticks   12 loads (int16), 24 loads (float32)
 *     pairs   vpmaddwd by 1, or a horizontal add             12 registers of 8 pairs
 *     bins    pairs 3b, 3b+1, 3b+2                            4 registers of 8 bins
 *     rows    two rounds of horizontal adds                   1 register of 8 rows
 *
 * Three registers a, b, c hold 24 pairs. 8 is no multiple of 3, so the pairs 3b of
 * a, of b and of c lie in different lanes: two blends collect all of them, and one
 * permute brings them into order. The horizontal add of floats leaves its pairs in
 * the order 0 1 4 5 2 3 6 7; masks and permutes for floats are made for that.
 *
 * The last block of a wire ends with its last row and overlaps the one before;
 * rows that are done are not changed again, nor their bins counted. */
#include "imaging/reduce_kernel.h"

#include <float.h>
#include <immintrin.h>

enum { ROWS = 8, LINE_BYTES = 64, AHEAD_COUNTS = 16384, AHEAD_FLOAT = 8192 };

static bool fits(const struct plane_geometry *p)
{
    return p->pre.time_rebin == 6 && p->pre.pool_time == 4 && p->rows >= ROWS;
}

/* Asks for the lines that the block `ahead` bytes further on will load, all at once:
 * memory gives more to a few long runs of requests than to many short ones. */
static inline void prefetch(const unsigned char *at, int ahead, int bytes)
{
    for (int i = 0; i < bytes; i += LINE_BYTES)
        _mm_prefetch((const char *)at + ahead + i, _MM_HINT_T0);
}

/* After two rounds of horizontal adds, row 2j + g is element 4g + j. */
static inline __m256i rows_in_order(__m256i rows)
{
    return _mm256_permutevar8x32_epi32(rows, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* All bits in lanes from `skip`. */
static inline __m256i lanes_from(uint32_t skip)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(lane, _mm256_set1_epi32((int)skip - 1));
}

/* ---- int16 ----------------------------------------------------------------- */

struct counts_limits {
    __m256i pedestal, low, high;
};

static inline __m256i load_pairs_counts(const unsigned char *at)
{
    return _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(const void *)at),
                             _mm256_set1_epi16(1));
}

/* Pairs 3b, 3b+1 and 3b+2 of the 24 in a, b, c, added, for b = 0 .. 7. */
static inline __m256i add_thirds_counts(__m256i a, __m256i b, __m256i c)
{
    const __m256i order_0 = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5);
    const __m256i order_1 = _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6);
    const __m256i order_2 = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);
    __m256i x = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x92), c, 0x24);
    __m256i y = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x24), c, 0x49);
    __m256i z = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x49), c, 0x92);
    return _mm256_add_epi32(_mm256_add_epi32(_mm256_permutevar8x32_epi32(x, order_0),
                                             _mm256_permutevar8x32_epi32(y, order_1)),
                            _mm256_permutevar8x32_epi32(z, order_2));
}

/* 48 ticks to 8 bins, floored and clipped. */
static inline __m256i bins_counts(const unsigned char *at, const struct counts_limits *l)
{
    __m256i x = add_thirds_counts(load_pairs_counts(at), load_pairs_counts(at + 32),
                                  load_pairs_counts(at + 64));
    x = _mm256_sub_epi32(x, l->pedestal);
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(l->low, x), _mm256_min_epi32(x, l->high));
}

static inline __m256i rows_counts(const unsigned char *at, const struct counts_limits *l)
{
    prefetch(at, AHEAD_COUNTS, 384);
    __m256i ab = _mm256_hadd_epi32(bins_counts(at, l), bins_counts(at + 96, l));
    __m256i cd = _mm256_hadd_epi32(bins_counts(at + 192, l), bins_counts(at + 288, l));
    return rows_in_order(_mm256_hadd_epi32(ab, cd));
}

static void wire_counts(const struct reduce_scratch *s, const struct plane_geometry *p,
                        const unsigned char *wire, int32_t pedestal, int32_t *sum, bool first)
{
    if (!fits(p)) {
        reduce_scalar_kernel.wire_counts(s, p, wire, pedestal, sum, first);
        return;
    }
    const struct counts_limits l = {_mm256_set1_epi32(pedestal), _mm256_set1_epi32(p->floor_counts),
                                    _mm256_set1_epi32(p->clip_counts)};
    const uint32_t row_bytes = 24 * sizeof(int16_t);
    __m256i fresh = lanes_from(0);
    for (uint32_t done = 0; done < p->rows; done += ROWS) {
        uint32_t row = done;
        if (row > p->rows - ROWS) {
            row = p->rows - ROWS;
            fresh = lanes_from(done - row);
        }
        __m256i x = rows_counts(wire + (size_t)row * row_bytes, &l);
        __m256i *to = (__m256i *)(void *)(sum + row);
        __m256i old = _mm256_loadu_si256(to);
        if (!first)
            x = _mm256_add_epi32(old, x);
        _mm256_storeu_si256(to, _mm256_blendv_epi8(old, x, fresh));
    }
}

/* ---- float32 --------------------------------------------------------------- */

struct float_limits {
    __m256 pedestal, low, high;
};

/* 16 ticks to 8 pairs, in the order 0 1 4 5 2 3 6 7. */
static inline __m256 load_pairs_float(const unsigned char *at)
{
    const float *tick = (const float *)(const void *)at;
    return _mm256_hadd_ps(_mm256_loadu_ps(tick), _mm256_loadu_ps(tick + 8));
}

/* (pair 3b + pair 3b+1) + pair 3b+2, for b = 0 .. 7. */
static inline __m256 add_thirds_float(__m256 a, __m256 b, __m256 c)
{
    const __m256i order_0 = _mm256_setr_epi32(0, 5, 6, 1, 2, 7, 4, 3);
    const __m256i order_1 = _mm256_setr_epi32(1, 2, 7, 4, 3, 0, 5, 6);
    const __m256i order_2 = _mm256_setr_epi32(4, 3, 0, 5, 6, 1, 2, 7);
    __m256 x = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x86), c, 0x18);
    __m256 y = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x18), c, 0x61);
    __m256 z = _mm256_blend_ps(_mm256_blend_ps(a, b, 0x61), c, 0x86);
    return _mm256_add_ps(
        _mm256_add_ps(_mm256_permutevar8x32_ps(x, order_0), _mm256_permutevar8x32_ps(y, order_1)),
        _mm256_permutevar8x32_ps(z, order_2));
}

/* 48 ticks to 8 bins, floored and clipped; *finite: which of them were. */
static inline __m256 bins_float(const unsigned char *at, const struct float_limits *l,
                                uint32_t *finite)
{
    __m256 x = add_thirds_float(load_pairs_float(at), load_pairs_float(at + 64),
                                load_pairs_float(at + 128));
    x = _mm256_sub_ps(x, l->pedestal);
    __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    __m256 good = _mm256_cmp_ps(size, _mm256_set1_ps(FLT_MAX), _CMP_LE_OQ);
    __m256 kept = _mm256_and_ps(good, _mm256_cmp_ps(x, l->low, _CMP_GE_OQ));
    *finite = (uint32_t)_mm256_movemask_ps(good);
    return _mm256_and_ps(kept, _mm256_min_ps(l->high, x)); /* high < x ? high : x */
}

/* Bit i of *finite: bin i of the 32. */
static inline __m256 rows_float(const unsigned char *at, const struct float_limits *l,
                                uint32_t *finite)
{
    uint32_t f0, f1, f2, f3;
    prefetch(at, AHEAD_FLOAT, 768);
    __m256 ab = _mm256_hadd_ps(bins_float(at, l, &f0), bins_float(at + 192, l, &f1));
    __m256 cd = _mm256_hadd_ps(bins_float(at + 384, l, &f2), bins_float(at + 576, l, &f3));
    *finite = f0 | f1 << 8 | f2 << 16 | f3 << 24;
    return _mm256_castsi256_ps(rows_in_order(_mm256_castps_si256(_mm256_hadd_ps(ab, cd))));
}

static uint32_t wire_float(const struct reduce_scratch *s, const struct plane_geometry *p,
                           const unsigned char *wire, float pedestal, float *sum, bool first)
{
    if (!fits(p))
        return reduce_scalar_kernel.wire_float(s, p, wire, pedestal, sum, first);
    const struct float_limits l = {_mm256_set1_ps(pedestal),
                                   _mm256_set1_ps((float)p->pre.bin_floor),
                                   _mm256_set1_ps((float)p->pre.bin_clip)};
    const uint32_t row_bytes = 24 * sizeof(float);
    uint32_t bad = 0, skip = 0;
    for (uint32_t done = 0; done < p->rows; done += ROWS) {
        uint32_t row = done;
        if (row > p->rows - ROWS) {
            row = p->rows - ROWS;
            skip = done - row;
        }
        uint32_t finite;
        __m256 x = rows_float(wire + (size_t)row * row_bytes, &l, &finite);
        __m256 old = _mm256_loadu_ps(sum + row);
        if (!first)
            x = _mm256_add_ps(old, x);
        __m256 fresh = _mm256_castsi256_ps(lanes_from(skip));
        _mm256_storeu_ps(sum + row, _mm256_blendv_ps(old, x, fresh));
        if (~finite)
            bad += (uint32_t)__builtin_popcount(~finite >> (4 * skip));
    }
    return bad;
}

/* ---- hits ------------------------------------------------------------------ */

static void above_float(const float *sum, uint32_t words, float threshold, uint64_t *mask)
{
    const __m256 least = _mm256_set1_ps(threshold), zero = _mm256_setzero_ps();
    for (uint32_t w = 0; w < words; w++) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i += 8, sum += 8) {
            __m256 x = _mm256_load_ps(sum);
            __m256 hit = _mm256_and_ps(_mm256_cmp_ps(x, least, _CMP_GE_OQ),
                                       _mm256_cmp_ps(x, zero, _CMP_NEQ_UQ));
            mask[w] |= (uint64_t)(uint32_t)_mm256_movemask_ps(hit) << i;
        }
    }
}

static void above_counts(const int32_t *sum, uint32_t words, int32_t threshold, uint64_t *mask)
{
    const __m256i least = _mm256_set1_epi32(threshold), zero = _mm256_setzero_si256();
    for (uint32_t w = 0; w < words; w++) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i += 8, sum += 8) {
            __m256i x = _mm256_load_si256((const __m256i *)(const void *)sum);
            __m256i no = _mm256_or_si256(_mm256_cmpgt_epi32(least, x), _mm256_cmpeq_epi32(x, zero));
            uint32_t bits = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(no));
            mask[w] |= (uint64_t)(~bits & 0xff) << i;
        }
    }
}

const struct reduce_kernel reduce_avx2_kernel = {
    .name = "avx2",
    .wire_float = wire_float,
    .wire_counts = wire_counts,
    .above_float = above_float,
    .above_counts = above_counts,
};
