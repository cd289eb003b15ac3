/* ask: one question to sparsed's control socket, and its answer (proto/control.proto).
 *
 * A question that got no answer in time leaves its socket behind it: the next one has a
 * new socket, so that a late answer cannot be taken for another's. Not thread-safe.
 */
#ifndef SPARSED_CLIENTS_CTL_ASK_H
#define SPARSED_CLIENTS_CTL_ASK_H

#include "common/failure.h"
#include "common/keys.h"
#include "proto/control.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct ask {
    void *context, *socket, *monitor;
    const char *endpoint;
    struct keys_files keys;
};

/* Borrows both. False: `f` says why. */
bool ask_init(struct ask *a, const char *endpoint, const struct keys_files *keys,
              struct failure *f);
void ask_fini(struct ask *a);

/* Sends, and waits at most `timeout_ms`. The caller frees the reply
 * (sparsed__control_reply__free_unpacked). NULL: no answer, or none that can be read. */
Sparsed__ControlReply *ask_for(struct ask *a, const Sparsed__ControlRequest *request,
                               int64_t timeout_ms, struct failure *f);

#endif
