/* service: one thread for those who watch. Every metrics_interval it publishes the
 * Metrics message (topic "metrics"); it compares the event thread's heartbeat with
 * the last one and pets systemd's watchdog only if it moved; it says READY and
 * STOPPING once the monitor does. HTTP runs beside it.
 */
#ifndef SPARSED_SERVICE_SERVICE_H
#define SPARSED_SERVICE_SERVICE_H

#include "base/error.h"
#include "data/monitor.h"
#include "output/run_info.h"
#include "service/watch.h"

#include <stdint.h>

struct service;

/* Binds everything before it returns, so that an address in use is an error here.
 * All arguments are borrowed until service_stop. Errors: CONFIG, NETWORK, SYSTEM. */
struct service *service_start(const struct service_settings *settings, struct monitor *monitor,
                              struct run_info_board *board, void *zmq_context, struct error *err);

/* Publishes the last numbers, then ends the thread and closes the sockets. Call it
 * after the pipeline has stopped. */
void service_stop(struct service **s);

/* Who remembers the daemon's health and rates; until service_stop. */
struct watch *service_watch(const struct service *s);

/* The HTTP port in use, 0 without HTTP. */
uint16_t service_http_port(const struct service *s);

#endif
