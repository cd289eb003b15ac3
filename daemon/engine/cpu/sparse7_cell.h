/* sparse7_cell: four lanes at a time, a pooled place's three filters and a 0, for
 * the AVX2 and AVX-512 kernels. Only for files compiled with the flags of either.
 */
#ifndef SPARSED_ENGINE_CPU_SPARSE7_CELL_H
#define SPARSED_ENGINE_CPU_SPARSE7_CELL_H

#include "engine/cpu/sparse7.h"

#include <immintrin.h>

/* The average of a place's sum, on the pool's grid. */
static inline __m128i sparse7_average(const struct sparse7_pool *q, __m128i sum)
{
    sum = _mm_min_epi32(sum, _mm_set1_epi32(q->limit));
    __m128i shift = _mm_cvtsi32_si128(q->shift);
    if (q->wide) {
        __m256i t = _mm256_mul_epu32(_mm256_cvtepu32_epi64(sum), _mm256_set1_epi64x(q->factor));
        __m256i r = _mm256_add_epi64(t, _mm256_set1_epi64x(q->add));
        if (q->to_even) {
            __m256i odd = _mm256_and_si256(_mm256_srl_epi64(t, shift), _mm256_set1_epi64x(1));
            r = _mm256_add_epi64(r, odd);
        }
        const __m256i low_halves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
        r = _mm256_permutevar8x32_epi32(_mm256_srl_epi64(r, shift), low_halves);
        return _mm256_castsi256_si128(r);
    }
    __m128i t = _mm_mullo_epi32(sum, _mm_set1_epi32((int32_t)q->factor));
    __m128i r = _mm_add_epi32(t, _mm_set1_epi32((int32_t)q->add));
    if (q->to_even) {
        r = _mm_add_epi32(r, _mm_and_si128(_mm_srl_epi32(t, shift), _mm_set1_epi32(1)));
    }
    return _mm_srl_epi32(r, shift);
}

/* Steps of lanes at .. at + 3; `at` is a multiple of 4. */
static inline __m128i sparse7_four(const struct sparse7_steps *s, __m128i x, size_t at)
{
    for (int i = 0; i < s->n; i++) {
        const struct sparse7_step *p = &s->step[i];
        __m128i shift = _mm_cvtsi32_si128(p->shift >= 0 ? p->shift : -p->shift);
        x = p->rectify ? _mm_max_epi32(x, _mm_setzero_si128()) : x;
        __m128i t = _mm_add_epi32(x, *(const __m128i *)(p->add + at));
        if (p->to_even) {
            __m128i odd = _mm_and_si128(_mm_srl_epi32(x, shift), _mm_set1_epi32(1));
            t = _mm_add_epi32(t, odd);
        }
        if (p->masks) {
            __m128i sign = *(const __m128i *)(p->sign + at);
            t = _mm_and_si128(t, *(const __m128i *)(p->mask + at));
            t = _mm_sub_epi32(_mm_xor_si128(t, sign), sign);
        }
        if (p->clamps) {
            t = _mm_max_epi32(t, *(const __m128i *)(p->lo + at));
            t = _mm_min_epi32(t, *(const __m128i *)(p->hi + at));
        }
        x = p->shift >= 0 ? _mm_sra_epi32(t, shift) : _mm_sll_epi32(t, shift);
    }
    return x;
}

#endif
