/* stream: the page's server-sent events (HTML standard, "Server-sent events"): the
 * status once a second, for as long as the browser listens.
 *
 *     service thread --stream_push--> one frame, shared by all
 *                                       |  wakes those that sleep
 *     HTTP thread   <--- a connection asks for bytes: the rest of its frame, or the
 *                        newest; nothing new: it sleeps (suspended)
 *
 * A connection that reads slowly skips frames and holds one; one that does not read at
 * all is dropped by the HTTP server's time limit. At most STREAM_LIMIT at a time.
 */
#ifndef SPARSED_SERVICE_STREAM_H
#define SPARSED_SERVICE_STREAM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

enum { STREAM_LIMIT = 16 };

struct stream;

/* NULL: no memory. */
struct stream *stream_create(void);

/* Whether anybody listens: without, a status need not be made. */
bool stream_wanted(struct stream *s);

/* Hands a status (JSON on one line, which is freed; NULL is nothing) to all who listen. */
void stream_push(struct stream *s, char *json, size_t bytes);

/* A response that never ends, beginning with `json` (freed). NULL: the limit is reached,
 * or there is no memory. */
struct MHD_Response *stream_open(struct stream *s, struct MHD_Connection *c, char *json,
                                 size_t bytes);

/* Ends every connection's response: the HTTP server cannot be stopped while one sleeps.
 * Then stop the server, then destroy. */
void stream_end(struct stream *s);
void stream_destroy(struct stream **s);

#endif
