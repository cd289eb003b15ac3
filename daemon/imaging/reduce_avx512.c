/* Sixteen rows of pixels at a time, for 6 ticks a bin and 4 bins a row; a wire's
 * samples go from memory to sixteen sums in registers:
 *
 *     ticks   12 loads (int16), 24 loads (float32)
 *     pairs   vpmaddwd by 1, or even + odd ticks            12 registers of 16 pairs
 *     bins    pairs 3b, 3b+1, 3b+2                           4 registers of 16 bins
 *     rows    two rounds of even + odd, as shuffles          1 register of 16 rows
 *
 * Three registers a, b, c hold 48 pairs in order. 16 is no multiple of 3, so the
 * pairs 3b of a, of b and of c lie in different lanes: two blends collect all of
 * them, and one permute brings them into order. The same for 3b+1 and 3b+2.
 *
 * The last block of a wire ends with its last row and overlaps the one before;
 * rows that are done are not written again, nor their bins counted. So nothing
 * beyond the last row is read, and no step needs a mask on its loads.
 *
 * The samples come from memory, one wire after the other: lines are asked for
 * AHEAD_ bytes before they are used, across the 4 KiB pages at which the
 * processor's own prefetching ends. A prefetch behind the end of a buffer does
 * nothing. The distances are measured (sparse-bench imaging).
 *
 * Other factors take the scalar kernel's way to sums. */
#include "imaging/reduce_kernel.h"

#include <float.h>
#include <immintrin.h>

enum { ROWS = 16, LINE_BYTES = 64, AHEAD_COUNTS = 16384, AHEAD_FLOAT = 8192 };

static bool fits(const struct plane_geometry *p)
{
    return p->pre.time_rebin == 6 && p->pre.pool_time == 4 && p->rows >= ROWS;
}

/* Asks for the lines that the block `ahead` bytes further on will load. */
static inline void prefetch(const unsigned char *at, int ahead, int bytes)
{
    for (int i = 0; i < bytes; i += LINE_BYTES)
        _mm_prefetch((const char *)at + ahead + i, _MM_HINT_T0);
}

/* Lanes in which pairs k with k % 3 = 0, 1, 2 lie, if pair 0 is in lane 0. */
enum { THIRD_0 = 0x9249, THIRD_1 = 0x2492, THIRD_2 = 0x4924 };

static inline __m512i blend3(__m512i a, __mmask16 in_b, __m512i b, __mmask16 in_c, __m512i c)
{
    return _mm512_mask_mov_epi32(_mm512_mask_mov_epi32(a, in_b, b), in_c, c);
}

/* Pairs 3b + k of the 48 in a, b, c, for b = 0 .. 15. */
static inline __m512i every_third_0(__m512i a, __m512i b, __m512i c)
{
    const __m512i order = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13);
    return _mm512_permutexvar_epi32(order, blend3(a, THIRD_2, b, THIRD_1, c));
}

static inline __m512i every_third_1(__m512i a, __m512i b, __m512i c)
{
    const __m512i order = _mm512_setr_epi32(1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14);
    return _mm512_permutexvar_epi32(order, blend3(a, THIRD_0, b, THIRD_2, c));
}

static inline __m512i every_third_2(__m512i a, __m512i b, __m512i c)
{
    const __m512i order = _mm512_setr_epi32(2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15);
    return _mm512_permutexvar_epi32(order, blend3(a, THIRD_1, b, THIRD_0, c));
}

/* Of each four lanes of a, then of b: elements 0 and 2, or 1 and 3. */
static inline __m512 evens(__m512 a, __m512 b)
{
    return _mm512_shuffle_ps(a, b, 0x88);
}

static inline __m512 odds(__m512 a, __m512 b)
{
    return _mm512_shuffle_ps(a, b, 0xdd);
}

/* After two rounds of evens and odds, row 4j + g is element 4g + j. */
static inline __m512i rows_in_order(__m512i rows)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, rows);
}

/* ---- int16 ----------------------------------------------------------------- */

struct counts_limits {
    __m512i pedestal, low, high;
};

static inline __m512i load_pairs_counts(const unsigned char *at)
{
    return _mm512_madd_epi16(_mm512_loadu_si512(at), _mm512_set1_epi16(1));
}

/* 96 ticks to 16 bins, floored and clipped. */
static inline __m512i bins_counts(const unsigned char *at, const struct counts_limits *l)
{
    __m512i a = load_pairs_counts(at);
    __m512i b = load_pairs_counts(at + 64);
    __m512i c = load_pairs_counts(at + 128);
    __m512i x = _mm512_add_epi32(_mm512_add_epi32(every_third_0(a, b, c), every_third_1(a, b, c)),
                                 every_third_2(a, b, c));
    x = _mm512_sub_epi32(x, l->pedestal);
    return _mm512_maskz_min_epi32(_mm512_cmpge_epi32_mask(x, l->low), x, l->high);
}

static inline __m512i add_neighbours_counts(__m512i a, __m512i b)
{
    __m512 x = _mm512_castsi512_ps(a), y = _mm512_castsi512_ps(b);
    return _mm512_add_epi32(_mm512_castps_si512(evens(x, y)), _mm512_castps_si512(odds(x, y)));
}

static inline __m512i rows_counts(const unsigned char *at, const struct counts_limits *l)
{
    prefetch(at, AHEAD_COUNTS, 768);
    __m512i ab = add_neighbours_counts(bins_counts(at, l), bins_counts(at + 192, l));
    __m512i cd = add_neighbours_counts(bins_counts(at + 384, l), bins_counts(at + 576, l));
    return rows_in_order(add_neighbours_counts(ab, cd));
}

static void wire_counts(const struct reduce_scratch *s, const struct plane_geometry *p,
                        const unsigned char *wire, int32_t pedestal, int32_t *sum, bool first)
{
    if (!fits(p)) {
        reduce_scalar_kernel.wire_counts(s, p, wire, pedestal, sum, first);
        return;
    }
    const struct counts_limits l = {_mm512_set1_epi32(pedestal), _mm512_set1_epi32(p->floor_counts),
                                    _mm512_set1_epi32(p->clip_counts)};
    const uint32_t row_bytes = 24 * sizeof(int16_t);
    __mmask16 fresh = 0xffff;
    for (uint32_t done = 0; done < p->rows; done += ROWS) {
        uint32_t row = done;
        if (row > p->rows - ROWS) {
            row = p->rows - ROWS;
            fresh = (__mmask16)(0xffffu << (done - row));
        }
        __m512i x = rows_counts(wire + (size_t)row * row_bytes, &l);
        if (!first)
            x = _mm512_add_epi32(_mm512_loadu_si512(sum + row), x);
        _mm512_mask_storeu_epi32(sum + row, fresh, x);
    }
}

/* ---- float32 --------------------------------------------------------------- */

struct float_limits {
    __m512 pedestal, low, high;
};

/* 32 ticks to 16 pairs. */
static inline __m512i load_pairs_float(const unsigned char *at)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd =
        _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    __m512 a = _mm512_loadu_ps(at), b = _mm512_loadu_ps(at + 64);
    return _mm512_castps_si512(
        _mm512_add_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b)));
}

/* 96 ticks to 16 bins, floored and clipped; *finite: which of them were. */
static inline __m512 bins_float(const unsigned char *at, const struct float_limits *l,
                                __mmask16 *finite)
{
    __m512i a = load_pairs_float(at);
    __m512i b = load_pairs_float(at + 128);
    __m512i c = load_pairs_float(at + 256);
    __m512 x = _mm512_add_ps(_mm512_add_ps(_mm512_castsi512_ps(every_third_0(a, b, c)),
                                           _mm512_castsi512_ps(every_third_1(a, b, c))),
                             _mm512_castsi512_ps(every_third_2(a, b, c)));
    x = _mm512_sub_ps(x, l->pedestal);
    *finite = _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(FLT_MAX), _CMP_LE_OQ);
    __mmask16 kept = _mm512_mask_cmp_ps_mask(*finite, x, l->low, _CMP_GE_OQ);
    return _mm512_maskz_min_ps(kept, l->high, x); /* high < x ? high : x */
}

static inline __m512 add_neighbours_float(__m512 a, __m512 b)
{
    return _mm512_add_ps(evens(a, b), odds(a, b));
}

/* Bit i of *finite: bin i of the 64. The loop must stay a loop, so its step is hidden
 * from the compiler: the processor's own prefetching goes by the place of a load in the
 * program, and sees six streams of 384 bytes a step here, where an unrolled loop has 24
 * of 1,536. Lines are asked for a few at a time, for the same reason. */
static inline __m512 rows_float(const unsigned char *at, const struct float_limits *l,
                                uint64_t *finite)
{
    enum { STEP = 384, STEPS = 4 };
    __m512 bins[STEPS];
    *finite = 0;
    for (int i = 0; i < STEPS; i++) {
        __mmask16 good;
        prefetch(at, AHEAD_FLOAT, STEP);
        bins[i] = bins_float(at, l, &good);
        *finite |= (uint64_t)good << (16 * i);
        at += STEP;
        __asm__ volatile("" : "+r"(at), "+r"(i));
    }
    __m512 ab = add_neighbours_float(bins[0], bins[1]);
    __m512 cd = add_neighbours_float(bins[2], bins[3]);
    __m512i rows = _mm512_castps_si512(add_neighbours_float(ab, cd));
    return _mm512_castsi512_ps(rows_in_order(rows));
}

static uint32_t wire_float(const struct reduce_scratch *s, const struct plane_geometry *p,
                           const unsigned char *wire, float pedestal, float *sum, bool first)
{
    if (!fits(p))
        return reduce_scalar_kernel.wire_float(s, p, wire, pedestal, sum, first);
    const struct float_limits l = {_mm512_set1_ps(pedestal),
                                   _mm512_set1_ps((float)p->pre.bin_floor),
                                   _mm512_set1_ps((float)p->pre.bin_clip)};
    const uint32_t row_bytes = 24 * sizeof(float);
    uint32_t bad = 0, skip = 0;
    for (uint32_t done = 0; done < p->rows; done += ROWS) {
        uint32_t row = done;
        if (row > p->rows - ROWS) {
            row = p->rows - ROWS;
            skip = done - row;
        }
        uint64_t finite;
        __m512 x = rows_float(wire + (size_t)row * row_bytes, &l, &finite);
        if (!first)
            x = _mm512_add_ps(_mm512_loadu_ps(sum + row), x);
        _mm512_mask_storeu_ps(sum + row, (__mmask16)(0xffffu << skip), x);
        if (~finite)
            bad += (uint32_t)__builtin_popcountll(~finite >> (4 * skip));
    }
    return bad;
}

/* ---- hits ------------------------------------------------------------------ */

static void above_float(const float *sum, uint32_t words, float threshold, uint64_t *mask)
{
    const __m512 least = _mm512_set1_ps(threshold), zero = _mm512_setzero_ps();
    for (uint32_t w = 0; w < words; w++) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i += 16, sum += 16) {
            __m512 x = _mm512_load_ps(sum);
            __mmask16 hit = _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(x, least, _CMP_GE_OQ), x,
                                                    zero, _CMP_NEQ_UQ);
            mask[w] |= (uint64_t)hit << i;
        }
    }
}

static void above_counts(const int32_t *sum, uint32_t words, int32_t threshold, uint64_t *mask)
{
    const __m512i least = _mm512_set1_epi32(threshold);
    for (uint32_t w = 0; w < words; w++) {
        mask[w] = 0;
        for (uint32_t i = 0; i < 64; i += 16, sum += 16) {
            __m512i x = _mm512_load_si512(sum);
            __mmask16 hit = _mm512_mask_test_epi32_mask(_mm512_cmpge_epi32_mask(x, least), x, x);
            mask[w] |= (uint64_t)hit << i;
        }
    }
}

const struct reduce_kernel reduce_avx512_kernel = {
    .name = "avx512",
    .wire_float = wire_float,
    .wire_counts = wire_counts,
    .above_float = above_float,
    .above_counts = above_counts,
};
