/* keys: how a client shows its key and knows the daemon's (ZeroMQ's CURVE).
 *
 * Key files are those of sparse-keys, czmq and pyzmq. A client needs both: --keys FILE,
 * its own .key_secret file, and --server-key FILE, the daemon's public .key file. Without
 * them a socket is plain. The client is the CURVE client whether it binds or connects.
 */
#ifndef SPARSED_CLIENTS_KEYS_H
#define SPARSED_CLIENTS_KEYS_H

#include "common/failure.h"

#include <stdbool.h>

enum { KEYS_TEXT_BYTES = 41 }; /* a key as Z85, with its zero */

struct keys_files {
    const char *own;    /* --keys; NULL: plain */
    const char *server; /* --server-key; both or none */
};

struct keys_pair {
    char public_key[KEYS_TEXT_BYTES], secret_key[KEYS_TEXT_BYTES]; /* empty: not in the file */
};

/* Reads a key file. False: it cannot be read or has no public key. */
bool keys_read(struct keys_pair *keys, const char *path, struct failure *f);

/* Gives `socket` the keys, before it binds or connects, and opens its monitor for
 * keys_refusal. False: one option without the other, or a file that is none. */
bool keys_apply(void *context, void *socket, const struct keys_files *files, void **monitor,
                struct failure *f);

/* What a greeting failed of since the last call, as half a sentence: "the daemon does not
 * know our key ..."; NULL: nothing new. `monitor` as keys_apply left it. */
const char *keys_refusal(void *monitor);

/* Ends the monitor; before the socket is closed. */
void keys_close(void *socket, void **monitor);

#endif
