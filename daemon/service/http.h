/* http: what people and Prometheus read.
 *
 *     /          the live page         /metrics   Prometheus text
 *     /healthz   200, or 503 and why   /readyz    200, or 503 and why
 *     /status, /history, /accepted     what the page shows, as JSON (status.h)
 *     /events                          the status, again and again (stream.h)
 *
 * Nothing can be changed here: GET and HEAD only; anything else is 404 or 405. At most 64
 * connections, 16 of them of pages, 10 s of silence each, headers of at most 16 KiB.
 * libmicrohttpd runs one thread of its own.
 */
#ifndef SPARSED_SERVICE_HTTP_H
#define SPARSED_SERVICE_HTTP_H

#include "base/error.h"
#include "service/metrics.h"

#include <stdint.h>

struct http;

/* `address` is HOST:PORT, [IPV6]:PORT or *:PORT. `source` is borrowed, and has a watch. NULL: `err`
 * (CONFIG, NETWORK) names the address and the reason. */
struct http *http_start(const char *address, const struct metrics_source *source,
                        struct error *err);

/* Sends the status to the pages that are open; the service thread, once a second. */
void http_push(struct http *h, uint64_t now_ns, uint64_t wall_ns);
void http_stop(struct http **h);

/* The port it listens on: for an address with port 0. */
uint16_t http_port(const struct http *h);

#endif
