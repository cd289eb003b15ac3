/* metrics_cards: what the rows of cards put into a sink (metrics_table.h). A card is one
 * model's kernel on one device, and has the labels card (its place in the list), device and
 * model. Without cards no row has a sample.
 */
#ifndef SPARSED_SERVICE_METRICS_CARDS_H
#define SPARSED_SERVICE_METRICS_CARDS_H

#include "service/metrics_table.h"

void metrics_cards_state(struct sink *s);
void metrics_cards_starts(struct sink *s);
void metrics_cards_down(struct sink *s);
void metrics_cards_launches(struct sink *s);
void metrics_cards_windows(struct sink *s);
void metrics_cards_batch_seconds(struct sink *s);
void metrics_cards_cross_checked(struct sink *s);
void metrics_cards_differing(struct sink *s);
void metrics_cards_fallback(struct sink *s);

#endif
