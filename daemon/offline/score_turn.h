/* score_turn: lanes take turns in the order of events, for what an event leaves to the next:
 * the hits of its wires (imaging/hot_wires.h).
 *
 *     lane A   event 7  reduce ....... | hot wires, windows |
 *     lane B   event 8  reduce ... wait                     | hot wires, windows |
 *
 * Every event that was begun takes its turn, also one that could not be reduced: the next
 * waits for it. Any thread.
 */
#ifndef SPARSED_OFFLINE_SCORE_TURN_H
#define SPARSED_OFFLINE_SCORE_TURN_H

#include "base/error.h"
#include "imaging/hot_wires.h"

#include <pthread.h>

struct score_turn {
    struct hot_wires *hot; /* NULL: nothing passes from event to event, nobody waits */
    uint64_t next;         /* event whose turn it is */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* For a run of these settings. False: no memory; score_turn_fini in any case. */
bool score_turn_init(struct score_turn *t, const struct settings *settings,
                     const struct geometry *g, struct error *err);
void score_turn_fini(struct score_turn *t);

/* Waits until it is the turn of event `number`, which counts from 0. */
void score_turn_take(struct score_turn *t, uint64_t number);

/* Gives the turn to the next event. */
void score_turn_give(struct score_turn *t);

#endif
