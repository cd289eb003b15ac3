/* disagreement: a window that card and CPU score differently, kept for those who have to
 * find out why: a line of JSON with its pixels and both answers, at the end of
 * DIRECTORY/differing.jsonl. `sparse-verify --windows` computes it again.
 */
#ifndef SPARSED_ENGINE_DISAGREEMENT_H
#define SPARSED_ENGINE_DISAGREEMENT_H

#include "data/identity.h"
#include "data/window.h"
#include "model/model.h"

#include <stdint.h>

/* Both answers are raw[m->n_outputs]. Allocates and writes: a card has only few before it
 * is out. What cannot be written is said in the log. */
void disagreement_save(const char *directory, const struct model *m, const struct identity *id,
                       const struct window *w, const int64_t *cpu, const int64_t *card);

#endif
