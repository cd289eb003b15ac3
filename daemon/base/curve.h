/* curve: key files, and both ends of ZeroMQ's CURVE encryption.
 *
 * A key file is what czmq and pyzmq call a certificate; sparse-keys writes two:
 *
 *     NAME.key         public      metadata
 *     NAME.key_secret  both            name = "daq01"
 *                                  curve
 *                                      public-key = "40 characters of Z85"
 *                                      secret-key = "40 characters of Z85"
 *
 * The daemon is the CURVE server on every socket, whether it binds or connects: it has the
 * secret key, its peers know its public one. But where it reads what another daemon sends
 * (service.stages), it is that one's client: two servers cannot talk.
 */
#ifndef SPARSED_BASE_CURVE_H
#define SPARSED_BASE_CURVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { CURVE_KEY_BYTES = 32, CURVE_TEXT_BYTES = 41 }; /* a key, and as Z85 with its zero */

/* Reads the secret key of a .key_secret file. False: `err` (CONFIG) names `setting`, the
 * file and why: absent, no key in it, or readable by others than its owner. */
bool curve_read_secret(const char *path, const char *setting, char secret[CURVE_TEXT_BYTES],
                       struct error *err);

/* The same for the public key of a .key file, which all may read. */
bool curve_read_public(const char *path, const char *setting, char key[CURVE_TEXT_BYTES],
                       struct error *err);

/* Whether a text is a key: 40 characters of Z85. Decodes it. */
bool curve_decode(const char *text, uint8_t key[CURVE_KEY_BYTES]);

/* Makes `socket` a CURVE server, before it binds or connects. Who may come in is asked
 * of the ZAP handler: there must be one, without it libzmq lets any key in. False: errno. */
bool curve_serve(void *socket, const char secret[CURVE_TEXT_BYTES]);

/* Makes it a client of the server with this public key, likewise. */
bool curve_join(void *socket, const char secret[CURVE_TEXT_BYTES],
                const char server[CURVE_TEXT_BYTES]);

#endif
