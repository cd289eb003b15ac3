/* account: the two sentences that a daemon's end has beside its ledger: what became of the
 * fragments, by cause, and where the time went.
 *
 *     fragments 4,000 = assembled 3,990 + lost 10 (source 8, deadline 2) + in flight 0; never came
 * 4 time 61.20 s = live 60.00 + paused 0.00 + draining 0.10 + dead 1.10 (no_slot 1.10); busy:
 * readout 2 %, workers 31 %, event 12 %, output 1 %
 */
#ifndef SPARSED_DATA_ACCOUNT_H
#define SPARSED_DATA_ACCOUNT_H

#include "data/monitor.h"

#include <stdint.h>

/* Cut where `bytes` end. Any thread. */
void account_fragments(const struct monitor *m, char *text, uint32_t bytes);
void account_time(const struct monitor *m, char *text, uint32_t bytes);

#endif
