#include "common/progress.h"

#include "common/text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint64_t redraw_ns = 200000000, line_ns = 5000000000;

static void bar(double fraction, char *text)
{
    const int cells = 31;
    int full = (int)(fraction * cells);
    text[0] = '\0';
    for (int i = 0; i < cells; i++) /* heavy, its half as the tip, light for what is left */
        strcat(text, i < full ? "━" : i == full && fraction < 1 ? "╸" : "─");
}

static void left(double seconds, char text[32])
{
    if (seconds < 0 || seconds > 359999)
        text[0] = '\0';
    else if (seconds >= 3600)
        snprintf(text, 32, "  %d:%02d:%02d left", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
    else
        snprintf(text, 32, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
}

void progress_start(struct progress *p, bool quiet, uint64_t total, uint64_t now_ns)
{
    *p = (struct progress){.quiet = quiet,
                           .terminal = isatty(STDERR_FILENO) == 1,
                           .total = total,
                           .start_ns = now_ns,
                           .drawn_ns = now_ns};
}

bool progress_due(const struct progress *p, uint64_t now_ns)
{
    return !p->quiet && now_ns - p->drawn_ns >= (p->terminal ? redraw_ns : line_ns);
}

static void note(struct progress *p, uint64_t events, uint64_t bytes, uint64_t now_ns)
{
    double seconds = (double)(now_ns - p->drawn_ns) / 1e9, keep = p->rate_hz > 0 ? 0.7 : 0;
    p->rate_hz = keep * p->rate_hz + (1 - keep) * (double)(events - p->drawn_events) / seconds;
    p->bytes_per_s =
        keep * p->bytes_per_s + (1 - keep) * (double)(bytes - p->drawn_bytes) / seconds;
    p->drawn_ns = now_ns;
    p->drawn_events = events;
    p->drawn_bytes = bytes;
}

void progress_draw(struct progress *p, uint64_t events, uint64_t bytes, const char *about,
                   uint64_t now_ns)
{
    char done[32], all[32], rate[32], flow[36] = "", time_left[32] = "";
    char strip[31 * 3 + 8] = "", share[16] = "", of[48] = "";
    note(p, events, bytes, now_ns);
    if (p->total) {
        double fraction = (double)events / (double)p->total;
        snprintf(of, sizeof of, " / %s", text_count(all, sizeof all, p->total));
        snprintf(share, sizeof share, " %.0f %%", 100 * fraction);
        if (p->rate_hz > 0)
            left((double)(p->total - events) / p->rate_hz, time_left);
        if (p->terminal) {
            strip[0] = ' ';
            bar(fraction, strip + 1);
        }
    }
    if (bytes > 0) {
        flow[0] = flow[1] = ' ';
        text_scaled(flow + 2, sizeof flow - 2, p->bytes_per_s, "B/s");
    }
    fprintf(stderr, "%sevents %s%s%s%s  %s%s%s%s%s%s%s", p->terminal ? "\r" : "",
            text_count(done, sizeof done, events), of, strip, share,
            text_scaled(rate, sizeof rate, p->rate_hz, "Hz"), flow, about[0] ? " (" : "", about,
            about[0] ? ")" : "", time_left, p->terminal ? "\033[K" : "\n");
    fflush(stderr);
    p->line_open = p->terminal;
}

void progress_end(struct progress *p)
{
    if (p->line_open)
        fputs("\r\033[K", stderr);
    p->line_open = false;
}

double progress_seconds(const struct progress *p, uint64_t now_ns)
{
    return (double)(now_ns - p->start_ns) / 1e9;
}
