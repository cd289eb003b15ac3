/* http: what people and Prometheus read.
 *
 *     /          what there is         /metrics   Prometheus text
 *     /healthz   200, or 503 and why   /readyz    200, or 503 and why
 *
 * GET and HEAD only; anything else is 404 or 405. At most 64 connections, 10 s of
 * silence each. libmicrohttpd runs one thread of its own.
 */
#ifndef SPARSED_SERVICE_HTTP_H
#define SPARSED_SERVICE_HTTP_H

#include "base/error.h"
#include "service/metrics.h"

#include <stdint.h>

struct http;

/* `address` is HOST:PORT, [IPV6]:PORT or *:PORT. `source` is borrowed. NULL: `err`
 * (CONFIG, NETWORK) names the address and the reason. */
struct http *http_start(const char *address, const struct metrics_source *source,
                        struct error *err);
void http_stop(struct http **h);

/* The port it listens on: for an address with port 0. */
uint16_t http_port(const struct http *h);

#endif
