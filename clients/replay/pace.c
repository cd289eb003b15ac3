#include "replay/pace.h"

static const uint64_t slack_ns = 500000000;

static uint64_t offset(struct pace *p, uint64_t recorded_ns)
{
    if (p->kind == PACE_RATE)
        return (uint64_t)((double)p->events * 1e9 / p->rate_hz);
    if (p->events && recorded_ns > p->recorded_ns)
        p->elapsed_ns += recorded_ns - p->recorded_ns;
    p->recorded_ns = recorded_ns;
    return (uint64_t)((double)p->elapsed_ns / p->speed);
}

uint64_t pace_next(struct pace *p, uint64_t recorded_ns, uint64_t now_ns)
{
    if (p->kind == PACE_FAST)
        return now_ns;
    if (p->events == 0)
        p->start_ns = now_ns;
    uint64_t due_ns = p->start_ns + offset(p, recorded_ns);
    p->events++;
    if (now_ns > due_ns + slack_ns) {
        p->start_ns += now_ns - due_ns;
        p->slips++;
        return now_ns;
    }
    return due_ns;
}
