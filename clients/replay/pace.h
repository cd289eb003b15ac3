/* pace: when each event is due.
 *
 *     fast       at once
 *     rate       k / rate after the first
 *     recorded   (time of event k - time of the first) / speed after the first
 *
 * Due times are counted from the first event, so that the rate holds on average
 * whatever a single event costs. Who falls more than 0.5 s behind does not try to
 * catch up: the schedule moves, and the slip is counted.
 */
#ifndef REPLAY_PACE_H
#define REPLAY_PACE_H

#include <stdint.h>

enum pace_kind { PACE_FAST, PACE_RATE, PACE_RECORDED };

struct pace {
    enum pace_kind kind;
    double rate_hz; /* PACE_RATE */
    double speed;   /* PACE_RECORDED: 2 is twice as fast as recorded */
    uint64_t start_ns;
    uint64_t events;
    uint64_t slips;
    uint64_t recorded_ns; /* of the event before */
    uint64_t elapsed_ns;  /* PACE_RECORDED: recorded time replayed so far */
};

/* When the next event is due, on the clock of now_ns. `recorded_ns` is the event's own
 * time; one earlier than the event before (a new loop, a disordered file) follows at once. */
uint64_t pace_next(struct pace *p, uint64_t recorded_ns, uint64_t now_ns);

#endif
