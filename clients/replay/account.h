/* account: what became of the events that were sent, for people and as JSON. */
#ifndef REPLAY_ACCOUNT_H
#define REPLAY_ACCOUNT_H

#include "common/progress.h"
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

/* Draws `p` when it is time: `b` is the event that was sent last. */
void account_progress(const struct tally *t, struct progress *p, const struct bundle *b,
                      uint64_t now_ns);

/* Ends the progress and prints the account on stderr. */
void account_print(const struct tally *t, struct progress *p, bool interrupted, uint64_t now_ns);

/* The account as one line of JSON. */
void account_json(const struct tally *t, double seconds, bool complete, FILE *out);

#endif
