/* cards: the windows that are out. Every model with an xclbin has its kernel on every
 * configured card (engine/xrt/offload.h); windows gather in a batch of that kernel and are
 * launched together: at once if a compute unit has nothing to do, else when one has, so that
 * a busy card gets full batches and an idle one does not wait. Of several cards the one with
 * the fewest batches out gathers.
 *
 *     cards_put --> batch being filled --cards_tick--> out --cards_tick--> answer
 *                                                       |
 *                                                       +-- late, dead, lied: answer without
 *                                                           scores; the caller computes
 *
 * The event thread owns it. All memory is taken by cards_create.
 */
#ifndef SPARSED_ENGINE_CARDS_H
#define SPARSED_ENGINE_CARDS_H

#include "base/error.h"
#include "data/event.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "engine/xrt/offload.h"
#include "model/model_set.h"

#include <stdbool.h>
#include <stdint.h>

struct cards;

/* What became of window `i` of an event. raw[n_outputs] of its model, or NULL: the caller
 * computes it, because of `why`. `card`: which one, for cards_differed. */
typedef void cards_answer(void *user, struct event *ev, uint32_t i, const int64_t *raw,
                          enum fpga_fallback why, uint32_t card);

/* test[models->n_models]: each model's self-test. `done_fd` is written when a batch is
 * done. Everything given is borrowed. Errors as offload_create. */
struct cards *cards_create(const struct engine_settings *settings, const struct model_set *models,
                           const struct offload_test *test, int done_fd, struct monitor *monitor,
                           cards_answer *answer, void *user, struct error *err);
void cards_destroy(struct cards **c);

/* Takes the monitor's rows, from which whoever had them before has gone (cards_end,
 * cards_gone); the next cards_tick starts the processes. Before it, and after cards_end,
 * neither cards_put nor cards_tick may be called. */
void cards_begin(struct cards *c);

/* Ends all processes for good, when nothing is out. */
void cards_end(struct cards *c);

/* Whether no process is left. Never waits. */
bool cards_gone(const struct cards *c);

/* Whether this model has a kernel on any card. */
bool cards_have(const struct cards *c, uint32_t model);

/* Takes window `i` of an event, which is answered by a later cards_tick. False: the caller
 * computes it, because of *why. */
bool cards_put(struct cards *c, struct event *ev, uint32_t i, uint64_t now_ns,
               enum fpga_fallback *why);

/* Answers what is back or lost, launches what waits, looks after the processes. */
void cards_tick(struct cards *c, uint64_t now_ns);

/* When cards_tick has to be called at the latest. */
uint64_t cards_next_ns(const struct cards *c);

/* The CPU says otherwise. Counted; too often, and the card goes down. True: save it. */
bool cards_differed(struct cards *c, uint32_t card, uint64_t now_ns);

/* Counts a window that the CPU computed too. */
void cards_checked(struct cards *c, uint32_t card);

#endif
