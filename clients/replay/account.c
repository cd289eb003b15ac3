#include "replay/account.h"

#include "common/text.h"

#include <inttypes.h>

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

void account_progress(const struct tally *t, struct progress *p, const struct bundle *b,
                      uint64_t now_ns)
{
    char about[96];
    if (!progress_due(p, now_ns))
        return;
    what(b, about, sizeof about);
    progress_draw(p, t->events, t->bytes, about, now_ns);
}

/* One line for each thing that was not as it should be. */
static void remark(uint64_t count, const char *text)
{
    char number[32];
    if (count)
        fprintf(stderr, "  %s %s\n", text_count(number, sizeof number, count), text);
}

void account_print(const struct tally *t, struct progress *p, bool interrupted, uint64_t now_ns)
{
    char events[32], fragments[32], empty[32], rate[32], flow[32], bytes[32];
    double seconds = progress_seconds(p, now_ns);
    double per_s = seconds > 0 ? 1 / seconds : 0;
    progress_end(p);
    fprintf(stderr, "%ssent %s events in %.2f s: %s, %s; %s fragments (%s empty), %s\n",
            interrupted ? "stopped: " : "", text_count(events, sizeof events, t->events), seconds,
            text_scaled(rate, sizeof rate, (double)t->events * per_s, "Hz"),
            text_scaled(flow, sizeof flow, (double)t->bytes * per_s, "B/s"),
            text_count(fragments, sizeof fragments, t->fragments),
            text_count(empty, sizeof empty, t->empty_fragments),
            text_scaled(bytes, sizeof bytes, (double)t->bytes, "B"));
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

void account_json(const struct tally *t, double seconds, bool complete, FILE *out)
{
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
