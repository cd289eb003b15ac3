/* systemd: tells the service manager ready, alive, stopping (sd_notify(3)). Without
 * one every call does nothing.
 */
#ifndef SPARSED_SERVICE_SYSTEMD_H
#define SPARSED_SERVICE_SYSTEMD_H

#include <stdint.h>

void systemd_ready(void);
void systemd_stopping(void);
void systemd_alive(void);              /* pets the watchdog */
void systemd_status(const char *text); /* one line for `systemctl status` */

/* Half of WatchdogSec, or 0: no watchdog. */
uint64_t systemd_watchdog_ns(void);

#endif
