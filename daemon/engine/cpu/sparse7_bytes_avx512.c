/* How: with inputs and sums of 8 bits a product, rounded and clipped, is a byte of
 * a table, and one row of the table is a register: 64 taps of one input value. An
 * input slot costs its row, a permutation of the row by the taps of all output
 * slots (one a byte), and an add that saturates; the sum ends at 255 or at a
 * smaller limit that the bias step applies, because terms are never below 0.
 */
#include "engine/cpu/sparse7_lanes_avx512.h"

/* Output slots a register: 32 with codes of 16 bits. */
enum { HALF = 32 };

static inline const uint8_t *row_of(const struct sparse7_conv *c, uint32_t f, int32_t x)
{
    return c->product + ((size_t)f * 256 + (uint32_t)x) * SPARSE7_TAPS;
}

/* The taps of output slots h * 32 .. h * 32 + 31 for one input slot's code. */
static inline __m256i byte_taps(__m512i code_p, int32_t code_q)
{
    __m512i d = _mm512_sub_epi16(code_p, _mm512_set1_epi32(code_q | code_q << 16));
    __mmask32 near = _mm512_testn_epi16_mask(d, _mm512_set1_epi16((int16_t)SPARSE7_OUTSIDE));
    __m512i tap = _mm512_or_si512(d, _mm512_srli_epi16(d, 4));
    return _mm512_mask_cvtepi16_epi8(_mm256_set1_epi8(SPARSE7_NO_TAP), near, tap);
}

static inline __m512i codes_of(const struct sparse7_list *l, uint32_t h)
{
    __m256i low = _mm512_cvtepi32_epi16(_mm512_load_si512(l->code + (size_t)h * HALF));
    __m256i high = _mm512_cvtepi32_epi16(_mm512_load_si512(l->code + (size_t)h * HALF + 16));
    __m512i codes = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    return _mm512_add_epi16(codes, _mm512_set1_epi16(SPARSE7_CENTRE));
}

/* Sums of one half's output slots; the first convolution leaves the taps. */
static inline void byte_sums(struct sparse7_state *s, const struct sparse7_list *l, uint32_t h,
                             uint32_t filters, __m256i sum[SPARSE7_FILTERS])
{
    const struct sparse7_conv *c = &s->plan->conv[filters == 1 ? 0 : 1];
    __m256i *tap = (__m256i *)s->tap + (size_t)h * SPARSE7_SLOTS;
    __m512i code = codes_of(l, h), acc[SPARSE7_FILTERS];
    for (uint32_t f = 0; f < filters; f++) {
        acc[f] = _mm512_setzero_si512();
    }
    for (uint32_t q = 0; q < l->n; q++) {
        if (filters == 1) {
            tap[q] = byte_taps(code, l->code[q]);
        }
        __m512i t = _mm512_castsi256_si512(tap[q]);
        for (uint32_t f = 0; f < filters; f++) {
            __m512i term = _mm512_permutexvar_epi8(t, _mm512_load_si512(row_of(c, f, l->x[q])));
            acc[f] = _mm512_adds_epu8(acc[f], term);
        }
    }
    for (uint32_t f = 0; f < filters; f++) {
        sum[f] = _mm512_castsi512_si256(acc[f]);
    }
}

static inline __m512i widen(__m256i sum, uint32_t b)
{
    return _mm512_cvtepu8_epi32(b % 2 == 0 ? _mm256_castsi256_si128(sum)
                                           : _mm256_extracti128_si256(sum, 1));
}

void sparse7_bytes_run(struct sparse7_state *s, struct sparse7_list *l)
{
    __m256i sum[SPARSE7_FILTERS] = {_mm256_setzero_si256()};
    _Alignas(64) int32_t x[SPARSE7_SLOTS];
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (b % (HALF / 16) == 0) {
            byte_sums(s, l, b / 2, 1, sum);
        }
        _mm512_store_si512(x + 16 * (size_t)b, sparse7_between(s->plan, l, b, widen(sum[0], b)));
    }
    memcpy(l->x, x, l->blocks * 16 * sizeof *x);
    for (uint32_t b = 0; b < l->blocks; b++) {
        if (b % (HALF / 16) == 0) {
            byte_sums(s, l, b / 2, SPARSE7_FILTERS, sum);
        }
        __m512i wide[SPARSE7_FILTERS];
        for (uint32_t f = 0; f < SPARSE7_FILTERS; f++) {
            wide[f] = widen(sum[f], b);
        }
        sparse7_features(s->plan, l, b, wide);
    }
}
