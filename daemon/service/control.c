/* How: REP reads one request at a time and remembers whom to answer. Parts beyond the
 * first make a request bad; they are read all the same, so that the next one is whole. */
#include "service/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "output/endpoint.h"
#include "service/control_message.h"
#include "service/health.h"
#include "service/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

/* 500 requests a second, 16 at once. */
enum { AT_A_TIME = 16, WAITING = 64, EACH_NS = 2000000 };

struct control {
    void *socket;
    struct control_answers answers;
    struct monitor *monitor;
    struct run_info_board *board;
    struct watch *watch;
    uint64_t spent_ns; /* until when the requests so far have used their share of time up */
};

static bool set_up(void *socket)
{
    int none = 0, waiting = WAITING;
    return zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_setsockopt(socket, ZMQ_RCVHWM, &waiting, sizeof waiting) == 0 &&
           zmq_setsockopt(socket, ZMQ_SNDHWM, &waiting, sizeof waiting) == 0;
}

struct control *control_create(const struct service_settings *settings,
                               const struct control_answers *answers, struct monitor *monitor,
                               struct run_info_board *board, struct watch *watch, void *zmq_context,
                               struct error *err)
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)error_set(err, ERROR_SYSTEM, "no memory for the control socket");
        return NULL;
    }
    c->answers = *answers;
    c->monitor = monitor;
    c->board = board;
    c->watch = watch;
    c->socket = zmq_socket(zmq_context, ZMQ_REP);
    bool good = c->socket != NULL && set_up(c->socket);
    if (!good)
        (void)error_set(err, ERROR_SYSTEM, "service.control: cannot make a socket: %s",
                        zmq_strerror(zmq_errno()));
    if (!good ||
        !door_fit(c->socket, settings->doors, DOOR_control, CONTROL_MAX_REQUEST_BYTES, err) ||
        !endpoint_attach_all(c->socket, &settings->control, true, "service.control", err))
        control_destroy(&c);
    return c;
}

void control_destroy(struct control **control)
{
    struct control *c = *control;
    if (c == NULL)
        return;
    if (c->socket != NULL)
        (void)zmq_close(c->socket);
    free(c);
    *control = NULL;
}

/* ---- a request ---- */

/* The same words as on the page; in a state without data those of the state, which changes
 * faster than the judgement. */
static void look_at_health(const struct control *c, enum run_state state, struct control_health *h)
{
    struct health judged;
    *h = (struct control_health){.healthy = state != RUN_ERROR};
    if (state != RUN_RUNNING) {
        (void)snprintf(h->text, sizeof h->text, "%s", run_state_help(state));
        return;
    }
    watch_health(c->watch, &judged);
    h->healthy = judged.state < HEALTH_degraded;
    (void)snprintf(h->text, sizeof h->text, "%s%s%s", health_state_name(judged.state),
                   judged.n > 0 ? ": " : "", judged.n > 0 ? judged.reason[0] : "");
}

static void send_reply(struct control *c, const struct run_command *ask,
                       const struct run_reply *reply)
{
    struct control_health health;
    struct run_status status;
    size_t bytes = 0;
    c->answers.status(c->answers.self, &status);
    look_at_health(c, status.state, &health);
    const struct run_info *info = run_info_borrow(c->board);
    bool whole = ask->step == RUN_STEP_CONFIG && reply->outcome == RUN_DONE;
    uint8_t *message = control_message_write(reply, &status, &health, info, whole,
                                             atomic_load(&c->monitor->run), &bytes);
    run_info_return(c->board);
    if (message == NULL)
        log_limited(LOG_LEVEL_WARN, "control: no memory for a reply");
    /* Without memory an empty reply, which says at least that there is somebody. */
    (void)zmq_send(c->socket, message, bytes, ZMQ_DONTWAIT);
    free(message);
}

/* Reads the parts beyond the first; true: there were some. */
static bool skip_rest(void *socket, const zmq_msg_t *first)
{
    bool more = zmq_msg_more(first), any = more;
    while (more) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        more = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&part);
        (void)zmq_msg_close(&part);
    }
    return any;
}

/* Behind a locked door the log has the name of the key, whatever the request says. */
static void name_the_key(zmq_msg_t *request, struct run_command *ask)
{
    const char *name = zmq_msg_gets(request, "User-Id");
    if (name != NULL)
        (void)snprintf(ask->asked_by, sizeof ask->asked_by, "%s", name);
}

static void answer(struct control *c, zmq_msg_t *request)
{
    struct run_command ask;
    struct run_reply reply = {.outcome = RUN_DONE};
    bool many = skip_rest(c->socket, request);
    bool good = control_message_read(zmq_msg_data(request), zmq_msg_size(request), &ask, &reply);
    name_the_key(request, &ask);
    if (many) {
        reply.outcome = RUN_BAD;
        (void)snprintf(reply.text, sizeof reply.text, "a request has one part");
    } else if (good) {
        c->answers.ask(c->answers.self, &ask, &reply);
    }
    counter_add(&c->monitor->control_requests, 1);
    if (!good || many) {
        counter_add(&c->monitor->control_bad, 1);
        log_limited(LOG_LEVEL_WARN, "control: %s", reply.text);
    } else if (reply.outcome != RUN_DONE) {
        counter_add(&c->monitor->control_refused, 1);
    }
    send_reply(c, &ask, &reply);
}

static bool take_one(struct control *c)
{
    zmq_msg_t request;
    (void)zmq_msg_init(&request);
    bool got = zmq_msg_recv(&request, c->socket, ZMQ_DONTWAIT) >= 0;
    if (got)
        answer(c, &request);
    (void)zmq_msg_close(&request);
    return got;
}

/* Each request takes its share of time, AT_A_TIME of them may be taken ahead. */
static bool may_take(const struct control *c, uint64_t now_ns)
{
    return c != NULL && c->spent_ns < now_ns + (uint64_t)AT_A_TIME * EACH_NS;
}

bool control_serve(struct control *c, int fd, long timeout_ms)
{
    uint64_t now_ns = clock_monotonic_ns();
    bool open = may_take(c, now_ns);
    zmq_pollitem_t items[2] = {{.fd = fd, .events = ZMQ_POLLIN}};
    if (open)
        items[1] = (zmq_pollitem_t){.socket = c->socket, .events = ZMQ_POLLIN};
    else if (c != NULL && (timeout_ms < 0 || timeout_ms > EACH_NS / 1000000))
        timeout_ms = EACH_NS / 1000000; /* those who wait are served then */
    if (zmq_poll(items, open ? 2 : 1, timeout_ms) <= 0)
        return false;
    for (now_ns = clock_monotonic_ns(); may_take(c, now_ns) && take_one(c);)
        c->spent_ns = (c->spent_ns > now_ns ? c->spent_ns : now_ns) + EACH_NS;
    return (items[0].revents & ZMQ_POLLIN) != 0;
}
