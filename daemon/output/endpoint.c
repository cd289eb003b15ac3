#include "output/endpoint.h"

#include <zmq.h>

static bool attach(void *socket, const char *text, bool binds, const char *key, struct error *err)
{
    const char *address = text;
    if (text[0] == '@' || text[0] == '>') {
        binds = text[0] == '@';
        address++;
    }
    if ((binds ? zmq_bind(socket, address) : zmq_connect(socket, address)) != 0) {
        return error_set(err, ERROR_NETWORK, "%s = \"%s\": cannot %s: %s", key, text,
                         binds ? "bind" : "connect", zmq_strerror(zmq_errno()));
    }
    return true;
}

bool endpoint_attach_all(void *socket, const struct settings_strings *list, bool bind_by_default,
                         const char *key, struct error *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!attach(socket, list->text[i], bind_by_default, key, err)) {
            return false;
        }
    }
    return true;
}
