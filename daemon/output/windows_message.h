/* windows_message: an event on its way to the tier that decides it (service.stages): its
 * pixels, as imaging left them, in one message (proto/windows.proto).
 *
 *     struct event --[planes' masks walked]--> header, payload --> the sockets, Kafka
 *
 * About 8 bytes a pixel, in place of the samples it was made of. The payload has room for the
 * event in which every pixel is lit. One thread at a time.
 */
#ifndef SPARSED_OUTPUT_WINDOWS_MESSAGE_H
#define SPARSED_OUTPUT_WINDOWS_MESSAGE_H

#include "base/error.h"
#include "data/event.h"
#include "data/geometry.h"

#include <stddef.h>
#include <stdint.h>

struct windows_message;

/* Parts 2 and 3 of the message; they are the windows_message's. */
struct windows_parts {
    const void *header, *payload;
    size_t header_bytes, payload_bytes;
};

/* `g` must outlive it. NULL: no memory (SYSTEM). */
struct windows_message *windows_message_create(const struct geometry *g, uint32_t source_id,
                                               struct error *err);
void windows_message_destroy(struct windows_message **m);

/* The event as a message, valid until the next call; the next number of the sender's sequence.
 * `now_ns` is monotonic. Never fails. */
struct windows_parts windows_message_fill(struct windows_message *m, const struct event *ev,
                                          uint64_t now_ns);

#endif
