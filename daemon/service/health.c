#include "service/health.h"

#include <stdio.h>
#include <string.h>

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

/* " (degraded: 1 of 2 cards not up, ...: device 0 starting)": events are decided all the same. */
static void append_cards(const struct monitor *m, char *text, uint32_t bytes)
{
    uint32_t n = atomic_load(&m->n_cards), out = 0;
    char why[256] = "";
    for (uint32_t i = 0; i < n; i++) {
        uint32_t state = atomic_load(&m->card[i].state);
        if (state == FPGA_STATE_up)
            continue;
        size_t used = strlen(why);
        (void)snprintf(why + used, sizeof why - used, "%s device %u %s", out++ > 0 ? "," : "",
                       atomic_load(&m->card[i].device),
                       monitor_fpga_state_name((enum fpga_state)state));
    }
    size_t used = strlen(text);
    if (out > 0 && used < bytes)
        (void)snprintf(text + used, bytes - used,
                       " (degraded: %u of %u cards not up, the CPU scores for them:%s)", out, n,
                       why);
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
    append_cards(m, text, bytes);
    return true;
}
