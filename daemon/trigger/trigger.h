/* trigger: an event's scores become one decision.
 *
 *     score of a rule's label > threshold in at least min_windows windows of its planes
 *         no  --> the rule does not fire
 *         yes --> hash(seed, rule's name, identity) % prescale == 0 ?
 *                     yes --> fired          no --> prescaled away
 *
 *     any rule fired, or chosen by pass-through    accepted, unless above max_accept_rate:
 *                                                  throttled
 *     else rules fired, all prescaled away         prescaled
 *     else                                         rejected
 *
 * The choices depend on the event's identity alone, on neither order nor thread; a
 * rule's is made of its name, so rules may change places. The accept rate is held on
 * the events' own times and depends on the order of events: up to accept_burst at
 * once, then max_accept_rate. A clock that goes back, or one event dated far ahead,
 * stalls it for at most 10 s and the time of the burst; a clock that jumps to and fro
 * gets a burst after each jump. One thread at a time.
 */
#ifndef SPARSED_TRIGGER_TRIGGER_H
#define SPARSED_TRIGGER_TRIGGER_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/settings.h"
#include "model/model_set.h"

struct trigger;

/* Errors (CONFIG): a label that no model has, or none that looks at the rule's planes. */
struct trigger *trigger_create(const struct trigger_settings *settings,
                               const struct model_set *models, const struct geometry *g,
                               struct error *err);
void trigger_destroy(struct trigger **t);

/* How far the accept rate has come, to go on with it where another trigger follows this
 * one in a run: else each change of settings would give a burst. */
uint64_t trigger_pace_ns(const struct trigger *t);
void trigger_set_pace_ns(struct trigger *t, uint64_t pace_ns);

/* Sets ev->decision from ev->window and ev->score. Allocates nothing. */
void trigger_decide(struct trigger *t, struct event *ev);

#endif
