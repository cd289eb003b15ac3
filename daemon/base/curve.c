#include "base/curve.h"

#include "base/secret.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { LINE_BYTES = 256, MAX_LINES = 1000 };

bool curve_decode(const char *text, uint8_t key[CURVE_KEY_BYTES])
{
    return strlen(text) == CURVE_TEXT_BYTES - 1 && zmq_z85_decode(key, text) != NULL;
}

/* `    secret-key = "..."`: the text between the quotes, if it is a key. */
static bool take_secret(const char *line, char secret[CURVE_TEXT_BYTES])
{
    char text[LINE_BYTES];
    uint8_t key[CURVE_KEY_BYTES];
    bool found = sscanf(line, " secret-key = \"%255[^\"]", text) == 1 && curve_decode(text, key);
    if (found)
        memcpy(secret, text, CURVE_TEXT_BYTES);
    explicit_bzero(text, sizeof text);
    explicit_bzero(key, sizeof key);
    return found;
}

bool curve_read_secret(const char *path, const char *setting, char secret[CURVE_TEXT_BYTES],
                       struct error *err)
{
    FILE *from = secret_open(path, setting, err);
    if (from == NULL)
        return false;
    bool found = false;
    char line[LINE_BYTES] = "";
    for (int i = 0; !found && i < MAX_LINES && fgets(line, sizeof line, from); i++)
        found = take_secret(line, secret);
    explicit_bzero(line, sizeof line);
    (void)fclose(from);
    if (!found)
        return error_set(err, ERROR_CONFIG,
                         "%s = \"%s\": has no secret-key; sparse-keys makes such a file", setting,
                         path);
    return true;
}

bool curve_serve(void *socket, const char secret[CURVE_TEXT_BYTES])
{
    int on = 1;
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, CURVE_TEXT_BYTES) == 0;
}
