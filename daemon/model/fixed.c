/* How: a cast is two steps. round_to shifts fraction bits out: the floor and the
 * remainder decide, by mode, whether one is added. limit_to treats overflow.
 * Shifts of 1 .. 62 bits, all that ordinary models have, stay in 64 bits; the
 * others go through 128 bits, so that no pair of types is out of reach.
 */
#include "model/fixed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 wide;

/* I beyond this says nothing about a detector and would overflow sums of exponents. */
enum { MAX_INTEGER_BITS = 1024 };

static const char *const quantization_name[] = {
#define X(NAME) [FIXED_##NAME] = #NAME,
    FIXED_QUANTIZATIONS(X)
#undef X
};
static const char *const overflow_name[] = {
#define X(NAME) [FIXED_##NAME] = #NAME,
    FIXED_OVERFLOWS(X)
#undef X
};

static int find_name(const char *const *table, size_t n, const char *text)
{
    if (strncmp(text, "AP_", 3) != 0) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i], text + 3) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool fixed_parse_quantization(const char *text, enum fixed_quantization *mode)
{
    int i =
        find_name(quantization_name, sizeof quantization_name / sizeof *quantization_name, text);
    if (i >= 0) {
        *mode = (enum fixed_quantization)i;
    }
    return i >= 0;
}

bool fixed_parse_overflow(const char *text, enum fixed_overflow *mode)
{
    int i = find_name(overflow_name, sizeof overflow_name / sizeof *overflow_name, text);
    if (i >= 0) {
        *mode = (enum fixed_overflow)i;
    }
    return i >= 0;
}

bool fixed_init(struct fixed_type *type, int width, int integer, bool is_signed,
                enum fixed_quantization quantization, enum fixed_overflow overflow)
{
    if (width < 1 || width > 64 || integer < -MAX_INTEGER_BITS || integer > MAX_INTEGER_BITS) {
        return false;
    }
    *type = (struct fixed_type){.width = width,
                                .integer = integer,
                                .fraction = width - integer,
                                .is_signed = is_signed,
                                .quantization = quantization,
                                .overflow = overflow};
    return true;
}

/* At most four digits, so that nothing overflows; moves *text behind them. */
static bool read_int(const char **text, int *value)
{
    const char *p = *text;
    bool negative = *p == '-';
    p += negative;
    int digits = 0;
    int v = 0;
    while (p[digits] >= '0' && p[digits] <= '9') {
        if (digits == 4) {
            return false;
        }
        v = 10 * v + (p[digits] - '0');
        digits++;
    }
    *value = negative ? -v : v;
    *text = p + digits;
    return digits > 0;
}

/* The word up to `end`, into word[16]. */
static bool read_word(const char **text, char end, char word[16])
{
    const char *stop = strchr(*text, end);
    if (stop == NULL || stop - *text >= 16) {
        return false;
    }
    size_t n = (size_t)(stop - *text);
    memcpy(word, *text, n);
    word[n] = '\0';
    *text = stop + 1;
    return true;
}

bool fixed_parse(const char *text, struct fixed_type *type)
{
    const char *p = text;
    bool is_signed = strncmp(p, "ap_fixed<", 9) == 0;
    if (!is_signed && strncmp(p, "ap_ufixed<", 10) != 0) {
        return false;
    }
    p += is_signed ? 9 : 10;
    int width;
    int integer;
    char mode[16];
    enum fixed_quantization quantization;
    enum fixed_overflow overflow;
    return read_int(&p, &width) && *p++ == ',' && read_int(&p, &integer) && *p++ == ',' &&
           read_word(&p, ',', mode) && fixed_parse_quantization(mode, &quantization) &&
           read_word(&p, '>', mode) && fixed_parse_overflow(mode, &overflow) && *p == '\0' &&
           fixed_init(type, width, integer, is_signed, quantization, overflow);
}

void fixed_format(const struct fixed_type *type, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "ap_%sfixed<%d,%d,AP_%s,AP_%s>", type->is_signed ? "" : "u",
                   type->width, type->integer, quantization_name[type->quantization],
                   overflow_name[type->overflow]);
}

int64_t fixed_min(const struct fixed_type *type)
{
    return type->is_signed ? (int64_t)(UINT64_MAX << (type->width - 1)) : 0;
}

int64_t fixed_max(const struct fixed_type *type)
{
    int bits = type->width - type->is_signed;
    if (bits == 0) {
        return 0;
    }
    return (int64_t)(UINT64_MAX >> (bits >= 63 ? 1 : 64 - bits));
}

int64_t fixed_lowest(const struct fixed_type *type)
{
    return type->overflow == FIXED_SAT_SYM && type->is_signed ? -fixed_max(type) : fixed_min(type);
}

bool fixed_equal(const struct fixed_type *a, const struct fixed_type *b)
{
    return a->width == b->width && a->integer == b->integer && a->is_signed == b->is_signed &&
           a->quantization == b->quantization && a->overflow == b->overflow;
}

/* Whether the floor is raised by one. `above`: remainder against half, -1, 0 or
 * 1; `exact`: no remainder at all. */
static bool rounds_up(enum fixed_quantization mode, bool negative, bool odd_floor, int above,
                      bool exact)
{
    switch (mode) {
    case FIXED_TRN:
        return false;
    case FIXED_TRN_ZERO:
        return negative && !exact;
    case FIXED_RND:
        return above >= 0;
    case FIXED_RND_CONV:
        return above > 0 || (above == 0 && odd_floor);
    case FIXED_RND_ZERO:
        return above > 0 || (above == 0 && negative);
    case FIXED_RND_INF:
        return above > 0 || (above == 0 && !negative);
    case FIXED_RND_MIN_INF:
        return above > 0;
    }
    return false;
}

static int64_t round_to(int64_t x, int shift, enum fixed_quantization mode)
{
    int64_t floor = x >> shift;
    if (mode == FIXED_TRN) {
        return floor;
    }
    uint64_t rem = (uint64_t)x & ((UINT64_C(1) << shift) - 1);
    uint64_t half = UINT64_C(1) << (shift - 1);
    return floor + rounds_up(mode, x < 0, floor & 1, (rem > half) - (rem < half), rem == 0);
}

static wide round_wide(wide x, int shift, enum fixed_quantization mode)
{
    if (shift <= 0) {
        /* 64 more bits already are beyond every type, and low 64 bits of 0 */
        return x * ((wide)1 << (shift < -64 ? 64 : -shift));
    }
    /* beyond 66 bits nothing but the sign and "not 0" is left */
    int s = shift > 66 ? 66 : shift;
    wide floor = x >> s;
    wide rem = x - floor * ((wide)1 << s);
    wide half = (wide)1 << (s - 1);
    return floor + rounds_up(mode, x < 0, floor & 1, (rem > half) - (rem < half), rem == 0);
}

static int64_t wrap_to(uint64_t bits, const struct fixed_type *type)
{
    int drop = 64 - type->width;
    uint64_t kept = bits << drop;
    return type->is_signed ? (int64_t)kept >> drop : (int64_t)(kept >> drop);
}

static int64_t limit_to(int64_t x, const struct fixed_type *type)
{
    if (type->overflow == FIXED_WRAP) {
        return wrap_to((uint64_t)x, type);
    }
    int64_t high = fixed_max(type);
    int64_t low = fixed_lowest(type);
    return x > high ? high : x < low ? low : x;
}

static int64_t limit_wide(wide x, const struct fixed_type *type)
{
    if (type->overflow == FIXED_WRAP) {
        return wrap_to((uint64_t)x, type);
    }
    return x > fixed_max(type)      ? fixed_max(type)
           : x < fixed_lowest(type) ? fixed_lowest(type)
                                    : (int64_t)x;
}

int64_t fixed_cast(int64_t raw, int fraction, const struct fixed_type *type)
{
    int shift = fraction - type->fraction;
    if (shift == 0) {
        return limit_to(raw, type);
    }
    if (shift > 0 && shift < 63) {
        return limit_to(round_to(raw, shift, type->quantization), type);
    }
    return limit_wide(round_wide(raw, shift, type->quantization), type);
}

/* The integer of a real number in steps of the type. modf is exact, floor and a
 * subtraction are not: -0.49999999999999994 + 1 is 0.5 in double. */
static double round_double(double y, enum fixed_quantization mode)
{
    double whole;
    double part = modf(y, &whole);
    double away = part < 0 ? -1 : 1;
    double size = fabs(part);
    switch (mode) {
    case FIXED_TRN:
        return part < 0 ? whole - 1 : whole;
    case FIXED_TRN_ZERO:
        return whole;
    default:
        break;
    }
    if (size != 0.5) {
        return size > 0.5 ? whole + away : whole;
    }
    bool odd = fmod(whole, 2) != 0;
    bool outward = mode == FIXED_RND_INF || (mode == FIXED_RND && part > 0) ||
                   (mode == FIXED_RND_MIN_INF && part < 0) || (mode == FIXED_RND_CONV && odd);
    return outward ? whole + away : whole;
}

int64_t fixed_from_double(double value, const struct fixed_type *type)
{
    double y = ldexp(value, type->fraction);
    if (isnan(y)) {
        return 0;
    }
    if (type->overflow == FIXED_WRAP) {
        /* multiples of 2^64 are 0 in every type; so is what overflowed double */
        return isinf(y) ? 0
                        : limit_wide((wide)fmod(round_double(y, type->quantization), 0x1p64), type);
    }
    if (y >= 0x1p64 || y <= -0x1p64) {
        return y > 0 ? fixed_max(type) : fixed_lowest(type);
    }
    return limit_wide((wide)round_double(y, type->quantization), type);
}

double fixed_to_double(int64_t raw, const struct fixed_type *type)
{
    return ldexp((double)raw, -type->fraction);
}
