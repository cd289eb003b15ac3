/* score_lane: one event through the daemon's own stages, and what is true of its windows.
 *
 *     input --> fragments --> reducer --> assembler --> engine --> event with scores
 *
 * A lane has a reducer, an assembler with one slot and an engine of its own, so lanes run
 * side by side and an event's scores depend on nothing but the event. One thread at a time
 * uses a lane.
 */
#ifndef SPARSED_OFFLINE_SCORE_LANE_H
#define SPARSED_OFFLINE_SCORE_LANE_H

#include "base/error.h"
#include "data/event.h"
#include "data/settings.h"
#include "model/model_set.h"
#include "offline/score_source.h"

#include <jansson.h>

struct score_turn;   /* offline/score_turn.h */
struct score_stages; /* reducer, assembler, engine */

struct score_lane {
    struct score_input input;
    uint64_t number;         /* of the event among those of the run, from 0; the caller's */
    struct score_turn *turn; /* the caller's, shared by all lanes; NULL: events are apart */
    struct score_stages *stages;
    struct event *event;                /* scored; NULL after score_lane_release */
    uint8_t *vertex;                    /* [windows] 1: the neutrino's vertex is in its image */
    int32_t *neutrino_bins;             /* [windows] labelled time bins in its image */
    uint64_t duplicates, foreign_wires; /* rows left out: the wire was there already; the
                                         * plane is not configured */
    json_t *truth;                      /* the caller's */
    bool failed;                        /* `err` says why */
    struct error err;
};

/* Everything given is borrowed. False: `err`; score_lane_fini in any case. */
bool score_lane_init(struct score_lane *l, const struct settings *settings,
                     const struct geometry *g, const struct model_set *models, enum score_kind kind,
                     struct error *err);
void score_lane_fini(struct score_lane *l);

/* Takes l->input to l->event, or sets l->failed. */
void score_lane_run(struct score_lane *l);

/* The event is done with. */
void score_lane_release(struct score_lane *l);

/* "cpu scalar", and how many windows an event has. */
const char *score_lane_engine(const struct score_lane *l);
uint32_t score_lane_windows(const struct score_lane *l);

#endif
