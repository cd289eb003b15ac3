/* engine: an event's windows are cut from its pixels, and each gets its scores.
 *
 *     event --engine_submit--> [cut windows, score them] --engine_take--> event with scores
 *
 * Submitting and taking are two calls because windows may be away for a while (a batch
 * on a card, cards.h); the CPU is done when engine_submit returns. Events come back in
 * the order they were submitted. The CPU is also the judge: a share of the windows that a
 * card scored is computed again, and every window whose card does not answer, or answers
 * wrongly, gets its scores from the CPU; so a decision depends on no card. All memory is
 * taken by engine_create. The event thread owns it.
 *
 * Of two engines that follow each other in one run (other models) only one has the cards:
 *
 *     old   engine_begin_cards ... engine_end_cards, engine_cards_gone ... destroyed
 *     new                    created, CPU only ....................... engine_begin_cards
 */
#ifndef SPARSED_ENGINE_ENGINE_H
#define SPARSED_ENGINE_ENGINE_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/monitor.h"
#include "data/settings.h"
#include "model/model_set.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

/* For events whose index is below `slots`, each of which may be under way. Of kind = fpga
 * only: `done_fd`, an eventfd that is written when windows are back, and `monitor`; else -1
 * and NULL. */
struct engine *engine_create(const struct engine_settings *settings, const struct geometry *g,
                             const struct model_set *models, uint32_t slots, int done_fd,
                             struct monitor *monitor, struct error *err);
void engine_destroy(struct engine **e);

/* Holds each model's kernel to the scalar reference, on windows made from a seed. False:
 * `err` (MODEL) names model, kernel and window. Any thread, before the engine is used. */
bool engine_self_test(const struct engine *e, struct error *err);

/* Starts the cards' processes at the next engine_submit or engine_take; until then, and
 * without cards, the CPU scores. */
void engine_begin_cards(struct engine *e);

/* Ends the cards' processes (SIGKILL) for good, once no event is in flight. */
void engine_end_cards(struct engine *e);

/* Whether no process of a card is left. Never waits. */
bool engine_cards_gone(const struct engine *e);

/* "cpu scalar" */
const char *engine_name(const struct engine *e);

/* Windows of an event: the same number for every event of a run. */
uint32_t engine_windows_per_event(const struct engine *e);

/* Bytes of the windows, scores and pixel lists of all events together. */
uint64_t engine_memory_bytes(const struct engine *e);

/* Points the event's windows, scores and lists to memory of the engine's own, by its
 * index, cuts the windows and starts scoring. */
void engine_submit(struct engine *e, struct event *ev, uint64_t now_ns);

/* The next event with all its scores, or NULL. */
struct event *engine_take(struct engine *e, uint64_t now_ns);

/* Events submitted and not yet taken. */
uint32_t engine_in_flight(const struct engine *e);

/* Whether engine_take would give one without waiting for a card. */
bool engine_ready(const struct engine *e);

/* When engine_take has to be called at the latest, for cards; UINT64_MAX: no card. */
uint64_t engine_next_ns(const struct engine *e);

#endif
