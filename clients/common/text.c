#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_read_whole(const char *text, uint64_t least, uint64_t most, uint64_t *n)
{
    char *end;
    errno = 0;
    *n = strtoull(text, &end, 10);
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *n >= least &&
           *n <= most;
}

bool text_read_real(const char *text, double least, double most, double *x)
{
    char *end;
    *x = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*x) && *x >= least && *x <= most;
}

char *text_count(char *out, size_t bytes, uint64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    size_t to = 0;
    for (int i = 0; i < length && to + 1 < bytes; i++) {
        if (i > 0 && (length - i) % 3 == 0 && to + 2 < bytes)
            out[to++] = ',';
        out[to++] = digits[i];
    }
    if (bytes > 0)
        out[to] = '\0';
    return out;
}

/* Three digits where there are that many: 5.23, 52.3, 523. */
static int decimals(double x)
{
    x = fabs(x);
    return x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
}

char *text_seconds(char *out, size_t bytes, double seconds)
{
    static const struct {
        double least, factor;
        const char *unit;
    } step[] = {{0.9995, 1, "s"}, {0.9995e-3, 1e3, "ms"}, {0.9995e-6, 1e6, "us"}, {0, 1e9, "ns"}};
    if (!isfinite(seconds)) {
        snprintf(out, bytes, "-");
        return out;
    }
    size_t i = 0;
    while (i < 3 && fabs(seconds) < step[i].least)
        i++;
    double x = seconds * step[i].factor;
    snprintf(out, bytes, "%.*f %s", x == 0 ? 0 : fabs(x) < 99.95 ? 1 : 0, x, step[i].unit);
    return out;
}

char *text_clock(char *out, size_t bytes, double seconds)
{
    if (!isfinite(seconds) || seconds < 0 || seconds > 1e12) {
        snprintf(out, bytes, "-");
        return out;
    }
    uint64_t s = (uint64_t)seconds, days = s / 86400;
    char day[32] = "";
    if (days > 0)
        snprintf(day, sizeof day, "%" PRIu64 " d ", days);
    snprintf(out, bytes, "%s%02u:%02u:%02u", day, (unsigned)(s / 3600 % 24),
             (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    return out;
}

/* The largest prefix that leaves at least 1. */
static char *scaled(char *out, size_t bytes, double x, const char *const *prefix, size_t n)
{
    size_t i = 0;
    while (i + 1 < n && fabs(x) >= 999.5) {
        x /= 1000;
        i++;
    }
    snprintf(out, bytes, "%.*f %s", i == 0 ? 0 : decimals(x), x, prefix[i]);
    return out;
}

char *text_bytes(char *out, size_t bytes, double n)
{
    static const char *const prefix[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    if (!isfinite(n)) {
        snprintf(out, bytes, "-");
        return out;
    }
    return scaled(out, bytes, n, prefix, sizeof prefix / sizeof *prefix);
}

char *text_rate(char *out, size_t bytes, double per_second)
{
    static const char *const prefix[] = {"", "k", "M", "G"};
    if (!isfinite(per_second)) {
        snprintf(out, bytes, "-");
    } else if (per_second == 0) {
        snprintf(out, bytes, "0");
    } else if (fabs(per_second) < 9999.5) {
        snprintf(out, bytes, "%.*f", fabs(per_second) < 9.995 ? 2 : 1, per_second);
    } else {
        scaled(out, bytes, per_second, prefix, sizeof prefix / sizeof *prefix);
    }
    return out;
}

char *text_scaled(char *out, size_t bytes, double value, const char *unit)
{
    static const char *const prefix[] = {"", "k", "M", "G", "T"};
    int i = 0;
    for (; value >= 1000 && i < 4; i++)
        value /= 1000;
    snprintf(out, bytes, "%.*f %s%s", value < 10 ? 2 : 1, value, prefix[i], unit);
    return out;
}

char *text_hex(char *out, size_t bytes, const uint8_t *data, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n && to + 2 < bytes; i++, to += 2)
        snprintf(out + to, 3, "%02x", data[i]);
    if (bytes > 0)
        out[to] = '\0';
    return out;
}

/* Bytes of the valid UTF-8 character at `s` (RFC 3629), or 0. Reads no further
 * than the first byte that is not a continuation, so never past the zero. */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xf0 && s[0] < 0xf5   ? 4
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

char *text_clean(char *out, size_t bytes, const char *from_outside)
{
    const unsigned char *s = (const unsigned char *)(from_outside ? from_outside : "");
    size_t to = 0;
    while (*s && to + 1 < bytes) {
        size_t n = character(s);
        int control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && n == 2 && s[1] < 0xa0);
        if (n == 0 || control) {
            out[to++] = '?';
            s += n > 0 ? n : 1;
        } else if (to + n < bytes) {
            memcpy(out + to, s, n);
            to += n;
            s += n;
        } else {
            break;
        }
    }
    if (bytes > 0)
        out[to] = '\0';
    return out;
}

char *text_add_list(char *out, size_t bytes, const char *format, va_list args)
{
    size_t used = strlen(out), end = bytes - 1;
    int n = vsnprintf(out + used, bytes - used, format, args);
    if (n < 0 || (size_t)n < bytes - used)
        return out;
    size_t last = end; /* where the last character begins */
    while (last > used && ((unsigned char)out[--last] & 0xc0) == 0x80)
        continue;
    if (last < end && character((const unsigned char *)out + last) != end - last)
        out[last] = '\0';
    return out;
}

char *text_add(char *out, size_t bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_list(out, bytes, format, args);
    va_end(args);
    return out;
}

size_t text_columns(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}
