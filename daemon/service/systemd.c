#include "service/systemd.h"

#include <systemd/sd-daemon.h>

void systemd_ready(void)
{
    (void)sd_notify(0, "READY=1");
}

void systemd_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void systemd_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

void systemd_status(const char *text)
{
    (void)sd_notifyf(0, "STATUS=%s", text);
}

uint64_t systemd_watchdog_ns(void)
{
    uint64_t limit_us = 0;
    return sd_watchdog_enabled(0, &limit_us) > 0 ? limit_us * 1000 / 2 : 0;
}
