/* fixed: ap_fixed types and the one cast that every layer uses.
 *
 * A value is stored as the integer `raw`; its real value is raw / 2^F, F = W - I.
 * The cast first changes the fraction bits (rounding, mode Q), then treats
 * overflow (mode O), as AMD's ap_fixed does (UG1399, "Arbitrary precision fixed
 * point data types"). docs/model.md has the rules in a table.
 */
#ifndef SPARSED_MODEL_FIXED_H
#define SPARSED_MODEL_FIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME): spelt AP_NAME in a model file */
#define FIXED_QUANTIZATIONS(X)                                                                     \
    X(TRN) X(TRN_ZERO) X(RND) X(RND_CONV) X(RND_ZERO) X(RND_INF) X(RND_MIN_INF)
#define FIXED_OVERFLOWS(X) X(WRAP) X(SAT) X(SAT_SYM)

enum fixed_quantization {
#define X(NAME) FIXED_##NAME,
    FIXED_QUANTIZATIONS(X)
#undef X
};
enum fixed_overflow {
#define X(NAME) FIXED_##NAME,
    FIXED_OVERFLOWS(X)
#undef X
};

struct fixed_type {
    int width;    /* W, 1 .. 64 */
    int integer;  /* I, may be negative or above W */
    int fraction; /* F = W - I */
    bool is_signed;
    enum fixed_quantization quantization;
    enum fixed_overflow overflow;
};

/* Reads "ap_fixed<16,6,AP_TRN,AP_WRAP>" or "ap_ufixed<...>", always with four
 * parameters. False: not such a type. */
bool fixed_parse(const char *text, struct fixed_type *type);

/* The same from its parts. False: W outside 1 .. 64 or |I| above 1024. */
bool fixed_init(struct fixed_type *type, int width, int integer, bool is_signed,
                enum fixed_quantization quantization, enum fixed_overflow overflow);

/* "AP_RND", "AP_SAT_SYM": a mode on its own. False: no such mode. */
bool fixed_parse_quantization(const char *text, enum fixed_quantization *mode);
bool fixed_parse_overflow(const char *text, enum fixed_overflow *mode);

/* Writes it the same way; `bytes` of 64 are enough. */
void fixed_format(const struct fixed_type *type, char *text, size_t bytes);

/* Range of raws. An unsigned 64-bit type's maximum is given as INT64_MAX: exact
 * values of a model fit int64. */
int64_t fixed_min(const struct fixed_type *type);
int64_t fixed_max(const struct fixed_type *type);

/* The lowest raw that a cast gives: with FIXED_SAT_SYM not the minimum. */
int64_t fixed_lowest(const struct fixed_type *type);

bool fixed_equal(const struct fixed_type *a, const struct fixed_type *b);

/* `raw` with `fraction` fraction bits, to `type`. Right for every int64 and any
 * two grids, however far apart. */
int64_t fixed_cast(int64_t raw, int fraction, const struct fixed_type *type);

/* A real number, exact in double, to `type`. Infinities saturate where the type
 * saturates and give 0 where it wraps; NaN gives 0: callers that count them look
 * before they cast. */
int64_t fixed_from_double(double value, const struct fixed_type *type);

/* raw / 2^F. */
double fixed_to_double(int64_t raw, const struct fixed_type *type);

#endif
