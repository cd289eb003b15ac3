/* progress: what a person sees while events go out, and the account at the end.
 *
 *     events 41,210 / 120,000 ━━━━━━━━━━╸━━━━━━━━━ 34 %  299.8 Hz  2.6 GB/s (plane 2, int16, 677
 * wires)  4:23 left
 *
 * On a terminal one line, redrawn five times a second; elsewhere the same without
 * the bar, one line every five seconds. All on stderr.
 */
#ifndef REPLAY_PROGRESS_H
#define REPLAY_PROGRESS_H

#include "replay/bundle.h"

#include <stdio.h>

/* What was sent; sums from the start. */
struct tally {
    uint64_t events;    /* gone through, whole or with fragments dropped */
    uint64_t holed;     /* of them with fragments dropped */
    uint64_t cut;       /* events ended halfway by ^C or an error */
    uint64_t without;   /* events of which --missing omit left no fragment */
    uint64_t unheard;   /* events sent while nobody subscribed */
    uint64_t fragments; /* with and without payload */
    uint64_t empty_fragments;
    uint64_t dropped_fragments; /* a slow subscriber did not take them */
    uint64_t bytes;             /* of payload, as sent */
    uint64_t slips;             /* times the pace was not held */
    struct bundle_counts counts;
};

struct progress {
    bool quiet, terminal;
    uint64_t total; /* events to send; 0: no end */
    uint64_t start_ns, drawn_ns, drawn_events, drawn_bytes;
    double rate_hz, bytes_per_s; /* smoothed */
    bool line_open;
};

void progress_start(struct progress *p, bool quiet, uint64_t total, uint64_t now_ns);
void progress_update(struct progress *p, const struct tally *t, const struct bundle *b,
                     uint64_t now_ns);

/* Ends the line and prints the account. */
void progress_finish(struct progress *p, const struct tally *t, bool interrupted, uint64_t now_ns);

/* The account as one line of JSON. */
void progress_json(const struct progress *p, const struct tally *t, bool complete, uint64_t now_ns,
                   FILE *out);

#endif
