#include "service/health.h"

#include <stdio.h>

bool health_live(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes)
{
    uint64_t beat = atomic_load(&m->heartbeat_ns);
    uint64_t silent = now_ns > beat ? now_ns - beat : 0;
    if (beat != 0 && silent > HEALTH_SILENT_NS) {
        (void)snprintf(text, bytes, "event thread has been silent for %.1f s",
                       (double)silent / 1e9);
        return false;
    }
    (void)snprintf(text, bytes, "alive");
    return true;
}

bool health_ready(const struct monitor *m, uint64_t now_ns, char *text, uint32_t bytes)
{
    if (atomic_load(&m->stopping)) {
        (void)snprintf(text, bytes, "stopping");
        return false;
    }
    if (!atomic_load(&m->ready)) {
        (void)snprintf(text, bytes, "starting");
        return false;
    }
    if (!health_live(m, now_ns, text, bytes)) {
        return false;
    }
    (void)snprintf(text, bytes, "ready");
    return true;
}
