/* The doors: guard, page, metrics and control, opened and closed. */
#include "calls.h"
#include "scenario.h"

#include "../unit/run_fixture.h"
#include "proto/control.pb-c.h"
#include "service/control.h"
#include "service/guard.h"
#include "service/service.h"

#include <unistd.h>
#include <zmq.h>

static struct run_fixture *fixture(void)
{
    static struct run_fixture *run;
    calls_pause(true);
    free(run);
    run = fixture_create();
    calls_pause(false);
    return run;
}

static void *new_context(void)
{
    calls_pause(true);
    void *context = zmq_ctx_new();
    calls_pause(false);
    return context;
}

/* The guard, with all doors open or not at all. */
static bool guard(struct error *err)
{
    struct run_fixture *run = fixture();
    struct settings *s = &run->settings;
    void *context = new_context();
    if (access(scenario_path("secret"), R_OK) == 0) {
        (void)snprintf(s->security.secret_key, SETTINGS_PATH_BYTES, "%s", scenario_path("secret"));
        (void)snprintf(s->security.clients, SETTINGS_PATH_BYTES, "%s", scenario_path("clients"));
    }
    struct guard *g = guard_start(s, &run->monitor, context, err);
    bool good = g != NULL;
    if (good) {
        void *socket = zmq_socket(context, ZMQ_PULL);
        good = socket != NULL || error_set(err, ERROR_SYSTEM, "the test has no socket");
        good = good && door_fit(socket, guard_doors(g), DOOR_readout, 1000, err);
        if (socket != NULL)
            (void)zmq_close(socket);
        guard_stop(&g);
    }
    (void)zmq_ctx_term(context);
    return good;
}

static bool service(struct error *err)
{
    struct run_fixture *run = fixture();
    void *context = new_context();
    struct service_settings *s = &run->settings.service;
    (void)snprintf(s->http, SETTINGS_PATH_BYTES, "127.0.0.1:0");
    s->metrics.count = 1;
    (void)snprintf(s->metrics.text[0], SETTINGS_PATH_BYTES, "@inproc://metrics");
    struct service *v = service_start(s, &run->monitor, &run->board, context, err);
    bool good = v != NULL;
    if (good && service_http_port(v) == 0)
        scenario_wrong("the page is open on no port");
    service_stop(&v);
    (void)zmq_ctx_term(context);
    return good;
}

/* ---- control ---- */

static void ask(void *self, const struct run_command *command, struct run_reply *reply)
{
    (void)self;
    (void)command;
    *reply = (struct run_reply){.outcome = RUN_DONE, .text = "as you say"};
}

static void tell_status(void *self, struct run_status *status)
{
    (void)self;
    *status = (struct run_status){.state = RUN_RUNNING, .number = 3};
}

/* A request, whose answer may get lost. */
static void request(void *client)
{
    Sparsed__ControlRequest r = SPARSED__CONTROL_REQUEST__INIT;
    uint8_t packed[64];
    r.schema_version = 1;
    r.command = SPARSED__CONTROL_REQUEST__COMMAND__STATUS;
    calls_pause(true);
    (void)zmq_send(client, packed, sparsed__control_request__pack(&r, packed), 0);
    calls_pause(false);
}

static bool take_reply(void *client)
{
    char reply[4096];
    calls_pause(true);
    bool got = zmq_recv(client, reply, sizeof reply, ZMQ_DONTWAIT) > 0;
    calls_pause(false);
    return got;
}

static bool control(struct error *err)
{
    struct run_fixture *run = fixture();
    void *context = new_context();
    struct service_settings *s = &run->settings.service;
    const struct control_answers answers = {NULL, ask, tell_status};
    s->control.count = 1;
    (void)snprintf(s->control.text[0], SETTINGS_PATH_BYTES, "@inproc://control");
    calls_pause(true);
    struct watch *w = watch_create(&run->monitor);
    void *client = zmq_socket(context, ZMQ_REQ);
    calls_pause(false);
    struct control *c = control_create(s, &answers, &run->monitor, &run->board, w, context, err);
    bool good = c != NULL;
    if (good) {
        calls_pause(true);
        (void)zmq_connect(client, "inproc://control");
        calls_pause(false);
        request(client);
        for (int i = 0; i < 3 && counter_read(&run->monitor.control_requests) == 0; i++)
            (void)control_serve(c, -1, 100);
        good = take_reply(client) ||
               error_set(err, ERROR_NETWORK, "the client got no answer in this round");
    }
    control_destroy(&c);
    int none = 0;
    calls_pause(true);
    (void)zmq_setsockopt(client, ZMQ_LINGER, &none, sizeof none);
    (void)zmq_close(client);
    calls_pause(false);
    watch_destroy(&w);
    (void)zmq_ctx_term(context);
    return good;
}

const struct scenario service_scenarios[] = {
    {"guard", guard}, {"service", service}, {"control", control}, {0}};
