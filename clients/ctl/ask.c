#include "ctl/ask.h"

#include "common/subscriber.h"
#include "common/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SLICE_MS = 200, MAX_REPLY_BYTES = 4 << 20, SCHEMA_VERSION = 1 };

static void close_socket(struct ask *a)
{
    if (a->socket == NULL)
        return;
    keys_close(a->socket, &a->monitor);
    (void)zmq_close(a->socket);
    a->socket = NULL;
}

static bool open_socket(struct ask *a, struct failure *f)
{
    int none = 0, yes = 1;
    int64_t largest = MAX_REPLY_BYTES;
    const char *endpoint = a->endpoint[0] == '>' ? a->endpoint + 1 : a->endpoint;
    a->socket = zmq_socket(a->context, ZMQ_REQ);
    if (a->socket == NULL)
        return failure_set(f, "no socket: %s", zmq_strerror(errno));
    (void)zmq_setsockopt(a->socket, ZMQ_LINGER, &none, sizeof none);
    (void)zmq_setsockopt(a->socket, ZMQ_IPV6, &yes, sizeof yes);
    (void)zmq_setsockopt(a->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest);
    if (!keys_apply(a->context, a->socket, &a->keys, &a->monitor, f))
        return false;
    if (zmq_connect(a->socket, endpoint) != 0)
        return failure_set(f, "%s: cannot connect: %s", endpoint, zmq_strerror(errno));
    return true;
}

bool ask_init(struct ask *a, const char *endpoint, const struct keys_files *keys, struct failure *f)
{
    *a = (struct ask){.endpoint = endpoint, .keys = *keys, .context = zmq_ctx_new()};
    if (a->context == NULL)
        return failure_set(f, "no ZeroMQ context: %s", zmq_strerror(errno));
    if (open_socket(a, f))
        return true;
    ask_fini(a);
    return false;
}

void ask_fini(struct ask *a)
{
    close_socket(a);
    if (a->context != NULL)
        (void)zmq_ctx_term(a->context);
    a->context = NULL;
}

static bool send_request(struct ask *a, const Sparsed__ControlRequest *request, struct failure *f)
{
    size_t bytes = sparsed__control_request__get_packed_size(request);
    uint8_t *packed = malloc(bytes + 1);
    bool sent = packed != NULL;
    if (sent) {
        (void)sparsed__control_request__pack(request, packed);
        sent = zmq_send(a->socket, packed, bytes, ZMQ_DONTWAIT) >= 0;
    }
    free(packed);
    return sent || failure_set(f, "%s: cannot send: %s", a->endpoint, zmq_strerror(errno));
}

/* Waits for the answer; false: none came. */
static bool wait_for_reply(struct ask *a, int64_t timeout_ms, struct failure *f)
{
    uint64_t end_ns = subscriber_now_ns() + (uint64_t)timeout_ms * 1000000u;
    const char *refusal = NULL;
    while (!subscriber_stopped()) {
        zmq_pollitem_t item = {.socket = a->socket, .events = ZMQ_POLLIN};
        uint64_t now_ns = subscriber_now_ns();
        if (now_ns >= end_ns)
            break;
        uint64_t left_ms = (end_ns - now_ns + 999999) / 1000000;
        if (zmq_poll(&item, 1, left_ms < SLICE_MS ? (long)left_ms : SLICE_MS) > 0)
            return true;
        const char *news = keys_refusal(a->monitor);
        refusal = news != NULL ? news : refusal;
    }
    if (subscriber_stopped())
        return failure_set(f, "interrupted");
    char seconds[TEXT_NUMBER_BYTES];
    text_seconds(seconds, sizeof seconds, (double)timeout_ms * 1e-3);
    if (refusal != NULL)
        return failure_set(f, "%s: no answer in %s: %s", a->endpoint, seconds, refusal);
    return failure_set(f, "%s: no answer in %s: is sparsed there, with this service.control?",
                       a->endpoint, seconds);
}

static Sparsed__ControlReply *read_reply(struct ask *a, struct failure *f)
{
    zmq_msg_t message;
    Sparsed__ControlReply *reply = NULL;
    (void)zmq_msg_init(&message);
    if (zmq_msg_recv(&message, a->socket, ZMQ_DONTWAIT) >= 0)
        reply =
            sparsed__control_reply__unpack(NULL, zmq_msg_size(&message), zmq_msg_data(&message));
    (void)zmq_msg_close(&message);
    if (reply != NULL && reply->schema_version == SCHEMA_VERSION && reply->status != NULL)
        return reply;
    (void)failure_set(f, "%s: the answer is not a ControlReply of version %d", a->endpoint,
                      SCHEMA_VERSION);
    if (reply != NULL)
        sparsed__control_reply__free_unpacked(reply, NULL);
    return NULL;
}

Sparsed__ControlReply *ask_for(struct ask *a, const Sparsed__ControlRequest *request,
                               int64_t timeout_ms, struct failure *f)
{
    if (a->socket == NULL && !open_socket(a, f))
        return NULL;
    Sparsed__ControlReply *reply = NULL;
    if (send_request(a, request, f) && wait_for_reply(a, timeout_ms, f))
        reply = read_reply(a, f);
    if (reply == NULL)
        close_socket(a);
    return reply;
}
