/* health: is the daemon alive, and does it take data; and if not, why, in words.
 *
 * Alive: the event thread came round in the last 5 s, or has not begun yet (models
 * load, sockets open). Ready: alive, begun, and not stopping. A failing recorder
 * or a full subscriber is no reason: restarting the daemon would not help. Nor is a card that
 * is not up: the CPU scores for it, and the sentence says "degraded".
 */
#ifndef SPARSED_SERVICE_HEALTH_H
#define SPARSED_SERVICE_HEALTH_H

#include "data/monitor.h"

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_SILENT_NS (UINT64_C(5) * 1000000000)

/* `text` gets one sentence, whatever the answer. */
bool health_live(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes);
bool health_ready(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes);

#endif
