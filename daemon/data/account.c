#include "data/account.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

__attribute__((format(printf, 3, 4))) static void add(char *text, uint32_t bytes,
                                                      const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + used, bytes - used, format, args);
    va_end(args);
}

void account_fragments(const struct monitor *m, char *text, uint32_t bytes)
{
    uint64_t received = 0, missed = 0, by[LOSS_COUNT] = {0}, lost = 0;
    for (uint32_t i = 0; i < MONITOR_MAX_SOURCES; i++) {
        const struct source_monitor *from = &m->source[i];
        for (uint32_t k = 0; k < FRAGMENT_FATE_COUNT; k++)
            by[fragment_fate_loss((enum fragment_fate)k)] += counter_read(&from->fate[k]);
        received += counter_read(&from->received);
        missed += counter_read(&from->missed);
    }
    for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++)
        lost += by[k];
    text[0] = '\0';
    add(text, bytes, "fragments %llu = assembled %llu + lost %llu", (ull)received,
        (ull)by[LOSS_none], (ull)lost);
    const char *before = " (";
    for (uint32_t k = LOSS_none + 1; k < LOSS_COUNT; k++) {
        if (by[k] == 0)
            continue;
        add(text, bytes, "%s%s %llu", before, loss_name((enum loss)k), (ull)by[k]);
        before = ", ";
    }
    uint64_t ended = by[LOSS_none] + lost;
    add(text, bytes, "%s + in flight %llu; never came %llu", lost > 0 ? ")" : "",
        (ull)(received > ended ? received - ended : 0), (ull)missed);
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

void account_time(const struct monitor *m, char *text, uint32_t bytes)
{
    text[0] = '\0';
    add(text, bytes, "time %.2f s = live %.2f + paused %.2f + draining %.2f + dead %.2f",
        seconds(counter_read(&m->timed_ns)), seconds(counter_read(&m->live_ns)),
        seconds(counter_read(&m->paused_ns)), seconds(counter_read(&m->draining_ns)),
        seconds(monitor_dead_ns(m)));
    const char *before = " (";
    for (uint32_t k = 0; k < MONITOR_DEAD_CAUSE_COUNT; k++) {
        uint64_t ns = counter_read(&m->dead_ns[k]);
        if (ns == 0)
            continue;
        add(text, bytes, "%s%s %.2f", before, monitor_dead_cause_name((enum monitor_dead_cause)k),
            seconds(ns));
        before = ", ";
    }
    add(text, bytes, "%s", monitor_dead_ns(m) > 0 ? ")" : "");
    before = "; busy: ";
    for (uint32_t k = 0; k < MONITOR_THREAD_COUNT; k++) {
        const struct thread_monitor *t = &m->thread[k];
        uint64_t life = counter_read(&t->total_ns);
        if (life == 0)
            continue;
        add(text, bytes, "%s%s %.0f %%", before, monitor_thread_name((enum monitor_thread)k),
            100 * (double)counter_read(&t->busy_ns) / (double)life);
        before = ", ";
    }
}
