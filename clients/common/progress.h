/* progress: what a person sees while a program goes through events.
 *
 *     events 41,210 / 120,000 ━━━━━━━━━━╸━━━━━━━━━ 34 %  299.8 Hz  2.6 GB/s (plane 2, int16)  4:23
 * left
 *
 * On a terminal one line, redrawn five times a second; elsewhere the same without
 * the bar, one line every five seconds. All on stderr. Time is given, so that a test
 * needs no clock. One thread.
 */
#ifndef SPARSED_CLIENTS_PROGRESS_H
#define SPARSED_CLIENTS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool quiet, terminal;
    uint64_t total; /* events to go through; 0: no end */
    uint64_t start_ns, drawn_ns, drawn_events, drawn_bytes;
    double rate_hz, bytes_per_s; /* smoothed */
    bool line_open;
};

void progress_start(struct progress *p, bool quiet, uint64_t total, uint64_t now_ns);

/* Is it time to draw? Asked first, so that what is drawn is made only when it is. */
bool progress_due(const struct progress *p, uint64_t now_ns);

/* Draws: `events` and `bytes` since the start (0 bytes: none are shown), and what they
 * are, in a few words ("": nothing). */
void progress_draw(struct progress *p, uint64_t events, uint64_t bytes, const char *about,
                   uint64_t now_ns);

/* Takes the line away; the caller then says how it ended. */
void progress_end(struct progress *p);

/* Seconds since the start. */
double progress_seconds(const struct progress *p, uint64_t now_ns);

#endif
