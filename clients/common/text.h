/* text: numbers and names as people read them, and strings from outside made
 * safe for a terminal.
 *
 * Every function that writes text writes at most `bytes` bytes with the closing zero and returns
 * `out`, so that calls can stand inside a printf. No state, any thread.
 */
#ifndef SPARSED_CLIENTS_TEXT_H
#define SPARSED_CLIENTS_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole number, digits and nothing else; a finite number, as strtod reads it. False: it is none,
 * or not within `least` .. `most`. */
bool text_read_whole(const char *text, uint64_t least, uint64_t most, uint64_t *n);
bool text_read_real(const char *text, double least, double most, double *x);

/* Room that every number below fits in. */
enum { TEXT_NUMBER_BYTES = 48 };

/* 2513908 -> "2,513,908". */
char *text_count(char *out, size_t bytes, uint64_t n);

/* Seconds -> "3.2 ms", "12 us", "1.5 s"; three digits. NaN -> "-". */
char *text_seconds(char *out, size_t bytes, double seconds);

/* Seconds -> "02:14:07", "3 d 02:14:07"; NaN -> "-". */
char *text_clock(char *out, size_t bytes, double seconds);

/* Bytes -> "14.2 GB", powers of 1000. NaN -> "-". */
char *text_bytes(char *out, size_t bytes, double n);

/* A rate -> "312.4", "0.71", "26.6 k"; NaN -> "-". The unit is the caller's. */
char *text_rate(char *out, size_t bytes, double per_second);

/* 2.61e9, "B/s" -> "2.61 GB/s": at least two digits, powers of 1000. */
char *text_scaled(char *out, size_t bytes, double value, const char *unit);

/* `n` bytes as lower-case hexadecimal; cut when `out` is too small. */
char *text_hex(char *out, size_t bytes, const uint8_t *data, size_t n);

/* A string from another process: what is not UTF-8 and every control character
 * becomes "?", so that no message can write escape sequences to a terminal.
 * NULL is taken as "". Cut between characters when `out` is too small. */
char *text_clean(char *out, size_t bytes, const char *from_outside);

/* Adds to the text in `out`. Cut between characters when `out` is too small. */
char *text_add(char *out, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
char *text_add_list(char *out, size_t bytes, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Columns that UTF-8 text takes on a terminal: its characters (none of ours is wide). */
size_t text_columns(const char *s);

#endif
