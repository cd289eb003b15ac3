#include "replay/progress.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const uint64_t redraw_ns = 200000000, line_ns = 5000000000;

/* 41210 -> "41,210" */
static const char *grouped(uint64_t n, char text[32])
{
    char plain[24];
    int length = snprintf(plain, sizeof plain, "%" PRIu64, n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = '\0';
    return text;
}

static const char *scaled(double value, const char *unit, char text[32])
{
    static const char *const prefix[] = {"", "k", "M", "G", "T"};
    int i = 0;
    for (; value >= 1000 && i < 4; i++)
        value /= 1000;
    snprintf(text, 32, "%.*f %s%s", value < 10 ? 2 : 1, value, prefix[i], unit);
    return text;
}

static void what(const struct bundle *b, char *text, size_t size)
{
    static const char *const type[] = {"?", "int16", "float32", "int32"};
    if (b->kind == SPARSED__PAYLOAD_KIND__IMAGE) {
        snprintf(text, size, "%ux%ux%u images, %s", b->height, b->width, b->channels,
                 type[b->type & 3]);
        return;
    }
    int at = 0;
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < b->count && at < 40; i++) {
        if (b->fragment[i].plane != last)
            at += snprintf(text + at, size - (size_t)at, "%s%u",
                           last == UINT32_MAX ? "plane " : "+", b->fragment[i].plane);
        last = b->fragment[i].plane;
    }
    snprintf(text + at, size - (size_t)at, "%s%s, %u wires", at ? ", " : "", type[b->type & 3],
             b->wires);
}

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

static void draw(struct progress *p, const struct tally *t, const struct bundle *b)
{
    char done[32], all[32], rate[32], flow[32], about[96], time_left[32] = "";
    char strip[31 * 3 + 8] = "", share[16] = "", of[48] = "";
    if (p->total) {
        double fraction = (double)t->events / (double)p->total;
        snprintf(of, sizeof of, " / %s", grouped(p->total, all));
        snprintf(share, sizeof share, " %.0f %%", 100 * fraction);
        if (p->rate_hz > 0)
            left((double)(p->total - t->events) / p->rate_hz, time_left);
        if (p->terminal) {
            strip[0] = ' ';
            bar(fraction, strip + 1);
        }
    }
    what(b, about, sizeof about);
    fprintf(stderr, "%sevents %s%s%s%s  %s  %s (%s)%s%s", p->terminal ? "\r" : "",
            grouped(t->events, done), of, strip, share, scaled(p->rate_hz, "Hz", rate),
            scaled(p->bytes_per_s, "B/s", flow), about, time_left, p->terminal ? "\033[K" : "\n");
    fflush(stderr);
    p->line_open = p->terminal;
}

void progress_update(struct progress *p, const struct tally *t, const struct bundle *b,
                     uint64_t now_ns)
{
    uint64_t since_ns = now_ns - p->drawn_ns;
    if (p->quiet || since_ns < (p->terminal ? redraw_ns : line_ns))
        return;
    double seconds = (double)since_ns / 1e9, keep = p->rate_hz > 0 ? 0.7 : 0;
    p->rate_hz = keep * p->rate_hz + (1 - keep) * (double)(t->events - p->drawn_events) / seconds;
    p->bytes_per_s =
        keep * p->bytes_per_s + (1 - keep) * (double)(t->bytes - p->drawn_bytes) / seconds;
    p->drawn_ns = now_ns;
    p->drawn_events = t->events;
    p->drawn_bytes = t->bytes;
    draw(p, t, b);
}

/* One line for each thing that was not as it should be. */
static void remark(uint64_t count, const char *text)
{
    char number[32];
    if (count)
        fprintf(stderr, "  %s %s\n", grouped(count, number), text);
}

void progress_finish(struct progress *p, const struct tally *t, bool interrupted, uint64_t now_ns)
{
    char events[32], fragments[32], empty[32], rate[32], flow[32], bytes[32];
    double seconds = (double)(now_ns - p->start_ns) / 1e9;
    double per_s = seconds > 0 ? 1 / seconds : 0;
    if (p->line_open)
        fputs("\r\033[K", stderr);
    p->line_open = false;
    fprintf(stderr, "%ssent %s events in %.2f s: %s, %s; %s fragments (%s empty), %s\n",
            interrupted ? "stopped: " : "", grouped(t->events, events), seconds,
            scaled((double)t->events * per_s, "Hz", rate),
            scaled((double)t->bytes * per_s, "B/s", flow), grouped(t->fragments, fragments),
            grouped(t->empty_fragments, empty), scaled((double)t->bytes, "B", bytes));
    remark(t->cut, "events were sent in part");
    remark(t->without, "events had no wire, nothing was sent of them (--missing omit)");
    remark(t->holed, "events lack fragments, the subscriber was too slow");
    remark(t->dropped_fragments, "fragments dropped, the subscriber was too slow (--full drop)");
    remark(t->unheard, "events sent while nobody subscribed");
    remark(t->slips, "times more than 0.5 s behind the pace asked for");
    remark(t->counts.saturated, "samples did not fit int16 and were cut to its ends (--scale)");
    remark(t->counts.nonnumber, "samples that are no number were sent as 0 counts");
    remark(t->counts.duplicates, "rows left out, their wire was there twice");
}

void progress_json(const struct progress *p, const struct tally *t, bool complete, uint64_t now_ns,
                   FILE *out)
{
    double seconds = (double)(now_ns - p->start_ns) / 1e9;
    fprintf(out,
            "{\"complete\": %s, \"events\": %" PRIu64 ", \"events_in_part\": %" PRIu64
            ", \"events_with_drops\": %" PRIu64 ", \"events_without_fragment\": %" PRIu64
            ", \"events_unheard\": %" PRIu64 ", \"fragments\": %" PRIu64
            ", \"fragments_empty\": %" PRIu64 ", \"fragments_dropped\": %" PRIu64
            ", \"payload_bytes\": %" PRIu64
            ", \"seconds\": %.6f, \"rate_hz\": %.3f, \"slips\": %" PRIu64
            ", \"samples_saturated\": %" PRIu64 ", \"samples_nonnumber\": %" PRIu64
            ", \"rows_duplicate\": %" PRIu64 "}\n",
            complete ? "true" : "false", t->events, t->cut, t->holed, t->without, t->unheard,
            t->fragments, t->empty_fragments, t->dropped_fragments, t->bytes, seconds,
            seconds > 0 ? (double)t->events / seconds : 0, t->slips, t->counts.saturated,
            t->counts.nonnumber, t->counts.duplicates);
    fflush(out);
}
