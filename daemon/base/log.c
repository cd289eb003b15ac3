#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic int threshold = LOG_LEVEL_INFO;

static const struct {
    const char *name;
    const char *journal_priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error ", "<3>"},
    [LOG_LEVEL_WARN] = {"warn  ", "<4>"},
    [LOG_LEVEL_INFO] = {"info  ", "<6>"},
    [LOG_LEVEL_DEBUG] = {"debug ", "<7>"},
};

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

/* One write(2) a line, so that lines of several threads never mix. */
static void write_line(enum log_level level, uint64_t held_back, const char *format, va_list args)
{
    char line[1280];
    const char *priority = getenv("JOURNAL_STREAM") != NULL ? levels[level].journal_priority : "";
    int used = snprintf(line, sizeof line, "%s%s", priority, levels[level].name);
    int text = vsnprintf(line + used, sizeof line - (size_t)used - 64, format, args);
    if (used < 0 || text < 0) {
        return;
    }
    size_t length = strlen(line);
    if (held_back > 0) {
        length += (size_t)snprintf(line + length, sizeof line - length - 1,
                                   " (and %llu more like this)", (unsigned long long)held_back);
    }
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
}

void log_write(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&threshold)) {
        return;
    }
    va_list args;
    va_start(args, format);
    write_line(level, 0, format, args);
    va_end(args);
}

void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&threshold)) {
        return;
    }
    uint64_t now = clock_monotonic_ns();
    uint64_t next = atomic_load(&limit->next_ns);
    if (now < next || !atomic_compare_exchange_strong(&limit->next_ns, &next, now + 1000000000U)) {
        atomic_fetch_add(&limit->held_back, 1);
        return;
    }
    va_list args;
    va_start(args, format);
    write_line(level, atomic_exchange(&limit->held_back, 0), format, args);
    va_end(args);
}
