/* curve: key files, and the server's end of ZeroMQ's CURVE encryption.
 *
 * A key file is what czmq and pyzmq call a certificate; sparse-keys writes two:
 *
 *     NAME.key         public      metadata
 *     NAME.key_secret  both            name = "daq01"
 *                                  curve
 *                                      public-key = "40 characters of Z85"
 *                                      secret-key = "40 characters of Z85"
 *
 * The daemon is the CURVE server on every socket, whether it binds or connects:
 * it has the secret key, its peers know its public one.
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

/* Whether a text is a key: 40 characters of Z85. Decodes it. */
bool curve_decode(const char *text, uint8_t key[CURVE_KEY_BYTES]);

/* Makes `socket` a CURVE server, before it binds or connects. Who may come in is asked
 * of the ZAP handler: there must be one, without it libzmq lets any key in. False: errno. */
bool curve_serve(void *socket, const char secret[CURVE_TEXT_BYTES]);

#endif
