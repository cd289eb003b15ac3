#include "base/curve.h"

#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { LINE_BYTES = 256, MAX_LINES = 1000 };

bool curve_decode(const char *text, uint8_t key[CURVE_KEY_BYTES])
{
    return strlen(text) == CURVE_TEXT_BYTES - 1 && zmq_z85_decode(key, text) != NULL;
}

/* `    NAME = "..."`: the text between the quotes, if it is a key. */
static bool take(const char *line, const char *name, char to[CURVE_TEXT_BYTES])
{
    char is[16], text[LINE_BYTES];
    uint8_t key[CURVE_KEY_BYTES];
    bool found = sscanf(line, " %15[a-z-] = \"%255[^\"]", is, text) == 2 && strcmp(is, name) == 0 &&
                 curve_decode(text, key);
    if (found)
        memcpy(to, text, CURVE_TEXT_BYTES);
    explicit_bzero(text, sizeof text);
    explicit_bzero(key, sizeof key);
    return found;
}

/* Closes `from`. */
static bool find(FILE *from, const char *name, char to[CURVE_TEXT_BYTES])
{
    bool found = false;
    char line[LINE_BYTES] = "";
    for (int i = 0; !found && i < MAX_LINES && fgets(line, sizeof line, from); i++)
        found = take(line, name, to);
    explicit_bzero(line, sizeof line);
    (void)fclose(from);
    return found;
}

bool curve_read_secret(const char *path, const char *setting, char secret[CURVE_TEXT_BYTES],
                       struct error *err)
{
    FILE *from = secret_open(path, setting, err);
    if (from == NULL)
        return false;
    if (!find(from, "secret-key", secret))
        return error_set(err, ERROR_CONFIG,
                         "%s = \"%s\": has no secret-key; sparse-keys makes such a file", setting,
                         path);
    return true;
}

bool curve_read_public(const char *path, const char *setting, char key[CURVE_TEXT_BYTES],
                       struct error *err)
{
    FILE *from = fopen(path, "re");
    if (from == NULL)
        return error_set(err, ERROR_CONFIG, "%s = \"%s\": %s", setting, path, strerror(errno));
    return find(from, "public-key", key) ||
           error_set(err, ERROR_CONFIG,
                     "%s = \"%s\": has no public-key; sparse-keys makes such a file", setting,
                     path);
}

bool curve_serve(void *socket, const char secret[CURVE_TEXT_BYTES])
{
    int on = 1;
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, CURVE_TEXT_BYTES) == 0;
}

bool curve_join(void *socket, const char secret[CURVE_TEXT_BYTES],
                const char server[CURVE_TEXT_BYTES])
{
    char own[CURVE_TEXT_BYTES];
    return zmq_curve_public(own, secret) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, CURVE_TEXT_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own, CURVE_TEXT_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, CURVE_TEXT_BYTES) == 0;
}
