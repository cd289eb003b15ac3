/* decision_text: a decision as one line for people.
 *
 *     run 1207 event 41,184  ACCEPT neutrino   best 0.981 plane 2 bin 512 wire 1,024   14
 * active   3.2 ms  cpu run 1207 event 41,185  reject            best 0.112 31 active (cut)
 *
 * Columns are as wide as the widest line so far, so they settle after a few.
 */
#ifndef SPARSED_CLIENTS_DECISION_TEXT_H
#define SPARSED_CLIENTS_DECISION_TEXT_H

#include "proto/decision.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

enum { DECISION_TEXT_BYTES = 1024 };

/* Widths so far, in columns. Zero-initialised by the caller. */
struct decision_layout {
    int identity, verdict, best, active;
    bool subrun; /* one was not 0: shown from then on */
};

/* Writes the line without its end, at most `bytes` with the closing zero. */
void decision_text_line(struct decision_layout *layout, const Sparsed__Decision *d, char *line,
                        size_t bytes);

#endif
