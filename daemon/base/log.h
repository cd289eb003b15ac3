/* log: one line a fact, on stderr: "info  ready in 41 ms".
 *
 * Under systemd (JOURNAL_STREAM is set) each line begins with the journal's
 * priority, "<6>". Lines are written whole, from any thread. Nothing is logged
 * per event: what can happen per event is counted, and log_limited says so at
 * most once a second, with the number of lines it kept back.
 */
#ifndef SPARSED_BASE_LOG_H
#define SPARSED_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* State of one place that logs through log_limited: zero-initialised, static. */
struct log_limit {
    _Atomic uint64_t next_ns;
    _Atomic uint64_t held_back;
};

/* Lines above `level` are not written. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* At most one line a second from this place of the code. */
#define log_limited(level, ...)                                                                    \
    do {                                                                                           \
        static struct log_limit log_limit_here;                                                    \
        log_write_limited(&log_limit_here, (level), __VA_ARGS__);                                  \
    } while (0)

#endif
