/* shadow: a candidate in the place of a model in force, so that the two can be compared
 * on real events before one is trusted. It is given events whose decision is out, cuts
 * their windows anew with its own thresholds and scores them on the CPU; the event itself
 * is not touched.
 *
 *     decided event --shadow_score--> a copy of it with the candidate's windows and scores
 *
 * Which events is a hash of their identity, so that two runs over the same events choose
 * the same ones. All memory is taken by shadow_create. One thread at a time.
 */
#ifndef SPARSED_ENGINE_SHADOW_H
#define SPARSED_ENGINE_SHADOW_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"
#include "data/settings.h"
#include "model/model_set.h"

#include <stdbool.h>

struct shadow;

/* Loads the candidate, holds it to the scalar reference. It must take what the model in
 * whose place it stands takes and give the labels that it gives. `models` and `g` are
 * borrowed. NULL: `err` (CONFIG, MODEL, SYSTEM) names the file, the key and both values. */
struct shadow *shadow_create(const struct shadow_settings *settings,
                             const struct engine_settings *engine, const struct geometry *g,
                             const struct model_set *models, struct error *err);
void shadow_destroy(struct shadow **s);

/* The models in force, but for the candidate. */
const struct model_set *shadow_models(const struct shadow *s);

/* Whether it looks at this event. */
bool shadow_chosen(const struct shadow *s, const struct identity *id);

/* The event as it would be with the candidate: windows and scores, no decision yet. Valid
 * until the next call and while `ev` is. */
struct event *shadow_score(struct shadow *s, const struct event *ev);

#endif
