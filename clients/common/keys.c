#include "common/keys.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { LINE_BYTES = 256, MAX_LINES = 1000, KEY_BYTES = 32 };

static void take(const char *line, const char *format, char key[KEYS_TEXT_BYTES])
{
    char text[LINE_BYTES];
    uint8_t bytes[KEY_BYTES];
    if (sscanf(line, format, text) == 1 && strlen(text) == KEYS_TEXT_BYTES - 1 &&
        zmq_z85_decode(bytes, text) != NULL)
        memcpy(key, text, KEYS_TEXT_BYTES);
    explicit_bzero(text, sizeof text);
    explicit_bzero(bytes, sizeof bytes);
}

bool keys_read(struct keys_pair *keys, const char *path, struct failure *f)
{
    *keys = (struct keys_pair){{0}, {0}};
    FILE *from = fopen(path, "re");
    if (!from)
        return failure_set(f, "%s: %s", path, strerror(errno));
    char line[LINE_BYTES];
    for (int i = 0; i < MAX_LINES && fgets(line, sizeof line, from); i++) {
        take(line, " public-key = \"%255[^\"]", keys->public_key);
        take(line, " secret-key = \"%255[^\"]", keys->secret_key);
    }
    explicit_bzero(line, sizeof line);
    (void)fclose(from);
    return keys->public_key[0] != '\0' ||
           failure_set(f, "%s: has no public-key; sparse-keys makes such files", path);
}

static bool set_key(void *socket, int option, const char key[KEYS_TEXT_BYTES])
{
    return zmq_setsockopt(socket, option, key, KEYS_TEXT_BYTES) == 0;
}

static bool set_keys(void *socket, const struct keys_files *files, struct failure *f)
{
    struct keys_pair own, server;
    if (!keys_read(&own, files->own, f) || !keys_read(&server, files->server, f))
        return false;
    bool has_secret = own.secret_key[0] != '\0';
    bool good = has_secret && set_key(socket, ZMQ_CURVE_SERVERKEY, server.public_key) &&
                set_key(socket, ZMQ_CURVE_PUBLICKEY, own.public_key) &&
                set_key(socket, ZMQ_CURVE_SECRETKEY, own.secret_key);
    int why = errno;
    explicit_bzero(&own, sizeof own);
    explicit_bzero(&server, sizeof server);
    if (!has_secret)
        return failure_set(f, "--keys %s: has no secret-key: give the .key_secret file",
                           files->own);
    return good || failure_set(f, "--keys %s: %s", files->own, zmq_strerror(why));
}

/* The monitor's two ends are a matter of this process: the address only has to be one of
 * its own for each socket. */
static void *open_monitor(void *context, void *socket)
{
    char address[64];
    int linger = 0;
    (void)snprintf(address, sizeof address, "inproc://sparsed.client.%p", socket);
    void *end = zmq_socket(context, ZMQ_PAIR);
    if (!end || zmq_setsockopt(end, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_connect(end, address) != 0 ||
        zmq_socket_monitor(socket, address,
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0) {
        if (end)
            (void)zmq_close(end);
        return NULL;
    }
    return end;
}

bool keys_apply(void *context, void *socket, const struct keys_files *files, void **monitor,
                struct failure *f)
{
    if ((files->own == NULL) != (files->server == NULL))
        return failure_set(f, "--keys and --server-key: give both or none");
    if (files->own && !set_keys(socket, files, f))
        return false;
    *monitor = open_monitor(context, socket);
    return *monitor != NULL || failure_set(f, "no monitor: %s", zmq_strerror(errno));
}

static const char *explain(uint16_t event, uint32_t value)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return "the daemon does not let our key in (its security.clients, and the role there)";
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
        value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        return "one side asks for keys and the other is plain (--keys and --server-key)";
    return "the other side broke the greeting off: it has another key than --server-key, asks "
           "for keys, or is no ZeroMQ socket";
}

const char *keys_refusal(void *monitor)
{
    const char *why = NULL;
    uint8_t about[64];
    int n;
    while (monitor && (n = zmq_recv(monitor, about, sizeof about, ZMQ_DONTWAIT)) >= 0) {
        uint16_t event;
        uint32_t value;
        if (n != sizeof event + sizeof value)
            continue; /* the event's second part: an address */
        memcpy(&event, about, sizeof event);
        memcpy(&value, about + sizeof event, sizeof value);
        why = explain(event, value);
    }
    return why;
}

void keys_close(void *socket, void **monitor)
{
    if (*monitor) {
        (void)zmq_socket_monitor(socket, NULL, 0);
        (void)zmq_close(*monitor);
        *monitor = NULL;
    }
}
