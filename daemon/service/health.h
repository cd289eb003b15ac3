/* health: is the daemon alive, does it take data, is all well; and if not, why, in
 * words. The page, sparse-top, run control and the probes all say what this file says.
 *
 * Alive: the event thread came round in the last 5 s, or has not begun yet (models
 * load, sockets open). Ready: alive, begun, and not stopping. A failing recorder
 * or a full subscriber is no reason: restarting the daemon would not help. Nor is a card that
 * is not up: the CPU scores for it, and the sentence says "degraded".
 *
 * health_judge looks at everything, for people: one word, and a sentence for each reason.
 */
#ifndef SPARSED_SERVICE_HEALTH_H
#define SPARSED_SERVICE_HEALTH_H

#include "data/monitor.h"
#include "service/counts.h"

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_SILENT_NS (UINT64_C(5) * 1000000000)

/* `text` gets one sentence, whatever the answer. */
bool health_live(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes);
bool health_ready(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes);

/* X(name, help), from the best to the worst. */
#define HEALTH_STATES(X)                                                                           \
    X(healthy, "events come and are decided")                                                      \
    X(idle, "nothing is wrong, but nothing comes")                                                 \
    X(starting, "it does not take data yet")                                                       \
    X(paused, "an operator has stopped the readout; nothing is taken")                             \
    X(stopping, "it takes no data any more, and finishes what it has")                             \
    X(degraded, "nothing is lost, but something is not as it should be")                           \
    X(trouble, "something is lost, or about to be: somebody has to look")

enum health_state {
#define X(name, help) HEALTH_##name,
    HEALTH_STATES(X)
#undef X
        HEALTH_STATE_COUNT
};

enum { HEALTH_REASONS = 12, HEALTH_REASON_BYTES = 160 };

/* Whatever happened this long ago is no reason any more. */
#define HEALTH_RECENT_NS (UINT64_C(10) * 1000000000)

struct health {
    enum health_state state;
    uint32_t n; /* reasons; one that is worse than the others is among the first */
    char reason[HEALTH_REASONS][HEALTH_REASON_BYTES];
};

/* `recent` is what happened lately (counts_difference; at_ns is how long that is). */
void health_judge(struct health *h, const struct monitor *m, const struct counts *recent,
                  uint64_t now_ns);

const char *health_state_name(enum health_state state);
const char *health_state_help(enum health_state state);

#endif
