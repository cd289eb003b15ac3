#include "service/metrics_shadow.h"

#include <stdio.h>

static bool there_is_one(const struct sink *s)
{
    return s->info->settings->shadow.file[0] != '\0';
}

void metrics_shadow_events(struct sink *s)
{
    for (uint32_t k = 0; there_is_one(s) && k < MONITOR_SHADOW_VERDICT_COUNT; k++) {
        struct label l = {"verdict", monitor_shadow_verdict_name((enum monitor_shadow_verdict)k)};
        s->put(s, "", &l, 1, (double)counter_read(&s->m->shadow_verdict[k]));
    }
}

void metrics_shadow_skipped(struct sink *s)
{
    if (there_is_one(s))
        s->put(s, "", NULL, 0, (double)counter_read(&s->m->shadow_skipped));
}

/* Cumulative, as Prometheus has its buckets: each counts what the ones before it count. */
void metrics_shadow_windows(struct sink *s)
{
    double sum = 0;
    for (uint32_t k = 0; there_is_one(s) && k <= MONITOR_SHADOW_EDGES; k++) {
        char edge[32] = "+Inf";
        if (k < MONITOR_SHADOW_EDGES)
            (void)snprintf(edge, sizeof edge, "%g", monitor_shadow_edge[k]);
        sum += (double)counter_read(&s->m->shadow_difference[k]);
        struct label l = {"le", edge};
        s->put(s, "", &l, 1, sum);
    }
}
