/* dense_lanes: vectors as wide as this file's instruction set has them.
 *
 * Included only by NAME_avx2.c and NAME_avx512.c, so that one text of a kernel
 * serves both. Arithmetic is the compilers' own on vectors; what they have no
 * operator for is one of the functions below. Integers wrap: kernels prove that
 * they do not, or that only low bits matter.
 */
#ifndef SPARSED_ENGINE_CPU_DENSE_LANES_H
#define SPARSED_ENGINE_CPU_DENSE_LANES_H

#include "engine/cpu/dense_cast.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES_BYTES 64
#else
#define LANES_BYTES 32
#endif

enum { LANES_64 = LANES_BYTES / 8, LANES_32 = LANES_BYTES / 4 };

typedef int64_t lanes_i64 __attribute__((vector_size(LANES_BYTES)));
typedef uint64_t lanes_u64 __attribute__((vector_size(LANES_BYTES)));
typedef int32_t lanes_i32 __attribute__((vector_size(LANES_BYTES)));
typedef uint32_t lanes_u32 __attribute__((vector_size(LANES_BYTES)));
typedef float lanes_f32 __attribute__((vector_size(LANES_BYTES)));
typedef int32_t lanes_half_i32 __attribute__((vector_size(LANES_BYTES / 2)));

/* The same in memory, at any address. Not memcpy: gcc splits one of 64 bytes in
 * halves and keeps the vector in memory for it. */
typedef int64_t lanes_at_i64 __attribute__((vector_size(LANES_BYTES), aligned(8), may_alias));
typedef int32_t lanes_at_i32 __attribute__((vector_size(LANES_BYTES), aligned(4), may_alias));
typedef int32_t lanes_half_at_i32
    __attribute__((vector_size(LANES_BYTES / 2), aligned(4), may_alias));

static inline lanes_i64 lanes_load_i64(const int64_t *from)
{
    return *(const lanes_at_i64 *)from;
}

static inline lanes_i32 lanes_load_i32(const int32_t *from)
{
    return *(const lanes_at_i32 *)from;
}

static inline void lanes_store_i64(int64_t *to, lanes_i64 x)
{
    *(lanes_at_i64 *)to = x;
}

static inline void lanes_store_i32(int32_t *to, lanes_i32 x)
{
    *(lanes_at_i32 *)to = x;
}

/* LANES_64 of them. */
static inline lanes_i64 lanes_widen(const int32_t *from)
{
    lanes_half_i32 x = *(const lanes_half_at_i32 *)from;
    return __builtin_convertvector(x, lanes_i64);
}

static inline lanes_i64 lanes_splat_i64(int64_t x)
{
    return x - (lanes_i64){0};
}

static inline lanes_i32 lanes_splat_i32(int32_t x)
{
    return x - (lanes_i32){0};
}

static inline lanes_i64 lanes_select_i64(lanes_i64 condition, lanes_i64 yes, lanes_i64 no)
{
    return (condition & yes) | (~condition & no);
}

/* Products of the low 32 bits of each lane, signed, 64 bits wide. */
static inline lanes_i64 lanes_multiply(lanes_i64 a, lanes_i64 b)
{
#if defined(__AVX512F__)
    return (lanes_i64)_mm512_mul_epi32((__m512i)a, (__m512i)b);
#else
    return (lanes_i64)_mm256_mul_epi32((__m256i)a, (__m256i)b);
#endif
}

/* a * b + c, rounded once, to nearest, ties to even. */
static inline lanes_f32 lanes_fma(lanes_f32 a, lanes_f32 b, lanes_f32 c)
{
#if defined(__AVX512F__)
    return (lanes_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
    return (lanes_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}

static inline lanes_f32 lanes_clip(lanes_f32 x, lanes_f32 low, lanes_f32 high)
{
#if defined(__AVX512F__)
    return (lanes_f32)_mm512_min_ps(_mm512_max_ps((__m512)x, (__m512)low), (__m512)high);
#else
    return (lanes_f32)_mm256_min_ps(_mm256_max_ps((__m256)x, (__m256)low), (__m256)high);
#endif
}

/* sum + the products of both 16-bit halves of each lane, signed. */
static inline lanes_i32 lanes_dot_pairs(lanes_i32 sum, lanes_i32 a, lanes_i32 b)
{
#if defined(__AVX512VNNI__)
    return (lanes_i32)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    return sum + (lanes_i32)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

static inline lanes_i32 lanes_max_i32(lanes_i32 a, lanes_i32 b)
{
#if defined(__AVX512F__)
    return (lanes_i32)_mm512_max_epi32((__m512i)a, (__m512i)b);
#else
    return (lanes_i32)_mm256_max_epi32((__m256i)a, (__m256i)b);
#endif
}

static inline lanes_i32 lanes_min_i32(lanes_i32 a, lanes_i32 b)
{
#if defined(__AVX512F__)
    return (lanes_i32)_mm512_min_epi32((__m512i)a, (__m512i)b);
#else
    return (lanes_i32)_mm256_min_epi32((__m256i)a, (__m256i)b);
#endif
}

/* The sum of all lanes, modulo 2^32. */
static inline uint32_t lanes_sum(lanes_i32 x)
{
#if defined(__AVX512F__)
    __m256i y = _mm256_add_epi32(_mm512_castsi512_si256((__m512i)x),
                                 _mm512_extracti64x4_epi64((__m512i)x, 1));
#else
    __m256i y = (__m256i)x;
#endif
    __m128i z = _mm_add_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    z = _mm_add_epi32(z, _mm_shuffle_epi32(z, 0x4e));
    z = _mm_add_epi32(z, _mm_shuffle_epi32(z, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(z);
}

/* dense_cast_one on every lane. */
static inline lanes_i64 lanes_cast(const struct dense_cast *c, lanes_i64 x)
{
    if (c->identity) {
        return x;
    }
    if (c->left != 0) {
        x = (lanes_i64)((lanes_u64)x << (uint64_t)c->left);
    }
    if (c->right != 0) {
        lanes_i64 add = lanes_splat_i64(c->add);
        if (c->parity != 0) {
            add += (x >> (int64_t)c->right) & c->parity;
        }
        if (c->add_negative != 0) {
            add += (x < 0) & c->add_negative;
        }
        x = (x + add) >> (int64_t)c->right;
    }
    if (c->overflow == DENSE_WRAPS) {
        x = ((x & c->mask) ^ c->sign) - c->sign;
    } else if (c->overflow == DENSE_SATURATES) {
        lanes_i64 low = lanes_splat_i64(c->low);
        lanes_i64 high = lanes_splat_i64(c->high);
        x = lanes_select_i64(x < low, low, x);
        x = lanes_select_i64(x > high, high, x);
    }
    return c->up == 0 ? x : (lanes_i64)((lanes_u64)x << (uint64_t)c->up);
}

#endif
