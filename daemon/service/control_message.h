/* control_message: requests and replies of proto/control.proto, as bytes and as the
 * records of run control. Knows no socket, so that anything may be fed to it.
 */
#ifndef SPARSED_SERVICE_CONTROL_MESSAGE_H
#define SPARSED_SERVICE_CONTROL_MESSAGE_H

#include "data/run_command.h"
#include "output/run_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Larger requests close their connection. */
enum { CONTROL_MAX_REQUEST_BYTES = 16 * 1024 };

/* False: `reply` says what is wrong with it. */
bool control_message_read(const uint8_t *data, size_t bytes, struct run_command *ask,
                          struct run_reply *reply);

struct control_health {
    bool healthy;
    char text[512];
};

/* A packed ControlReply; the caller frees it. NULL: no memory. */
uint8_t *control_message_write(const struct run_reply *reply, const struct run_status *status,
                               const struct control_health *health, const struct run_info *info,
                               bool with_configuration, uint32_t last_event_run, size_t *bytes);

#endif
